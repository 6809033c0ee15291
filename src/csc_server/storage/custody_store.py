"""The store of signers and their credentials; each call is one transaction with its audit records."""

from collections.abc import Sequence

from sqlalchemy import Engine, bindparam, insert, select, update

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import ConflictError, CredentialRow, FactorRow
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import audit_statements, client_links, credentials, factors, signers
from csc_server.storage.units_of_work import Database
from csc_server.values import ClientId, CredentialId, CredentialState, SignerId

INSERT_SIGNER = Prepared(insert(signers))
LINK_CLIENT = Prepared(insert(client_links))
INSERT_CREDENTIAL = Prepared(insert(credentials))
INSERT_FACTOR = Prepared(insert(factors))
ALL_CREDENTIALS = Prepared(select(*columns(credentials, CredentialRow)).order_by(credentials.c.credential_id))
CHANGE_STATE = Prepared(
    update(credentials)
    .where(credentials.c.credential_id == bindparam("of_credential"))
    .values(state=bindparam("next_state"), version=credentials.c.version + 1)
)


class SqlCustodyStore:
    """Raises ConflictError where a row exists already, or one it stands on does not."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_signer(self, signer_id: SignerId) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_SIGNER, {"signer_id": signer_id})

    def link_client(self, client_id: ClientId, signer_id: SignerId) -> None:
        with self._database.write() as unit:
            unit.change(LINK_CLIENT, {"client_id": client_id, "signer_id": signer_id})

    def insert_credential(self, row: CredentialRow, factors: Sequence[FactorRow], audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            unit.change(INSERT_CREDENTIAL, vars(row))
            for factor in factors:
                unit.change(INSERT_FACTOR, vars(factor))
            audit_statements.append(unit, audit)

    def all_credentials(self) -> list[CredentialRow]:
        with self._database.look_up() as unit:
            return [CredentialRow(*row) for row in unit.rows(ALL_CREDENTIALS, {})]

    def change_state(self, credential_id: CredentialId, state: CredentialState, audit: Sequence[AuditRow]) -> None:
        with self._database.write() as unit:
            parameters = {"of_credential": credential_id, "next_state": state}
            if unit.change(CHANGE_STATE, parameters) != 1:
                raise ConflictError("no such credential")
            audit_statements.append(unit, audit)

    def chain_head(self, writer: str) -> ChainHead:
        with self._database.look_up() as unit:
            return audit_statements.head(unit, writer)
