"""Web's store: clients, accounts, sessions, interactions, codes, tokens, audit."""

from collections import Counter
from dataclasses import replace

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import ChainHead
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.ports.web import (
    AccountRow,
    ClientRow,
    CodeRow,
    InteractionRow,
    SessionRow,
    TokenKind,
    TokenRow,
)
from csc_server.values import ApprovalId, ClientId, ClientProfile, CredentialId, SignerId
from stores import NOW, an_audit_row, at_once, digest

PARALLEL = 64
CLIENT = ClientRow(
    client_id=ClientId("client"),
    name="電子カルテ «test»",
    profile=ClientProfile.CSC2,
    redirect_uris=("https://app.example/cb?a=1", "http://127.0.0.1/cb"),
    grant_types=("authorization_code",),
    scopes=("service", "credential"),
    auth_methods=("client_secret_basic", "client_secret_post"),
    secret_salt=b"salt \x00",
    secret_hash=digest("secret"),
)
ACCOUNT = AccountRow("alice", SignerId("signer-1"), "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA", b"seed", 7)
SESSION = SessionRow(digest("session"), "alice", SignerId("signer-1"), "csrf", NOW, NOW, NOW + 900)
INTERACTION = InteractionRow(
    interaction_id="interaction",
    client_id=CLIENT.client_id,
    step="login",
    request={"scope": "service", "hashes": ["一"], "numSignatures": 2, "lang": None},
    created_at=NOW,
    expires_at=NOW + 600,
    browser_hash=digest("browser"),
)
CODE = CodeRow(
    code_hash=digest("code"),
    client_id=CLIENT.client_id,
    redirect_uri="https://app.example/cb",
    redirect_uri_given=True,
    code_challenge="challenge",
    scope="credential",
    signer_id=SignerId("signer-1"),
    family_id="family",
    expires_at=NOW + 60,
    request={"authorization_details": [{"type": "credential"}]},
    approval_id=ApprovalId("approval"),
    credential_id=CredentialId("credential"),
)


def a_token(name: str, kind: TokenKind = TokenKind.ACCESS, **changes: object) -> TokenRow:
    values = {
        "token_hash": digest(name),
        "kind": kind,
        "family_id": "family",
        "client_id": CLIENT.client_id,
        "signer_id": SignerId("signer-1"),
        "scope": "service",
        "face": "v1",
        "origin": "oauth2",
        "issued_at": NOW,
        "expires_at": NOW + 3600,
    }
    return TokenRow(**{**values, **changes})  # type: ignore[arg-type]


def begin_login(store, now=NOW, temporary=3, permanent=5):
    return store.begin_login("alice", now, temporary=temporary, permanent=permanent, lock_seconds=900)


def test_client_comes_back_as_it_was_put(web_store):
    web_store.put_client(CLIENT)

    assert web_store.client(CLIENT.client_id) == CLIENT
    assert web_store.client(ClientId("Client")) is None

    public = replace(CLIENT, secret_salt=b"", secret_hash=b"", disabled=True, scopes=(), name="")
    web_store.put_client(public)

    assert web_store.client(CLIENT.client_id) == public


def test_account_comes_back_as_it_was_put(web_store):
    web_store.put_account(ACCOUNT)

    assert web_store.account("alice") == ACCOUNT
    assert web_store.account("ALICE") is None

    web_store.put_account(replace(ACCOUNT, totp_seed=b"", failures=2))

    assert web_store.account("alice") == replace(ACCOUNT, totp_seed=b"", failures=2)


def test_AU_06_login_is_counted_before_the_password_is_compared(web_store):
    web_store.put_account(ACCOUNT)
    rows = [begin_login(web_store) for _ in range(4)]

    assert [row and row.failures for row in rows] == [1, 2, 3, None]
    assert begin_login(web_store, NOW + 899) is None
    assert [begin_login(web_store, NOW + 900 * n) is None for n in (1, 2, 3, 10**6)] == [False, False, True, True]


def test_AU_06_parallel_logins_pass_up_to_the_lock_only(web_store):
    web_store.put_account(ACCOUNT)
    rows = at_once(PARALLEL, lambda _: begin_login(web_store, temporary=5, permanent=10))

    assert sorted(row.failures for row in rows if row) == [1, 2, 3, 4, 5]


def test_unknown_login_is_refused_like_a_locked_one(web_store):
    assert begin_login(web_store) is None


def test_right_login_clears_failures(web_store):
    web_store.put_account(ACCOUNT)
    for _ in range(3):
        begin_login(web_store)

    assert web_store.pass_login("alice")
    assert web_store.account("alice") == ACCOUNT
    assert not web_store.pass_login("bob")


def test_AU_04_step_of_a_login_code_counts_once(web_store):
    web_store.put_account(ACCOUNT)
    results = at_once(PARALLEL, lambda _: web_store.pass_login("alice", 8))

    assert Counter(results) == {True: 1, False: PARALLEL - 1}
    assert not web_store.pass_login("alice", 7)
    assert web_store.account("alice").totp_last_step == 8


def test_AU_09_session_lives_until_it_is_deleted(web_store):
    web_store.put_account(ACCOUNT)
    web_store.insert_session(SESSION)
    web_store.touch_session(SESSION.session_hash, NOW + 5)
    web_store.touch_session(SESSION.session_hash, NOW + 3)

    assert web_store.session(SESSION.session_hash) == replace(SESSION, seen_at=NOW + 5)

    web_store.delete_session(SESSION.session_hash)
    web_store.delete_session(SESSION.session_hash)

    assert web_store.session(SESSION.session_hash) is None


def test_interaction_changes_by_its_version(web_store):
    web_store.insert_interaction(INTERACTION)
    changed = replace(
        INTERACTION, step="consent", version=2, session_hash=SESSION.session_hash, approval_id=ApprovalId("approval")
    )

    assert web_store.interaction("interaction") == INTERACTION
    assert web_store.change_interaction(changed, 1)
    assert not web_store.change_interaction(replace(changed, step="done"), 1)
    assert web_store.interaction("interaction") == changed
    assert web_store.interaction("unknown") is None


def test_interaction_is_added_once_in_parallel(web_store):
    rows = [replace(INTERACTION, session_hash=digest(f"session {place}")) for place in range(PARALLEL)]
    results = at_once(PARALLEL, lambda place: web_store.add_interaction(rows[place]))

    assert results.count(True) == 1
    assert web_store.interaction("interaction") == rows[results.index(True)]


def test_interaction_stays_with_its_client(web_store):
    web_store.insert_interaction(INTERACTION)
    web_store.change_interaction(replace(INTERACTION, client_id=ClientId("other"), version=2), 1)

    assert web_store.interaction("interaction") == replace(INTERACTION, version=2)


def test_interaction_takes_its_first_browser_and_keeps_it(web_store):
    web_store.insert_interaction(replace(INTERACTION, browser_hash=b""))

    assert web_store.change_interaction(replace(INTERACTION, version=2), 1)
    assert not web_store.change_interaction(replace(INTERACTION, browser_hash=digest("thief"), version=3), 2)
    assert not web_store.change_interaction(replace(INTERACTION, browser_hash=b"", version=3), 2)
    assert web_store.interaction("interaction") == replace(INTERACTION, version=2)


def test_interaction_moves_once_in_parallel(web_store):
    web_store.insert_interaction(INTERACTION)
    changed = replace(INTERACTION, step="consent", version=2)

    assert at_once(PARALLEL, lambda _: web_store.change_interaction(changed, 1)).count(True) == 1


def test_OA_03_code_is_redeemed_once(web_store):
    web_store.insert_code(CODE)

    assert web_store.redeem_code(CODE.code_hash, NOW) == (replace(CODE, used_at=NOW), True)
    assert web_store.redeem_code(CODE.code_hash, NOW + 1) == (replace(CODE, used_at=NOW), False)
    assert web_store.redeem_code(digest("unknown"), NOW) == (None, False)


def test_OA_03_code_redeemed_in_parallel_gives_one_success(web_store):
    web_store.insert_code(CODE)
    results = at_once(PARALLEL, lambda _: web_store.redeem_code(CODE.code_hash, NOW))

    assert Counter(first for _, first in results) == {True: 1, False: PARALLEL - 1}
    assert {row for row, _ in results if row is None} == set()


def test_expired_code_is_consumed_too(web_store):
    web_store.insert_code(CODE)

    assert web_store.redeem_code(CODE.code_hash, CODE.expires_at + 1)[1]
    assert not web_store.redeem_code(CODE.code_hash, NOW)[1]


def test_code_and_token_are_stored_once(web_store):
    web_store.insert_code(CODE)
    with pytest.raises(ConflictError):
        web_store.insert_code(CODE)
    with pytest.raises(ConflictError):
        web_store.insert_tokens([a_token("a"), a_token("a")])

    assert web_store.token(digest("a")) is None


def test_token_comes_back_as_it_was_stored(web_store):
    rows = [
        a_token("a", client_id=None, signer_id=None, face="rfc", origin="login"),
        a_token("r", TokenKind.REFRESH, credential_id=CredentialId("c"), approval_id=ApprovalId("a")),
    ]
    web_store.insert_tokens(rows)
    web_store.insert_tokens([])

    assert [web_store.token(row.token_hash) for row in rows] == rows
    assert web_store.token(digest("unknown")) is None


def test_OA_13_refresh_token_rotates_once(web_store):
    web_store.insert_tokens([a_token("r", TokenKind.REFRESH)])
    successors = [a_token("a2"), a_token("r2", TokenKind.REFRESH)]

    assert web_store.rotate_refresh_token(digest("r"), NOW, successors)
    assert not web_store.rotate_refresh_token(digest("r"), NOW + 1, [a_token("a3")])
    assert web_store.token(digest("r")).replaced_at == NOW
    assert web_store.token(digest("a2")) == successors[0]
    assert web_store.token(digest("a3")) is None


def test_OA_13_refresh_token_rotated_in_parallel_gives_one_success(web_store):
    web_store.insert_tokens([a_token("r", TokenKind.REFRESH)])

    def rotate(place: int) -> bool:
        return web_store.rotate_refresh_token(digest("r"), NOW, [a_token(f"r{place}", TokenKind.REFRESH)])

    results = at_once(PARALLEL, rotate)

    assert Counter(results) == {True: 1, False: PARALLEL - 1}
    assert [web_store.token(digest(f"r{place}")) is not None for place in range(PARALLEL)] == results


@pytest.mark.parametrize(
    "row",
    [
        a_token("r", TokenKind.ACCESS),
        a_token("r", TokenKind.REFRESH, expires_at=NOW),
        a_token("r", TokenKind.REFRESH, revoked_at=NOW - 1),
        a_token("r", TokenKind.REFRESH, replaced_at=NOW - 1),
        a_token("other", TokenKind.REFRESH),
    ],
    ids=["access token", "expired", "revoked", "replaced", "unknown"],
)
def test_OA_13_only_a_live_refresh_token_rotates(web_store, row):
    web_store.insert_tokens([row])

    assert not web_store.rotate_refresh_token(digest("r"), NOW, [a_token("a2")])
    assert web_store.token(digest("a2")) is None


def test_revoked_token_keeps_its_first_time(web_store):
    web_store.insert_tokens([a_token("a"), a_token("b")])
    assert [web_store.revoke_token(digest("a"), at) for at in (NOW + 1, NOW + 2)] == [True, False]

    assert web_store.token(digest("a")).revoked_at == NOW + 1
    assert web_store.token(digest("b")).revoked_at == 0


def test_family_is_revoked_and_named_once(web_store):
    web_store.insert_tokens([a_token("a"), a_token("r", TokenKind.REFRESH), a_token("other", family_id="other")])
    web_store.revoke_token(digest("a"), NOW)

    revoked = web_store.revoke_family("family", NOW + 1)

    assert revoked == [a_token("r", TokenKind.REFRESH, revoked_at=NOW + 1)]
    assert web_store.revoke_family("family", NOW + 2) == []
    assert web_store.token(digest("r")).revoked_at == NOW + 1
    assert web_store.token(digest("other")).revoked_at == 0


def test_OA_03_token_stored_after_its_family_was_revoked_is_dead(web_store):
    web_store.revoke_family("family", NOW)
    web_store.insert_tokens([a_token("late"), a_token("refresh", TokenKind.REFRESH)])

    assert web_store.token(digest("late")).revoked_at == NOW
    assert not web_store.rotate_refresh_token(digest("refresh"), NOW, [a_token("a2")])


def test_OA_13_revocation_beside_rotations_leaves_no_live_token(web_store):
    web_store.insert_tokens([a_token("r0", TokenKind.REFRESH)])

    def act(place: int) -> None:
        if place == PARALLEL // 2:
            web_store.revoke_family("family", NOW)
        for step in range(4):
            successor = a_token(f"r{step + 1}", TokenKind.REFRESH)
            if web_store.token(digest(f"r{step}")) and not web_store.token(successor.token_hash):
                try:
                    web_store.rotate_refresh_token(digest(f"r{step}"), NOW, [successor])
                except ConflictError:
                    continue

    results = at_once(PARALLEL, act)

    assert set(results) == {None}
    rows = [web_store.token(digest(f"r{step}")) for step in range(5)]
    assert [row.revoked_at for row in rows if row] == [NOW] * len([row for row in rows if row])


def test_AR_06_chain_of_each_writer_goes_on_from_its_head(web_store):
    assert web_store.chain_head("writer-1") == ChainHead(0, bytes(32))

    web_store.append_audit([an_audit_row(1), an_audit_row(2)])
    web_store.append_audit([an_audit_row(1, "writer-2")])
    with pytest.raises(UnavailableError) as caught:
        web_store.append_audit([an_audit_row(3), an_audit_row(2)])

    assert caught.value.component == "audit"
    assert web_store.chain_head("writer-1") == ChainHead(2, an_audit_row(2).hash)
    assert web_store.chain_head("writer-2") == ChainHead(1, an_audit_row(1).hash)
