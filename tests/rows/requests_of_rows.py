"""The requests that judge a parameter: with it, without it, with null, with a value of another type.

A request is a nested body of named members. Where a parameter stands in it is read from the row's name:
`authData[].id` is member `id` of the first entry of `authData`.
"""

import base64
import copy
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rows.answers import Answer
from rows.desk import Desk, Json

Make = Callable[[Desk, str], Json]
Send = Callable[[Desk, str, Json], Answer]

HEADER = "(header) "
JWT_HEADER = "(JWT header) "


@dataclass(frozen=True)
class Situation:
    """A complete body and how it is sent; `once` when even a refused request uses it up."""

    make: Make
    send: Send
    once: bool = False


@dataclass(frozen=True)
class Request:
    """How a parameter is tried.

    Args:
        needed: the body has the parameter and, if anybody ever needs it, needs it.
        free: the body lacks the parameter and nobody needs it; only for conditional ones.
        effect: tells an answer in which the parameter had its effect; where its absence is no error.
    """

    needed: Situation
    free: Situation | None = None
    effect: Callable[[Answer], bool] | None = None


@dataclass(frozen=True)
class Twice:
    """A form's parameter that stands in the request two times."""

    value: str


_WRONG_JSON: tuple[tuple[str, Any], ...] = (
    ("Array of Object", "text"), ("Array", "text"), ("Boolean", "perhaps"), ("Number", "many"), ("Object", "text"),
    ("Basic", "Digest x"), ("String", 1),
)  # fmt: skip
_WRONG_TEXT: tuple[tuple[str, Any], ...] = (
    ("Number", "many"), ("String (JSON array)", "[{"), ("String (JWT)", "no.token"), ("String (base64url", "*"),
    ("form", "text"),
)  # fmt: skip


def wrong_value(type_: str, value: object, *, is_form: bool) -> Any:
    """Return a value of another type; every text is a string of a form, so there it stands twice."""
    if is_form:
        return next((wrong for start, wrong in _WRONG_TEXT if type_.startswith(start)), Twice(str(value)))
    return next(wrong for start, wrong in _WRONG_JSON if type_.startswith(start))


_TEXT_FORMS = {
    "String (OID)": re.compile(r"[0-2](\.\d+)+"),
    "String (hex)": re.compile(r"([0-9A-Fa-f]{2})+"),
    "String (URI)": re.compile(r"[a-z][a-z0-9+.-]*:.+"),
    "String (URL)": re.compile(r"https?://.+"),
    "String (base64)": re.compile(r"[A-Za-z0-9+/]+={0,2}"),
    "String (base64 DER)": re.compile(r"M[A-Za-z0-9+/]+={0,2}"),
}


def fits(type_: str, value: object) -> bool:
    """Whether a JSON value is of the type that a row names."""
    if type_.startswith("Array of "):
        entry = type_.removeprefix("Array of ")
        return isinstance(value, list) and all(fits(entry, each) for each in value)
    if type_.startswith("Object"):
        return isinstance(value, dict)
    if type_ == "Boolean":
        return isinstance(value, bool)
    if type_.startswith("Number"):
        return type(value) is int
    if not isinstance(value, str):
        return False
    form = _TEXT_FORMS.get(type_)
    return form is None or form.fullmatch(value) is not None


def fits_form(type_: str, value: object) -> bool:
    """Whether a value of a form is of the type that a row names; digits are a number there."""
    if type_.startswith("Number"):
        return isinstance(value, str) and value.isdecimal()
    if type_ == "String (JSON array)":
        return isinstance(value, list)
    if type_ == "String (JWT)":
        return isinstance(value, dict)
    if type_ == "form":
        return isinstance(value, dict)
    return type_.startswith("String") and isinstance(value, str) and not value.isdecimal()


# Where a parameter stands


def split(parameter: str) -> list[str]:
    """Return the steps from the body to a parameter."""
    if parameter.startswith("("):
        return [parameter]
    return [step.removesuffix("[]") for step in parameter.split(".")]


def find(body: Mapping[str, Any], steps: list[str]) -> Any:
    """Return what stands there; KeyError when nothing does."""
    value: Any = body
    for step in steps:
        value = value[0][step] if isinstance(value, list) else value[step]
    return value


def placed(body: Json, steps: list[str], value: object) -> Json:
    """Return a copy of the body with another value in this place."""
    changed = copy.deepcopy(body)
    _holder(changed, steps)[steps[-1]] = value
    return changed


def without(body: Json, steps: list[str]) -> Json:
    """Return a copy of the body without the member in this place."""
    changed = copy.deepcopy(body)
    _holder(changed, steps).pop(steps[-1], None)
    return changed


def _holder(body: Json, steps: list[str]) -> Json:
    holder: Any = body
    for step in steps[:-1]:
        holder = holder[0][step] if isinstance(holder, list) else holder[step]
    return holder[0] if isinstance(holder, list) else holder


# How a body is sent


def send_json(method: str, *, token: Callable[[Desk, str], str] | None = None) -> Send:
    """Return a sender for a method of the API; `(header) Authorization` leaves the body for its place."""

    def send(desk: Desk, face: str, body: Json) -> Answer:
        members = {name: value for name, value in body.items() if not name.startswith(HEADER)}
        headers = {name.removeprefix(HEADER): str(value) for name, value in body.items() if name.startswith(HEADER)}
        if method == "auth/login":
            return desk.post(face, method, members, token=None, headers=headers)
        return desk.post(face, method, members, token=token(desk, face) if token else "", headers=headers)

    return send


def encoded(desk: Desk, body: Json) -> list[tuple[str, str]]:
    """Return the pairs of a form or query: nested members as JSON or JWT, null as an empty value (O8)."""
    pairs: list[tuple[str, str]] = []
    for name, value in body.items():
        if isinstance(value, Twice):
            pairs += [(name, value.value)] * 2
        elif name == "account_token" and isinstance(value, dict):
            pairs.append((name, account_token(desk, value)))
        else:
            pairs.append((name, _text(value)))
    return pairs


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def account_token(desk: Desk, members: Mapping[str, Any]) -> str:
    """Return a JWT under the SHA-256 of the client's secret (CSC 1.0.4.0, 8.3.2.1)."""
    header = {name.removeprefix(JWT_HEADER): value for name, value in members.items() if name.startswith(JWT_HEADER)}
    claims = {name: value for name, value in members.items() if not name.startswith(JWT_HEADER)}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    key = hashlib.sha256((desk.account_client.client_secret or "").encode()).digest()
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode(), 'sha256'))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
