"""Pushed requests and granted details on each database (OA-07, OA-08)."""

from collections import Counter

from csc_server.storage.ports.web import PushedRequestRow, TokenKind, TokenRow
from csc_server.values import ClientId
from stores import NOW, at_once, digest

PARALLEL = 8
PUSHED = PushedRequestRow(
    handle_hash=digest("handle"),
    client_id=ClientId("client"),
    request={"scope": "service", "state": "é\u0000", "transaction": None},
    created_at=NOW,
    expires_at=NOW + 120,
)
TOKEN = TokenRow(
    digest("token"), TokenKind.ACCESS, "family", ClientId("client"), None, "credential", "v2", "oauth2", NOW, NOW + 120
)
DETAILS = {"type": "credential", "numSignatures": 2, "documentDigests": [{"hash": "AA==", "label": "手紙"}]}


def test_OA_07_a_pushed_request_comes_back_as_it_was_stored(web_store):
    web_store.insert_pushed_request(PUSHED)

    assert web_store.pushed_request(PUSHED.handle_hash) == PUSHED
    assert web_store.pushed_request(digest("unknown")) is None


def test_OA_07_a_handle_is_used_once(web_store):
    web_store.insert_pushed_request(PUSHED)

    assert web_store.use_pushed_request(PUSHED.handle_hash, NOW + 1)
    assert not web_store.use_pushed_request(PUSHED.handle_hash, NOW + 2)
    assert not web_store.use_pushed_request(digest("unknown"), NOW)
    assert web_store.pushed_request(PUSHED.handle_hash).used_at == NOW + 1


def test_RL_03_of_parallel_uses_of_a_handle_one_succeeds(web_store):
    web_store.insert_pushed_request(PUSHED)
    results = at_once(PARALLEL, lambda _: web_store.use_pushed_request(PUSHED.handle_hash, NOW))

    assert Counter(results) == {True: 1, False: PARALLEL - 1}


def test_OA_08_details_are_noted_beside_their_token(web_store):
    web_store.insert_tokens([TOKEN], DETAILS)

    assert web_store.token(TOKEN.token_hash) == TOKEN
    assert web_store.granted_details(TOKEN.token_hash) == DETAILS
    assert web_store.granted_details(digest("unknown")) is None


def test_OA_08_a_token_without_details_has_none(web_store):
    web_store.insert_tokens([TOKEN])

    assert web_store.granted_details(TOKEN.token_hash) is None
