"""The audit port both stores offer: append-only rows of one hash chain a writer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AuditRow:
    """One audit record as it is stored.

    `writer` names the process that owns the chain, `sequence` counts from 1 without gaps; `time` is
    milliseconds since the epoch; `body` is canonical JSON; `hash` is SHA-256 over the record and
    `previous_hash` (32 bytes, zeros for the first).
    """

    writer: str
    sequence: int
    time: int
    event: str
    outcome: str
    body: bytes
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True)
class ChainHead:
    """The end of a writer's chain: what the next record continues."""

    sequence: int
    hash: bytes
