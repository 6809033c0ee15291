"""Which rows of the signer's store are dead: nothing that could still be used, and never the audit.

A SAD is dead a day after `limit_at`, which bounds every extension, unless one of its intents is open: recovery
settles that first. Its consumptions go with it, in the same transaction, so a SAD that is there always has all
of them. Presented again, it is as unknown as one that was never made.
"""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Engine, bindparam, delete, exists, select

from csc_server.storage.ports.signer import IntentState
from csc_server.storage.prepared import Prepared, for_each_size, keys
from csc_server.storage.purge import DAY, Dead, Removals, long_ago
from csc_server.storage.signer_tables import approvals, challenges, consumptions, pending_approvals, sads
from csc_server.storage.units_of_work import Database, UnitOfWork

_has_open_intent = exists().where(consumptions.c.sad_id == sads.c.sad_id, consumptions.c.state == IntentState.OPEN)
_has_sad = exists().where(sads.c.approval_id == approvals.c.approval_id)
_waits = exists().where(pending_approvals.c.approval_id == approvals.c.approval_id)

DEAD_SADS = Prepared(
    select(sads.c.sad_id)
    .where(sads.c.limit_at < long_ago(DAY), ~_has_open_intent)
    .order_by(sads.c.limit_at)
    .limit(bindparam("most", type_=BigInteger))
    .with_for_update(skip_locked=True, of=sads)
)
REMOVE_CONSUMPTIONS = for_each_size(lambda size: delete(consumptions).where(consumptions.c.sad_id.in_(keys(size))))
REMOVE_SADS = for_each_size(lambda size: delete(sads).where(sads.c.sad_id.in_(keys(size))))

REMOVALS = Removals(
    (
        Dead(challenges, challenges.c.expires_at < long_ago(DAY), challenges.c.expires_at),
        Dead(pending_approvals, pending_approvals.c.expires_at < long_ago(DAY), pending_approvals.c.expires_at),
        Dead(approvals, (approvals.c.expires_at < long_ago(DAY)) & ~_has_sad & ~_waits, approvals.c.expires_at),
    )
)


class SqlSignerPurge:
    """Implements PurgeStore on the signer's store."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def purge(self, now: int, most: int) -> Mapping[str, int]:
        with self._database.write() as unit:
            removed = _remove_sads(unit, now, most)
            return {**removed, **REMOVALS.run(unit, now, most)}


def _remove_sads(unit: UnitOfWork, now: int, most: int) -> dict[str, int]:
    found = [row[0] for row in unit.rows(DEAD_SADS, {f"ago_{DAY}": now - DAY, "most": most})]
    return {
        "consumptions": unit.change_keys(REMOVE_CONSUMPTIONS, found),
        "sads": unit.change_keys(REMOVE_SADS, found),
    }
