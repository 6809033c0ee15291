"""The hash chain of one audit writer: records in, rows out, each holding the hash of the one before (AD-03).

The chain moves only when the caller says that its rows are durable: a rolled-back transaction leaves no
gap, and no row is ever written twice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from csc_server.audit.events import FIELDS, Event, Outcome
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.wire import Json, canonical_json

VERSION_TAG = b"csc-server/audit/1"


@dataclass(frozen=True)
class Record:
    """One event before it stands in a chain; fields that are None or "" are left out."""

    event: Event
    outcome: Outcome
    fields: Mapping[str, Json] = field(default_factory=dict)


class Chain:
    """The end of a writer's chain, and how it grows. Not thread-safe: one writer, one thread at a time."""

    def __init__(self, writer: str, head: ChainHead) -> None:
        self.writer = writer
        self.head = head

    def extend(self, records: Sequence[Record], time_ms: int) -> list[AuditRow]:
        """Return the rows that would continue the chain; the chain itself does not move.

        Raises ValueError for a field that no record may carry.
        """
        rows: list[AuditRow] = []
        sequence, previous = self.head.sequence, self.head.hash
        for record in records:
            sequence += 1
            body = canonical_json(_checked(record.fields))
            digest = row_hash(self.writer, sequence, time_ms, record.event, record.outcome, body, previous)
            rows.append(
                AuditRow(
                    self.writer, sequence, time_ms, record.event.value, record.outcome.value, body, previous, digest
                )
            )
            previous = digest
        return rows

    def accept(self, rows: Sequence[AuditRow]) -> None:
        """Move to the end of rows that are durable now."""
        if rows:
            self.head = ChainHead(rows[-1].sequence, rows[-1].hash)


def row_hash(
    writer: str, sequence: int, time_ms: int, event: str, outcome: str, body: bytes, previous_hash: bytes
) -> bytes:
    """Return SHA-256 over the version tag, the length-prefixed fields of a row and the previous hash."""
    digest = hashlib.sha256(VERSION_TAG)
    for part in (
        writer.encode(),
        sequence.to_bytes(8, "big"),
        time_ms.to_bytes(8, "big"),
        str(event).encode(),
        str(outcome).encode(),
        body,
        previous_hash,
    ):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.digest()


def _checked(fields: Mapping[str, Json]) -> dict[str, Json]:
    for name, value in fields.items():
        if name not in FIELDS:
            raise ValueError(f"an audit record has no field {name!r}")
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, (str, int, type(None))) for item in items):
            raise ValueError(f"the audit field {name!r} is of no type it may have")
    return {name: value for name, value in fields.items() if value not in (None, "")}
