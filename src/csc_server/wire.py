"""Everything that reads bytes from outside: strict JSON and base64 (IN-01, IN-02).

Other modules get values, never text to parse. Refusals are `MalformedInputError` without the input in them.
"""

import binascii
import json
import re
from typing import Any

from csc_server.errors import MalformedInputError

MAX_DEPTH = 32
MAX_MEMBERS = 256
MAX_ARRAY = 10_000
MAX_STRING = 65_536
MAX_INTEGER = 2**53
"""RFC 7493, 2.2: integers beyond this are not exact in every implementation."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string or a bracket. A string that never ends takes the rest, once and without a way back: with a closing
quote demanded, each quote of the rest would be tried as the start of another (IN-10)."""
_OPENING = frozenset(b"[{")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64_ANY = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")

Json = dict[str, Any] | list[Any] | str | int | float | bool | None


_DUMP = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_DUMP_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode


def parse_json(data: bytes, *, max_depth: int = MAX_DEPTH) -> Json:
    """Return the value of a JSON text that every reader understands alike (RFC 8259, RFC 7493).

    Raises:
        MalformedInputError: not UTF-8, a byte order mark, nested too deep, a duplicate member, NaN or
            Infinity, an integer beyond 2**53, a control character or lone surrogate, or a size limit passed.
    """
    _check_depth(data, max_depth)
    try:
        text = data.decode("utf-8")
        value: Json = _LOAD(text)
    except MalformedInputError:
        raise
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MalformedInputError("not a JSON text in UTF-8") from error
    if not _is_small(data):
        _check_sizes(value)
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the members of a JSON object, else raise MalformedInputError."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise MalformedInputError("not a JSON object")
    return value


def dump_json(value: Json) -> bytes:
    """Return the compact JSON text of a value; members keep their order."""
    return _DUMP(value).encode()


def canonical_json(value: Json) -> bytes:
    """Return the one JSON text used where bytes are hashed: sorted members, no blanks, ASCII only.

    For strings, integers, booleans, null, lists and objects with ASCII names this is RFC 8785 but for the
    escaping of characters outside ASCII.
    """
    return _DUMP_CANONICAL(value).encode()


def decode_base64(text: str) -> bytes:
    """Return the bytes of padded standard base64 in its canonical form (RFC 4648, 4 and 3.5)."""
    if len(text) % 4 or not _BASE64.fullmatch(text):
        raise MalformedInputError("not base64")
    return _canonical(text)


def decode_base64_any(text: str) -> bytes:
    """Return the bytes of base64 or base64url, padded or not: hashes only (decision 2).

    Spare bits that are not zero are refused as in every other field (RFC 4648, 3.5).
    """
    if not _BASE64_ANY.fullmatch(text) or ("=" in text and len(text) % 4):
        raise MalformedInputError("not base64")
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    return _canonical(standard + "=" * (-len(standard) % 4))


def decode_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url in its canonical form (RFC 7515, 2)."""
    if "+" in text or "/" in text or "=" in text:
        raise MalformedInputError("not base64url")
    return decode_base64_any(text)


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding and no line breaks."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def encode_base64url(data: bytes) -> str:
    """Return unpadded base64url (RFC 7515, 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def _canonical(text: str) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise MalformedInputError("not base64") from error
    if binascii.b2a_base64(data, newline=False) != text.encode("ascii"):
        raise MalformedInputError("not base64 in its canonical form")
    return data


_QUOTE = ord('"')
_INTEGER_DIGITS = 17
"""A sign and the 16 digits of 2**53: longer texts are refused before they are converted."""


def _check_depth(data: bytes, limit: int) -> None:
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    depth = 0
    for token in _STRUCTURE.finditer(data):
        byte = data[token.start()]
        if byte in _OPENING:
            depth += 1
            if depth > limit:
                raise MalformedInputError("nested too deep")
        elif byte != _QUOTE:
            depth -= 1


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedInputError("a member occurs twice")
    return members


def _no_constant(name: str) -> None:
    raise MalformedInputError(f"{name} is not JSON")


def _integer(text: str) -> int:
    if len(text) > _INTEGER_DIGITS or abs(int(text)) > MAX_INTEGER:
        raise MalformedInputError("integer out of range")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise MalformedInputError("number out of range")
    return value


_LOAD = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
).decode


def _is_small(data: bytes) -> bool:
    """Whether no size can pass its limit, nor a string hold what only an escape can put there.

    JSON itself forbids control characters in strings, and UTF-8 lone surrogates: without a backslash neither
    can be there. Members and items are one more than the commas at most.
    """
    return len(data) <= MAX_STRING and b"\\" not in data and data.count(b",") < MAX_MEMBERS


def _check_sizes(value: Json) -> None:
    if isinstance(value, str):
        if len(value) > MAX_STRING or _CONTROL.search(value):
            raise MalformedInputError("a string is too long or holds a control character")
    elif isinstance(value, dict):
        if len(value) > MAX_MEMBERS:
            raise MalformedInputError("an object has too many members")
        for name, member in value.items():
            _check_sizes(name)
            _check_sizes(member)
    elif isinstance(value, list):
        if len(value) > MAX_ARRAY:
            raise MalformedInputError("an array is too long")
        for item in value:
            _check_sizes(item)
