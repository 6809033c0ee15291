"""TX1 and TX2: the hot path (decision 26).

Every statement is conditional on what its transaction decided by, so that a row which moved meanwhile makes
it match nothing. A group of requests is one execution of each statement.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table, Update, bindparam, case, func, insert, select, update
from sqlalchemy.sql.elements import CompilerElement

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
from csc_server.storage.prepared import Prepared, for_each_dialect, for_each_size, keys
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import audit_statements, consumptions, credentials, sads, worker_slots
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.values import CredentialId

CLOCK_TOLERANCE = 5
"""Seconds the clock may stand behind the highest time seen (SA-09)."""

_own_slot = (worker_slots.c.node == bindparam("own_node")) & (worker_slots.c.slot == bindparam("own_slot"))
_now = bindparam("now", type_=worker_slots.c.high_water.type)

_others = worker_slots.alias("others")
_highest = select(func.max(_others.c.high_water)).where(_others.c.node == bindparam("own_node")).scalar_subquery()
"""The workers of a node have one clock: one that was idle goes by what the busiest has seen."""

FENCE = Prepared(
    update(worker_slots)
    .where(_own_slot, worker_slots.c.epoch == bindparam("own_epoch"))
    .where(_highest <= _now + CLOCK_TOLERANCE)
    .values(high_water=case((worker_slots.c.high_water < _now, _now), else_=worker_slots.c.high_water))
)
"""Checks epoch and clock and, by writing the row, holds it to the commit (decision 26 b, SA-09)."""

HIGH_WATER = Prepared(
    select(func.coalesce(func.max(worker_slots.c.high_water), 0)).where(worker_slots.c.node == bindparam("of_node"))
)
SLOT_EPOCH = Prepared(select(worker_slots.c.epoch).where(_own_slot))
SLOTS = Prepared(
    select(worker_slots.c.slot).where(worker_slots.c.node == bindparam("own_node")).order_by(worker_slots.c.slot)
)

SADS = for_each_size(
    lambda size: (
        select(*columns(sads, SadRow)).where(sads.c.sad_hash.in_(keys(size))).order_by(sads.c.sad_id).with_for_update()
    )
)
"""In order of their ids, so that two groups never wait for each other (decision 26 e)."""

CREDENTIALS = for_each_size(
    lambda size: select(*columns(credentials, CredentialRow)).where(credentials.c.credential_id.in_(keys(size)))
)
SPEND = Prepared(
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
"""The point of spending: version, state and expiry in one condition (decision 26 c)."""

CONSUME = Prepared(insert(consumptions))


def _settle(size: int) -> Update:
    return (
        update(consumptions)
        .where(
            consumptions.c.intent_id.in_(keys(size)),
            consumptions.c.state == IntentState.OPEN,
            consumptions.c.node == bindparam("own_node"),
            consumptions.c.slot == bindparam("own_slot"),
            consumptions.c.epoch == bindparam("own_epoch"),
        )
        .values(state=bindparam("outcome"))
        .returning(consumptions.c.intent_id)
    )


SETTLE = for_each_size(_settle)
RECOVER = Prepared(
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


def _raise_epoch(insert: Callable[[Table], Any]) -> CompilerElement:
    statement: CompilerElement = (
        insert(worker_slots)
        .values(node=bindparam("own_node"), slot=bindparam("own_slot"), epoch=1, high_water=0)
        .on_conflict_do_update(index_elements=["node", "slot"], set_={"epoch": worker_slots.c.epoch + 1})
        .returning(worker_slots.c.epoch)
    )
    return statement


RAISE_EPOCH = Prepared(for_each_dialect(_raise_epoch))


class SqlSigningTransaction:
    """An open TX1 or TX2 of one worker."""

    def __init__(self, unit: UnitOfWork, worker: WorkerIdentity) -> None:
        self._unit = unit
        self._worker = worker
        self._owner = vars(worker)

    def sads(self, sad_hashes: Sequence[bytes]) -> dict[bytes, SadRow]:
        rows = self._unit.rows_of_keys(SADS, sad_hashes)
        return {row.sad_hash: row for row in (SadRow(*row) for row in rows)}

    def credentials(self, credential_ids: Sequence[CredentialId]) -> dict[CredentialId, CredentialRow]:
        rows = self._unit.rows_of_keys(CREDENTIALS, credential_ids)
        return {row.credential_id: row for row in (CredentialRow(*row) for row in rows)}

    def spend(self, spends: Sequence[Spend]) -> None:
        if not spends:
            return
        if self._unit.change(SPEND, *map(_change, spends)) != len(spends):
            raise ConflictError("a SAD moved")
        self._unit.change(CONSUME, *map(self._intent, spends))

    def settle(self, outcomes: Mapping[str, IntentState]) -> frozenset[str]:
        moved: set[str] = set()
        for outcome in sorted(set(outcomes.values())):
            intents = [intent_id for intent_id, wanted in outcomes.items() if wanted is outcome]
            rows = self._unit.rows_of_keys(SETTLE, intents, {**_owned(self._worker), "outcome": outcome})
            moved.update(intent_id for (intent_id,) in rows)
        return frozenset(moved)

    def recover(self) -> list[OpenIntent]:
        return [OpenIntent(*row) for row in self._unit.rows(RECOVER, _owned(self._worker))]

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        audit_statements.append(self._unit, rows)

    def _intent(self, spend: Spend) -> dict[str, object]:
        return {**vars(spend), **self._owner, "state": IntentState.OPEN}


class SqlSigningStore:
    """The store of signing workers."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def raise_epoch(self, node: str, slot: int) -> WorkerIdentity:
        with self._database.write() as unit:
            (epoch,) = unit.one(RAISE_EPOCH, {"own_node": node, "own_slot": slot})
        return WorkerIdentity(node, slot, epoch)

    def slots(self, node: str) -> list[int]:
        with self._database.look_up() as unit:
            return [slot for (slot,) in unit.rows(SLOTS, {"own_node": node})]

    def high_water(self, node: str) -> int:
        with self._database.look_up() as unit:
            return int(unit.one(HIGH_WATER, {"of_node": node})[0])

    @contextmanager
    def begin_signing(self, worker: WorkerIdentity, now: int) -> Iterator[SqlSigningTransaction]:
        with self._database.write() as unit:
            if unit.change(FENCE, {**_owned(worker), "now": now}) != 1:
                raise _why_not(unit, worker)
            yield SqlSigningTransaction(unit, worker)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)


def _owned(worker: WorkerIdentity) -> dict[str, Any]:
    return {"own_node": worker.node, "own_slot": worker.slot, "own_epoch": worker.epoch}


def _why_not(unit: UnitOfWork, worker: WorkerIdentity) -> Exception:
    row = unit.row(SLOT_EPOCH, _owned(worker))
    if row is None or row[0] != worker.epoch:
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
