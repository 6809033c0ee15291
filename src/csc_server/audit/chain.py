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
SCHEMA = 1
"""The version of the fields, in each record (AD-02): it rises when one of them changes its meaning."""
_SCALARS = (str, int, type(None))


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
    parts = (
        writer.encode(),
        sequence.to_bytes(8, "big"),
        time_ms.to_bytes(8, "big"),
        event.encode(),
        outcome.encode(),
        body,
        previous_hash,
    )
    prefixed = [piece for part in parts for piece in (len(part).to_bytes(4, "big"), part)]
    return hashlib.sha256(b"".join((VERSION_TAG, *prefixed))).digest()


def _checked(fields: Mapping[str, Json]) -> dict[str, Json]:
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError(f"an audit record has no field {min(unknown)!r}")
    for name, value in fields.items():
        if not isinstance(value, _SCALARS) and not _is_list_of_scalars(value):
            raise ValueError(f"the audit field {name!r} is of no type it may have")
    return {"schema": SCHEMA} | {name: value for name, value in fields.items() if value is not None and value != ""}


def _is_list_of_scalars(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, _SCALARS) for item in value)
