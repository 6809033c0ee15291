"""What is true of the PKCS#11 device alone: several lives, processes and faults of one SoftHSM token."""

import fcntl
import hashlib
import os
import shutil

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
from csc_server.signer.device.module_keys import MAC_LABEL, SEAL_DOMAIN
from csc_server.signer.device.pkcs11 import check_mechanisms, open_device
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.device.provisioning import create_module_keys, initialise_token
from csc_server.signer.device.session import open_session, starting, unload_module
from csc_server.signer.device.signer_keys import SIGNER_LABEL
from csc_server.values import KeyHandle, KeyType
from softhsm import CONFIGURATION, LABEL, make_token, softhsm_token  # noqa: F401 a fixture is used by its name

ECDSA = SignatureMechanism(SignatureScheme.ECDSA, HashAlgorithm.SHA_256)
PKCS1 = SignatureMechanism(SignatureScheme.RSA_PKCS1_V1_5, HashAlgorithm.SHA_256)
DIGEST = hashlib.sha256(b"a document").digest()


@pytest.fixture
def token(softhsm_token):  # noqa: F811 the fixture imported above
    return softhsm_token


@pytest.fixture
def device(token):
    opened = open_device(token)
    yield opened
    opened.close()


def is_right(facts, signature):
    key = load_der_public_key(facts.public_key)
    if facts.key_type.is_rsa:
        key.verify(signature, DIGEST, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    else:
        key.verify(signature, DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))
    return True


def in_child(call):
    """Run a call in a forked process; return its exit status: 0 for True."""
    pid = os.fork()
    if not pid:
        status = 2
        try:
            status = 0 if call() else 1
        finally:
            os._exit(status)
    return pid


def status_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def faults(call):
    try:
        call()
    except DeviceFaultError:
        return True
    return False


def test_keys_and_what_they_made_stay_over_a_new_start(token):
    first = open_device(token)
    facts = first.generate_key(KeyType.P_256)
    before = first.authenticate(b"x"), first.sad_public_key()
    sealed = first.seal(b"a seed", b"c")
    first.close()
    second = open_device(token)
    again = second.authenticate(b"x"), second.sad_public_key()
    signature = second.sign(facts.handle, ECDSA, DIGEST)
    opened = second.open_sealed(sealed, b"c")
    listed = second.keys()
    second.close()

    assert is_right(facts, signature)
    assert before == again
    assert opened == b"a seed"
    assert facts in listed


def test_RL_04_token_moved_away_is_a_fault_and_a_new_start_after_it_signs(token, tmp_path):
    tokens = token.pin_file.parent / "tokens"
    device = open_device(token)
    facts = device.generate_key(KeyType.P_256)
    shutil.move(tokens, tmp_path / "away")
    try:
        for _ in range(2):
            with pytest.raises(DeviceFaultError):
                device.sign(facts.handle, ECDSA, DIGEST)
            with pytest.raises(DeviceFaultError):
                open_device(token)
    finally:
        shutil.move(tmp_path / "away", tokens)
    reopened = open_device(token)
    signature = reopened.sign(facts.handle, ECDSA, DIGEST)
    reopened.close()

    assert is_right(facts, signature)


def test_RL_04_device_that_failed_is_not_used_again(token, tmp_path):
    tokens = token.pin_file.parent / "tokens"
    device = open_device(token)
    facts = device.generate_key(KeyType.P_256)
    shutil.move(tokens, tmp_path / "away")
    try:
        with pytest.raises(DeviceFaultError):
            device.sign(facts.handle, ECDSA, DIGEST)
    finally:
        shutil.move(tmp_path / "away", tokens)
    with pytest.raises(DeviceFaultError, match="failed before"):
        device.authenticate(b"x")
    device.close()


def test_RL_04_device_of_another_process_is_refused(device):
    facts = device.generate_key(KeyType.P_256)

    assert status_of(in_child(lambda: faults(lambda: device.sign(facts.handle, ECDSA, DIGEST)))) == 0
    assert status_of(in_child(lambda: faults(lambda: device.authenticate(b"x")))) == 0
    assert is_right(facts, device.sign(facts.handle, ECDSA, DIGEST))


def test_RL_04_child_opens_a_device_of_its_own_after_the_fork(token, device):
    facts = device.generate_key(KeyType.P_256)

    assert status_of(in_child(lambda: is_right(facts, open_device(token).sign(facts.handle, ECDSA, DIGEST)))) == 0
    assert is_right(facts, device.sign(facts.handle, ECDSA, DIGEST))


def test_RL_04_processes_that_start_at_once_all_sign(token):
    device = open_device(token)
    facts = device.generate_key(KeyType.P_256)
    device.close()
    children = [
        in_child(lambda: is_right(facts, open_device(token).sign(facts.handle, ECDSA, DIGEST))) for _ in range(6)
    ]

    assert [status_of(child) for child in children] == [0] * 6


def test_RL_04_handles_of_an_older_initialisation_sign_nothing(token):
    old = open_device(token)
    facts = [old.generate_key(KeyType.P_256) for _ in range(3)]
    new = open_device(token)
    for one in facts:
        with pytest.raises(DeviceFaultError):
            old.sign(one.handle, ECDSA, DIGEST)
    old.close()
    signatures = [new.sign(one.handle, ECDSA, DIGEST) for one in facts]
    new.close()

    assert all(is_right(one, signature) for one, signature in zip(facts, signatures, strict=True))
    with pytest.raises(DeviceFaultError):
        new.authenticate(b"x")


def test_key_made_by_another_process_is_found_when_it_is_asked_for(token, device):
    reading, writing = os.pipe()
    child = in_child(lambda: os.write(writing, bytes(open_device(token).generate_key(KeyType.P_256).handle)) == 16)
    handle = KeyHandle(os.read(reading, 16))

    assert status_of(child) == 0
    signature = device.sign(handle, ECDSA, DIGEST)
    (facts,) = [one for one in device.keys() if one.handle == handle]
    assert is_right(facts, signature)


def test_RL_04_a_start_that_does_not_end_does_not_hold_others_for_ever(token):
    impatient = token.model_copy(update={"call_deadline": 0.5})
    with token.pin_file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DeviceFaultError, match="still opening"):
            open_device(impatient)
    device = open_device(impatient)
    device.close()


def test_wrong_pin_is_tried_once_until_its_file_changes(token, tmp_path):
    right = token.pin_file.read_text()
    other = token.model_copy(update={"pin_file": tmp_path / "pin"})
    other.pin_file.write_text("not-the-pin")
    os.utime(other.pin_file, ns=(1, 1))
    with pytest.raises(DeviceFaultError, match="PinIncorrect") as caught:
        open_device(other)
    with pytest.raises(DeviceFaultError, match="not tried again"):
        open_device(other)
    other.pin_file.write_text(right)
    os.utime(other.pin_file, ns=(2, 2))
    device = open_device(other)
    device.close()

    assert "not-the-pin" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("content", [None, b"\xff\xfe secret"])
def test_SC_07_pin_file_that_cannot_be_read_is_a_fault_without_its_content(token, tmp_path, content):
    broken = token.model_copy(update={"pin_file": tmp_path / "pin"})
    if content is not None:
        broken.pin_file.write_bytes(content)
    with pytest.raises(DeviceFaultError) as caught:
        open_device(broken)

    assert "secret" not in repr(caught.value.__cause__)


def test_module_that_is_not_there_is_a_fault(token, tmp_path):
    with pytest.raises(DeviceFaultError):
        open_device(token.model_copy(update={"module": tmp_path / "none.so"}))


def test_token_of_another_name_is_a_fault(token):
    with pytest.raises(DeviceFaultError):
        open_device(token.model_copy(update={"token_label": "another"}))


@pytest.fixture
def plant(token):
    """Put a key into the token by hand, and take it away afterwards."""
    planted = []

    def put(make):
        with starting(token):
            session, _ = open_session(token)
            planted.extend(make(session))
        unload_module(token.module)

    yield put
    with starting(token):
        session, _ = open_session(token)
        for identifier in planted:
            for key in list(session.get_objects({Attribute.ID: identifier})):
                key.destroy()
    unload_module(token.module)


def rsa(identifier, bits, template, **more):
    def make(session):
        session.generate_keypair(
            pkcs11.KeyType.RSA, bits, id=identifier, label=SIGNER_LABEL, store=True, private_template=template, **more
        )
        return [identifier]

    return make


SIGNING = MechanismFlag.SIGN | MechanismFlag.VERIFY


@pytest.mark.parametrize(
    "template",
    [
        {Attribute.EXTRACTABLE: True},
        {Attribute.SENSITIVE: False},
        {Attribute.DECRYPT: True},
        {Attribute.UNWRAP: True},
    ],
)
def test_AR_07_key_that_is_not_fit_is_told_and_signs_nothing(token, plant, template):
    plant(rsa(b"an unfit key....", 2048, template, capabilities=SIGNING))
    device = open_device(token)
    (facts,) = [one for one in device.keys() if one.handle == b"an unfit key...."]
    with pytest.raises(DeviceFaultError, match="does not sign"):
        device.sign(facts.handle, PKCS1, DIGEST)
    device.close()

    assert not facts.is_fit


def test_AR_07_fit_key_made_by_other_means_signs(token, plant):
    plant(rsa(b"a fit key.......", 2048, {Attribute.EXTRACTABLE: False}, capabilities=SIGNING))
    device = open_device(token)
    (facts,) = [one for one in device.keys() if one.handle == b"a fit key......."]
    signature = device.sign(facts.handle, PKCS1, DIGEST)
    device.close()

    assert facts.is_fit
    assert is_right(facts, signature)


def other_curve(session):
    parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp521r1")}
    domain = session.create_domain_parameters(pkcs11.KeyType.EC, parameters, local=True)
    domain.generate_keypair(id=b"another curve", label=SIGNER_LABEL, store=True)
    return [b"another curve"]


def half_a_key(session):
    make = rsa(b"half a key", 2048, {Attribute.EXTRACTABLE: False}, capabilities=SIGNING)(session)
    (public,) = list(session.get_objects({Attribute.ID: b"half a key", Attribute.CLASS: ObjectClass.PUBLIC_KEY}))
    public.destroy()
    return make


def two_under_one_id(session):
    make = rsa(b"two keys", 2048, {Attribute.EXTRACTABLE: False}, capabilities=SIGNING)
    identifiers = make(session) + make(session)
    public, _ = list(session.get_objects({Attribute.ID: b"two keys", Attribute.CLASS: ObjectClass.PUBLIC_KEY}))
    public.destroy()  # the other one seems to be half of either
    return identifiers


@pytest.mark.parametrize(
    "make", [other_curve, half_a_key, two_under_one_id, rsa(b"short", 1024, {}, capabilities=SIGNING)]
)
def test_AR_07_key_that_is_not_whole_is_left_out_and_the_others_sign(token, plant, make):
    identifiers = []
    plant(lambda session: identifiers.extend(make(session)) or identifiers)
    device = open_device(token)
    facts = device.generate_key(KeyType.P_256)
    with pytest.raises(DeviceFaultError, match="not in the device"):
        device.sign(KeyHandle(identifiers[0]), PKCS1, DIGEST)
    listed = [one.handle for one in device.keys()]
    signature = device.sign(facts.handle, ECDSA, DIGEST)
    device.close()

    assert identifiers[0] not in listed
    assert is_right(facts, signature)


def test_destroy_takes_both_halves(token, device):
    handle = device.generate_key(KeyType.P_384).handle
    device.destroy_key(handle)
    device.close()
    with starting(token):
        session, _ = open_session(token)
        left = list(session.get_objects({Attribute.ID: handle}))

    assert left == []


def test_AU_05_authenticate_computes_nothing_in_the_domain_of_sealed_values(device):
    sealed = device.seal(b"a seed", b"c")
    data = SEAL_DOMAIN + b"1\0" + (1).to_bytes(4, "big") + b"c" + sealed[:-32]
    with pytest.raises(ValueError, match="domain"):
        device.authenticate(data)


def test_module_keys_are_made_once(token):
    device = open_device(token)
    before = device.authenticate(b"x"), device.sad_public_key()
    device.close()
    create_module_keys(token)
    device = open_device(token)
    again = device.authenticate(b"x"), device.sad_public_key()
    device.close()

    assert before == again


def test_AU_05_mac_key_that_could_leave_the_device_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(CONFIGURATION, "")
    token = make_token(tmp_path)
    with starting(token):
        session, _ = open_session(token)
        (key,) = list(session.get_objects({Attribute.LABEL: MAC_LABEL}))
        key.destroy()
        session.generate_key(
            pkcs11.KeyType.GENERIC_SECRET,
            256,
            label=MAC_LABEL,
            store=True,
            capabilities=SIGNING,
            template={Attribute.EXTRACTABLE: True},
        )
    unload_module(token.module)

    with pytest.raises(DeviceFaultError, match="not extractable"):
        open_device(token)


def test_token_that_exists_is_never_initialised_again(token, device):
    facts = device.generate_key(KeyType.P_256)
    device.close()
    with pytest.raises(DeviceFaultError, match="already"):
        initialise_token(token.module, LABEL, "another-so-pin", "another-pin")
    reopened = open_device(token)
    signature = reopened.sign(facts.handle, ECDSA, DIGEST)
    reopened.close()

    assert is_right(facts, signature)


@pytest.mark.parametrize("label", ["", "x" * 33, "あ" * 11])
def test_label_that_no_token_can_bear_is_refused(token, label):
    with pytest.raises(ValueError, match="label"):
        initialise_token(token.module, label, "so-pin", "user-pin")


def test_A16_a_device_that_lacks_an_advertised_mechanism_is_not_opened():
    check_mechanisms({Mechanism.RSA_PKCS, Mechanism.RSA_PKCS_PSS, Mechanism.ECDSA, Mechanism.SHA256})

    with pytest.raises(DeviceFaultError, match="does not offer ECDSA, RSA_PKCS_PSS"):
        check_mechanisms({Mechanism.RSA_PKCS, Mechanism.SHA256})
