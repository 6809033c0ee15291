"""The store of registered clients and of signers' login accounts."""

from sqlalchemy import BigInteger, Engine, bindparam, case, or_, select, update

from csc_server.storage.ports.web import AccountRow, ClientRow
from csc_server.storage.prepared import Prepared, replacing
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import accounts, clients
from csc_server.values import ClientId

CLIENT = Prepared(select(*columns(clients, ClientRow)).where(clients.c.client_id == bindparam("id")))
PUT_CLIENT = replacing(clients)
ACCOUNT = Prepared(select(*columns(accounts, AccountRow)).where(accounts.c.username == bindparam("name")))
PUT_ACCOUNT = replacing(accounts)

_failures = accounts.c.failures + 1
_now = bindparam("now", type_=BigInteger)
_lock_seconds = bindparam("lock_seconds", type_=BigInteger)
_step = bindparam("step", type_=BigInteger)
BEGIN_LOGIN = Prepared(
    update(accounts)
    .where(accounts.c.username == bindparam("name"), accounts.c.disabled.is_(False))
    .where(accounts.c.failures < bindparam("permanent"), accounts.c.locked_until <= _now)
    .values(
        failures=_failures,
        locked_until=case(
            (_failures >= bindparam("temporary"), _now + _lock_seconds),
            else_=accounts.c.locked_until,
        ),
    )
    .returning(*columns(accounts, AccountRow))
)
PASS_LOGIN = Prepared(
    update(accounts)
    .where(accounts.c.username == bindparam("name"))
    .where(or_(_step == 0, accounts.c.totp_last_step < _step))
    .values(
        failures=0,
        locked_until=0,
        totp_last_step=case((_step == 0, accounts.c.totp_last_step), else_=_step),
    )
)


class SqlAccountStore:
    """Implements ClientStore and AccountStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def client(self, client_id: ClientId) -> ClientRow | None:
        with self._database.look_up() as unit:
            row = unit.row(CLIENT, {"id": client_id})
        return ClientRow(*row) if row else None

    def put_client(self, row: ClientRow) -> None:
        with self._database.write() as unit:
            unit.change(PUT_CLIENT, vars(row))

    def account(self, username: str) -> AccountRow | None:
        with self._database.look_up() as unit:
            row = unit.row(ACCOUNT, {"name": username})
        return AccountRow(*row) if row else None

    def put_account(self, row: AccountRow) -> None:
        with self._database.write() as unit:
            unit.change(PUT_ACCOUNT, vars(row))

    def begin_login(
        self, username: str, now: int, *, temporary: int, permanent: int, lock_seconds: int
    ) -> AccountRow | None:
        limits = {"temporary": temporary, "permanent": permanent, "lock_seconds": lock_seconds}
        with self._database.write() as unit:
            row = unit.row(BEGIN_LOGIN, {"name": username, "now": now, **limits})
        return AccountRow(*row) if row else None

    def pass_login(self, username: str, totp_step: int = 0) -> bool:
        with self._database.write() as unit:
            return unit.change(PASS_LOGIN, {"name": username, "step": totp_step}) == 1
