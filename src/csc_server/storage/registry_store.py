"""The store of clients and accounts as operators change them; each call is one transaction with its records."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Engine, bindparam, delete, insert, select, true, update

from csc_server.storage.account_store import ACCOUNT, CLIENT
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.ports.web import AccountRow, ClientRow
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.storage.web_tables import accounts, audit_statements, clients, codes, sessions, tokens
from csc_server.values import ClientId

_now = bindparam("now", type_=BigInteger)
_this_client = clients.c.client_id == bindparam("of_client")
_this_account = accounts.c.username == bindparam("of_user")
_signer = select(accounts.c.signer_id).where(_this_account).scalar_subquery()

CLIENTS = Prepared(select(*columns(clients, ClientRow)).order_by(clients.c.client_id))
INSERT_CLIENT = Prepared(insert(clients))
CHANGE_SECRET = Prepared(
    update(clients)
    .where(_this_client)
    .values(
        secret_salt=bindparam("salt"),
        secret_hash=bindparam("digest"),
        account_token_key=bindparam("account_key"),
    )
)
DISABLE_CLIENT = Prepared(update(clients).where(_this_client).values(disabled=true()))
ACCOUNTS = Prepared(select(*columns(accounts, AccountRow)).order_by(accounts.c.username))
INSERT_ACCOUNT = Prepared(insert(accounts))
DISABLE_ACCOUNT = Prepared(update(accounts).where(_this_account).values(disabled=true()))
CHANGE_PASSWORD = Prepared(
    update(accounts).where(_this_account).values(password_verifier=bindparam("verifier"), failures=0, locked_until=0)
)
UNLOCK_ACCOUNT = Prepared(update(accounts).where(_this_account).values(failures=0, locked_until=0))
END_SESSIONS = Prepared(delete(sessions).where(sessions.c.username == bindparam("of_user")))


END_OF_CLIENT = (
    Prepared(
        update(tokens)
        .where(tokens.c.client_id == bindparam("of_client"), tokens.c.revoked_at == 0)
        .values(revoked_at=_now)
    ),
    Prepared(
        update(codes).where(codes.c.client_id == bindparam("of_client"), codes.c.used_at == 0).values(used_at=_now)
    ),
)
END_OF_SIGNER = (
    Prepared(update(tokens).where(tokens.c.signer_id == _signer, tokens.c.revoked_at == 0).values(revoked_at=_now)),
    Prepared(update(codes).where(codes.c.signer_id == _signer, codes.c.used_at == 0).values(used_at=_now)),
)
"""Tokens and codes; a code that is used up already is refused, and what it gave is revoked (OA-03)."""


class SqlRegistryStore:
    """Implements RegistryStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def clients(self) -> list[ClientRow]:
        with self._database.look_up() as unit:
            return [ClientRow(*row) for row in unit.rows(CLIENTS, {})]

    def client(self, client_id: ClientId) -> ClientRow | None:
        with self._database.look_up() as unit:
            row = unit.row(CLIENT, {"id": client_id})
        return ClientRow(*row) if row else None

    def insert_client(self, row: ClientRow, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_CLIENT, vars(row))
            audit_statements.append(unit, audit)

    def change_client_secret(
        self,
        client_id: ClientId,
        salt: bytes,
        digest: bytes,
        account_token_key: bytes | None,
        audit: Sequence[AuditRow],
    ) -> None:
        values = {"salt": salt, "digest": digest, "account_key": account_token_key}
        with self._database.write() as unit:
            _one(unit, CHANGE_SECRET, {"of_client": client_id, **values})
            audit_statements.append(unit, audit)

    def disable_client(self, client_id: ClientId, now: int, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            _one(unit, DISABLE_CLIENT, {"of_client": client_id})
            for statement in END_OF_CLIENT:
                unit.change(statement, {"of_client": client_id, "now": now})
            audit_statements.append(unit, audit)

    def accounts(self) -> list[AccountRow]:
        with self._database.look_up() as unit:
            return [AccountRow(*row) for row in unit.rows(ACCOUNTS, {})]

    def account(self, username: str) -> AccountRow | None:
        with self._database.look_up() as unit:
            row = unit.row(ACCOUNT, {"name": username})
        return AccountRow(*row) if row else None

    def insert_account(self, row: AccountRow, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_ACCOUNT, vars(row))
            audit_statements.append(unit, audit)

    def disable_account(self, username: str, now: int, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            _one(unit, DISABLE_ACCOUNT, {"of_user": username})
            _end_account(unit, username, now)
            audit_statements.append(unit, audit)

    def change_password(self, username: str, verifier: str, now: int, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            _one(unit, CHANGE_PASSWORD, {"of_user": username, "verifier": verifier})
            _end_account(unit, username, now)
            audit_statements.append(unit, audit)

    def unlock_account(self, username: str, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            _one(unit, UNLOCK_ACCOUNT, {"of_user": username})
            audit_statements.append(unit, audit)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)


def _one(unit: UnitOfWork, statement: Prepared, parameters: dict[str, Any]) -> None:
    if unit.change(statement, parameters) != 1:
        raise ConflictError("no such row")


def _end_account(unit: UnitOfWork, username: str, now: int) -> None:
    unit.change(END_SESSIONS, {"of_user": username})
    for statement in END_OF_SIGNER:
        unit.change(statement, {"of_user": username, "now": now})
