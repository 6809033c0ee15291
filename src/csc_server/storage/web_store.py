"""All of web's store behind one name."""

from collections.abc import Sequence

from sqlalchemy import Engine

from csc_server.storage.account_store import SqlAccountStore
from csc_server.storage.grant_store import SqlGrantStore
from csc_server.storage.job_store import SqlSignatureJobStore
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.pushed_request_store import SqlPushedRequestStore
from csc_server.storage.rate_store import SqlRateStore
from csc_server.storage.replay_store import SqlReplayStore
from csc_server.storage.session_store import SqlSessionStore
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_purge import SqlWebPurge
from csc_server.storage.web_tables import audit_statements


class SqlWebStore(
    SqlAccountStore,
    SqlSessionStore,
    SqlPushedRequestStore,
    SqlGrantStore,
    SqlReplayStore,
    SqlRateStore,
    SqlSignatureJobStore,
    SqlWebPurge,
):
    """Implements WebStore and PurgeStore on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            audit_statements.append(unit, rows)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)
