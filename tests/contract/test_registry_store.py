"""Clients and accounts as operators change them."""

from dataclasses import replace

import pytest

from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.ports.web import AccountRow, ClientRow, CodeRow, SessionRow, TokenKind, TokenRow
from csc_server.storage.registry_store import SqlRegistryStore
from csc_server.values import ClientId, ClientProfile, SignerId
from stores import NOW, an_audit_row, digest

CLIENT = ClientRow(
    ClientId("client-1"), "Clinic", ClientProfile.CSC2, ("https://a.example/cb",), ("authorization_code",),
    ("service",), ("client_secret_basic",), b"salt", b"digest",
)  # fmt: skip
ACCOUNT = AccountRow("alice", SignerId("signer-1"), "verifier", failures=3, locked_until=NOW + 9)


@pytest.fixture
def registry(databases):
    engine = make_engine(databases.web_url)
    yield SqlRegistryStore(engine)
    engine.dispose()


def a_token(name, **changes):
    row = TokenRow(
        digest(name), TokenKind.ACCESS, f"family-{name}", CLIENT.client_id, ACCOUNT.signer_id, "service", "v1",
        "oauth2", NOW, NOW + 60,
    )  # fmt: skip
    return replace(row, **changes)


def a_code(name, **changes):
    row = CodeRow(
        digest(name),
        CLIENT.client_id,
        "https://a.example/cb",
        True,
        "",
        "service",
        ACCOUNT.signer_id,
        "family",
        NOW + 60,
    )
    return replace(row, **changes)


def test_client_is_registered_once_with_its_record(registry):
    registry.insert_client(CLIENT, [an_audit_row()])
    with pytest.raises(ConflictError):
        registry.insert_client(CLIENT, [an_audit_row(2)])

    assert registry.clients() == [CLIENT]
    assert registry.client(CLIENT.client_id) == CLIENT
    assert registry.chain_head("writer-1").sequence == 1


def test_OA_16_new_secret_replaces_the_old_one(registry):
    registry.insert_client(CLIENT, [])
    registry.change_client_secret(CLIENT.client_id, b"new", b"other", b"key", [an_audit_row()])
    with pytest.raises(ConflictError):
        registry.change_client_secret(ClientId("unknown"), b"new", b"other", None, [an_audit_row(2)])

    changed = replace(CLIENT, secret_salt=b"new", secret_hash=b"other", account_token_key=b"key")
    assert registry.client(CLIENT.client_id) == changed
    assert registry.chain_head("writer-1").sequence == 1


def test_disabled_client_loses_its_tokens_and_codes_and_nobody_elses(registry, web_store):
    other = ClientId("client-2")
    registry.insert_client(CLIENT, [])
    web_store.insert_tokens([a_token("own"), a_token("other", client_id=other)])
    web_store.insert_code(a_code("own code"))
    registry.disable_client(CLIENT.client_id, NOW + 1, [an_audit_row()])

    assert registry.client(CLIENT.client_id) == replace(CLIENT, disabled=True)
    assert web_store.token(digest("own")).revoked_at == NOW + 1
    assert web_store.token(digest("other")).revoked_at == 0
    assert web_store.redeem_code(digest("own code"), NOW + 2)[1] is False


@pytest.mark.parametrize("act", ["disable", "password"])
def test_end_of_an_account_ends_what_was_opened_with_it(registry, web_store, act):
    registry.insert_account(ACCOUNT, [an_audit_row()])
    registry.insert_account(replace(ACCOUNT, username="bob", signer_id=SignerId("signer-2")), [])
    web_store.insert_session(SessionRow(digest("s"), "alice", ACCOUNT.signer_id, "csrf", NOW, NOW, NOW + 60))
    web_store.insert_tokens([a_token("own"), a_token("bobs", signer_id=SignerId("signer-2"))])
    web_store.insert_code(a_code("own code"))
    if act == "disable":
        registry.disable_account("alice", NOW + 1, [an_audit_row(2)])
        changed = replace(ACCOUNT, disabled=True)
    else:
        registry.change_password("alice", "another", NOW + 1, [an_audit_row(2)])
        changed = replace(ACCOUNT, password_verifier="another", failures=0, locked_until=0)

    assert registry.account("alice") == changed
    assert web_store.session(digest("s")) is None
    assert web_store.token(digest("own")).revoked_at == NOW + 1
    assert web_store.token(digest("bobs")).revoked_at == 0
    assert web_store.redeem_code(digest("own code"), NOW + 2)[1] is False
    assert registry.chain_head("writer-1").sequence == 2


def test_AU_06_disabled_account_does_not_log_in(registry, web_store):
    registry.insert_account(replace(ACCOUNT, failures=0, locked_until=0), [])
    registry.disable_account("alice", NOW, [])

    assert web_store.begin_login("alice", NOW, temporary=5, permanent=10, lock_seconds=900) is None


def test_unlocked_account_has_no_failures(registry):
    registry.insert_account(ACCOUNT, [])
    registry.unlock_account("alice", [an_audit_row()])
    with pytest.raises(ConflictError):
        registry.unlock_account("nobody", [an_audit_row(2)])

    assert registry.accounts() == [replace(ACCOUNT, failures=0, locked_until=0)]
