"""Begin, approve, activate, extend, void: the approval's way through the store (AU-01, AU-06, decision 26 d)."""

import base64
import hashlib
import threading
from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import text

from csc_server.activation.messages import (
    Activate,
    Approve,
    Begin,
    Extend,
    Signed,
    VoidApproval,
)
from csc_server.activation.parts import Evidence, Transaction
from csc_server.errors import RefusedError
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.identity.evidence import EvidenceVerifier
from csc_server.signer.identity.response_key import Asked
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.custody import LinkRow
from csc_server.storage.ports.signer import LockLimits
from csc_server.values import AuthMode, ClientId, CredentialId, FactorKind, KeyHandle, Refusal, Scal, SignerId
from fakes.signer_inside import CLIENT, PIN, SEED, SIGNER, authorize, caller, digest, sign

A, B, C = (digest(letter) for letter in "abc")
TOKEN = "credential-scope-token"
TOKEN_HASH = hashlib.sha256(TOKEN.encode()).digest()


def code(inside, shift=0):
    return pyotp.TOTP(base64.b32encode(SEED).decode()).at(inside.clock.now + shift)


def refusal(function, *arguments):
    with pytest.raises(RefusedError) as caught:
        function(*arguments)
    return caught.value.refusal


@pytest.fixture
def oauth(inside):
    inside.create("oauth", auth_mode=AuthMode.OAUTH2CODE, scal=Scal.TWO, seed=SEED)
    return inside


def begun(inside, hashes=(A, B)):
    transaction = Transaction(CredentialId("oauth"), len(hashes), tuple(hashes))
    return inside.operations().begin(Begin(caller(), transaction))[0].approval_id


def approved(inside, hashes=(A, B)):
    approval_id = begun(inside, hashes)
    inside.operations().approve(Approve(caller(), approval_id, Evidence(PIN, code(inside))))
    return approval_id


def test_D05_token_resolves_to_the_sad_that_only_its_hash_names(oauth):
    approval_id = approved(oauth)

    oauth.operations().activate(Activate(caller(), approval_id, TOKEN_HASH))
    (answer,) = oauth.signing().sign([sign("oauth", TOKEN, [B, A])])

    assert isinstance(answer, Signed)


def test_AR_02_nothing_is_activated_without_evidence(oauth):
    approval_id = begun(oauth)

    refused = refusal(oauth.operations().activate, Activate(caller(), approval_id, TOKEN_HASH))

    assert refused is Refusal.APPROVAL_INVALID


def test_D26_activation_is_idempotent_for_the_same_token_only(oauth):
    approval_id = approved(oauth)
    operations = oauth.operations()
    first = operations.activate(Activate(caller(), approval_id, TOKEN_HASH))

    again = operations.activate(Activate(caller(), approval_id, TOKEN_HASH))
    other = refusal(operations.activate, Activate(caller(), approval_id, bytes(32)))

    assert first == again
    assert other is Refusal.APPROVAL_INVALID


def test_D26_void_approval_gives_no_sad_before_or_after_its_activation(oauth):
    operations = oauth.operations()
    before = approved(oauth)
    operations.void(VoidApproval(caller(), before))
    refused = refusal(operations.activate, Activate(caller(), before, TOKEN_HASH))
    oauth.clock.now += 30
    after = approved(oauth)
    operations.activate(Activate(caller(), after, TOKEN_HASH))
    operations.void(VoidApproval(caller(), after))
    (answer,) = oauth.signing().sign([sign("oauth", TOKEN, [A])])

    assert refused is Refusal.APPROVAL_INVALID
    assert answer.refusal == Refusal.SAD_INVALID.value


@pytest.mark.parametrize("who", [caller(client=ClientId("other")), caller(signer=SignerId("other"))])
def test_AU_01_evidence_is_taken_only_from_the_one_who_began(oauth, who):
    approval_id = begun(oauth)
    request = Approve(who, approval_id, Evidence(PIN, code(oauth)))

    assert refusal(oauth.operations().approve, request) is Refusal.APPROVAL_INVALID


def test_AU_01_an_approval_is_approved_once(oauth):
    approval_id = approved(oauth)
    request = Approve(caller(), approval_id, Evidence(PIN, code(oauth, 30)))

    assert refusal(oauth.operations().approve, request) is Refusal.APPROVAL_INVALID


def test_AU_01_expired_transaction_takes_no_evidence(oauth):
    approval_id = begun(oauth)
    oauth.clock.now += 300
    request = Approve(caller(), approval_id, Evidence(PIN, code(oauth)))

    assert refusal(oauth.operations().approve, request) is Refusal.APPROVAL_INVALID


def test_AU_06_five_wrong_pins_lock_and_the_right_one_is_refused(inside):
    operations = inside.operations()
    wrong = [refusal(operations.authorize, authorize("explicit", [A], pin="0000")) for _ in range(5)]
    locked = refusal(operations.authorize, authorize("explicit", [A]))

    assert wrong == [Refusal.PIN_INVALID] * 5
    assert locked is Refusal.PIN_LOCKED


def test_AU_06_right_pin_clears_the_failures(inside):
    operations = inside.operations()
    for _ in range(3):
        for _ in range(4):
            refusal(operations.authorize, authorize("explicit", [A], pin="0000"))
        assert operations.authorize(authorize("explicit", [A])).sad


def test_AU_06_lock_of_one_credential_leaves_the_other(inside):
    inside.create("second")
    operations = inside.operations()
    for _ in range(5):
        refusal(operations.authorize, authorize("explicit", [A], pin="0000"))

    assert operations.authorize(authorize("second", [A])).sad


def test_AU_06_a_refused_transaction_counts_no_try(inside):
    operations = inside.operations()
    for _ in range(6):
        refused = refusal(operations.authorize, authorize("explicit", [A], number=11, pin="0000"))
        assert refused is Refusal.NUM_SIGNATURES_TOO_HIGH

    assert operations.authorize(authorize("explicit", [A])).sad


def test_AU_06_a_device_that_fails_costs_no_try(oauth):
    class AwayDevice:
        def __getattr__(self, name):
            return getattr(oauth.device, name)

        def authenticate(self, data):
            raise DeviceFaultError

    limits = LockLimits()
    away = EvidenceVerifier(oauth.store, AwayDevice(), oauth.clock, limits)
    kinds = (FactorKind.PIN, FactorKind.OTP)
    for _ in range(limits.temporary + 1):
        with pytest.raises(DeviceFaultError):
            away.verify(CredentialId("oauth"), kinds, Evidence(PIN, code(oauth)), Asked(CLIENT, 1, "", ()))

    assert approved(oauth)


def test_AU_15_seed_changed_by_sql_makes_the_credential_unusable(oauth):
    approval_id = begun(oauth)
    with make_engine(oauth.url).begin() as connection:
        connection.execute(text("UPDATE factors SET verifier = x'00' WHERE kind = 'OTP'"))
    request = Approve(caller(), approval_id, Evidence(PIN, code(oauth)))

    assert refusal(oauth.operations().approve, request) is Refusal.CREDENTIAL_DISABLED


def test_AU_04_code_of_an_old_or_far_step_is_refused(oauth):
    for shift in (-90, 90):
        request = Approve(caller(), begun(oauth), Evidence(PIN, code(oauth, shift)))
        assert refusal(oauth.operations().approve, request) is Refusal.OTP_INVALID


def test_AU_05_verifier_copied_to_another_credential_proves_nothing(inside):
    inside.create("second")
    with make_engine(inside.url).begin() as connection:
        connection.execute(
            text(
                "UPDATE factors SET verifier = (SELECT verifier FROM factors WHERE credential_id = 'explicit'),"
                " salt = (SELECT salt FROM factors WHERE credential_id = 'explicit') WHERE credential_id = 'second'"
            )
        )

    assert refusal(inside.operations().authorize, authorize("second", [A])) is Refusal.PIN_INVALID


def test_D17_client_without_a_login_needs_a_link(inside):
    who = caller(signer=None)
    request = authorize("explicit", [A], who=who)
    refused = refusal(inside.operations().authorize, request)
    inside.store.put_link(LinkRow(who.client_id, SIGNER))

    assert refused is Refusal.UNKNOWN_CREDENTIAL
    assert inside.operations().authorize(request).sad


def test_D15_extension_kills_the_old_sad_and_carries_the_count(inside):
    operations, signing = inside.operations(), inside.signing()
    old = operations.authorize(authorize("explicit", [A], number=2)).sad
    new = operations.extend(Extend(caller(), CredentialId("explicit"), old, (B,))).sad
    answers = signing.sign([sign("explicit", old, [A]), sign("explicit", new, [A, B]), sign("explicit", new, [A])])

    assert answers[0].refusal == Refusal.SAD_INVALID.value
    assert isinstance(answers[1], Signed)
    assert answers[2].refusal == Refusal.SAD_EXHAUSTED.value


def test_D15_extension_never_outlives_the_authentication(inside):
    operations = inside.operations()
    sad = operations.authorize(authorize("explicit", [A])).sad
    lifetimes = []
    for _ in range(2):
        inside.clock.now += 119
        extended = operations.extend(Extend(caller(), CredentialId("explicit"), sad))
        sad = extended.sad
        lifetimes.append(extended.expires_in)
    inside.clock.now += 62

    assert lifetimes == [120, 62]
    assert refusal(operations.extend, Extend(caller(), CredentialId("explicit"), sad)) is Refusal.SAD_EXPIRED


def test_RL_03_sixty_four_parallel_extensions_have_one_successor(inside):
    sad = inside.operations().authorize(authorize("explicit", [A], number=2)).sad
    outcomes = []

    def extend():
        operations = inside.operations()
        try:
            outcomes.append(operations.extend(Extend(caller(), CredentialId("explicit"), sad)))
        except RefusedError as error:
            outcomes.append(error.refusal)

    threads = [threading.Thread(target=extend) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 64
    assert outcomes.count(Refusal.SAD_INVALID) == 63


def test_AU_12_other_signers_credential_is_told_like_an_unknown_one(inside):
    operations = inside.operations()
    who = caller(signer=SignerId("other"))

    refused = {refusal(operations.authorize, authorize(name, [A], who=who)) for name in ("explicit", "no-such")}
    assert refused == {Refusal.UNKNOWN_CREDENTIAL}


def test_D17_explicit_and_oauth_credentials_keep_their_ways(oauth):
    explicit = Begin(caller(), Transaction(CredentialId("explicit"), 1, (A,)))

    assert refusal(oauth.operations().begin, explicit) is Refusal.CREDENTIAL_NOT_OAUTH
    assert refusal(oauth.operations().authorize, authorize("oauth", [A])) is Refusal.CREDENTIAL_NOT_EXPLICIT


def test_multisign_is_shown_as_high_as_it_can_be_used(inside):
    operations = inside.operations()
    with inside.store.begin() as transaction:
        row = transaction.credential(CredentialId("explicit"))
    inside.store.insert_credential(
        replace(row, credential_id=CredentialId("many"), key_handle=KeyHandle(b"many"), multisign=5000), [], []
    )
    (shown, _) = operations.find(caller(), CredentialId("many"))
    listed = {row.credential_id: row.multisign for row, _ in operations.find_all(caller(), SIGNER)}

    assert shown.multisign == 1000
    assert listed == {"explicit": 10, "many": 1000}
