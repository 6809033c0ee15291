"""`client add --account-token`: the key of account tokens goes with the secret (decision 18)."""

import hashlib
from pathlib import Path

import pytest

from csc_server.audit.change_log import ChangeLog
from csc_server.cli.client_tasks import Clients
from csc_server.errors import CscServerError
from csc_server.storage.engine import make_engine
from csc_server.storage.registry_store import SqlRegistryStore
from csc_server.values import ClientId, ClientProfile, TokenBinding
from csc_server.web.authorization.account_tokens import sealed_key
from csc_server.web.authorization.seed_key import SeedKey
from fakes.web_application import SteppingClock
from stores import migrated_database

REGISTRATION = {
    "client_id": "app",
    "name": "app",
    "profile": ClientProfile.CSC2,
    "redirect_uris": ("https://client.example/cb",),
    "grant_types": ("authorization_code",),
    "scopes": ("service",),
    "auth_methods": ("client_secret_basic",),
    "jwks": {},
    "tls_subject": "",
    "token_binding": TokenBinding.NONE,
    "rate_factor": 1,
    "account_token": True,
    "secret": None,
}
SEED_KEY = SeedKey(bytes(32))


@pytest.fixture
def store(tmp_path: Path):
    return SqlRegistryStore(make_engine(migrated_database(tmp_path, "web")))


def clients(store, seed_key=SEED_KEY):
    clock = SteppingClock()
    return Clients(store, ChangeLog(store, clock, "commands-web-test"), "operator", clock, seed_key)


def opened(store):
    """Return the key of the stored registration, which opens for this client alone."""
    stored = store.client(ClientId("app")).account_token_key
    return SEED_KEY.open("\0account_token\0app", stored)


def test_the_key_is_that_of_the_secret_which_is_shown_once(store):
    shown = clients(store).add(**REGISTRATION)

    assert opened(store) == hashlib.sha256(shown["client_secret"].encode()).digest()
    assert shown["account_token"] is True
    assert "account_token_key" not in clients(store).show("app")


def test_a_new_secret_has_a_new_key(store):
    clients(store).add(**REGISTRATION)
    shown = clients(store).rotate("app", None)

    assert opened(store) == hashlib.sha256(shown["client_secret"].encode()).digest()


def test_a_client_without_account_tokens_gets_no_key(store):
    shown = clients(store).add(**REGISTRATION | {"account_token": False})
    clients(store).rotate("app", None)

    assert shown["account_token"] is False
    assert store.client(ClientId("app")).account_token_key is None


@pytest.mark.parametrize(
    ("changes", "seed_key"),
    [({"auth_methods": ("none",)}, SEED_KEY), ({}, None)],
    ids=["public client", "no key file"],
)
def test_what_cannot_be_sealed_is_not_stored(store, changes, seed_key):
    with pytest.raises(CscServerError):
        clients(store, seed_key).add(**REGISTRATION | changes)

    assert store.clients() == []


def test_a_sealed_key_opens_for_its_client_alone():
    assert SEED_KEY.open("\0account_token\0other", sealed_key(SEED_KEY, ClientId("app"), "secret")) is None
