"""One suite for every KeyDevice: SoftHSM through PKCS#11, and the device in software."""

import hashlib
import os
import shutil

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
from softhsm import make_token

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


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    return make_token(tmp_path_factory.mktemp("token"))


@pytest.fixture(scope="module", params=["softhsm", "software"])
def device(request):
    if request.param == "software":
        yield SoftwareDevice()
        return
    opened = open_device(request.getfixturevalue("token"))
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


@pytest.mark.parametrize(("key_type", "scheme"), SUITES)
@pytest.mark.parametrize("length", [0, 20, 31, 33, 48, 64])
def test_SA_06_digest_of_another_length_is_refused(device, keys, key_type, scheme, length):
    with pytest.raises(ValueError, match="length"):
        device.sign(keys[key_type].handle, SignatureMechanism(scheme, HashAlgorithm.SHA_256), bytes(length))


def test_SA_06_salt_that_does_not_fit_is_refused(device, keys):
    mechanism = SignatureMechanism(SignatureScheme.RSA_PSS, HashAlgorithm.SHA_256, 223)

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


def test_keys_stay_over_a_new_start(token):
    first = open_device(token)
    facts = first.generate_key(KeyType.P_256)
    before = first.authenticate(b"x"), first.sad_public_key(), first.seal(b"a seed", b"c")
    first.close()
    second = open_device(token)
    signature = second.sign(facts.handle, SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256), bytes(32))
    again = second.authenticate(b"x"), second.sad_public_key()
    opened = second.open_sealed(before[2], b"c")
    second.close()

    assert verify(facts, SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256), bytes(32), signature)
    assert before[:2] == again
    assert opened == b"a seed"


def test_RL_04_token_moved_away_is_a_fault_and_a_new_start_after_it_signs(token, tmp_path):
    tokens = token.pin_file.parent / "tokens"
    device = open_device(token)
    facts = device.generate_key(KeyType.P_256)
    mechanism = SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256)
    shutil.move(tokens, tmp_path / "away")
    try:
        with pytest.raises(DeviceFaultError):
            device.sign(facts.handle, mechanism, bytes(32))
        with pytest.raises(DeviceFaultError):
            open_device(token)
    finally:
        shutil.move(tmp_path / "away", tokens)
    reopened = open_device(token)
    signature = reopened.sign(facts.handle, mechanism, bytes(32))
    reopened.close()

    assert verify(facts, mechanism, bytes(32), signature)


def test_RL_04_device_of_another_process_is_refused(token):
    device = open_device(token)
    pid = os.fork()
    if not pid:
        try:
            device.authenticate(b"x")
        except DeviceFaultError:
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    device.close()

    assert os.waitstatus_to_exitcode(status) == 0


def test_AR_07_key_that_could_leave_is_not_fit(token):
    import pkcs11
    from pkcs11 import Attribute

    from csc_server.signer.device.module_keys import SIGNER_LABEL
    from csc_server.signer.device.pkcs11 import open_session, starting

    with starting(token.pin_file):
        session = open_session(token)
        session.generate_keypair(
            pkcs11.KeyType.RSA,
            2048,
            id=b"extractable-key!",
            label=SIGNER_LABEL,
            store=True,
            private_template={Attribute.EXTRACTABLE: True},
        )
        session.close()
    device = open_device(token)
    (facts,) = [one for one in device.keys() if one.handle == b"extractable-key!"]
    device.destroy_key(facts.handle)
    device.close()

    assert not facts.is_fit
