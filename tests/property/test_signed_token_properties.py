"""Assertions, proofs and keys from clients: no input raises anything but our refusal, and none but the right one passes."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_keys import ClientKey, base64url
from csc_server.errors import MalformedInputError
from csc_server.web.authorization.public_keys import read_certificates, read_key_set, read_public_key
from csc_server.web.authorization.signed_tokens import ALGORITHMS, read_signed_token, verify

KEYS = [ClientKey.make(algorithm) for algorithm in ALGORITHMS]
MEMBERS = ("alg", "typ", "kid", "jwk")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
headers = st.dictionaries(st.sampled_from([*MEMBERS, "crit", "jku", "b64"]), json_values | st.sampled_from(ALGORITHMS))
claims = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "htu", "jti"]) | st.text(max_size=5), json_values)
jwk_members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "use", "alg", "key_ops", "kid", "x5c"])
jwk_values = json_values | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB", "sig", "ES256"])
near_keys = st.builds(
    lambda key, changes: key.public | changes,
    st.sampled_from(KEYS),
    st.dictionaries(jwk_members, jwk_values, max_size=3),
)


def jws(header: object, payload: object, signature: bytes) -> str:
    return ".".join(base64url(part) for part in (json.dumps(header).encode(), json.dumps(payload).encode(), signature))


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){1,3}", fullmatch=True))
def test_IN_06_any_text_is_read_or_refused(text):
    try:
        token = read_signed_token(text, MEMBERS)
    except MalformedInputError:
        return
    assert token.header["alg"] in ALGORITHMS


@given(headers, claims, st.binary(max_size=80), st.sampled_from(KEYS))
def test_OA_14_no_signature_that_is_made_up_verifies(header, payload, signature, key):
    public = read_public_key(key.public)
    with pytest.raises(MalformedInputError):
        verify(read_signed_token(jws(header, payload, signature), MEMBERS), public)


@given(claims, st.sampled_from(KEYS), st.sampled_from(KEYS))
def test_OA_14_a_signature_verifies_with_its_own_key_alone(payload, signer, verifier):
    try:
        token = read_signed_token(signer.sign({}, payload), MEMBERS)
    except MalformedInputError:
        return  # not JSON as we take it: NaN, lone surrogates, integers beyond 2^53
    public = read_public_key(verifier.public)
    if signer is verifier:
        verify(token, public)
    else:
        with pytest.raises(MalformedInputError):
            verify(token, public)


@given(st.sampled_from(KEYS), st.integers(min_value=0), st.integers(1, 255))
def test_OA_14_a_changed_octet_never_verifies(key, place, change):
    token = key.sign({}, {"iss": "client"})
    signed, _, signature = token.rpartition(".")
    octets = bytearray(signed.encode() + b"." + signature.encode())
    octets[place % len(octets)] ^= change
    with pytest.raises(MalformedInputError):
        verify(read_signed_token(octets.decode("latin-1"), MEMBERS), read_public_key(key.public))


@given(json_values | st.dictionaries(jwk_members, jwk_values) | near_keys)
def test_IN_06_any_value_is_a_key_or_refused(value):
    try:
        key = read_public_key(value)
    except MalformedInputError:
        return
    assert set(key.algorithms) <= set(ALGORITHMS)
    assert len(key.thumbprint) == 43
    assert "d" not in value


@given(st.dictionaries(st.just("keys"), json_values | st.lists(near_keys | json_values, max_size=20)))
def test_IN_06_any_object_is_a_key_set_or_refused(value):
    for read in (read_key_set, read_certificates):
        with contextlib.suppress(MalformedInputError):
            assert len(read(value)) <= 16


@pytest.mark.parametrize("key", KEYS, ids=ALGORITHMS)
def test_OA_14_the_thumbprint_is_that_of_the_members_alone(key):
    decorated = key.public | {"kid": "any", "use": "sig", "alg": key.algorithm}

    assert read_public_key(decorated).thumbprint == key.thumbprint
