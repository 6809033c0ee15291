"""TX1 and TX2: the hot path (architecture, sections 4 and 7, decision 26).

Every statement is conditional on what its transaction decided by, so that a row which moved meanwhile makes
it match nothing. The statements are built once; a group of requests is one execution of each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table, bindparam, case, insert, select, update

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import (
    ConflictError,
    CredentialRow,
    FencedError,
    IntentState,
    OpenIntent,
    SadRow,
    SadState,
    Spend,
    WorkerIdentity,
)
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import audit_statements, consumptions, credentials, sads, worker_slots
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.storage.upserts import for_each_dialect
from csc_server.values import CredentialId

CLOCK_TOLERANCE = 5
"""Seconds the clock may stand behind the highest time seen (SA-09)."""

_own_slot = (worker_slots.c.node == bindparam("own_node")) & (worker_slots.c.slot == bindparam("own_slot"))
_now = bindparam("now")

FENCE = (
    update(worker_slots)
    .where(_own_slot, worker_slots.c.epoch == bindparam("own_epoch"))
    .where(worker_slots.c.high_water <= _now + CLOCK_TOLERANCE)
    .values(high_water=case((worker_slots.c.high_water < _now, _now), else_=worker_slots.c.high_water))
)
"""Checks epoch and clock and, by writing the row, holds it to the commit (decision 26 b, SA-09)."""

SLOT_EPOCH = select(worker_slots.c.epoch).where(_own_slot)

SADS = (
    select(*columns(sads, SadRow))
    .where(sads.c.sad_hash.in_(bindparam("hashes", expanding=True)))
    .order_by(sads.c.sad_id)
    .with_for_update()
)
CREDENTIALS = select(*columns(credentials, CredentialRow)).where(
    credentials.c.credential_id.in_(bindparam("ids", expanding=True))
)
SPEND = (
    update(sads)
    .where(
        sads.c.sad_id == bindparam("of_sad"),
        sads.c.version == bindparam("decided_by"),
        sads.c.state == SadState.LIVE,
        sads.c.expires_at > bindparam("spent_at"),
    )
    .values(
        slots=bindparam("next_slots"),
        spent=sads.c.spent + bindparam("taken_now"),
        consumptions=sads.c.consumptions + 1,
        version=sads.c.version + 1,
    )
)
CONSUME = insert(consumptions)
SETTLE = (
    update(consumptions)
    .where(
        consumptions.c.intent_id.in_(bindparam("intents", expanding=True)),
        consumptions.c.state == IntentState.OPEN,
        consumptions.c.node == bindparam("own_node"),
        consumptions.c.slot == bindparam("own_slot"),
        consumptions.c.epoch == bindparam("own_epoch"),
    )
    .values(state=bindparam("outcome"))
    .returning(consumptions.c.intent_id)
)
RECOVER = (
    update(consumptions)
    .where(
        consumptions.c.node == bindparam("own_node"),
        consumptions.c.slot == bindparam("own_slot"),
        consumptions.c.epoch < bindparam("own_epoch"),
        consumptions.c.state == IntentState.OPEN,
    )
    .values(state=IntentState.INDETERMINATE)
    .returning(*columns(consumptions, OpenIntent))
)
"""Only intents of the own slot and of older epochs: a live worker's are never touched (decision 26 a)."""


def _raise_epoch(insert: Callable[[Table], Any]) -> Any:
    return (
        insert(worker_slots)
        .values(node=bindparam("own_node"), slot=bindparam("own_slot"), epoch=1, high_water=0)
        .on_conflict_do_update(index_elements=["node", "slot"], set_={"epoch": worker_slots.c.epoch + 1})
        .returning(worker_slots.c.epoch)
    )


RAISE_EPOCH = for_each_dialect(_raise_epoch)


class SqlSigningTransaction:
    """An open TX1 or TX2 of one worker."""

    def __init__(self, unit: UnitOfWork, worker: WorkerIdentity) -> None:
        self._unit = unit
        self._worker = worker

    def sads(self, sad_hashes: Sequence[bytes]) -> dict[bytes, SadRow]:
        rows = (SadRow(*row) for row in self._unit.rows(SADS, {"hashes": sad_hashes}))
        return {row.sad_hash: row for row in rows}

    def credentials(self, credential_ids: Sequence[CredentialId]) -> dict[CredentialId, CredentialRow]:
        rows = (CredentialRow(*row) for row in self._unit.rows(CREDENTIALS, {"ids": credential_ids}))
        return {row.credential_id: row for row in rows}

    def spend(self, spends: Sequence[Spend]) -> None:
        if not spends:
            return
        changed = self._unit.change(SPEND, _one_or_many([_change(spend) for spend in spends]))
        if changed != len(spends):
            raise ConflictError("a SAD moved")
        with conflicts():
            self._unit.change(CONSUME, _one_or_many([self._intent(spend) for spend in spends]))

    def settle(self, outcomes: Mapping[str, IntentState]) -> frozenset[str]:
        moved: set[str] = set()
        for outcome in sorted(set(outcomes.values())):
            intents = [intent_id for intent_id, wanted in outcomes.items() if wanted is outcome]
            parameters = {"intents": intents, "outcome": outcome, **_owner(self._worker)}
            moved.update(self._unit.execute(SETTLE, parameters).scalars())
        return frozenset(moved)

    def recover(self) -> list[OpenIntent]:
        return [OpenIntent(*row) for row in self._unit.rows(RECOVER, _owner(self._worker))]

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        audit_statements.append(self._unit, rows)

    def _intent(self, spend: Spend) -> dict[str, object]:
        return {
            "intent_id": spend.intent_id,
            "sad_id": spend.sad_id,
            "number": spend.number,
            "count": spend.count,
            "taken": spend.taken,
            "created_at": spend.created_at,
            "state": IntentState.OPEN,
            "node": self._worker.node,
            "slot": self._worker.slot,
            "epoch": self._worker.epoch,
        }


class SqlSigningStore:
    """The store of signing workers."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def raise_epoch(self, node: str, slot: int) -> WorkerIdentity:
        statement = RAISE_EPOCH
        with self._database.write() as unit:
            epoch = unit.execute(statement, {"own_node": node, "own_slot": slot}).scalar_one()
        return WorkerIdentity(node, slot, epoch)

    @contextmanager
    def begin_signing(self, worker: WorkerIdentity, now: int) -> Iterator[SqlSigningTransaction]:
        with self._database.write() as unit:
            if unit.change(FENCE, {**_owner(worker), "now": now}) != 1:
                raise _why_not(unit, worker)
            yield SqlSigningTransaction(unit, worker)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)


def _owner(worker: WorkerIdentity) -> dict[str, Any]:
    return {"own_node": worker.node, "own_slot": worker.slot, "own_epoch": worker.epoch}


def _why_not(unit: UnitOfWork, worker: WorkerIdentity) -> Exception:
    epoch = unit.execute(SLOT_EPOCH, {"own_node": worker.node, "own_slot": worker.slot}).scalar_one_or_none()
    if epoch != worker.epoch:
        return FencedError(f"slot {worker.slot} of {worker.node} has another worker")
    return UnavailableError("clock", "the clock stands behind the time of earlier signatures")


def _change(spend: Spend) -> dict[str, object]:
    return {
        "of_sad": spend.sad_id,
        "decided_by": spend.version,
        "spent_at": spend.created_at,
        "next_slots": spend.slots,
        "taken_now": spend.count,
    }


def _one_or_many(parameters: list[dict[str, object]]) -> Any:
    """One set of parameters goes the shorter way through the driver."""
    return parameters[0] if len(parameters) == 1 else parameters
