"""The store of pushed authorization requests (OA-07)."""

from sqlalchemy import Engine, bindparam, insert, select, update

from csc_server.storage.ports.web import PushedRequestRow
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import pushed_requests

INSERT_PUSHED_REQUEST = Prepared(insert(pushed_requests))
PUSHED_REQUEST = Prepared(
    select(*columns(pushed_requests, PushedRequestRow)).where(pushed_requests.c.handle_hash == bindparam("hash"))
)
USE_PUSHED_REQUEST = Prepared(
    update(pushed_requests)
    .where(pushed_requests.c.handle_hash == bindparam("hash"), pushed_requests.c.used_at == 0)
    .values(used_at=bindparam("now"))
)


class SqlPushedRequestStore:
    """Implements PushedRequestStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_pushed_request(self, row: PushedRequestRow) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_PUSHED_REQUEST, vars(row))

    def pushed_request(self, handle_hash: bytes) -> PushedRequestRow | None:
        with self._database.look_up() as unit:
            row = unit.row(PUSHED_REQUEST, {"hash": handle_hash})
        return PushedRequestRow(*row) if row else None

    def use_pushed_request(self, handle_hash: bytes, now: int) -> bool:
        with self._database.write() as unit:
            return unit.change(USE_PUSHED_REQUEST, {"hash": handle_hash, "now": now}) == 1
