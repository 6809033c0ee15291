"""Registered clients as operators change them, on web's side; every change has its audit record."""

import dataclasses
from typing import Any

from csc_server.audit.chain import Record
from csc_server.audit.change_log import ChangeLog
from csc_server.audit.events import Event, Outcome
from csc_server.cli.client_rules import faults
from csc_server.clock import Clock
from csc_server.errors import CscServerError
from csc_server.storage.ports.registry import RegistryStore
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.ports.web import ClientRow
from csc_server.values import ClientId, ClientProfile, TokenBinding
from csc_server.web.authorization.account_tokens import sealed_key
from csc_server.web.authorization.clients import salted_secret
from csc_server.web.authorization.secret_values import new_secret
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.wire import Json

_SHOWN = ("client_id", "name", "profile", "disabled")
_SECRET = frozenset({"secret_salt", "secret_hash", "account_token_key"})


class Clients:
    """The operations of `csc-server client` on web's store."""

    def __init__(
        self, store: RegistryStore, log: ChangeLog, operator: str, clock: Clock, seed_key: SeedKey | None
    ) -> None:
        self._store = store
        self._seed_key = seed_key
        self._log = log
        self._operator = operator
        self._clock = clock

    def add(
        self,
        client_id: str,
        name: str,
        profile: ClientProfile,
        redirect_uris: tuple[str, ...],
        grant_types: tuple[str, ...],
        scopes: tuple[str, ...],
        auth_methods: tuple[str, ...],
        jwks: dict[str, Any],
        tls_subject: str,
        token_binding: TokenBinding,
        rate_factor: int,
        account_token: bool,
        secret: str | None,
    ) -> Json:
        """Register a client; answer its secret when one was made here."""
        made = new_secret() if secret is None and _shares_secret(auth_methods) else None
        row = ClientRow(
            ClientId(client_id),
            name,
            profile,
            redirect_uris,
            grant_types,
            scopes,
            auth_methods,
            jwks=jwks,
            tls_subject=tls_subject,
            token_binding=token_binding,
            rate_factor=rate_factor,
        )
        chosen = secret or made
        if chosen is not None:
            salt, digest = salted_secret(chosen)
            row = dataclasses.replace(row, secret_salt=salt, secret_hash=digest)
        if account_token:
            row = dataclasses.replace(row, account_token_key=self._account_key(row.client_id, chosen))
        found = list(faults(row))
        if found:
            raise CscServerError(" ".join(found), advice="Nothing was stored.")
        try:
            self._log.write(
                [self._record(Event.CLIENT_REGISTERED, row.client_id)],
                lambda rows: self._store.insert_client(row, rows),
            )
        except ConflictError as error:
            raise CscServerError(f"There is a client {client_id!r} already.", advice="Choose another id.") from error
        return {**_members(row), **({"client_secret": made} if made else {})}

    def list(self) -> Json:
        """Answer every client, in short."""
        return {"clients": [{name: _members(row)[name] for name in _SHOWN} for row in self._store.clients()]}

    def show(self, client_id: str) -> Json:
        """Answer the registration of a client; its secret is nowhere."""
        return _members(self._known(client_id))

    def rotate(self, client_id: str, secret: str | None) -> Json:
        """Replace a client's secret; the old one is refused from now on."""
        row = self._known(client_id)
        if not _shares_secret(row.auth_methods):
            raise CscServerError(f"The client {client_id!r} has no secret.", advice="Its registration names its keys.")
        made = new_secret() if secret is None else None
        chosen = secret or str(made)
        salt, digest = salted_secret(chosen)
        account_key = None if row.account_token_key is None else self._account_key(row.client_id, chosen)
        self._log.write(
            [self._record(Event.CLIENT_SECRET_ROTATED, row.client_id)],
            lambda rows: self._store.change_client_secret(row.client_id, salt, digest, account_key, rows),
        )
        return {"client_id": client_id, **({"client_secret": made} if made else {})}

    def disable(self, client_id: str) -> Json:
        """Disable a client; its tokens end."""
        row = self._known(client_id)
        self._log.write(
            [self._record(Event.CLIENT_DISABLED, row.client_id)],
            lambda rows: self._store.disable_client(row.client_id, self._clock.seconds(), rows),
        )
        return {"client_id": client_id, "disabled": True}

    def _account_key(self, client_id: ClientId, secret: str | None) -> bytes:
        """Return the sealed key of account tokens, which are made with the client's secret (decision 18)."""
        if secret is None:
            raise CscServerError("Account tokens need a client that shares a secret.", advice="Nothing was stored.")
        if self._seed_key is None:
            raise CscServerError("Account tokens need web.key_file, which is not set.", advice="Set it in the file.")
        return sealed_key(self._seed_key, client_id, secret)

    def _known(self, client_id: str) -> ClientRow:
        row = self._store.client(ClientId(client_id))
        if row is None:
            raise CscServerError(f"There is no client {client_id!r}.", advice="Look at `csc-server client list`.")
        return row

    def _record(self, event: Event, client_id: ClientId) -> Record:
        return Record(event, Outcome.SUCCESS, {"operator": self._operator, "client_id": client_id})


def _shares_secret(auth_methods: tuple[str, ...]) -> bool:
    return any(method.startswith("client_secret_") for method in auth_methods)


def _members(row: ClientRow) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    shown = {name: value for name, value in values.items() if name not in _SECRET}
    members = {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()}
    return members | {"account_token": row.account_token_key is not None}
