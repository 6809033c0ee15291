"""Port of the signer's store for custody: signers, links of clients, credentials and their factors.

Each call is one transaction that carries its audit records. ConflictError says that a row exists already, that
one it stands on does not, or that it moved meanwhile; nothing was changed then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import CredentialRow, FactorRow
from csc_server.values import ClientId, CredentialId, CredentialState, FactorKind, SignerId


@dataclass(frozen=True)
class LinkRow:
    """A client that may act for a signer without the signer's login (decision 17).

    `custody`: it may also have credentials made and destroyed for the signer.
    """

    client_id: ClientId
    signer_id: SignerId
    custody: bool = False


class CustodyStore(Protocol):
    """What making, changing and destroying of credentials needs of the store."""

    def insert_signer(self, signer_id: SignerId, audit: Sequence[AuditRow] = ()) -> None: ...

    def signers(self) -> list[SignerId]:
        """Return all signers, in order."""

    def put_link(self, row: LinkRow, audit: Sequence[AuditRow] = ()) -> None:
        """Insert or replace a link; ConflictError for a signer who does not exist."""

    def delete_link(self, client_id: ClientId, signer_id: SignerId, audit: Sequence[AuditRow]) -> None:
        """Remove a link; ConflictError when there is none."""

    def links(self) -> list[LinkRow]:
        """Return all links, by client and signer."""

    def insert_credential(
        self, row: CredentialRow, factors: Sequence[FactorRow], audit: Sequence[AuditRow]
    ) -> None: ...

    def credential_row(self, credential_id: CredentialId) -> CredentialRow | None: ...

    def all_credentials(self) -> list[CredentialRow]: ...

    def change_state(self, credential_id: CredentialId, state: CredentialState, audit: Sequence[AuditRow]) -> None:
        """Set the state of a credential and raise its version."""

    def change_credential(
        self,
        row: CredentialRow,
        expected_version: int,
        audit: Sequence[AuditRow],
        factor: FactorRow | None = None,
        *,
        ends_approvals: bool = False,
    ) -> None:
        """Write a changed credential (version raised by the caller), and with it one factor, new or replaced.

        `ends_approvals` kills every approval and live SAD on it, for good. ConflictError when the credential
        moved meanwhile, or is destroyed: nothing leaves that state.
        """

    def unlock_factor(self, credential_id: CredentialId, kind: FactorKind, audit: Sequence[AuditRow]) -> None:
        """Clear the failures and the lock of a factor; ConflictError when there is no such factor."""

    def factors_of(self, credential_id: CredentialId) -> list[FactorRow]:
        """Return the factors of a credential, by kind."""

    def append_custody_audit(self, audit: Sequence[AuditRow]) -> None:
        """Append records that stand for no change of the store."""

    def chain_head(self, writer: str) -> ChainHead: ...
