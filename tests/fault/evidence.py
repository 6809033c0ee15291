"""What the signer's database says after the server has stopped: consumptions and the audit beside them."""

import base64
import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

OUTCOMES = {"sign.done", "sign.failed", "sign.fault", "sign.indeterminate"}


@dataclass(frozen=True)
class AuditRecord:
    writer: str
    sequence: int
    time: int
    event: str
    outcome: str
    body: bytes
    previous_hash: bytes
    hash: bytes

    @property
    def fields(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass(frozen=True)
class Consumption:
    intent_id: str
    sad_id: str
    state: str
    taken: Counter[bytes]


@dataclass(frozen=True)
class Sad:
    sad_id: str
    sad_hash: bytes
    authorised: int
    spent: int


class Evidence:
    """A copy of the tables that speak about signatures."""

    def __init__(self, data_dir: Path) -> None:
        with closing(sqlite3.connect(database_with(data_dir, "consumptions"))) as database:
            self.audit = [
                AuditRecord(*row)
                for row in database.execute(
                    "SELECT writer, sequence, time, event, outcome, body, previous_hash, hash FROM signer_audit"
                )
            ]
            self.consumptions = [
                Consumption(intent_id, sad_id, state, _multiset(taken))
                for intent_id, sad_id, state, taken in database.execute(
                    "SELECT intent_id, sad_id, state, taken FROM consumptions"
                )
            ]
            self.sads = {
                row[1]: Sad(*row) for row in database.execute("SELECT sad_id, sad_hash, authorised, spent FROM sads")
            }

    def of_sad(self, sad: str) -> list[Consumption]:
        sad_id = self.sads[hashlib.sha256(sad.encode()).digest()].sad_id
        return [consumption for consumption in self.consumptions if consumption.sad_id == sad_id]

    def records_by_intent(self) -> dict[str, list[AuditRecord]]:
        found: defaultdict[str, list[AuditRecord]] = defaultdict(list)
        for record in sorted(self.audit, key=lambda r: (r.writer, r.sequence)):
            if record.event.startswith("sign."):
                intent_id = record.fields.get("intent_id")
                if isinstance(intent_id, str):
                    found[intent_id].append(record)
        return found


def databases(data_dir: Path) -> Iterator[Path]:
    for path in sorted(data_dir.rglob("*")):
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file:
                if file.read(16) == b"SQLite format 3\0":
                    yield path


def database_with(data_dir: Path, table: str) -> Path:
    """Return the one database of a data folder that has a table of this name."""
    found = []
    for path in databases(data_dir):
        with closing(sqlite3.connect(path)) as database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                found.append(path)
    assert len(found) == 1, (table, found)
    return found[0]


def _multiset(taken: bytes) -> Counter[bytes]:
    value = json.loads(taken)
    return Counter({base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)): count for name, count in value.items()})
