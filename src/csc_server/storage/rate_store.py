"""The store of rate limits: one row a subject, which its next minute overwrites."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Table, case
from sqlalchemy.sql.elements import CompilerElement

from csc_server.storage.prepared import Prepared, for_each_dialect
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import request_counts


def _add(insert: Callable[[Table], Any]) -> CompilerElement:
    statement = insert(request_counts)
    known, new = request_counts.c, statement.excluded
    is_current = known.minute >= new.minute
    added: CompilerElement = statement.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "minute": case((is_current, known.minute), else_=new.minute),
            "number": case((is_current, known.number + new.number), else_=new.number),
        },
    ).returning(known.number)
    return added


ADD_REQUESTS = Prepared(for_each_dialect(_add))


class SqlRateStore:
    """Implements RateStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def add_requests(self, subject: bytes, minute: int, number: int) -> int:
        with self._database.write() as unit:
            return int(unit.one(ADD_REQUESTS, {"subject": subject, "minute": minute, "number": number})[0])
