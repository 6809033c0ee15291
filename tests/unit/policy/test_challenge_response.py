"""Responses of a signer's own key: the octets that are signed, which keys there are, and what does not verify."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from csc_server.policy.challenge_response import (
    UnusableKeyError,
    is_right_response,
    read_response_key,
    response_data,
)

SHA_256 = "2.16.840.1.101.3.4.2.1"


def der(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def test_the_published_vector():
    """Six fields after the tag, each after its length: what a device written from README.md signs."""
    digests = [hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()]
    data = response_data("challenge", "client", "credential", 2, SHA_256, digests)

    assert data[:30] == b"csc-server/response/1" + bytes(7) + b"\x09c"
    assert hashlib.sha256(data).hexdigest() == VECTOR


VECTOR = "bc965020497c2b367120553741bbcfa5bd62d41b3b7f2b0dae0532e7f4a4d767"

texts = st.text(max_size=8)
transactions = st.tuples(
    texts, texts, texts, st.integers(0, 2**32), texts, st.lists(st.binary(max_size=4), max_size=3).map(tuple)
)


@given(transactions, transactions)
def test_AU_02_no_two_transactions_share_their_octets(one, other):
    assert (response_data(*one) == response_data(*other)) is (one == other)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65_537, 2048),
    ],
    ids=["P-256", "P-384", "Ed25519", "RSA"],
)
@pytest.mark.parametrize("signature", [b"", b"\x30", bytes(64), bytes(256), b"\x30\x06\x02\x01\x01\x02\x01\x01"])
def test_what_is_no_signature_is_no_response(key, signature):
    assert not is_right_response(read_response_key(der(key)), b"data", signature)


def test_rsa_signs_with_pss_and_a_salt_of_32_octets():
    key = rsa.generate_private_key(65_537, 2048)
    public, sha_256 = read_response_key(der(key)), hashes.SHA256()
    right = key.sign(b"data", padding.PSS(padding.MGF1(sha_256), 32), sha_256)
    others = [
        key.sign(b"data", padding.PKCS1v15(), sha_256),
        key.sign(b"data", padding.PSS(padding.MGF1(sha_256), 20), sha_256),
        key.sign(b"data", padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384()),
    ]

    assert is_right_response(public, b"data", right)
    assert not any(is_right_response(public, b"data", each) for each in others)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65_537, 1024),
    ],
    ids=["secp256k1", "P-521", "RSA-1024"],
)
def test_other_keys_are_not_registered(key):
    with pytest.raises(UnusableKeyError):
        read_response_key(der(key))


@given(st.binary(max_size=100))
def test_IN_03_reading_a_key_raises_nothing_but_its_own_error(data):
    with pytest.raises(UnusableKeyError):
        read_response_key(data)
