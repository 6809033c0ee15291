"""The purge of both stores: what is dead goes, what could still be asked for stays, the audit stays whole."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from contract.test_web_store import ACCOUNT, CLIENT, CODE, INTERACTION, SESSION, a_token
from csc_server.storage.engine import make_engine
from csc_server.storage.migrate import SIDES
from csc_server.storage.ports.signer import ApprovalState, IntentState, SadState
from csc_server.storage.ports.web import TokenKind
from csc_server.storage.purge import DAY
from csc_server.storage.signer_purge import REMOVALS as SIGNER_REMOVALS
from csc_server.storage.web_purge import DEAD
from stores import NOW, a_sad, a_spend, an_approval, an_audit_row, digest, keep_sad

MOST = 100
KEPT_FOR_GOOD = {
    "web": {"clients", "accounts", "web_audit"},
    "signer": {
        "signers", "client_links", "credentials", "factors", "worker_slots", "signer_audit",
    },
}  # fmt: skip


def removed(store, now, most=MOST):
    return {name: number for name, number in store.purge(now, most).items() if number}


def rows(url, table):
    engine = make_engine(url)
    with engine.connect() as connection:
        number = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return number


def test_every_table_is_either_purged_or_kept_for_good():
    web = {each.table.name for each in DEAD}
    signer = {name for name, *_ in SIGNER_REMOVALS._statements} | {"sads", "consumptions"}

    assert web | KEPT_FOR_GOOD["web"] == set(SIDES["web"].metadata.tables)
    assert signer | KEPT_FOR_GOOD["signer"] == set(SIDES["signer"].metadata.tables)
    assert not signer & KEPT_FOR_GOOD["signer"]


@pytest.fixture
def web(web_store):
    web_store.put_client(CLIENT)
    web_store.put_account(ACCOUNT)
    return web_store


def test_what_is_alive_or_died_just_now_stays(web):
    web.insert_session(SESSION)
    web.insert_interaction(INTERACTION)
    web.insert_code(CODE)
    web.insert_tokens([a_token("access")])
    web.use_once(digest("jti"), NOW + 60)
    web.add_requests(digest("subject"), NOW // 60, 1)

    assert removed(web, NOW) == {}
    assert removed(web, NOW + 600 + DAY - 1) == {"used_identifiers": 1, "request_counts": 1}


def test_what_died_a_day_ago_goes_by_table(web):
    web.insert_session(SESSION)
    web.insert_interaction(INTERACTION)
    web.insert_code(CODE)
    web.insert_tokens([a_token("access"), a_token("refresh", TokenKind.REFRESH)])
    web.revoke_family("family", NOW)

    assert removed(web, NOW + 3600 + DAY + 1) == {
        "sessions": 1,
        "interactions": 1,
        "codes": 1,
        "tokens": 2,
        "revoked_families": 1,
    }
    assert removed(web, NOW + 3600 + DAY + 1) == {}
    assert web.account("alice") == ACCOUNT
    assert web.client(CLIENT.client_id) == CLIENT


def test_OA_03_a_code_stays_while_a_token_of_its_family_is_there(web):
    month = 30 * DAY
    web.insert_code(CODE)
    web.redeem_code(CODE.code_hash, NOW)
    web.insert_tokens([a_token("refresh", TokenKind.REFRESH, expires_at=NOW + month)])
    web.purge(NOW + month, MOST)

    assert web.redeem_code(CODE.code_hash, NOW + month) == (replace(CODE, used_at=NOW), False)


def test_OA_13_a_replaced_refresh_token_is_known_until_its_family_is_over(web):
    month = 30 * DAY
    first = a_token("first", TokenKind.REFRESH, expires_at=NOW + month)
    web.insert_tokens([first])
    web.rotate_refresh_token(first.token_hash, NOW, [a_token("second", TokenKind.REFRESH, expires_at=NOW + month)])
    web.purge(NOW + month, MOST)

    assert web.token(first.token_hash).replaced_at == NOW


def test_OA_13_a_revoked_family_is_remembered_while_it_has_a_token(web):
    month = 30 * DAY
    web.revoke_family("family", NOW)
    web.insert_tokens([a_token("late", TokenKind.REFRESH, expires_at=NOW + month)])
    web.purge(NOW + month, MOST)

    assert web.token(digest("late")).revoked_at == NOW


@pytest.mark.parametrize("side", ["web", "signer"])
def test_AR_06_the_audit_is_never_purged(databases, web_store, signer_store, side):
    if side == "web":
        web_store.append_audit([an_audit_row()])
        web_store.purge(NOW + 3650 * DAY, MOST)
    else:
        with signer_store.begin() as transaction:
            transaction.append_audit([an_audit_row()])
        signer_store.purge(NOW + 3650 * DAY, MOST)

    assert rows(databases.web_url if side == "web" else databases.signer_url, f"{side}_audit") == 1


def test_a_batch_is_bounded_and_takes_the_oldest(web):
    web.insert_tokens([a_token(f"token {n}", expires_at=NOW + n) for n in range(10)])

    assert removed(web, NOW + 10 * DAY, most=4) == {"tokens": 4}
    assert [web.token(digest(f"token {n}")) is None for n in range(10)] == [True] * 4 + [False] * 6
    assert removed(web, NOW + 10 * DAY, most=4) == {"tokens": 4}
    assert removed(web, NOW + 10 * DAY, most=4) == {"tokens": 2}


def spent(store, sad, outcome):
    worker = store.raise_epoch("node-1", 0)
    spend = a_spend(sad)
    with store.begin_signing(worker, NOW) as transaction:
        transaction.spend([spend])
    if outcome is not None:
        with store.begin_signing(worker, NOW) as transaction:
            transaction.settle({spend.intent_id: outcome})
    return worker


def test_SA_03_a_SAD_that_an_extension_could_reach_stays_with_its_consumptions(databases, signer_store):
    sad = keep_sad(signer_store)
    spent(signer_store, sad, IntentState.DONE)
    signer_store.purge(sad.limit_at + DAY, MOST)

    assert (rows(databases.signer_url, "sads"), rows(databases.signer_url, "consumptions")) == (1, 1)


@pytest.mark.parametrize("outcome", [IntentState.DONE, IntentState.FAILED, IntentState.INDETERMINATE])
@pytest.mark.parametrize("state", [SadState.LIVE, SadState.VOID])
def test_SA_03_a_dead_SAD_goes_whole_and_is_unknown_from_then_on(databases, signer_store, outcome, state):
    sad = keep_sad(signer_store)
    worker = spent(signer_store, sad, outcome)
    if state is SadState.VOID:
        with signer_store.begin() as transaction:
            transaction.change_sad(sad.sad_id, state, sad.version + 1)

    assert removed(signer_store, sad.limit_at + DAY + 1) == {"consumptions": 1, "sads": 1, "approvals": 1}
    assert [rows(databases.signer_url, name) for name in ("sads", "consumptions", "approvals")] == [0, 0, 0]
    with signer_store.begin_signing(worker, NOW) as transaction:
        assert transaction.sads([sad.sad_hash]) == {}


def test_SA_04_a_SAD_with_an_open_intent_waits_for_its_recovery(databases, signer_store):
    sad = keep_sad(signer_store)
    spent(signer_store, sad, None)
    late = sad.limit_at + 10 * DAY

    assert removed(signer_store, late) == {}
    successor = signer_store.raise_epoch("node-1", 0)
    with signer_store.begin_signing(successor, NOW) as transaction:
        assert len(transaction.recover()) == 1
    assert removed(signer_store, late) == {"consumptions": 1, "sads": 1, "approvals": 1}


def test_an_approval_stays_while_a_SAD_of_it_is_there(databases, signer_store):
    approval = an_approval(state=ApprovalState.ACTIVATED, expires_at=NOW)
    with signer_store.begin() as transaction:
        transaction.insert_approval(approval)
        transaction.insert_sad(a_sad(approval, limit_at=NOW + 10 * DAY))
    signer_store.purge(NOW + 5 * DAY, MOST)

    assert rows(databases.signer_url, "approvals") == 1


def test_approvals_that_nobody_gave_go(databases, signer_store):
    with signer_store.begin() as transaction:
        for state in (ApprovalState.OPEN, ApprovalState.VOID):
            transaction.insert_approval(an_approval(state=state, expires_at=NOW))

    assert removed(signer_store, NOW + DAY + 1) == {"approvals": 2}
