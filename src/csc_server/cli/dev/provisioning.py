"""Fills a new data folder: token, keys, test CA, both databases, clients, signers, credentials.

Runs as a process of its own, `python -m csc_server.cli.dev.provisioning`, so that the PKCS#11 module is
never loaded in the process that later starts the servers.
"""

import base64
import sys
from functools import partial
from pathlib import Path
from typing import Self

import click
from pydantic import BaseModel

from csc_server.cli.dev.certificates import DevelopmentAuthority, distinguished_name, make_authority
from csc_server.cli.dev.folder import DataFolder, write_private
from csc_server.cli.dev.seeds import MULTISIGN, SUBJECTS, Seed, SeedClient, SeedCredential, SeedUser, make_seed
from csc_server.cli.dev.token import TOKEN_LABEL, device_settings, make_pins, use_configuration
from csc_server.cli.outcome import FAILED, is_terminal, report
from csc_server.cli.process import end_with_parent
from csc_server.clock import SystemClock
from csc_server.errors import CscServerError
from csc_server.signer.custody import Custody, NewCredential
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.provisioning import create_module_keys, initialise_token
from csc_server.storage.engine import make_engine
from csc_server.storage.migrate import upgrade
from csc_server.storage.ports.web import AccountRow, ClientRow
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ClientId, CredentialId, SignerId
from csc_server.web.authorization.clients import salted_secret
from csc_server.web.authorization.passwords import hash_password


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
    _register(SqlWebStore(make_engine(folder.database_url("web"))), seed)
    _create_credentials(folder, task.module, seed, make_authority(folder.authority))
    write_private(folder.seed, seed.model_dump_json(indent=2) + "\n")


def _register(store: SqlWebStore, seed: Seed) -> None:
    for client in seed.clients:
        store.put_client(client_row(client))
    for user in seed.users:
        store.put_account(account_row(user))


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
        scopes=("service", "credential"),
        auth_methods=("client_secret_basic", "client_secret_post") if confidential else ("none",),
        secret_salt=salt,
        secret_hash=digest,
    )


def account_row(user: SeedUser) -> AccountRow:
    """Return the login account of a seeded user."""
    return AccountRow(
        username=user.username,
        signer_id=signer_of(user.username),
        password_verifier=hash_password(user.password),
        totp_seed=base64.b32decode(user.totp_secret) if user.totp_secret else b"",
    )


def signer_of(username: str) -> SignerId:
    """Return the signer that a seeded account belongs to."""
    return SignerId(f"signer-{username}")


def _create_credentials(folder: DataFolder, module: Path, seed: Seed, authority: DevelopmentAuthority) -> None:
    store = SqlSignerStore(make_engine(folder.database_url("signer")))
    device = open_device(device_settings(folder, module))
    custody = Custody(store, device, SystemClock(), writer="dev/custody")
    linked = [ClientId(client.client_id) for client in seed.clients if client.client_secret]
    for user in seed.users:
        custody.create_signer(signer_of(user.username), linked)
    with Progress(len(seed.credentials)) as progress:
        for credential in seed.credentials:
            progress.step(credential)
            subject = distinguished_name(SUBJECTS[credential.username])
            custody.create(_new_credential(credential), partial(authority.certify, subject=subject))
    device.close()


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
