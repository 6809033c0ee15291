"""Verification of an audit export by anyone: this module imports nothing but the standard library (AD-04).

It repeats the hashing of `chain.py` from the description in that module, not from its code, so that an
auditor needs to read only this page. A cut at the end of a chain, or a whole chain left out, shows only
against a signed head or a known last record.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any, Protocol

_VERSION_TAG = b"csc-server/audit/1"
_START = bytes(32)
_LIMIT = 2**64


class AuditRecord(Protocol):
    """What a stored record offers: see `storage/ports/audit.py`."""

    @property
    def writer(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def event(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def previous_hash(self) -> bytes: ...
    @property
    def hash(self) -> bytes: ...


@dataclass(frozen=True)
class BadRecord:
    """The first record of a writer's chain that does not fit, and why; sequence 0 when it bears no number."""

    writer: str
    sequence: int
    reason: str


@dataclass(frozen=True)
class _Record:
    """A record whose fields have the types and ranges that hashing needs."""

    writer: str
    sequence: int
    time: int
    event: str
    outcome: str
    body: bytes
    previous_hash: bytes
    hash: bytes


def verify(records: Iterable[AuditRecord | Mapping[str, Any]]) -> list[BadRecord]:
    """Return the first bad record of each writer's chain, none when all chains hold.

    Finds edits, deletions but the last, insertions, swaps and forks. A record is an object or a mapping with
    the members of AuditRecord; one with a member missing, or of another type, is a bad record and no error.
    """
    chains: defaultdict[str, list[_Record]] = defaultdict(list)
    malformed: defaultdict[str, list[BadRecord]] = defaultdict(list)
    for given in records:
        read = _read(given)
        (chains if isinstance(read, _Record) else malformed)[read.writer].append(read)  # type: ignore[arg-type]
    found = (_first(malformed[writer], chains[writer]) for writer in sorted({*chains, *malformed}))
    return [bad for bad in found if bad is not None]


def _first(malformed: list[BadRecord], chain: list[_Record]) -> BadRecord | None:
    broken = _first_bad(sorted(chain, key=lambda record: record.sequence))
    return min([*malformed, *([broken] if broken else [])], key=lambda bad: bad.sequence, default=None)


def _first_bad(chain: list[_Record]) -> BadRecord | None:
    previous = _START
    for expected, record in enumerate(chain, start=1):
        if record.sequence != expected:
            return BadRecord(record.writer, expected, f"record {expected} is missing or stands twice")
        if record.previous_hash != previous:
            return BadRecord(record.writer, expected, "it does not continue the record before")
        if record.hash != _hash(record):
            return BadRecord(record.writer, expected, "it was changed")
        previous = record.hash
    return None


def _read(given: AuditRecord | Mapping[str, Any]) -> _Record | BadRecord:
    names = [field.name for field in fields(_Record)]
    members = given if isinstance(given, Mapping) else {name: getattr(given, name, None) for name in names}
    record = _Record(*(members.get(name) for name in names))  # type: ignore[arg-type]  # checked in the next line
    if _is_well_formed(record):
        return record
    writer = record.writer if isinstance(record.writer, str) else ""
    sequence = record.sequence if isinstance(record.sequence, int) else 0
    return BadRecord(writer, sequence, "it is malformed")


def _is_well_formed(record: _Record) -> bool:
    """Texts encode, numbers fit eight bytes, the rest is bytes."""
    texts = (record.writer, record.event, record.outcome)
    numbers = (record.sequence, record.time)
    blobs = (record.body, record.previous_hash, record.hash)
    return (
        all(isinstance(text, str) and not any("\ud800" <= letter <= "\udfff" for letter in text) for text in texts)
        and all(isinstance(number, int) and 0 <= number < _LIMIT for number in numbers)
        and all(isinstance(blob, bytes) for blob in blobs)
    )


def _hash(record: _Record) -> bytes:
    """SHA-256 of the tag and seven fields, each after its length in four bytes; numbers take eight bytes."""
    digest = hashlib.sha256(_VERSION_TAG)
    for value in astuple(record)[:-1]:
        part = _octets(value)
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def _octets(value: str | int | bytes) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value.to_bytes(8, "big") if isinstance(value, int) else value
