"""The transaction hash and its published vectors (AU-02)."""

from dataclasses import fields, replace

import pytest

from csc_server.signer.signing.transaction import TransactionFacts, hash_list_digest, transaction_hash
from csc_server.values import ApprovalId, ClientId, CredentialId, SignerId

FACTS = TransactionFacts(
    approval_id=ApprovalId("approval-1"),
    client_id=ClientId("client-1"),
    signer_id=SignerId("signer-1"),
    credential_id=CredentialId("credential-1"),
    key_fingerprint=bytes(range(32)),
    hash_algorithm="2.16.840.1.101.3.4.2.1",
    hashes=(b"\x01" * 32, b"\x02" * 32),
    labels=("one.pdf", "処方箋.xml"),
    num_signatures=2,
    expires_at=1_800_000_000,
    nonce=b"\x03" * 32,
)
CHANGED = {
    "approval_id": "approval-2",
    "client_id": "client-2",
    "signer_id": "signer-2",
    "credential_id": "credential-2",
    "key_fingerprint": b"\xff" * 32,
    "hash_algorithm": "",
    "hashes": (b"\x02" * 32, b"\x01" * 32),
    "labels": ("one.pdf",),
    "num_signatures": 3,
    "expires_at": 1_800_000_001,
    "nonce": b"\x04" * 32,
}


def test_AU_02_published_vector():
    vector = "81ddbda087ef011e0826bb8b1b8a59b77bd7003ee6082c1baaa020599715b130"

    assert vector == transaction_hash(FACTS).hex()


@pytest.mark.parametrize("name", [field.name for field in fields(TransactionFacts)])
def test_AU_02_every_field_is_covered(name):
    assert transaction_hash(FACTS) != transaction_hash(replace(FACTS, **{name: CHANGED[name]}))


def test_AU_02_fields_cannot_flow_into_each_other():
    left = replace(FACTS, client_id=ClientId("ab"), signer_id=SignerId("c"))
    right = replace(FACTS, client_id=ClientId("a"), signer_id=SignerId("bc"))

    assert transaction_hash(left) != transaction_hash(right)


def test_AU_02_hash_list_is_ordered_and_length_prefixed():
    assert hash_list_digest([b"ab", b"c"]) != hash_list_digest([b"a", b"bc"])
    assert hash_list_digest([b"a", b"b"]) != hash_list_digest([b"b", b"a"])
    assert hash_list_digest([]) != hash_list_digest([b""])
