"""Fills a new data folder: token, keys, test CA, both databases, clients, signers, credentials.

Runs as a process of its own, `python -m csc_server.cli.dev.provisioning`, so that the PKCS#11 module is
never loaded in the process that later starts the servers.
"""

import base64
import datetime as dt
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import click
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel

from csc_server.cli.dev.certificates import DevelopmentAuthority, distinguished_name, make_authority
from csc_server.cli.dev.folder import DataFolder, write_private
from csc_server.cli.dev.key_clients import make_key_clients
from csc_server.cli.dev.seeds import (
    MULTISIGN,
    SUBJECTS,
    Seed,
    SeedClient,
    SeedCredential,
    SeedMode,
    SeedUser,
    make_modes,
    make_seed,
)
from csc_server.cli.dev.token import TOKEN_LABEL, device_settings, make_pins, use_configuration
from csc_server.cli.outcome import FAILED, is_terminal, report
from csc_server.cli.process import end_with_parent
from csc_server.clock import SystemClock
from csc_server.errors import CscServerError
from csc_server.signer.custody.in_one_step import Custody, Issue, NewCredential
from csc_server.signer.custody.journal import CustodyJournal
from csc_server.signer.custody.keys import disable_credential
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.provisioning import create_module_keys, initialise_token
from csc_server.storage.engine import make_engine
from csc_server.storage.migrate import upgrade
from csc_server.storage.ports.web import AccountRow, ClientRow
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ClientId, ClientProfile, CredentialId, SignerId
from csc_server.web.authorization.account_tokens import sealed_key
from csc_server.web.authorization.authorization_request import CUSTODY_SCOPES
from csc_server.web.authorization.clients import salted_secret
from csc_server.web.authorization.passwords import hash_password
from csc_server.web.authorization.seed_key import SeedKey, make_key_file

EXPIRES_AFTER = dt.timedelta(seconds=60)
"""Of a first start: long enough to get an authorization for the credential before its certificate expires."""


class Task(BaseModel):
    """What the process is asked for, as JSON on its standard input."""

    root: Path
    module: Path
    base_url: str


def main() -> None:
    """Bring the databases of a data folder up to date and fill it if it is new."""
    end_with_parent()
    task = Task.model_validate_json(sys.stdin.buffer.read())
    folder = DataFolder(task.root)
    try:
        if not folder.seed.exists():
            folder.clear()
        for side in ("web", "signer"):
            upgrade(folder.database_url(side), side)
        if not folder.seed.exists():
            _fill(folder, task)
    except CscServerError as error:
        report(error)
        sys.exit(FAILED)


def _fill(folder: DataFolder, task: Task) -> None:
    use_configuration(folder)
    seed = make_seed(task.base_url, folder.trust_root)
    so_pin, user_pin = make_pins(folder)
    initialise_token(task.module, TOKEN_LABEL, so_pin, user_pin)
    create_module_keys(device_settings(folder, task.module))
    store, authority = SqlWebStore(make_engine(folder.database_url("web"))), make_authority(folder.authority)
    make_key_file(folder.web_key)
    _register(store, seed, SeedKey.of_file(folder.web_key))
    seed = _register_key_clients(store, folder, seed, authority)
    modes = make_modes(seed.users[0].username, folder.clients)
    seed = seed.model_copy(update={"modes": modes, "outbox": str(folder.outbox)})
    _create_credentials(folder, task.module, seed, authority)
    write_private(folder.seed, seed.model_dump_json(indent=2) + "\n")


def _register(store: SqlWebStore, seed: Seed, seed_key: SeedKey | None) -> None:
    for client in seed.clients:
        store.put_client(client_row(client))
    if seed.account_client is not None and seed_key is not None:
        store.put_client(_account_client_row(seed.account_client, seed_key))
    for user in seed.users:
        store.put_account(account_row(user, seed_key))


def _account_client_row(client: SeedClient, seed_key: SeedKey) -> ClientRow:
    key = sealed_key(seed_key, ClientId(client.client_id), client.client_secret or "")
    return replace(client_row(client), account_token_key=key)


def _register_key_clients(store: SqlWebStore, folder: DataFolder, seed: Seed, authority: DevelopmentAuthority) -> Seed:
    made = make_key_clients(folder.clients, authority)
    for _, row in made:
        store.put_client(row)
    return seed.model_copy(update={"key_clients": tuple(client for client, _ in made)})


def client_row(client: SeedClient) -> ClientRow:
    """Return the registration of a seeded client; a public one gets no grant that needs a secret."""
    salt, digest = salted_secret(client.client_secret) if client.client_secret else (b"", b"")
    confidential = client.client_secret is not None
    grants = ("authorization_code", "refresh_token")
    return ClientRow(
        client_id=ClientId(client.client_id),
        name=client.client_id,
        profile=client.profile,
        redirect_uris=client.redirect_uris,
        grant_types=(*grants, "client_credentials") if confidential else grants,
        scopes=("service", "credential", *(CUSTODY_SCOPES if has_custody(client) else ())),
        auth_methods=("client_secret_basic", "client_secret_post") if confidential else ("none",),
        secret_salt=salt,
        secret_hash=digest,
    )


def has_custody(client: SeedClient) -> bool:
    """Whether a seeded client may have credentials made and destroyed: the confidential one of profile csc2."""
    return client.client_secret is not None and client.profile is ClientProfile.CSC2


def account_row(user: SeedUser, seed_key: SeedKey | None) -> AccountRow:
    """Return the login account of a seeded user."""
    seed = base64.b32decode(user.totp_secret) if user.totp_secret else b""
    return AccountRow(
        username=user.username,
        signer_id=signer_of(user.username),
        password_verifier=hash_password(user.password),
        totp_seed=seed_key.seal(user.username, seed) if seed_key and seed else b"",
    )


def signer_of(username: str) -> SignerId:
    """Return the signer that a seeded account belongs to."""
    return SignerId(f"signer-{username}")


def _create_credentials(folder: DataFolder, module: Path, seed: Seed, authority: DevelopmentAuthority) -> None:
    store = SqlSignerStore(make_engine(folder.database_url("signer")))
    device = open_device(device_settings(folder, module))
    custody = Custody(store, device, SystemClock(), writer="dev/custody")
    linked = [ClientId(client.client_id) for client in seed.clients if client.client_secret]
    linked += [ClientId(client.client_id) for client in seed.key_clients]
    custodians = [ClientId(client.client_id) for client in seed.clients if has_custody(client)]
    for user in seed.users:
        custody.create_signer(signer_of(user.username), linked, custodians)
    with Progress(len(seed.credentials)) as progress:
        for credential in seed.credentials:
            progress.step(credential)
            custody.create(_new_credential(credential), _issue(authority, credential))
    for mode in seed.modes.values():
        subject = distinguished_name(SUBJECTS[mode.username])
        custody.create(_new_mode(mode), partial(authority.certify, subject=subject))
    journal = CustodyJournal(store, SystemClock(), "dev/disable")
    for credential in seed.credentials:
        if credential.state == "disabled":
            disable_credential(store, journal, CredentialId(credential.credential_id), {})
    device.close()


def _issue(authority: DevelopmentAuthority, credential: SeedCredential) -> Issue:
    """Return the issuer of a credential's certificate; one that is to expire does so soon after the start."""
    issue = partial(authority.certify, subject=distinguished_name(SUBJECTS[credential.username]))
    return partial(issue, lifetime=EXPIRES_AFTER) if credential.state == "expired" else issue


def _new_credential(credential: SeedCredential) -> NewCredential:
    return NewCredential(
        credential_id=CredentialId(credential.credential_id),
        signer_id=signer_of(credential.username),
        key_type=credential.key,
        auth_mode=credential.auth_mode,
        scal=credential.scal,
        multisign=MULTISIGN,
        pin=credential.pin,
        totp_seed=base64.b32decode(credential.totp_secret) if credential.totp_secret else None,
        description=f"{credential.key.value}, development only",
    )


def _new_mode(mode: SeedMode) -> NewCredential:
    return NewCredential(
        credential_id=CredentialId(mode.credential_id),
        signer_id=signer_of(mode.username),
        key_type=mode.key,
        auth_mode=mode.auth_mode,
        scal=mode.scal,
        multisign=MULTISIGN,
        pin=mode.pin,
        totp_seed=base64.b32decode(mode.totp_secret) if mode.totp_secret else None,
        description="Another mode of authorization, development only",
        address=f"{mode.username}@example.test" if mode.online else None,
        response_key=_response_key(Path(mode.response_key)) if mode.response_key else None,
    )


def _response_key(path: Path) -> bytes:
    """Make the private key that stands for the signer's own device; return its public key (DER)."""
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class Progress:
    """One line on standard error that counts keys; rewritten in place on a terminal, printed once elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0

    def __enter__(self) -> Self:
        if not is_terminal():
            click.echo(f"Making {self._total} keys; RSA-4096 takes a few seconds each.", err=True)
        return self

    def step(self, credential: SeedCredential) -> None:
        """Show that the next key is being made."""
        self._number += 1
        if is_terminal():
            text = f"Making key {self._number} of {self._total}: {credential.key.value}"
            click.echo(f"\r{text:<60}", err=True, nl=False)

    def __exit__(self, *_: object) -> None:
        if is_terminal():
            click.echo(err=True)


if __name__ == "__main__":
    main()
