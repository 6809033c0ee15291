"""Column types: how the values of rows stand in the database, the same text on SQLite and PostgreSQL.

Times and counts are 64-bit integers, octets are binary; everything composite is canonical JSON in a text
column, so that a row can be read, and its bytes compared, without this program.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from csc_server.storage.ports.signer import Slot
from csc_server.wire import canonical_json, decode_base64url, encode_base64url

Member = TypeVar("Member", bound=StrEnum)


class EnumText(TypeDecorator[Member]):
    """A member of a closed set, stored as its value. Reading a value outside the set raises ValueError."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[Member]) -> None:
        super().__init__()
        self.members = members
        self._by_value = {member.value: member for member in members}

    def process_bind_param(self, value: Member | None, dialect: Dialect) -> str | None:  # noqa: ARG002 signature of SQLAlchemy
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Member | None:  # noqa: ARG002
        return None if value is None else self._by_value.get(value) or self.members(value)


class SlotsText(TypeDecorator[Mapping[bytes, Slot]]):
    """The slots of a SAD as {base64url(hash) or "": [authorised, spent]} (decision 14)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[bytes, Slot] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else encode_slots(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[bytes, Slot] | None:  # noqa: ARG002
        return None if value is None else decode_slots(value)


class ByteStringsText(TypeDecorator[tuple[bytes, ...]]):
    """Octet strings as a list of base64url."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[bytes, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical_json([encode_base64url(item) for item in value]).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[bytes, ...] | None:  # noqa: ARG002
        return None if value is None else _byte_strings(value)


class StringsText(TypeDecorator[tuple[str, ...]]):
    """Strings as a list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical_json(list(value)).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002
        return None if value is None else tuple(json.loads(value))


class MembersText(TypeDecorator[dict[str, Any]]):
    """The members of a JSON object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else canonical_json(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        members: dict[str, Any] | None = None if value is None else json.loads(value)
        return members


def encode_slots(slots: Mapping[bytes, Slot]) -> str:
    return canonical_json(
        {encode_base64url(name): [slot.authorised, slot.spent] for name, slot in slots.items()}
    ).decode()


def decode_slots(text: str) -> dict[bytes, Slot]:
    return {decode_base64url(name): Slot(*counts) for name, counts in json.loads(text).items()}


@lru_cache(maxsize=256)
def _byte_strings(text: str) -> tuple[bytes, ...]:
    """Remembered because every signature reads the same few certificate chains; the text is the key."""
    return tuple(decode_base64url(item) for item in json.loads(text))
