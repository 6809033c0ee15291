"""The store of login sessions and of browsers' ways through an authorization request."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Table, bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import CompilerElement

from csc_server.storage.ports.web import InteractionRow, SessionRow
from csc_server.storage.prepared import Prepared, for_each_dialect
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import interactions, sessions

INSERT_SESSION = Prepared(insert(sessions))
SESSION = Prepared(select(*columns(sessions, SessionRow)).where(sessions.c.session_hash == bindparam("hash")))
TOUCH_SESSION = Prepared(
    update(sessions)
    .where(sessions.c.session_hash == bindparam("hash"), sessions.c.seen_at < bindparam("seen"))
    .values(seen_at=bindparam("seen"))
)
DELETE_SESSION = Prepared(delete(sessions).where(sessions.c.session_hash == bindparam("hash")))

INSERT_INTERACTION = Prepared(insert(interactions))


def _add(insert: Callable[[Table], Any]) -> CompilerElement:
    statement: CompilerElement = insert(interactions).on_conflict_do_nothing(index_elements=["interaction_id"])
    return statement


ADD_INTERACTION = Prepared(for_each_dialect(_add))
INTERACTION = Prepared(
    select(*columns(interactions, InteractionRow)).where(interactions.c.interaction_id == bindparam("id"))
)
_CHANGING = ("step", "request", "expires_at", "browser_hash", "session_hash", "approval_id", "version")
CHANGE_INTERACTION = Prepared(
    update(interactions)
    .where(interactions.c.interaction_id == bindparam("of_interaction"))
    .where(interactions.c.version == bindparam("expected"))
    .where(interactions.c.browser_hash.in_([b"", bindparam("new_browser_hash")]))
    .values({name: bindparam(f"new_{name}", type_=interactions.c[name].type) for name in _CHANGING})
)
"""The client stays the one that began it; the browser is the first that opens the page, for some applications
start it without one (interoperability rule O2), and then stays too."""


class SqlSessionStore:
    """Implements SessionStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_session(self, row: SessionRow) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_SESSION, vars(row))

    def session(self, session_hash: bytes) -> SessionRow | None:
        with self._database.look_up() as unit:
            row = unit.row(SESSION, {"hash": session_hash})
        return SessionRow(*row) if row else None

    def touch_session(self, session_hash: bytes, seen_at: int) -> None:
        with self._database.write() as unit:
            unit.change(TOUCH_SESSION, {"hash": session_hash, "seen": seen_at})

    def delete_session(self, session_hash: bytes) -> None:
        with self._database.write() as unit:
            unit.change(DELETE_SESSION, {"hash": session_hash})

    def insert_interaction(self, row: InteractionRow) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_INTERACTION, vars(row))

    def add_interaction(self, row: InteractionRow) -> bool:
        with self._database.write() as unit:
            return unit.change(ADD_INTERACTION, vars(row)) == 1

    def interaction(self, interaction_id: str) -> InteractionRow | None:
        with self._database.look_up() as unit:
            row = unit.row(INTERACTION, {"id": interaction_id})
        return InteractionRow(*row) if row else None

    def change_interaction(self, row: InteractionRow, expected_version: int) -> bool:
        values = {f"new_{name}": getattr(row, name) for name in _CHANGING}
        parameters = {"of_interaction": row.interaction_id, "expected": expected_version, **values}
        with self._database.write() as unit:
            return unit.change(CHANGE_INTERACTION, parameters) == 1
