"""A credential's life outside of signatures: requested, certified, given factors, disabled, destroyed."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from csc_server.activation.custody_messages import BindCertificate, CheckCustody, DestroyCredential, RequestCredential
from csc_server.activation.messages import Authorize
from csc_server.activation.parts import Caller, Evidence, Transaction
from csc_server.errors import RefusedError
from csc_server.settings import CustodySettings
from csc_server.signer.custody.certificate_requests import UnusableSubjectError, read_subject
from csc_server.signer.custody.factors import FactorCustody, unlock_factor
from csc_server.signer.custody.journal import CustodyJournal
from csc_server.signer.custody.keys import CustodyError, KeyCustody, WantedCredential, disable_credential
from csc_server.signer.custody.service import open_custody
from csc_server.signer.custody.signers import SignerCustody
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.signing.credential import UnusableCredentialError
from csc_server.storage.ports.custody import LinkRow
from csc_server.values import (
    AuthMode,
    ClientId,
    CredentialId,
    CredentialState,
    FactorKind,
    KeyType,
    Refusal,
    Scal,
    SignerId,
)
from fakes.signer_inside import CHEAP, CLIENT, PIN, SEED, SIGNER, caller, digest, inside_of
from pki import issue, root

NEW = CredentialId("new")
ACTOR = {"operator": "tester"}
SUBJECT = read_subject("CN=Alice Example,O=Clinic,C=JP")


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)


@pytest.fixture
def journal(inside):
    return CustodyJournal(inside.store, inside.clock, "commands")


@pytest.fixture
def keys(inside, journal):
    return KeyCustody(inside.store, inside.device, journal)


@pytest.fixture
def factors(inside, journal):
    return FactorCustody(inside.store, inside.device, journal, CHEAP)


def wanted(**changes):
    row = WantedCredential(NEW, SIGNER, KeyType.P_256, AuthMode.EXPLICIT, Scal.ONE, 10, SUBJECT)
    return replace(row, **changes)


def certified(request, **certificate):
    csr = x509.load_der_x509_csr(request)
    return issue(csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), **certificate)


def make(keys, **changes):
    keys.certify(NEW, certified(keys.request(wanted(**changes), ACTOR)), ACTOR)


def authorize(inside, name=NEW, **evidence):
    transaction = Transaction(name, 1, (digest("a"),))
    return inside.operations().authorize(Authorize(caller(), transaction, Evidence(**evidence)))


def audited(inside, credential_id=NEW):
    with closing(sqlite3.connect(inside.url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT event, body FROM signer_audit ORDER BY time, rowid").fetchall()
    return [event for event, body in rows if json.loads(body).get("credential_id") == credential_id]


@pytest.mark.parametrize("key_type", [KeyType.RSA_2048, KeyType.P_256, KeyType.P_384])
def test_request_proves_possession_of_the_key_and_names_the_subject(keys, key_type):
    request = x509.load_der_x509_csr(keys.request(wanted(key_type=key_type), ACTOR))

    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=Alice Example,O=Clinic,C=JP"


@pytest.mark.parametrize("text", ["", "Alice", "CN", "CN=", "=x", "CN=a\x00b\\"])
def test_subject_that_is_no_name_is_refused(text):
    with pytest.raises(UnusableSubjectError):
        read_subject(text)


def test_requested_credential_is_nobodys_yet(inside, keys):
    keys.request(wanted(), ACTOR)

    assert [row.credential_id for row, _ in inside.operations().find_all(caller(), SIGNER)] == ["explicit"]
    with pytest.raises(RefusedError) as refused:
        inside.operations().find(caller(), NEW)
    assert refused.value.refusal is Refusal.UNKNOWN_CREDENTIAL


def test_key_whose_credential_cannot_be_stored_is_destroyed(inside, keys):
    before = len(inside.device.keys())
    for wrong in (wanted(credential_id=CredentialId("explicit")), wanted(signer_id=SignerId("nobody"))):
        with pytest.raises(CustodyError):
            keys.request(wrong, ACTOR)

    assert len(inside.device.keys()) == before


def test_AU_01_certified_credential_signs_only_with_its_factors(inside, keys, factors):
    make(keys)
    with pytest.raises(RefusedError) as refused:
        authorize(inside, pin=PIN)
    factors.set_pin(NEW, PIN, ACTOR)

    assert refused.value.refusal is Refusal.CREDENTIAL_DISABLED
    assert authorize(inside, pin=PIN).sad
    assert audited(inside)[:4] == ["key.generated", "certificate.requested", "certificate.bound", "factor.set"]


def test_certificate_for_another_key_or_use_is_refused(inside, keys):
    request = keys.request(wanted(), ACTOR)
    other = inside.device.generate_key(KeyType.P_256).public_key
    for chain in (issue(other), certified(request, usage=False)):
        with pytest.raises(UnusableCredentialError):
            keys.certify(NEW, chain, ACTOR)
    for chain in ((), certified(request)[::-1], (b"no certificate",)):
        with pytest.raises(CustodyError):
            keys.certify(NEW, chain, ACTOR)

    assert inside.store.credential_row(NEW).state is CredentialState.REQUESTED


def test_certificate_is_bound_once(keys):
    request = keys.request(wanted(), ACTOR)
    keys.certify(NEW, certified(request), ACTOR)
    with pytest.raises(CustodyError):
        keys.certify(NEW, certified(request), ACTOR)


def test_chain_of_an_authority_that_is_not_trusted_is_refused(inside, journal):
    from cryptography.hazmat.primitives.asymmetric import ec

    from pki import _certificate

    key = ec.generate_private_key(ec.SECP256R1())
    stranger = _certificate("Test Root", key.public_key(), "Test Root", key, ca=True).public_bytes(Encoding.DER)
    keys = KeyCustody(inside.store, inside.device, journal, [stranger])
    request = keys.request(wanted(), ACTOR)
    with pytest.raises(CustodyError):
        keys.certify(NEW, certified(request), ACTOR)
    with pytest.raises(CustodyError):
        keys.certify(NEW, certified(request)[:1], ACTOR)


def test_factor_is_set_once_and_replaced_by_reset_alone(keys, factors):
    make(keys)
    with pytest.raises(CustodyError):
        factors.set_otp(NEW, SEED, ACTOR, replaces=True)
    factors.set_otp(NEW, SEED, ACTOR)
    with pytest.raises(CustodyError):
        factors.set_otp(NEW, SEED, ACTOR)
    factors.set_otp(NEW, b"another seed of twenty", ACTOR, replaces=True)


def test_reset_voids_what_the_old_pin_approved(inside, keys, factors):
    make(keys)
    factors.set_pin(NEW, PIN, ACTOR)
    minted = authorize(inside, pin=PIN)
    factors.set_pin(NEW, "another-1", ACTOR, replaces=True)
    from fakes.signer_inside import sign

    (answer,) = inside.signing().sign([sign(NEW, minted.sad, [digest("a")])])

    assert answer.refusal == Refusal.SAD_INVALID
    assert authorize(inside, pin="another-1").sad


def test_AU_15_factor_is_not_enrolled_over_a_row_that_sql_changed(inside, keys, factors):
    make(keys)
    with closing(sqlite3.connect(inside.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE credentials SET multisign = 999 WHERE credential_id = 'new'")
    with pytest.raises(CustodyError, match="changed by something else"):
        factors.set_pin(NEW, PIN, ACTOR)


def test_unlocked_pin_is_compared_again(inside, keys, factors, journal):
    make(keys)
    factors.set_pin(NEW, PIN, ACTOR)
    for _ in range(5):
        with pytest.raises(RefusedError):
            authorize(inside, pin="wrong")
    unlock_factor(inside.store, journal, NEW, FactorKind.PIN, ACTOR)

    assert authorize(inside, pin=PIN).sad
    with pytest.raises(CustodyError):
        unlock_factor(inside.store, journal, NEW, FactorKind.OTP, ACTOR)


def test_disabled_credential_needs_no_device_to_stop(inside, keys, factors, journal):
    make(keys)
    factors.set_pin(NEW, PIN, ACTOR)
    disable_credential(inside.store, journal, NEW, ACTOR)
    with pytest.raises(RefusedError):
        authorize(inside, pin=PIN)
    with pytest.raises(CustodyError):
        factors.set_otp(NEW, SEED, ACTOR)


def test_destroyed_key_is_gone_and_its_id_stays_taken(inside, keys):
    make(keys)
    row = inside.store.credential_row(NEW)
    keys.destroy(NEW, ACTOR)

    assert row.key_handle not in {facts.handle for facts in inside.device.keys()}
    assert audited(inside)[-2:] == ["credential.destroyed", "key.destroyed"]
    with pytest.raises(CustodyError):
        keys.request(wanted(), ACTOR)
    for act in (keys.destroy, lambda *them: disable_credential(inside.store, keys._journal, *them)):
        with pytest.raises(CustodyError):
            act(NEW, ACTOR)


def test_crash_between_record_and_key_is_finished_at_the_next_start(inside, keys):
    make(keys)

    class Failing(type(inside.device)):
        def destroy_key(self, handle):
            raise DeviceFaultError("away")

    inside.device.__class__ = Failing
    with pytest.raises(DeviceFaultError):
        keys.destroy(NEW, ACTOR)
    inside.device.__class__ = Failing.__base__
    keys.finish()
    keys.finish()

    assert len(inside.device.keys()) == 1, "the other credential's"
    assert audited(inside)[-2:] == ["credential.destroyed", "key.destroyed"]


def test_new_signer_and_links_are_audited(inside, journal):
    signers = SignerCustody(inside.store, journal)
    signers.create(SignerId("bob"), ACTOR)
    signers.link(LinkRow(CLIENT, SignerId("bob"), custody=True), ACTOR)
    signers.unlink(LinkRow(CLIENT, SignerId("bob")), ACTOR)
    for wrong in (
        lambda: signers.create(SignerId("bob"), ACTOR),
        lambda: signers.link(LinkRow(CLIENT, SignerId("nobody")), ACTOR),
        lambda: signers.unlink(LinkRow(CLIENT, SignerId("bob")), ACTOR),
    ):
        with pytest.raises(CustodyError):
            wrong()

    assert inside.store.chain_head("commands").sequence == 3


@pytest.fixture
def lane(inside, tmp_path):
    """The custody lane over a trust file with the test root; returns a function that answers a message."""
    trust = tmp_path / "trust.pem"
    trust.write_bytes(root()[1].public_bytes(Encoding.PEM))
    settings = CustodySettings(trust=trust, credentials_per_signer=2)
    handlers = open_custody(inside.store, inside.device, inside.clock, "node", settings)
    return lambda message: handlers[type(message)](message)


def entitle(inside, client=CLIENT, signer=SIGNER, custody=True):
    inside.store.put_link(LinkRow(client, signer, custody=custody))


def test_entitled_client_has_a_credential_made_and_destroyed(inside, lane):
    entitle(inside)
    asked = lane(RequestCredential(caller(None), SIGNER))
    described = lane(BindCertificate(caller(None), asked.credential_id, certified(asked.request)))

    assert (described.state, described.objects, described.auth_mode) == ("active", (), "oauth2code")
    subject = x509.load_der_x509_csr(asked.request).subject.rfc4514_string()
    assert subject == "CN=Signer", "what an authority has certified of this signer before"

    assert lane(CheckCustody(caller(None), asked.credential_id)).certificates == described.certificates
    lane(DestroyCredential(caller(None), asked.credential_id))
    with pytest.raises(RefusedError) as refused:
        lane(DestroyCredential(caller(None), asked.credential_id))
    assert refused.value.refusal is Refusal.UNKNOWN_CREDENTIAL


def test_AR_02_webs_word_makes_no_client_entitled(inside, lane):
    inside.store.insert_signer(SignerId("bob"))
    entitle(inside, custody=False)
    entitle(inside, signer=SignerId("bob"))
    for who, signer in (
        (caller(None), SIGNER),
        (caller(SIGNER), SIGNER),
        (caller(SignerId("bob")), SIGNER),
        (caller(SIGNER), SignerId("bob")),
        (Caller(ClientId("another"), None, "r"), SignerId("bob")),
        (caller(None), SignerId("nobody")),
    ):
        with pytest.raises(RefusedError) as refused:
            lane(RequestCredential(who, signer))
        assert refused.value.refusal is Refusal.CUSTODY_REFUSED
    for kind in (CheckCustody, DestroyCredential):
        with pytest.raises(RefusedError) as refused:
            lane(kind(caller(None), CredentialId("explicit")))
        assert refused.value.refusal is Refusal.UNKNOWN_CREDENTIAL

    assert len(inside.device.keys()) == 1


def test_signer_has_so_many_credentials_and_no_more(inside, lane):
    entitle(inside)
    lane(RequestCredential(caller(None), SIGNER))
    with pytest.raises(RefusedError) as refused:
        lane(RequestCredential(caller(None), SIGNER))

    assert refused.value.refusal is Refusal.CREDENTIAL_LIMIT


def test_certificate_of_another_key_is_not_bound_over_the_api(inside, lane):
    entitle(inside)
    asked = lane(RequestCredential(caller(None), SIGNER))
    with pytest.raises(RefusedError) as refused:
        lane(BindCertificate(caller(None), asked.credential_id, issue(inside.device.keys()[0].public_key)))

    assert refused.value.refusal is Refusal.CERTIFICATE_REFUSED
