"""One-time codes that are sent, and challenges for a signer's key (CSC 1.0.4.0, 11.8; 2.0.0.2, 11.8)."""

import sqlite3
from contextlib import closing

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from csc_server.activation.messages import Authorize, Done
from csc_server.activation.parts import Evidence, Transaction
from csc_server.activation.pending_messages import Challenge, GetChallenge, SendCode
from csc_server.errors import RefusedError, UnavailableError
from csc_server.policy.challenge_response import response_data
from csc_server.values import AuthMode, ClientId, CredentialId, Refusal, Scal
from csc_server.wire import encode_base64url
from fakes.signer_inside import CLIENT, PIN, SEED, SHA_256, authorize, caller, digest, sign

A, B = digest("a"), digest("b")
ADDRESS = "alice@mail.example"
OTHER_CLIENT = ClientId("other-client")


class Mailbox:
    """A courier that keeps what it got; `failure` is what it raises instead."""

    def __init__(self):
        self.deliveries = []
        self.failure = None

    def deliver(self, delivery):
        if self.failure is not None:
            raise self.failure
        self.deliveries.append(delivery)

    @property
    def code(self):
        return self.deliveries[-1].code


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def online(inside, mailbox):
    """The inside with credentials that a sent code authorizes, alone and beside a PIN."""
    inside.create("code", pin=None, address=ADDRESS)
    inside.create("pin-code", scal=Scal.TWO, address=ADDRESS)
    inside.post = inside.challenges(mailbox)
    return inside


def send(online, name="code", who=None):
    return online.post.send_code(SendCode(who or caller(), CredentialId(name)))


def with_code(name, code, hashes=(A,), who=None, pin=None):
    transaction = Transaction(CredentialId(name), len(hashes), tuple(hashes))
    return Authorize(who or caller(), transaction, Evidence(pin=pin, online_otp=code))


def refusal(act, *arguments):
    with pytest.raises(RefusedError) as caught:
        act(*arguments)
    return caught.value.refusal


def test_a_code_goes_to_the_address_and_authorizes_once(online, mailbox):
    assert send(online) == Done()
    (delivery,) = mailbox.deliveries
    operations = online.operations()
    minted = operations.authorize(with_code("code", delivery.code))
    again = refusal(operations.authorize, with_code("code", delivery.code))

    assert (delivery.address, delivery.credential_id, delivery.lifetime) == (ADDRESS, "code", 300)
    assert len(delivery.code) == 8
    assert delivery.code.isdecimal()
    assert delivery.code not in repr(delivery)
    assert online.signing().sign([sign("code", minted.sad, [A])])[0].signatures
    assert again is Refusal.OTP_INVALID


def test_the_store_holds_neither_code_nor_address(online, mailbox):
    send(online)
    path = online.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as rows:
        dump = "\n".join(rows.iterdump()).lower()

    for secret in (mailbox.code, ADDRESS):
        assert secret not in dump
        assert secret.encode().hex() not in dump


def test_no_code_without_asking_for_one(online):
    assert refusal(online.operations().authorize, with_code("code", "12345678")) is Refusal.OTP_INVALID
    assert refusal(online.operations().authorize, with_code("code", None)) is Refusal.OTP_MISSING


def test_only_the_newest_code_counts(online, mailbox):
    send(online)
    first = mailbox.code
    send(online)

    assert refusal(online.operations().authorize, with_code("code", first)) is Refusal.OTP_INVALID
    assert online.operations().authorize(with_code("code", mailbox.code)).sad


def test_a_code_is_good_for_five_minutes(online, mailbox):
    send(online)
    online.clock.now += 300

    assert refusal(online.operations().authorize, with_code("code", mailbox.code)) is Refusal.OTP_INVALID


def test_a_code_is_of_one_credential_and_of_the_client_that_asked(online, mailbox):
    send(online)
    code = mailbox.code
    other = caller(client=OTHER_CLIENT)

    assert refusal(online.operations().authorize, with_code("code", code, who=other)) is Refusal.OTP_INVALID
    assert refusal(online.operations().authorize, with_code("pin-code", code, pin=PIN)) is Refusal.OTP_INVALID
    assert online.operations().authorize(with_code("code", code)).sad


def test_D17_a_sent_code_alone_never_reaches_scal_2(inside, mailbox):
    inside.create("too-little", pin=None, address=ADDRESS, scal=Scal.TWO)
    inside.challenges(mailbox).send_code(SendCode(caller(), CredentialId("too-little")))

    assert refusal(inside.operations().authorize, with_code("too-little", mailbox.code)) is Refusal.CREDENTIAL_DISABLED


def test_D17_a_pin_beside_a_sent_code_does(online, mailbox):
    send(online, "pin-code")
    minted = online.operations().authorize(with_code("pin-code", mailbox.code, pin=PIN))

    assert online.signing().sign([sign("pin-code", minted.sad, [A])])[0].signatures


def test_AU_06_wrong_codes_lock_and_a_locked_factor_gets_no_code(online, mailbox):
    send(online)
    wrong = f"{(int(mailbox.code) + 1) % 10**8:08}"
    tries = [refusal(online.operations().authorize, with_code("code", wrong)) for _ in range(6)]

    assert tries == [Refusal.OTP_INVALID] * 5 + [Refusal.OTP_LOCKED]
    assert refusal(online.operations().authorize, with_code("code", mailbox.code)) is Refusal.OTP_LOCKED
    assert refusal(send, online) is Refusal.OTP_LOCKED
    online.clock.now += 900
    send(online)
    assert online.operations().authorize(with_code("code", mailbox.code)).sad


def test_IN_21_a_mailbox_is_not_filled(inside, mailbox):
    inside.create("code", pin=None, address=ADDRESS)
    post = inside.challenges(mailbox, sent_codes=3)
    request = SendCode(caller(), CredentialId("code"))
    for _ in range(3):
        post.send_code(request)
    with pytest.raises(UnavailableError) as caught:
        post.send_code(request)
    inside.clock.now += 901
    post.send_code(request)

    assert caught.value.retry_after > 1
    assert len(mailbox.deliveries) == 4


def test_a_courier_that_is_away_is_told(online, mailbox):
    mailbox.failure = UnavailableError("courier")

    with pytest.raises(UnavailableError) as caught:
        send(online)
    assert caught.value.component == "courier"


def test_codes_are_sent_for_credentials_that_have_them(online):
    assert refusal(send, online, "explicit") is Refusal.NO_ONLINE_OTP
    assert refusal(send, online, "nobody's") is Refusal.UNKNOWN_CREDENTIAL
    assert refusal(send, online, "code", caller(signer="another")) is Refusal.UNKNOWN_CREDENTIAL


def test_AU_15_an_address_changed_in_the_store_gets_nothing(online, mailbox):
    online.create("other", pin=None, address="mallory@mail.example")
    path = online.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as rows, rows:
        rows.execute(
            "UPDATE factors SET verifier = (SELECT verifier FROM factors WHERE credential_id = 'other') "
            "WHERE credential_id = 'code'"
        )

    assert refusal(send, online) is Refusal.CREDENTIAL_DISABLED
    assert mailbox.deliveries == []


# A key of the signer's device


KEYS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65_537, 2048),
}


def public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def respond(key, challenge, hashes_=(A,), *, name="key", client=CLIENT, algorithm="", number=None):
    """Answer as a device would that knows the specification alone."""
    data = response_data(challenge, client, name, number or len(hashes_), algorithm, hashes_)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(data)
    elif isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
    return f"{challenge}.{encode_base64url(signature)}"


@pytest.fixture
def keyed(inside, mailbox):
    inside.key = KEYS["P-256"]()
    inside.create("key", scal=Scal.TWO, response_key=public(inside.key))
    inside.post = inside.challenges(mailbox)
    return inside


def challenge_of(inside, name="key", who=None, object_id="KEY"):
    answer = inside.post.get_challenge(GetChallenge(who or caller(), CredentialId(name), object_id))
    assert isinstance(answer, Challenge)
    return answer.challenge


def with_response(response, hashes_=(A,), *, name="key", who=None, algorithm="", pin=PIN):
    transaction = Transaction(CredentialId(name), len(hashes_), tuple(hashes_), hash_algorithm=algorithm)
    return Authorize(who or caller(), transaction, Evidence(pin=pin, response=response))


@pytest.mark.parametrize("kind", KEYS)
def test_a_response_to_the_challenge_authorizes_once(inside, mailbox, kind):
    key = KEYS[kind]()
    inside.create("key", scal=Scal.TWO, response_key=public(key))
    inside.post = inside.challenges(mailbox)
    request = with_response(respond(key, challenge_of(inside)))
    minted = inside.operations().authorize(request)

    assert inside.signing().sign([sign("key", minted.sad, [A])])[0].signatures
    assert refusal(inside.operations().authorize, request) is Refusal.RESPONSE_INVALID


def test_AU_01_a_response_is_bound_to_its_transaction(keyed):
    """A web process that was taken over can't turn a response to another document, client or number."""
    response = respond(keyed.key, challenge_of(keyed))
    other = caller(client=OTHER_CLIENT)
    tries = [
        with_response(response, (B,)),
        with_response(response, (A, A)),
        with_response(response, (A, B)),
        with_response(response, algorithm=SHA_256),
        with_response(response, who=other),
    ]

    assert [refusal(keyed.operations().authorize, each) for each in tries[:4]] == [Refusal.RESPONSE_INVALID] * 4
    assert refusal(keyed.operations().authorize, tries[4]) is Refusal.RESPONSE_INVALID
    keyed.clock.now += 900
    assert refusal(keyed.operations().authorize, with_response(response)) is Refusal.RESPONSE_INVALID, "too late"


def test_a_right_response_passes_after_wrong_ones(keyed):
    challenge = challenge_of(keyed)
    for wrong in ("x", ".", challenge, f"{challenge}.", f"{challenge}.!!", respond(KEYS["P-256"](), challenge)):
        assert refusal(keyed.operations().authorize, with_response(wrong)) in {
            Refusal.RESPONSE_INVALID,
            Refusal.RESPONSE_LOCKED,
        }
    keyed.clock.now += 900

    assert keyed.operations().authorize(with_response(respond(keyed.key, challenge_of(keyed)))).sad


def test_a_challenge_lives_two_minutes(keyed):
    response = respond(keyed.key, challenge_of(keyed))
    keyed.clock.now += 120

    assert refusal(keyed.operations().authorize, with_response(response)) is Refusal.RESPONSE_INVALID


def test_a_challenge_that_the_signer_never_gave_is_worth_nothing(keyed):
    assert (
        refusal(keyed.operations().authorize, with_response(respond(keyed.key, "made-up"))) is Refusal.RESPONSE_INVALID
    )


def test_several_challenges_may_be_under_way(keyed):
    responses = [respond(keyed.key, challenge_of(keyed)) for _ in range(2)]

    assert all(keyed.operations().authorize(with_response(each)).sad for each in responses)


def test_AU_01_a_response_without_the_pin_is_not_enough(keyed):
    response = respond(keyed.key, challenge_of(keyed))

    assert refusal(keyed.operations().authorize, with_response(response, pin=None)) is Refusal.PIN_MISSING
    assert refusal(keyed.operations().authorize, with_response(None)) is Refusal.RESPONSE_MISSING


def test_AU_15_a_public_key_put_into_the_store_is_no_factor(keyed):
    mallory = KEYS["P-256"]()
    challenge = challenge_of(keyed)
    path = keyed.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as rows, rows:
        rows.execute("UPDATE factors SET verifier = ? WHERE kind = 'KEY'", (public(mallory),))

    assert refusal(keyed.operations().authorize, with_response(respond(mallory, challenge))) is (
        Refusal.CREDENTIAL_DISABLED
    )


def test_challenges_are_given_for_objects_the_credential_has(keyed, mailbox):
    keyed.create("pin-code", scal=Scal.TWO, address=ADDRESS)
    keyed.create("oauth", auth_mode=AuthMode.OAUTH2CODE, scal=Scal.TWO, seed=SEED)
    for name, object_id in [
        ("key", "PIN"),
        ("key", "ONLINE_OTP"),
        ("pin-code", "KEY"),
        ("key", "key"),
        ("oauth", "KEY"),
    ]:
        assert refusal(challenge_of, keyed, name, None, object_id) is Refusal.OBJECT_INVALID
    assert refusal(challenge_of, keyed, "nobody's") is Refusal.UNKNOWN_CREDENTIAL
    sent = keyed.post.get_challenge(GetChallenge(caller(), CredentialId("pin-code"), "ONLINE_OTP"))

    assert sent == Done()
    assert mailbox.code


def test_wrong_secrets_of_other_factors_use_up_no_challenge(keyed):
    response = respond(keyed.key, challenge_of(keyed))

    assert refusal(keyed.operations().authorize, with_response(response, pin="wrong pin")) is Refusal.PIN_INVALID
    assert keyed.operations().authorize(with_response(response)).sad


def test_every_step_is_audited_without_a_secret(keyed, mailbox):
    keyed.create("code", pin=None, address=ADDRESS)
    keyed.post.send_code(SendCode(caller(), CredentialId("code")))
    challenge = challenge_of(keyed)
    path = keyed.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as rows:
        bodies = {event: body.decode() for event, body in rows.execute("SELECT event, body FROM signer_audit")}

    assert '"method":"ONLINE_OTP"' in bodies["otp.sent"]
    assert '"method":"KEY"' in bodies["challenge.given"]
    assert not any(secret in body for body in bodies.values() for secret in (mailbox.code, ADDRESS, challenge))


def test_an_explicit_credential_with_a_generator_alone_is_scal_1(inside):
    inside.create("otp", pin=None, seed=SEED)

    assert refusal(inside.operations().authorize, authorize("otp", [A], pin=None, otp="000000")) is Refusal.OTP_INVALID
