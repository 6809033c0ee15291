"""The store of identifiers that may be used once (OA-11, OA-12)."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.sql.elements import CompilerElement

from csc_server.storage.prepared import Prepared, for_each_dialect
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import used_identifiers


def _use(insert: Callable[[Table], Any]) -> CompilerElement:
    statement: CompilerElement = insert(used_identifiers).on_conflict_do_nothing(index_elements=["id_hash"])
    return statement


USE_ONCE = Prepared(for_each_dialect(_use))


class SqlReplayStore:
    """Implements ReplayStore: the unique key decides between parallel uses."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def use_once(self, id_hash: bytes, expires_at: int) -> bool:
        with self._database.write() as unit:
            return unit.change(USE_ONCE, {"id_hash": id_hash, "expires_at": expires_at}) == 1
