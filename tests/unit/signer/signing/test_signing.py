"""A group of requests from SAD to signature, on a real store (SA-02, SA-03, SA-04, SA-11, decision 26)."""

import base64
import json
from dataclasses import replace

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from sqlalchemy import text

from csc_server.activation.messages import Refused, Signed, Unavailable
from csc_server.errors import RefusedError, UnavailableError
from csc_server.signer.device.port import DeviceFaultError
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import FencedError
from csc_server.values import ClientId, CredentialState, Refusal, Scal, SignerId
from fakes.signer_inside import SEED, authorize, caller, digest, sign

A, B, C, D = (digest(letter) for letter in "abcd")


class BreakingDevice:
    """Passes calls on to a real device and fails the n-th signature."""

    def __init__(self, device, fail_at, how="error"):
        self._device = device
        self._left = fail_at
        self._how = how
        self.calls = 0

    def __getattr__(self, name):
        return getattr(self._device, name)

    def sign(self, handle, mechanism, value):
        self.calls += 1
        self._left -= 1
        if self._left:
            return self._device.sign(handle, mechanism, value)
        if self._how == "error":
            raise DeviceFaultError
        return self._device.sign(handle, mechanism, bytes(32))


def minted(inside, hashes, **more):
    return inside.operations().authorize(authorize("explicit", hashes, **more)).sad


def rows(inside, statement):
    with make_engine(inside.url).connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def events(inside, writer="sign-0"):
    found = rows(inside, f"SELECT event FROM signer_audit WHERE writer = '{writer}' ORDER BY sequence")
    return [event for (event,) in found]


def verifies(inside, value, signature):
    with inside.store.read() as reading:
        certificate = x509.load_der_x509_certificate(reading.credential("explicit").certificates[0])
    certificate.public_key().verify(signature, value, ec.ECDSA(Prehashed(hashes.SHA256())))
    return True


def test_SA_02_signatures_verify_and_stand_between_intent_and_done(inside):
    sad = minted(inside, [A, B])

    (answer,) = inside.signing().sign([sign("explicit", sad, [B, A])])

    assert isinstance(answer, Signed)
    assert all(verifies(inside, value, made) for value, made in zip([B, A], answer.signatures, strict=True))
    assert events(inside) == ["sign.intent", "sign.done"]
    assert rows(inside, "SELECT state FROM consumptions") == [("done",)]


def test_SA_03_spent_sad_gives_nothing_more(inside):
    signing = inside.signing()
    sad = minted(inside, [A])

    answers = signing.sign([sign("explicit", sad, [A]), sign("explicit", sad, [A])])
    (late,) = signing.sign([sign("explicit", sad, [A])])

    assert isinstance(answers[0], Signed)
    assert answers[1] == late == Refused(Refusal.SAD_EXHAUSTED.value, Refusal.SAD_EXHAUSTED.value)


def test_SA_03_partial_use_over_several_calls_with_a_refused_one_between(inside):
    signing = inside.signing()
    sad = minted(inside, [A, B, B])

    first = signing.sign([sign("explicit", sad, [B])])
    refused = signing.sign([sign("explicit", sad, [A, D])])
    last = signing.sign([sign("explicit", sad, [A, B])])

    assert isinstance(first[0], Signed)
    assert refused == [Refused(Refusal.HASH_NOT_AUTHORIZED.value, Refusal.HASH_NOT_AUTHORIZED.value)]
    assert isinstance(last[0], Signed)


def test_SA_03_one_group_of_several_requests_on_one_sad(inside):
    sad = minted(inside, [A, A, B])

    answers = inside.signing().sign([sign("explicit", sad, [value]) for value in (A, B, A, A)])

    assert [type(answer) for answer in answers] == [Signed, Signed, Signed, Refused]


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (caller(client=ClientId("other")), Refusal.SAD_INVALID),
        (caller(signer=SignerId("other")), Refusal.UNKNOWN_CREDENTIAL),
    ],
)
def test_SA_03_sad_of_another_client_or_signer(inside, who, refusal):
    (answer,) = inside.signing().sign([sign("explicit", minted(inside, [A]), [A], who=who)])

    assert answer.refusal == refusal.value


def test_SA_03_sad_of_another_credential(inside):
    inside.create("second")

    (answer,) = inside.signing().sign([sign("second", minted(inside, [A]), [A])])

    assert answer.refusal == Refusal.SAD_INVALID.value


@pytest.mark.parametrize("part", [0, 1, 2])
def test_SA_01_changed_sad_is_unknown(inside, part):
    parts = minted(inside, [A]).split(".")
    parts[part] = parts[part][:-4] + ("AAAA" if parts[part][-4:] != "AAAA" else "BBBB")

    (answer,) = inside.signing().sign([sign("explicit", ".".join(parts), [A])])

    assert answer.refusal == Refusal.SAD_INVALID.value


def test_SA_03_expired_sad(inside):
    sad = minted(inside, [A])
    inside.clock.now += 121

    (answer,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert answer.refusal == Refusal.SAD_EXPIRED.value


def test_SA_08_certificate_that_ended_or_has_not_begun(inside):
    sad = minted(inside, [A])
    signing = inside.signing()
    inside.clock.now += 400 * 86_400

    (answer,) = signing.sign([sign("explicit", sad, [A])])

    assert answer.refusal in {Refusal.CERTIFICATE_EXPIRED.value, Refusal.SAD_EXPIRED.value}


def test_SA_08_suspended_credential_does_not_sign(inside):
    sad = minted(inside, [A])
    inside.store.change_state("explicit", CredentialState.SUSPENDED, [])

    (answer,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert answer.refusal == Refusal.CREDENTIAL_DISABLED.value


def test_AU_15_row_changed_by_sql_makes_the_credential_unusable(inside):
    sad = minted(inside, [A])
    with make_engine(inside.url).begin() as connection:
        connection.execute(text("UPDATE credentials SET multisign = 1000, version = version + 1"))

    (answer,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert answer.refusal == Refusal.CREDENTIAL_DISABLED.value


def test_SA_02_device_error_ends_failed_and_is_never_repeated(inside):
    sad = minted(inside, [A, B, C])
    device = BreakingDevice(inside.device, fail_at=2)
    signing = inside.signing(device=device)

    answers = signing.sign([sign("explicit", sad, [A, B]), sign("explicit", sad, [C])])

    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert signing.must_end
    assert device.calls == 2
    assert rows(inside, "SELECT state FROM consumptions") == [("failed",), ("failed",)]
    assert events(inside) == ["sign.intent", "sign.intent", "sign.failed", "sign.failed"]


def test_SA_11_wrong_signature_never_leaves(inside):
    sad = minted(inside, [A])
    signing = inside.signing(device=BreakingDevice(inside.device, fail_at=1, how="wrong"))

    (answer,) = signing.sign([sign("explicit", sad, [A])])

    assert isinstance(answer, Unavailable)
    assert signing.must_end
    assert events(inside) == ["sign.intent", "sign.fault"]


def test_D26_superseded_worker_can_neither_intend_nor_settle(inside):
    sad = minted(inside, [A])
    old = inside.signing()
    inside.signing()

    with pytest.raises(FencedError):
        old.sign([sign("explicit", sad, [A])])
    assert rows(inside, "SELECT count(*) FROM consumptions") == [(0,)]


def test_SA_04_open_intent_becomes_indeterminate_and_stays_spent(inside):
    sad = minted(inside, [A])

    class Killed(BaseException):
        pass

    class KillingDevice(BreakingDevice):
        def sign(self, handle, mechanism, value):
            raise Killed

    with pytest.raises(Killed):
        inside.signing(device=KillingDevice(inside.device, 1)).sign([sign("explicit", sad, [A])])
    signing = inside.signing()
    with inside.store.begin_signing(signing._worker, inside.clock.seconds()) as transaction:
        (found,) = transaction.recover()
    (answer,) = signing.sign([sign("explicit", sad, [A])])

    assert found.epoch < signing._worker.epoch
    assert rows(inside, "SELECT state FROM consumptions") == [("indeterminate",)]
    assert answer.refusal == Refusal.SAD_EXHAUSTED.value


def test_SA_09_clock_behind_the_high_water_mark_refuses_work(inside):
    sad = minted(inside, [A, B])
    signing = inside.signing()
    signing.sign([sign("explicit", sad, [A])])
    inside.clock.now -= 6

    with pytest.raises(UnavailableError) as caught:
        signing.sign([sign("explicit", sad, [B])])
    assert caught.value.component == "clock"


@pytest.mark.parametrize(("behind", "refused"), [(10, False), (11, True), (86_400, True)])
def test_SA_09_a_SAD_from_the_future_is_refused(inside, behind, refused):
    sad = minted(inside, [A])
    inside.clock.now -= behind
    (answer,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert getattr(answer, "refusal", None) == (Refusal.SAD_INVALID.value if refused else None)


def test_AD_08_audit_holds_neither_sad_nor_pin(inside):
    sad = minted(inside, [A])
    inside.signing().sign([sign("explicit", sad, [A])])
    bodies = b" ".join(body for (body,) in rows(inside, "SELECT body FROM signer_audit"))

    assert b"1234-right" not in bodies
    assert sad.encode() not in bodies


def test_D14_refused_call_of_an_authenticated_caller_is_audited_once(inside):
    inside.signing().sign([sign("explicit", "no-such-sad", [A])])
    found = rows(inside, "SELECT event, body FROM signer_audit WHERE writer = 'sign-0'")

    assert [event for event, _ in found] == ["sign.refused"]
    assert json.loads(found[0][1])["reason"] == "sad_invalid"


def test_SA_05_digest_of_another_length_is_refused(inside):
    sad = minted(inside, [A])

    (answer,) = inside.signing().sign([replace(sign("explicit", sad, [A]), hashes=(b"short",))])

    assert answer.refusal == Refusal.DIGEST_LENGTH.value


def test_SA_05_empty_hash_list_is_refused(inside):
    (answer,) = inside.signing().sign([sign("explicit", minted(inside, [A]), [])])

    assert answer.refusal == Refusal.HASH_COUNT_INVALID.value


def test_AU_01_scal_2_needs_pin_and_code_of_this_moment(inside):
    inside.create("two", scal=Scal.TWO, seed=SEED)
    code = pyotp.TOTP(base64.b32encode(SEED).decode()).at(inside.clock.now)
    operations = inside.operations()
    with pytest.raises(RefusedError) as missing:
        operations.authorize(authorize("two", [A]))
    first = operations.authorize(authorize("two", [A], otp=code))
    with pytest.raises(RefusedError) as replayed:
        operations.authorize(authorize("two", [A], otp=code))

    assert missing.value.refusal is Refusal.OTP_MISSING
    assert replayed.value.refusal is Refusal.OTP_INVALID
    assert first.expires_in == 120


def test_RL_04_a_key_that_the_device_lost_costs_neither_the_worker_nor_the_authorization(inside):
    sad = minted(inside, [A])
    with inside.store.read() as reading:
        handle = reading.credential("explicit").key_handle
    lost = inside.device._keys.pop(handle)
    signing = inside.signing()

    (refused,) = signing.sign([sign("explicit", sad, [A])])
    inside.device._keys[handle] = lost
    (signed,) = signing.sign([sign("explicit", sad, [A])])

    assert refused.refusal == Refusal.KEY_MISSING.value
    assert not signing.must_end
    assert verifies(inside, A, signed.signatures[0])
