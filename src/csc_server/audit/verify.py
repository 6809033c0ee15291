"""Verification of an audit export by anyone: this module imports nothing but the standard library (AD-04).

It repeats the hashing of `chain.py` from the description in that module, not from its code, so that an
auditor needs to read only this page. A cut at the end of a chain shows only against a signed head or a
known last record.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_VERSION_TAG = b"csc-server/audit/1"
_START = bytes(32)


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
    """The first record of a writer's chain that does not fit, and why."""

    writer: str
    sequence: int
    reason: str


def verify(records: Iterable[AuditRecord]) -> list[BadRecord]:
    """Return the first bad record of each writer's chain, none when all chains hold.

    Finds edits, deletions but the last, insertions, swaps and forks.
    """
    chains: defaultdict[str, list[AuditRecord]] = defaultdict(list)
    for record in records:
        chains[record.writer].append(record)
    found = (_first_bad(sorted(chain, key=lambda record: record.sequence)) for chain in chains.values())
    return [bad for bad in found if bad is not None]


def _first_bad(chain: list[AuditRecord]) -> BadRecord | None:
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


def _hash(record: AuditRecord) -> bytes:
    """SHA-256 of the tag and seven fields, each after its length in four bytes; numbers take eight bytes."""
    digest = hashlib.sha256(_VERSION_TAG)
    for field in (
        record.writer.encode(),
        record.sequence.to_bytes(8, "big"),
        record.time.to_bytes(8, "big"),
        record.event.encode(),
        record.outcome.encode(),
        record.body,
        record.previous_hash,
    ):
        digest.update(len(field).to_bytes(4, "big") + field)
    return digest.digest()
