"""The store of the activation and registry operations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Engine, Select, bindparam, case, insert, or_, select, update

from csc_server.storage.challenge_statements import ChallengeRows
from csc_server.storage.pending_statements import PendingRows
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import (
    ApprovalRow,
    ApprovalState,
    ConflictError,
    CredentialRow,
    FactorRow,
    LockLimits,
    SadRow,
    SadState,
)
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import (
    approvals,
    audit_statements,
    client_links,
    credentials,
    factors,
    sads,
)
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.values import ApprovalId, ClientId, CredentialId, FactorKind, SadId, SignerId


def _locking(statement: Select[Any]) -> dict[bool, Prepared]:
    """Return a statement without and, under True, with locks on the rows that it finds."""
    return {False: Prepared(statement), True: Prepared(statement.with_for_update())}


_credential = select(*columns(credentials, CredentialRow)).where(credentials.c.credential_id == bindparam("id"))
CREDENTIAL = Prepared(_credential)
HELD_CREDENTIAL = Prepared(_credential.with_for_update(read=True))
CREDENTIALS_OF = Prepared(
    select(*columns(credentials, CredentialRow))
    .where(credentials.c.signer_id == bindparam("id"))
    .order_by(credentials.c.credential_id)
)
IS_LINKED = Prepared(
    select(client_links.c.client_id).where(
        client_links.c.client_id == bindparam("client"), client_links.c.signer_id == bindparam("signer")
    )
)
FACTORS = Prepared(select(*columns(factors, FactorRow)).where(factors.c.credential_id == bindparam("id")))

_this_factor = (factors.c.credential_id == bindparam("of_credential")) & (factors.c.kind == bindparam("of_kind"))
_failures = factors.c.failures + 1
_now = bindparam("now", type_=BigInteger)
_lock_seconds = bindparam("lock_seconds", type_=BigInteger)
_step = bindparam("step", type_=BigInteger)
BEGIN_TRY = Prepared(
    update(factors)
    .where(_this_factor)
    .where(factors.c.failures < bindparam("permanent"), factors.c.locked_until <= _now)
    .values(
        failures=_failures,
        locked_until=case(
            (_failures >= bindparam("temporary"), _now + _lock_seconds),
            else_=factors.c.locked_until,
        ),
    )
    .returning(*columns(factors, FactorRow))
)
"""The count is its own lock for good: once it has reached `permanent`, no row matches (AU-06)."""

PASS_FACTOR = Prepared(
    update(factors)
    .where(_this_factor)
    .where(or_(factors.c.kind != FactorKind.OTP, factors.c.last_step < _step))
    .values(failures=0, locked_until=0, last_step=_step)
)
"""Only codes of a generator have steps, and a code must be newer than the last one used (AU-04)."""

INSERT_APPROVAL = Prepared(insert(approvals))
APPROVAL = _locking(select(*columns(approvals, ApprovalRow)).where(approvals.c.approval_id == bindparam("id")))
_CHANGING = ("state", "version", "evidence", "auth_at", "token_hash")
"""What the signer approved - credential, hashes, number, expiry - is never written a second time."""
CHANGE_APPROVAL = Prepared(
    update(approvals)
    .where(approvals.c.approval_id == bindparam("of_approval"), approvals.c.version == bindparam("expected"))
    .where(approvals.c.state != ApprovalState.VOID)
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
"""Nothing leaves void (decision 26 d)."""

INSERT_SAD = Prepared(insert(sads))
SAD = _locking(select(*columns(sads, SadRow)).where(sads.c.sad_hash == bindparam("hash")))
SADS_OF = _locking(select(*columns(sads, SadRow)).where(sads.c.approval_id == bindparam("id")).order_by(sads.c.sad_id))
CHANGE_SAD = Prepared(
    update(sads)
    .where(sads.c.sad_id == bindparam("of_sad"), sads.c.version == bindparam("expected"))
    .where(sads.c.state == SadState.LIVE)
    .values(state=bindparam("next_state"), version=sads.c.version + 1)
)


class SqlActivationTransaction(ChallengeRows, PendingRows):
    """One transaction. `locks`: rows that it may go on to change are locked when they are read."""

    def __init__(self, unit: UnitOfWork, *, locks: bool) -> None:
        self._unit = unit
        self._locks = locks

    def credential(self, credential_id: CredentialId) -> CredentialRow | None:
        row = self._unit.row(CREDENTIAL, {"id": credential_id})
        return CredentialRow(*row) if row else None

    def hold_credential(self, credential_id: CredentialId) -> CredentialRow | None:
        row = self._unit.row(HELD_CREDENTIAL, {"id": credential_id})
        return CredentialRow(*row) if row else None

    def credentials_of(self, signer_id: SignerId) -> list[CredentialRow]:
        return [CredentialRow(*row) for row in self._unit.rows(CREDENTIALS_OF, {"id": signer_id})]

    def is_linked(self, client_id: ClientId, signer_id: SignerId) -> bool:
        return self._unit.row(IS_LINKED, {"client": client_id, "signer": signer_id}) is not None

    def factors(self, credential_id: CredentialId) -> dict[FactorKind, FactorRow]:
        rows = (FactorRow(*row) for row in self._unit.rows(FACTORS, {"id": credential_id}))
        return {row.kind: row for row in rows}

    def begin_try(
        self, credential_id: CredentialId, kind: FactorKind, now: int, limits: LockLimits
    ) -> FactorRow | None:
        parameters = {"of_credential": credential_id, "of_kind": kind, "now": now, **vars(limits)}
        row = self._unit.row(BEGIN_TRY, parameters)
        return FactorRow(*row) if row else None

    def pass_factor(self, credential_id: CredentialId, kind: FactorKind, last_step: int) -> None:
        self._change(PASS_FACTOR, {"of_credential": credential_id, "of_kind": kind, "step": last_step})

    def insert_approval(self, row: ApprovalRow) -> None:
        self._unit.change(INSERT_APPROVAL, vars(row))

    def approval(self, approval_id: ApprovalId) -> ApprovalRow | None:
        row = self._unit.row(APPROVAL[self._locks], {"id": approval_id})
        return ApprovalRow(*row) if row else None

    def change_approval(self, row: ApprovalRow, expected_version: int) -> None:
        values = {f"new_{name}": getattr(row, name) for name in _CHANGING}
        self._change(CHANGE_APPROVAL, {"of_approval": row.approval_id, "expected": expected_version, **values})

    def insert_sad(self, row: SadRow) -> None:
        self._unit.change(INSERT_SAD, vars(row))

    def sad(self, sad_hash: bytes) -> SadRow | None:
        row = self._unit.row(SAD[self._locks], {"hash": sad_hash})
        return SadRow(*row) if row else None

    def sads_of(self, approval_id: ApprovalId) -> list[SadRow]:
        return [SadRow(*row) for row in self._unit.rows(SADS_OF[self._locks], {"id": approval_id})]

    def change_sad(self, sad_id: SadId, state: SadState, expected_version: int) -> None:
        self._change(CHANGE_SAD, {"of_sad": sad_id, "next_state": state, "expected": expected_version})

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        audit_statements.append(self._unit, rows)

    def _change(self, statement: Prepared, parameters: dict[str, object]) -> None:
        if self._unit.change(statement, parameters) != 1:
            raise ConflictError("a row moved")


class SqlActivationStore:
    """The store of evidence and registry workers."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    @contextmanager
    def begin(self) -> Iterator[SqlActivationTransaction]:
        with self._database.write() as unit:
            yield SqlActivationTransaction(unit, locks=True)

    @contextmanager
    def read(self) -> Iterator[SqlActivationTransaction]:
        with self._database.read() as unit:
            yield SqlActivationTransaction(unit, locks=False)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)
