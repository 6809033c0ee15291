"""The store of signers and their credentials; each call is one transaction with its audit records."""

from collections.abc import Sequence

from sqlalchemy import Engine, bindparam, delete, insert, select, update

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.custody import LinkRow
from csc_server.storage.ports.signer import ApprovalState, ConflictError, CredentialRow, FactorRow, SadState
from csc_server.storage.prepared import Prepared, replacing
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import (
    approvals,
    audit_statements,
    client_links,
    credentials,
    factors,
    sads,
    signers,
)
from csc_server.storage.units_of_work import Database, UnitOfWork
from csc_server.values import ClientId, CredentialId, CredentialState, FactorKind, SignerId

INSERT_SIGNER = Prepared(insert(signers))
SIGNERS = Prepared(select(signers.c.signer_id).order_by(signers.c.signer_id))
PUT_LINK = replacing(client_links)
DELETE_LINK = Prepared(
    delete(client_links).where(
        client_links.c.client_id == bindparam("client"), client_links.c.signer_id == bindparam("signer")
    )
)
LINKS = Prepared(select(*columns(client_links, LinkRow)).order_by(client_links.c.client_id, client_links.c.signer_id))
INSERT_CREDENTIAL = Prepared(insert(credentials))
INSERT_FACTOR = Prepared(insert(factors))
PUT_FACTOR = replacing(factors)
CREDENTIAL_ROW = Prepared(
    select(*columns(credentials, CredentialRow)).where(credentials.c.credential_id == bindparam("id"))
)
ALL_CREDENTIALS = Prepared(select(*columns(credentials, CredentialRow)).order_by(credentials.c.credential_id))
FACTORS_OF = Prepared(
    select(*columns(factors, FactorRow)).where(factors.c.credential_id == bindparam("id")).order_by(factors.c.kind)
)
_this_credential = credentials.c.credential_id == bindparam("of_credential")
CHANGE_STATE = Prepared(
    update(credentials).where(_this_credential).values(state=bindparam("next_state"), version=credentials.c.version + 1)
)
_CHANGING = ("certificates", "state", "version", "link_mac", "factors")
"""A credential's signer, key and rules are never written a second time."""
CHANGE_CREDENTIAL = Prepared(
    update(credentials)
    .where(_this_credential, credentials.c.version == bindparam("expected"))
    .where(credentials.c.state != CredentialState.DESTROYED)
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
VOID_APPROVALS = Prepared(
    update(approvals)
    .where(approvals.c.credential_id == bindparam("of_credential"), approvals.c.state != ApprovalState.VOID)
    .values(state=ApprovalState.VOID, version=approvals.c.version + 1)
)
VOID_SADS = Prepared(
    update(sads)
    .where(sads.c.credential_id == bindparam("of_credential"), sads.c.state == SadState.LIVE)
    .values(state=SadState.VOID, version=sads.c.version + 1)
)
UNLOCK_FACTOR = Prepared(
    update(factors)
    .where(factors.c.credential_id == bindparam("of_credential"), factors.c.kind == bindparam("of_kind"))
    .values(failures=0, locked_until=0)
)


class SqlCustodyStore:
    """Implements CustodyStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_signer(self, signer_id: SignerId, audit: Sequence[AuditRow] = ()) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_SIGNER, {"signer_id": signer_id})
            audit_statements.append(unit, audit)

    def signers(self) -> list[SignerId]:
        with self._database.look_up() as unit:
            return [SignerId(row[0]) for row in unit.rows(SIGNERS, {})]

    def put_link(self, row: LinkRow, audit: Sequence[AuditRow] = ()) -> None:
        with self._database.write() as unit:
            unit.change(PUT_LINK, vars(row))
            audit_statements.append(unit, audit)

    def delete_link(self, client_id: ClientId, signer_id: SignerId, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            if unit.change(DELETE_LINK, {"client": client_id, "signer": signer_id}) != 1:
                raise ConflictError("no such link")
            audit_statements.append(unit, audit)

    def links(self) -> list[LinkRow]:
        with self._database.look_up() as unit:
            return [LinkRow(*row) for row in unit.rows(LINKS, {})]

    def insert_credential(self, row: CredentialRow, factors: Sequence[FactorRow], audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_CREDENTIAL, vars(row))
            for factor in factors:
                unit.change(INSERT_FACTOR, vars(factor))
            audit_statements.append(unit, audit)

    def credential_row(self, credential_id: CredentialId) -> CredentialRow | None:
        with self._database.look_up() as unit:
            row = unit.row(CREDENTIAL_ROW, {"id": credential_id})
        return CredentialRow(*row) if row else None

    def all_credentials(self) -> list[CredentialRow]:
        with self._database.look_up() as unit:
            return [CredentialRow(*row) for row in unit.rows(ALL_CREDENTIALS, {})]

    def change_state(self, credential_id: CredentialId, state: CredentialState, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            parameters = {"of_credential": credential_id, "next_state": state}
            if unit.change(CHANGE_STATE, parameters) != 1:
                raise ConflictError("no such credential")
            audit_statements.append(unit, audit)

    def change_credential(
        self,
        row: CredentialRow,
        expected_version: int,
        audit: Sequence[AuditRow],
        factor: FactorRow | None = None,
        *,
        ends_approvals: bool = False,
    ) -> None:
        with self._database.write() as unit:
            _change(unit, row, expected_version)
            if factor is not None:
                unit.change(PUT_FACTOR, vars(factor))
            if ends_approvals:
                unit.change(VOID_APPROVALS, {"of_credential": row.credential_id})
                unit.change(VOID_SADS, {"of_credential": row.credential_id})
            audit_statements.append(unit, audit)

    def unlock_factor(self, credential_id: CredentialId, kind: FactorKind, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            if unit.change(UNLOCK_FACTOR, {"of_credential": credential_id, "of_kind": kind}) != 1:
                raise ConflictError("no such factor")
            audit_statements.append(unit, audit)

    def factors_of(self, credential_id: CredentialId) -> list[FactorRow]:
        with self._database.look_up() as unit:
            return [FactorRow(*row) for row in unit.rows(FACTORS_OF, {"id": credential_id})]

    def append_custody_audit(self, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            audit_statements.append(unit, audit)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)


def _change(unit: UnitOfWork, row: CredentialRow, expected_version: int) -> None:
    values = {f"new_{name}": getattr(row, name) for name in _CHANGING}
    parameters = {"of_credential": row.credential_id, "expected": expected_version, **values}
    if unit.change(CHANGE_CREDENTIAL, parameters) != 1:
        raise ConflictError("the credential moved")
