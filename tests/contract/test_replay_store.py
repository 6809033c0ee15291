"""Identifiers that count once, and the columns that bind clients and tokens to keys."""

from collections import Counter
from dataclasses import replace

from contract.test_web_store import CLIENT, a_token
from csc_server.values import TokenBinding
from stores import NOW, at_once, digest

PARALLEL = 64


def test_OA_11_an_identifier_counts_once(web_store):
    results = at_once(PARALLEL, lambda _: web_store.use_once(digest("jti"), NOW + 60))

    assert Counter(results) == {True: 1, False: PARALLEL - 1}
    assert not web_store.use_once(digest("jti"), NOW + 999)
    assert web_store.use_once(digest("another"), NOW + 60)


def test_client_keeps_its_keys(web_store):
    jwks = {"keys": [{"kty": "EC", "crv": "P-256", "x": "あ", "y": "b", "kid": "1"}]}
    row = replace(CLIENT, jwks=jwks, tls_subject="tls_client_auth_subject_dn=CN=app", token_binding=TokenBinding.DPOP)
    web_store.put_client(row)

    assert web_store.client(CLIENT.client_id) == row


def test_token_keeps_what_it_is_bound_to(web_store):
    token = a_token("bound", confirmation="jkt:0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
    web_store.insert_tokens([token, a_token("free")])

    assert web_store.token(token.token_hash) == token
    assert web_store.token(digest("free")).confirmation == ""
