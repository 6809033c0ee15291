"""Statements on approvals that wait for their signer."""

from sqlalchemy import BigInteger, bindparam, insert, or_, select, update

from csc_server.storage.ports.pending import Ending, PendingRow
from csc_server.storage.ports.signer import ApprovalState
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import approvals, pending_approvals
from csc_server.storage.units_of_work import UnitOfWork
from csc_server.values import ApprovalId, SignerId

_rows = columns(pending_approvals, PendingRow)
_joined = pending_approvals.join(approvals, approvals.c.approval_id == pending_approvals.c.approval_id)
_lives = pending_approvals.c.expires_at > bindparam("now", type_=BigInteger)
_this = pending_approvals.c.approval_id == bindparam("of_approval")

INSERT = Prepared(insert(pending_approvals))
BY_ID = Prepared(select(*_rows).where(pending_approvals.c.approval_id == bindparam("id")))
OF_SIGNER = Prepared(
    select(*_rows)
    .select_from(_joined)
    .where(pending_approvals.c.signer_id == bindparam("of_signer"), _lives, approvals.c.state == ApprovalState.OPEN)
    .order_by(pending_approvals.c.created_at, pending_approvals.c.approval_id)
)
LIKE = Prepared(
    select(*_rows)
    .select_from(_joined)
    .where(pending_approvals.c.request_hash == bindparam("of_request"), _lives)
    .where(or_(approvals.c.state == ApprovalState.OPEN, approvals.c.state == ApprovalState.APPROVED))
    .order_by(pending_approvals.c.created_at.desc(), pending_approvals.c.approval_id)
    .limit(1)
)
COUNT_WRONG = Prepared(
    update(pending_approvals)
    .where(_this)
    .values(tries=pending_approvals.c.tries + 1)
    .returning(pending_approvals.c.tries)
)
END = Prepared(
    update(pending_approvals)
    .where(_this, pending_approvals.c.ending == Ending.NONE)
    .values(ending=bindparam("next_ending"))
)


class PendingRows:
    """The part of a transaction that knows pending approvals."""

    _unit: UnitOfWork

    def insert_pending(self, row: PendingRow) -> None:
        self._unit.change(INSERT, vars(row))

    def pending(self, approval_id: ApprovalId) -> PendingRow | None:
        row = self._unit.row(BY_ID, {"id": approval_id})
        return PendingRow(*row) if row else None

    def pending_of(self, signer_id: SignerId, now: int) -> list[PendingRow]:
        return [PendingRow(*row) for row in self._unit.rows(OF_SIGNER, {"of_signer": signer_id, "now": now})]

    def pending_like(self, request_hash: bytes, now: int) -> PendingRow | None:
        row = self._unit.row(LIKE, {"of_request": request_hash, "now": now})
        return PendingRow(*row) if row else None

    def count_wrong_answer(self, approval_id: ApprovalId) -> int:
        row = self._unit.row(COUNT_WRONG, {"of_approval": approval_id})
        return int(row[0]) if row else 0

    def end_pending(self, approval_id: ApprovalId, ending: Ending) -> None:
        self._unit.change(END, {"of_approval": approval_id, "next_ending": ending})
