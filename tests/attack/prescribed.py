"""What the API prescribes for a refusal, by version: texts of 1.0.4.0 on v1, of 2.0.0.2 on v2.

Only rows that were read in the specification itself stand here; what has no row is checked by status and
code alone.
"""

import json
import re
from typing import Any

import requests

_LONG = (
    "The request is missing a {} parameter, includes an invalid parameter value, includes a parameter more than once, "
    "or is otherwise malformed."
)
_SHORT = "Malformed authorization header"
HEADER = {
    "v1": {
        "auth/revoke": _LONG.format("REQUIRED"),
        "credentials/list": _LONG.format("required"),
        "credentials/info": _LONG.format("required"),
        "credentials/authorize": _LONG.format("required"),
        "credentials/extendTransaction": _LONG.format("REQUIRED"),
        "signatures/signHash": _LONG.format("required"),
    },
    "v2": dict.fromkeys(
        [
            "auth/revoke", "credentials/list", "credentials/info", "credentials/authorize",
            "credentials/extendTransaction", "signatures/signHash",
        ],
        _SHORT,
    ),
}  # fmt: skip
LOGIN_PARAMETER = {"v1": "Malformed authentication parameter.", "v2": "Malformed authentication parameter"}
LOGIN_PAIR = {"v1": "Malformed username-password.", "v2": "Malformed username-password"}
NOT_AUTHORIZED = {"v1": "Hash is not authorized by the SAD.", "v2": "Hash is not authorized by the SAD"}
INVALID_TOKEN = "The token provided is not a valid OAuth access or refresh token."
EXPIRED_TOKEN = "The access or refresh token is expired or has been revoked."
_MARKUP = re.compile(r"<!doctype|<html|<body|traceback|\bFile \"", re.IGNORECASE)


def refusal(response: requests.Response) -> dict[str, Any]:
    """Return the members of an answer that must be a refusal in the API's own form (interop A2, IN-06)."""
    assert 400 <= response.status_code < 500, f"{response.status_code} {response.text[:500]}"
    assert response.headers["Content-Type"].partition(";")[0].strip() == "application/json", response.headers
    assert not _MARKUP.search(response.text), response.text[:500]
    members = json.loads(response.text)
    assert isinstance(members, dict)
    assert isinstance(members.get("error"), str), members
    assert members["error"]
    assert isinstance(members.get("error_description", ""), str)
    assert not {"SAD", "signatures", "access_token", "refresh_token"} & members.keys(), members
    return members


def assert_refused(response: requests.Response, status: int, error: str, text: str | None = None) -> None:
    """Fail unless the answer is this row: status, `error` and, where the row has one, its text."""
    members = refusal(response)
    found = (response.status_code, members["error"])
    assert found == (status, error), f"expected {(status, error)}, received {found}: {members}"
    if text is not None:
        assert members["error_description"] == text, members


def assert_invalid(response: requests.Response, text: str | None = None) -> None:
    """The most common row: 400 `invalid_request`."""
    assert_refused(response, 400, "invalid_request", text)
