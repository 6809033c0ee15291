"""The store of authorization codes and tokens (OA-03, OA-13, OA-15).

What a code gives is a family. A family is revoked by a row of its own, which every look at a token joins:
so a token that is stored after its family was revoked - the slower of two parallel redemptions, a rotation
that overtakes a revocation - is dead from the start, on every database and in any order.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Engine, Table, bindparam, case, exists, func, insert, select, update
from sqlalchemy.sql.elements import CompilerElement

from csc_server.storage.ports.web import CodeRow, TokenKind, TokenRow
from csc_server.storage.prepared import Prepared, for_each_dialect
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.storage.web_tables import codes, granted_details, revoked_families, tokens

INSERT_CODE = Prepared(insert(codes))
CODE = Prepared(select(*columns(codes, CodeRow)).where(codes.c.code_hash == bindparam("hash")))
REDEEM_CODE = Prepared(
    update(codes)
    .where(codes.c.code_hash == bindparam("hash"), codes.c.used_at == 0)
    .values(used_at=bindparam("now"))
    .returning(*columns(codes, CodeRow))
)

INSERT_TOKEN = Prepared(insert(tokens))
INSERT_DETAILS = Prepared(insert(granted_details))
DETAILS = Prepared(select(granted_details.c.details).where(granted_details.c.token_hash == bindparam("hash")))

_family_revoked_at = func.coalesce(revoked_families.c.revoked_at, 0)
_revoked_at = case((tokens.c.revoked_at > 0, tokens.c.revoked_at), else_=_family_revoked_at)
TOKEN = Prepared(
    select(*(_revoked_at if field.name == "revoked_at" else tokens.c[field.name] for field in fields(TokenRow)))
    .select_from(tokens.outerjoin(revoked_families, tokens.c.family_id == revoked_families.c.family_id))
    .where(tokens.c.token_hash == bindparam("hash"))
)
REPLACE_REFRESH_TOKEN = Prepared(
    update(tokens)
    .where(tokens.c.token_hash == bindparam("hash"), tokens.c.kind == TokenKind.REFRESH)
    .where(tokens.c.revoked_at == 0, tokens.c.replaced_at == 0, tokens.c.expires_at > bindparam("now"))
    .where(~exists().where(revoked_families.c.family_id == tokens.c.family_id))
    .values(replaced_at=bindparam("now"))
)
REVOKE_TOKEN = Prepared(
    update(tokens)
    .where(tokens.c.token_hash == bindparam("hash"), tokens.c.revoked_at == 0)
    .values(revoked_at=bindparam("now"))
)


def _revoke_family(insert: Callable[[Table], Any]) -> CompilerElement:
    statement: CompilerElement = insert(revoked_families).on_conflict_do_nothing(index_elements=["family_id"])
    return statement


REVOKE_FAMILY = Prepared(for_each_dialect(_revoke_family))
REVOKE_TOKENS = Prepared(
    update(tokens)
    .where(tokens.c.family_id == bindparam("family"), tokens.c.revoked_at == 0)
    .values(revoked_at=bindparam("now"))
    .returning(*columns(tokens, TokenRow))
)


class SqlGrantStore:
    """Implements GrantStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_code(self, row: CodeRow) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_CODE, vars(row))

    def redeem_code(self, code_hash: bytes, now: int) -> tuple[CodeRow | None, bool]:
        with self._database.write() as unit:
            row = unit.row(REDEEM_CODE, {"hash": code_hash, "now": now})
            if row:
                return CodeRow(*row), True
            row = unit.row(CODE, {"hash": code_hash})
            return (CodeRow(*row) if row else None), False

    def insert_tokens(self, rows: Sequence[TokenRow], details: dict[str, Any] | None = None) -> None:
        with self._database.write() as unit:
            _insert_tokens(unit, rows)
            if details is not None:
                first = rows[0]
                values = {"token_hash": first.token_hash, "details": details, "expires_at": first.expires_at}
                unit.change(INSERT_DETAILS, values)

    def granted_details(self, token_hash: bytes) -> dict[str, Any] | None:
        with self._database.look_up() as unit:
            row = unit.row(DETAILS, {"hash": token_hash})
        return row[0] if row else None

    def token(self, token_hash: bytes) -> TokenRow | None:
        with self._database.look_up() as unit:
            row = unit.row(TOKEN, {"hash": token_hash})
        return TokenRow(*row) if row else None

    def rotate_refresh_token(self, token_hash: bytes, now: int, successors: Sequence[TokenRow]) -> bool:
        with self._database.write() as unit:
            if unit.change(REPLACE_REFRESH_TOKEN, {"hash": token_hash, "now": now}) != 1:
                return False
            _insert_tokens(unit, successors)
            return True

    def revoke_token(self, token_hash: bytes, now: int) -> bool:
        with self._database.write() as unit:
            return unit.change(REVOKE_TOKEN, {"hash": token_hash, "now": now}) == 1

    def revoke_family(self, family_id: str, now: int) -> list[TokenRow]:
        with self._database.write() as unit:
            unit.change(REVOKE_FAMILY, {"family_id": family_id, "revoked_at": now})
            return [TokenRow(*row) for row in unit.rows(REVOKE_TOKENS, {"family": family_id, "now": now})]


def _insert_tokens(unit: UnitOfWork, rows: Sequence[TokenRow]) -> None:
    for row in rows:
        unit.change(INSERT_TOKEN, vars(row))
