"""Port of web's store for its operators: clients and login accounts are added, changed and ended.

Each call is one transaction that carries its audit records. ConflictError says that a row exists already, or that
there is none.
"""

from collections.abc import Sequence
from typing import Protocol

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.web import AccountRow, ClientRow
from csc_server.values import ClientId


class RegistryStore(Protocol):
    """What the commands for clients and users need of web's store."""

    def clients(self) -> list[ClientRow]:
        """Return all clients, in order of their ids."""

    def client(self, client_id: ClientId) -> ClientRow | None: ...

    def insert_client(self, row: ClientRow, audit: Sequence[AuditRow]) -> None: ...

    def change_client_secret(
        self,
        client_id: ClientId,
        salt: bytes,
        digest: bytes,
        account_token_key: bytes | None,
        audit: Sequence[AuditRow],
    ) -> None:
        """Replace a client's secret, and the key that follows from it; the one before is refused from then on."""

    def disable_client(self, client_id: ClientId, now: int, audit: Sequence[AuditRow]) -> None:
        """Disable a client and revoke its tokens and codes."""

    def accounts(self) -> list[AccountRow]:
        """Return all accounts, in order of their names."""

    def account(self, username: str) -> AccountRow | None: ...

    def insert_account(self, row: AccountRow, audit: Sequence[AuditRow]) -> None: ...

    def disable_account(self, username: str, now: int, audit: Sequence[AuditRow]) -> None:
        """Disable an account, end its sessions and revoke the tokens and codes of its signer."""

    def change_password(self, username: str, verifier: str, now: int, audit: Sequence[AuditRow]) -> None:
        """Replace a password and end what was opened with the one before, as `disable_account` does."""

    def unlock_account(self, username: str, audit: Sequence[AuditRow]) -> None:
        """Clear the failures and the lock of an account."""

    def chain_head(self, writer: str) -> ChainHead: ...
