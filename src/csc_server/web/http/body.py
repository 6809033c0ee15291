"""The JSON body of a CSC request: media type, size, strict parsing (interoperability rules R6 and R7)."""

import contextlib
import re
from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.web.http.problems import invalid_request
from csc_server.wire import parse_json

CONTENT_TYPE = "The Content-Type must be application/json"
NOT_JSON = "The request body is not a JSON object in UTF-8 as RFC 8259 and RFC 7493 demand"

_JSON = re.compile(r'application/json(?:\s*;\s*charset\s*=\s*"?utf-?8"?)?\s*;?\s*', re.IGNORECASE)
_MAX_CONTENT_TYPE = 128
LEFTOVER = 65_536
"""Bytes of a refused request that are read to keep its connection."""


def read_members(*, may_be_empty_array: bool) -> dict[str, Any]:
    """Return the members of the request's JSON object; an empty body is an object without members.

    Args:
        may_be_empty_array: take `[]` for "nothing to say" where no member is required (R7).

    Raises:
        ProblemError: 413 beyond the size limit, 400 for another media type or a body that is not strict JSON.
    """
    data = _data()
    if not data:
        return {}
    content_type: str = request.environ.get("CONTENT_TYPE", "")
    if content_type != "application/json" and not _is_json(content_type):
        raise invalid_request(CONTENT_TYPE)
    try:
        value = parse_json(data)
    except MalformedInputError as error:
        raise invalid_request(NOT_JSON) from error
    if isinstance(value, dict):
        return value
    if may_be_empty_array and value == []:
        return {}
    raise invalid_request(NOT_JSON)


def read_what_is_left() -> None:
    """Read a short body that a refusal left unread: the server cuts a connection that has bytes waiting.

    The client would see no answer at all then (A2). A long body is not worth a thread's time.
    """
    if 0 < (request.content_length or 0) <= LEFTOVER:
        with contextlib.suppress(HTTPException, OSError):
            request.stream.read()


def _is_json(content_type: str) -> bool:
    return len(content_type) <= _MAX_CONTENT_TYPE and _JSON.fullmatch(content_type) is not None


def _data() -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise ProblemError(413, "invalid_request", "The request is too large") from error
    except HTTPException as error:  # a body that ended before its announced length
        raise invalid_request() from error
