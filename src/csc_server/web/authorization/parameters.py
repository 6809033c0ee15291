"""Reading the parameters of the OAuth 2.0 endpoints: one place, strict, bounded (OA-17, IN-10).

A parameter without a value counts as absent (RFC 6749, 3.1); one that occurs twice is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Request

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.web.http.problems import invalid_request
from csc_server.wire import parse_object

MAX_FIELDS = 64
"""The longest request of the CSC tables has fewer than 20 parameters."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def malformed() -> ProblemError:
    """Return the error for a request that cannot be read at all (CSC 1.0.4.0, 10.1, table 3)."""
    return invalid_request()


def invalid(name: str) -> ProblemError:
    """Return the error for a parameter whose value is not allowed (CSC 1.0.4.0, 8.3.3)."""
    return invalid_request(f"Invalid parameter {name}")


def missing(name: str) -> ProblemError:
    """Return the error for a parameter that has to be there (CSC 1.0.4.0, 8.3.3)."""
    return invalid_request(f"Missing parameter {name}")


@dataclass(frozen=True)
class EndpointParameters:
    """Parameters of a POST to the token or revocation endpoint.

    `is_lenient` marks a form that only csc1 clients may use: parameters in the query string (interoperability
    rule O6) or a JSON body (O7).
    """

    values: Mapping[str, str]
    is_lenient: bool = False

    def get(self, name: str) -> str:
        """Return a parameter, or "" when it is absent."""
        return self.values.get(name, "")


def read_query(query: bytes) -> dict[str, str]:
    """Return the parameters of a query string or form body.

    Raises:
        ProblemError: not UTF-8, a parameter twice, a control character, or too many parameters.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise malformed() from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise malformed()
    if any(_CONTROL.search(name) or _CONTROL.search(value) for name, value in pairs):
        raise malformed()
    return {name: value for name, value in pairs if value}


def read_endpoint(request: Request) -> EndpointParameters:
    """Return the parameters of a token or revocation request (RFC 6749, 3.2; RFC 7009, 2.1).

    Raises:
        ProblemError: parameters in query and body at once, another media type, or what `read_query` refuses.
    """
    body = request.get_data(cache=False)
    query = request.query_string
    if query and body.strip():
        raise malformed()
    if query:
        return EndpointParameters(read_query(query), is_lenient=True)
    if request.mimetype == JSON:
        return EndpointParameters(_read_json(body), is_lenient=True)
    if request.mimetype != FORM:
        raise malformed()
    return EndpointParameters(read_query(body))


def _read_json(body: bytes) -> dict[str, str]:
    try:
        members = parse_object(body)
    except MalformedInputError as error:
        raise malformed() from error
    values = {name: str(value) for name, value in members.items() if value is not None and value != ""}
    if not all(isinstance(members[name], str | int) and not isinstance(members[name], bool) for name in values):
        raise malformed()
    return values
