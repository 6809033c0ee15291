"""Which algorithm a request names (SA-06; interoperability rules R9 to R13, A5)."""

import pytest
from asn1crypto.algos import RSASSAPSSParams

from csc_server.errors import RefusedError
from csc_server.policy.algorithms import (
    EC_PUBLIC_KEY,
    RSA_ENCRYPTION,
    RSASSA_PSS,
    HashAlgorithm,
    SignatureMechanism,
    SignatureScheme,
    key_algorithms,
    longest_salt,
    resolve,
)
from csc_server.values import KeyType, Refusal

SHA_1 = "1.3.14.3.2.26"
SHA_256 = "2.16.840.1.101.3.4.2.1"
SHA_384 = "2.16.840.1.101.3.4.2.2"
SHA_256_WITH_RSA = "1.2.840.113549.1.1.11"
ECDSA_WITH_SHA_256 = "1.2.840.10045.4.3.2"
ECDSA_WITH_SHA_1 = "1.2.840.10045.4.1"
SHA_1_WITH_RSA = "1.2.840.113549.1.1.5"


def pss(hash_name="sha256", mgf_hash="sha256", salt=32, trailer=1):
    return RSASSAPSSParams(
        {
            "hash_algorithm": {"algorithm": hash_name},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mgf_hash}},
            "salt_length": salt,
            "trailer_field": trailer,
        }
    ).dump()


def refusal(*arguments):
    with pytest.raises(RefusedError) as caught:
        resolve(*arguments)
    return caught.value.refusal


def test_R9_combined_oid_implies_its_digest():
    expected = SignatureMechanism(SignatureScheme.RSA_PKCS1_V1_5, HashAlgorithm.SHA_256)

    assert expected == resolve(KeyType.RSA_2048, SHA_256_WITH_RSA, "", b"")


@pytest.mark.parametrize(
    ("key_type", "oid", "scheme"),
    [
        (KeyType.RSA_4096, RSA_ENCRYPTION, SignatureScheme.RSA_PKCS1_V1_5),
        (KeyType.P_384, EC_PUBLIC_KEY, SignatureScheme.ECDSA),
    ],
)
def test_R10_bare_key_oid_takes_the_hash_beside_it(key_type, oid, scheme):
    assert SignatureMechanism(scheme, HashAlgorithm.SHA_384) == resolve(key_type, oid, SHA_384, b"")


def test_R11_both_given_must_agree():
    assert resolve(KeyType.RSA_2048, SHA_256_WITH_RSA, SHA_256, b"").hash_algorithm is HashAlgorithm.SHA_256
    assert refusal(KeyType.RSA_2048, SHA_256_WITH_RSA, SHA_384, b"") is Refusal.HASH_ALGORITHM_INVALID


def test_R11_neither_implies_a_digest():
    assert refusal(KeyType.RSA_2048, RSA_ENCRYPTION, "", b"") is Refusal.HASH_ALGORITHM_MISSING


@pytest.mark.parametrize("salt", [0, 1, 32, 222])
def test_R12_salt_length_is_honoured_bit_for_bit(salt):
    mechanism = resolve(KeyType.RSA_2048, RSASSA_PSS, SHA_256, pss(salt=salt))

    assert SignatureMechanism(SignatureScheme.RSA_PSS, HashAlgorithm.SHA_256, salt) == mechanism


def test_R12_salt_that_cannot_fit_is_refused_before_the_device():
    assert longest_salt(KeyType.RSA_2048, HashAlgorithm.SHA_256) == 222
    assert refusal(KeyType.RSA_2048, RSASSA_PSS, "", pss(salt=223)) is Refusal.SIGN_PARAMETERS_INVALID


def test_R12_without_parameters_the_salt_is_as_long_as_the_digest():
    assert resolve(KeyType.RSA_3072, RSASSA_PSS, SHA_384, b"").salt_length == 48
    assert refusal(KeyType.RSA_3072, RSASSA_PSS, "", b"") is Refusal.SIGN_PARAMETERS_MISSING


@pytest.mark.parametrize(
    "parameters",
    [
        pss(hash_name="sha1", mgf_hash="sha1", salt=20),
        pss(mgf_hash="sha384"),
        pss(mgf_hash="sha1"),
        pss() + b"\x00",
        b"\x30\x00",
        b"\x05\x00",
        b"\x30\x80\x00\x00",
        b"\xff" * 40,
        b"\x30" * 600,
    ],
)
def test_SA_06_pss_parameters_that_are_not_allowed(parameters):
    assert refusal(KeyType.RSA_2048, RSASSA_PSS, "", parameters) is Refusal.SIGN_PARAMETERS_INVALID


@pytest.mark.parametrize("oid", [SHA_1_WITH_RSA, ECDSA_WITH_SHA_256, EC_PUBLIC_KEY, "", "1.2.3"])
def test_SA_06_algorithm_of_another_key_or_sha_1_is_refused(oid):
    assert refusal(KeyType.RSA_2048, oid, SHA_256, b"") is Refusal.SIGN_ALGORITHM_INVALID


@pytest.mark.parametrize("oid", [ECDSA_WITH_SHA_1, RSASSA_PSS, SHA_256_WITH_RSA])
def test_SA_06_ec_keys_refuse_rsa_and_sha_1(oid):
    assert refusal(KeyType.P_256, oid, SHA_256, b"") is Refusal.SIGN_ALGORITHM_INVALID


def test_SA_06_sha_1_as_hash_is_refused():
    assert refusal(KeyType.RSA_2048, RSA_ENCRYPTION, SHA_1, b"") is Refusal.HASH_ALGORITHM_INVALID


@pytest.mark.parametrize("key_type", list(KeyType))
def test_A5_combined_oids_first_bare_key_oid_last(key_type):
    oids = key_algorithms(key_type)

    assert oids[-1] == (RSA_ENCRYPTION if key_type.is_rsa else EC_PUBLIC_KEY)
    assert len(oids) == len(set(oids))


@pytest.mark.parametrize(
    ("key_type", "first"),
    [
        (KeyType.RSA_3072, HashAlgorithm.SHA_384),
        (KeyType.RSA_4096, HashAlgorithm.SHA_512),
        (KeyType.P_384, HashAlgorithm.SHA_384),
    ],
)
def test_R13_preferred_digest_stands_first(key_type, first):
    assert resolve(key_type, key_algorithms(key_type)[0], "", b"").hash_algorithm is first
