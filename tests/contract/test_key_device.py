"""One suite for every KeyDevice: SoftHSM through PKCS#11, and the device in software."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme, longest_salt
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.port import DeviceFaultError
from csc_server.values import KeyHandle, KeyType
from fakes.software_device import SoftwareDevice
from softhsm import softhsm_token  # noqa: F401 a fixture is used by its name

HASHES = {
    HashAlgorithm.SHA_256: hashes.SHA256(),
    HashAlgorithm.SHA_384: hashes.SHA384(),
    HashAlgorithm.SHA_512: hashes.SHA512(),
}
SUITES = [
    (key_type, scheme)
    for key_type in KeyType
    for scheme in SignatureScheme
    if key_type.is_rsa != (scheme is SignatureScheme.ECDSA)
]


@pytest.fixture(scope="module", params=["softhsm", "software"])
def device(request):
    if request.param == "software":
        yield SoftwareDevice()
        return
    opened = open_device(request.getfixturevalue("softhsm_token"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def keys(device):
    return {key_type: device.generate_key(key_type) for key_type in KeyType}


def verify(facts, mechanism, digest, signature):
    key = load_der_public_key(facts.public_key)
    algorithm = HASHES[mechanism.hash_algorithm]
    if mechanism.scheme is SignatureScheme.ECDSA:
        key.verify(signature, digest, ec.ECDSA(Prehashed(algorithm)))
    elif mechanism.scheme is SignatureScheme.RSA_PSS:
        scheme = padding.PSS(padding.MGF1(algorithm), mechanism.salt_length)
        key.verify(signature, digest, scheme, Prehashed(algorithm))
    else:
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(algorithm))
    return True


@pytest.mark.parametrize("hash_algorithm", list(HashAlgorithm))
@pytest.mark.parametrize(("key_type", "scheme"), SUITES)
def test_SA_06_every_suite_signs_what_others_verify(device, keys, key_type, scheme, hash_algorithm):
    digest = hashlib.new(hash_algorithm.value, b"a document").digest()
    longest = longest_salt(key_type, hash_algorithm) if scheme is SignatureScheme.RSA_PSS else 0
    for salt in sorted({0, 1, hash_algorithm.digest_length, longest}) if longest else [0]:
        mechanism = SignatureMechanism(scheme, hash_algorithm, salt)
        signature = device.sign(keys[key_type].handle, mechanism, digest)

        assert verify(keys[key_type], mechanism, digest, signature)


@pytest.mark.parametrize(
    ("key_type", "scheme"),
    [
        (KeyType.RSA_2048, SignatureScheme.ECDSA),
        (KeyType.P_256, SignatureScheme.RSA_PKCS1_V1_5),
        (KeyType.P_384, SignatureScheme.RSA_PSS),
    ],
)
def test_SA_06_scheme_of_another_key_type_is_refused(device, keys, key_type, scheme):
    with pytest.raises(ValueError, match="scheme"):
        device.sign(keys[key_type].handle, SignatureMechanism(scheme, HashAlgorithm.SHA_256), bytes(32))


@pytest.mark.parametrize(("key_type", "scheme"), SUITES)
@pytest.mark.parametrize("length", [0, 20, 31, 33, 48, 64])
def test_SA_06_digest_of_another_length_is_refused(device, keys, key_type, scheme, length):
    with pytest.raises(ValueError, match="length"):
        device.sign(keys[key_type].handle, SignatureMechanism(scheme, HashAlgorithm.SHA_256), bytes(length))


@pytest.mark.parametrize("salt", [-1, 223])
def test_SA_06_salt_that_does_not_fit_is_refused(device, keys, salt):
    mechanism = SignatureMechanism(SignatureScheme.RSA_PSS, HashAlgorithm.SHA_256, salt)

    with pytest.raises(ValueError, match="salt"):
        device.sign(keys[KeyType.RSA_2048].handle, mechanism, bytes(32))


def test_AR_07_generated_keys_are_fit_and_listed(device, keys):
    listed = {facts.handle: facts for facts in device.keys()}

    for key_type, facts in keys.items():
        assert facts == listed[facts.handle]
        assert facts.key_type is key_type
        assert facts.is_fit


def test_RL_04_key_that_is_not_there_is_a_fault_of_the_device(device):
    mechanism = SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256)

    with pytest.raises(DeviceFaultError):
        device.sign(KeyHandle(bytes(16)), mechanism, bytes(32))


def test_destroyed_key_signs_no_more(device):
    facts = device.generate_key(KeyType.P_256)
    device.destroy_key(facts.handle)
    device.destroy_key(facts.handle)

    assert facts.handle not in {one.handle for one in device.keys()}
    with pytest.raises(DeviceFaultError):
        device.sign(facts.handle, SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256), bytes(32))


def test_SA_01_sad_key_signs_es256(device):
    digest = hashlib.sha256(b"a SAD").digest()
    raw = device.sign_sad(digest)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))

    assert len(raw) == 64
    load_der_public_key(device.sad_public_key()).verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.mark.parametrize("length", [0, 31, 33, 48])
def test_SA_01_sad_key_signs_sha_256_only(device, length):
    with pytest.raises(ValueError, match="SHA-256"):
        device.sign_sad(bytes(length))


def test_a_refused_call_leaves_the_device_usable(device, keys):
    mechanism = SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256)
    with pytest.raises(ValueError):
        device.sign(keys[KeyType.P_256].handle, mechanism, b"")
    with pytest.raises(DeviceFaultError):
        device.sign(KeyHandle(bytes(16)), mechanism, bytes(32))
    signature = device.sign(keys[KeyType.P_256].handle, mechanism, bytes(32))

    assert verify(keys[KeyType.P_256], mechanism, bytes(32), signature)


def test_AU_05_mac_is_stable_and_depends_on_its_data(device):
    assert device.authenticate(b"one") == device.authenticate(b"one")
    assert device.authenticate(b"one") != device.authenticate(b"two")


def test_AU_04_sealed_value_opens_in_its_context_only(device):
    sealed = device.seal(b"a seed", b"credential-1")

    assert device.open_sealed(sealed, b"credential-1") == b"a seed"
    for changed, context in [
        (sealed, b"credential-2"),
        (sealed[:-1], b"credential-1"),
        (bytes([sealed[0] ^ 1]) + sealed[1:], b"credential-1"),
        (b"", b"credential-1"),
    ]:
        with pytest.raises(ValueError):
            device.open_sealed(changed, context)


def test_AU_04_sealing_twice_gives_different_values(device):
    assert device.seal(b"a seed", b"c") != device.seal(b"a seed", b"c")


def test_AR_07_a_key_is_described_alone_and_a_missing_one_is_none(device, keys):
    facts = keys[KeyType.P_256]

    assert device.key(facts.handle) == facts
    assert device.key(KeyHandle(bytes(16))) is None
