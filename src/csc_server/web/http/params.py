"""Parameters of a CSC request, read with the exact texts of the error tables (specs/rows/errors.tsv).

A missing member and one that is null are the same (CSC 2.0.0.2, 7.1; R4); unknown members are never looked
at (R5). Types are exact: `true` is not 1 (IN-05).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from csc_server.errors import MalformedInputError
from csc_server.web.http.problems import invalid_request
from csc_server.wire import decode_base64, decode_base64_any

MAX_IDENTIFIER = 255
MAX_TEXT = 4096
MAX_HASH_TEXT = 128
"""Characters: the base64 text of SHA-512 takes 88; anything far longer is no digest."""


class Parameters:
    """The members of one request.

    Args:
        members: of the JSON object.
        text_booleans: take the strings "true" and "false" for booleans (leniency R15).
    """

    __slots__ = ("_members", "_text_booleans")

    def __init__(self, members: Mapping[str, Any], *, text_booleans: bool = False) -> None:
        self._members = members
        self._text_booleans = text_booleans

    def value(self, names: Sequence[str]) -> object:
        """Return the first of the named members that is there and not null, else None."""
        for name in names:
            value: object = self._members.get(name)
            if value is not None:
                return value
        return None

    def required_string(self, name: str, *, maximum: int = MAX_IDENTIFIER) -> str:
        """Return a string of 1 to `maximum` characters."""
        value = self._members.get(name)
        if not isinstance(value, str):
            raise invalid_request(missing("string", name))
        return _bounded(value, name, maximum)

    def optional_string(self, name: str, *, maximum: int = MAX_IDENTIFIER, wrong_type: str = "") -> str | None:
        """Return a string of 1 to `maximum` characters or None; `wrong_type` is the text for other types."""
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid_request(wrong_type or invalid(name))
        return _bounded(value, name, maximum)

    def free_text(self, name: str, *, maximum: int = MAX_TEXT) -> str:
        """Return a string that may be empty and is "" when absent (clientData, description)."""
        value = self._members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > maximum:
            raise invalid_request(invalid(name))
        return value

    def choice(self, name: str, values: Sequence[str], default: str) -> str:
        """Return one of `values`."""
        value = self._members.get(name)
        if value is None:
            return default
        if value not in values:
            raise invalid_request(invalid(name))
        return str(value)

    def required_integer(self, name: str) -> int:
        """Return an integer; neither a boolean nor 1.0 is one."""
        value = self._members.get(name)
        if type(value) is not int:
            raise invalid_request(missing("integer", name))
        return value

    def boolean(self, name: str) -> bool:
        """Return a boolean, False when absent."""
        value = self._members.get(name)
        if value is None:
            return False
        if self._text_booleans and value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise invalid_request(invalid(name))
        return value

    def hashes(self, names: Sequence[str], maximum: int) -> tuple[bytes, ...] | None:
        """Return decoded digests, at least one, or None when absent.

        The texts say `hash` on both versions, as the tables of 1.0.4.0 and 2.0.0.2 do.
        """
        value = self.value(names)
        if value is None:
            return None
        if not isinstance(value, list):
            raise invalid_request(missing("array", "hash"))
        if not value:
            raise invalid_request("Empty hash array")
        if len(value) > maximum:
            raise invalid_request(invalid(names[0]))
        return tuple([_digest(item) for item in value])

    def required_hashes(self, names: Sequence[str], maximum: int) -> tuple[bytes, ...]:
        """Return decoded digests, at least one."""
        digests = self.hashes(names, maximum)
        if digests is None:
            raise invalid_request(missing("array", "hash"))
        return digests

    def base64(self, name: str, *, maximum: int = MAX_TEXT) -> bytes:
        """Return the bytes of padded standard base64, b"" when absent (decision 2)."""
        text = self.optional_string(name, maximum=maximum, wrong_type=missing("string", name))
        if text is None:
            return b""
        try:
            return decode_base64(text)
        except MalformedInputError as error:
            raise invalid_request(invalid(name)) from error


def missing(kind: str, name: str) -> str:
    """Return the tables' text for an absent member or one of another type."""
    return f"Missing (or invalid type) {kind} parameter {name}"


def invalid(name: str) -> str:
    """Return the tables' text for a value that is not allowed."""
    return f"Invalid parameter {name}"


def _bounded(value: str, name: str, maximum: int) -> str:
    if not 1 <= len(value) <= maximum:
        raise invalid_request(invalid(name))
    return value


def _digest(item: object) -> bytes:
    if not isinstance(item, str):
        raise invalid_request("Invalid Base64 hash string parameter")
    if not 1 <= len(item) <= MAX_HASH_TEXT:
        raise invalid_request("Invalid digest value length")
    try:
        return decode_base64_any(item)
    except MalformedInputError as error:
        raise invalid_request("Invalid Base64 hash string parameter") from error
