"""Holes that were found in the signer by attack, each held shut by the test that showed it."""

import base64
import hashlib
import json
import os
import socket
import sqlite3
from contextlib import closing, suppress

import pyotp
import pytest

from csc_server.activation.framing import frame
from csc_server.activation.messages import (
    Activate,
    Approve,
    Begin,
    Ping,
    Refused,
    Sign,
    Signed,
    Unavailable,
    encode,
)
from csc_server.activation.parts import Evidence, Transaction
from csc_server.audit.chain import Chain
from csc_server.errors import RefusedError
from csc_server.signer.device.port import DeviceFaultError
from csc_server.signer.server import MAX_WAITING, READ_SIZE, WorkerServer
from csc_server.signer.service import ActivationService, SigningService
from csc_server.signer.signing.activation import Journal
from csc_server.signer.signing.credential import UnusableCredentialError
from csc_server.signer.worker import GROUP_LIMIT, weigh
from csc_server.values import AuthMode, CredentialId, Refusal, Scal, SignerId
from fakes.signer_inside import ECDSA_SHA_256, PIN, SEED, Inside, authorize, caller, digest, inside_of, sign

A, B = digest("a"), digest("b")


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)


def health():
    raise AssertionError("nobody asked")


def evidence_service(inside: Inside) -> ActivationService:
    chain = Chain("evidence-test", inside.store.chain_head("evidence-test"))
    return ActivationService(inside.operations(), Journal(inside.store, chain, inside.clock), health, lambda: None)


def records(inside: Inside, event: str) -> list[dict]:
    with closing(sqlite3.connect(inside.url.removeprefix("sqlite:///"))) as database:
        rows = database.execute("SELECT body FROM signer_audit WHERE event = ? ORDER BY time, sequence", (event,))
        return [json.loads(body) for (body,) in rows]


def change(inside: Inside, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(inside.url.removeprefix("sqlite:///"))) as database, database:
        assert database.execute(statement, values).rowcount == 1


def approved(inside: Inside, name: str, digests=(A,)):
    inside.create(name, auth_mode=AuthMode.OAUTH2CODE, scal=Scal.TWO, seed=SEED)
    transaction = Transaction(CredentialId(name), len(digests), tuple(digests))
    approval_id = inside.operations().begin(Begin(caller(), transaction))[0].approval_id
    code = pyotp.TOTP(base64.b32encode(SEED).decode()).at(inside.clock.now)
    inside.operations().approve(Approve(caller(), approval_id, Evidence(PIN, code)))
    return approval_id


def test_D26_a_token_hash_used_twice_is_refused_and_ends_no_worker(inside):
    service, token_hash = evidence_service(inside), hashlib.sha256(b"token").digest()
    one, two = approved(inside, "one"), approved(inside, "two", (B,))
    first, second = service.answer([Activate(caller(), each, token_hash) for each in (one, two)])
    (signed,) = inside.signing().sign([sign("two", "token", [B])])

    assert not isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert second.refusal == Refusal.APPROVAL_INVALID
    assert isinstance(signed, Refused)
    assert not service.must_end


def test_D26_an_approval_is_activated_for_its_signer_alone(inside):
    approval_id = approved(inside, "one")
    for stranger in (SignerId("another"), None):
        with pytest.raises(RefusedError) as caught:
            inside.operations().activate(Activate(caller(signer=stranger), approval_id, A))
        assert caught.value.refusal is Refusal.APPROVAL_INVALID


def test_AD_01_a_lock_of_a_factor_has_its_record(inside):
    service = evidence_service(inside)
    answers = service.answer([authorize("explicit", [A], pin="0000-wrong") for _ in range(6)])
    locked = records(inside, "factor.locked")

    assert [answer.refusal for answer in answers] == [Refusal.PIN_INVALID] * 5 + [Refusal.PIN_LOCKED]
    assert [(each["credential_id"], each["method"], each["count"]) for each in locked] == [("explicit", "PIN", 5)]


def test_AU_15_a_factor_taken_away_by_SQL_makes_its_credential_unusable(inside):
    inside.create("both", seed=SEED)
    change(inside, "DELETE FROM factors WHERE credential_id = 'both' AND kind = 'OTP'")

    with pytest.raises(UnusableCredentialError):
        inside.operations().authorize(authorize("both", [A]))


def test_AU_15_a_row_that_hides_the_factor_makes_its_credential_unusable(inside):
    inside.create("both", seed=SEED)
    change(inside, "DELETE FROM factors WHERE credential_id = 'both' AND kind = 'OTP'")
    change(inside, "UPDATE credentials SET factors = ? WHERE credential_id = 'both'", '["PIN"]')

    with pytest.raises(UnusableCredentialError):
        inside.operations().authorize(authorize("both", [A]))


def test_AU_15_a_key_type_changed_by_SQL_is_not_believed(inside):
    signing = inside.signing()
    sads = [inside.operations().authorize(authorize("explicit", [each])).sad for each in (A, B)]
    assert isinstance(signing.sign([sign("explicit", sads[0], [A])])[0], Signed)
    change(inside, "UPDATE credentials SET key_type = 'RSA-2048' WHERE credential_id = 'explicit'")
    (answer,) = signing.sign([sign("explicit", sads[1], [B], algorithm="1.2.840.113549.1.1.11")])

    assert isinstance(answer, Refused)
    assert not signing.must_end


def test_SA_09_a_clock_set_back_stops_workers_that_were_idle_too(inside):
    idle, busy = inside.signing(slot=1), inside.signing(slot=0)
    expired = inside.operations().authorize(authorize("explicit", [A])).sad
    inside.clock.now += 600
    later = inside.operations().authorize(authorize("explicit", [B])).sad
    assert isinstance(busy.sign([sign("explicit", later, [B])])[0], Signed)
    inside.clock.now -= 590
    service = SigningService(idle, health, lambda: None)

    assert service.answer([sign("explicit", expired, [A])]) == [Unavailable("clock", 2)]
    assert not service.owes


class Failing:
    """A device that fails from some call on, as a lost token does."""

    def __init__(self, device):
        self._device = device
        self.fails = False

    def authenticate(self, data):
        if self.fails:
            raise DeviceFaultError("away")
        return self._device.authenticate(data)

    def __getattr__(self, name):
        return getattr(self._device, name)


class Wrong(Failing):
    """A device whose signatures fail."""

    def sign(self, *_):
        raise DeviceFaultError("away")


def test_RL_04_a_device_that_fails_after_the_SAD_was_spent_says_that_it_is(inside):
    sad = inside.operations().authorize(authorize("explicit", [A])).sad
    (answer,) = inside.signing(device=Wrong(inside.device)).sign([sign("explicit", sad, [A])])
    (again,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert answer == Unavailable("device", 2, is_spent=True)
    assert again.refusal == Refusal.SAD_EXHAUSTED.value or again.refusal == Refusal.HASH_NOT_AUTHORIZED.value


def test_RL_04_a_device_that_fails_before_anything_is_spent_ends_its_worker(inside):
    device = Failing(inside.device)
    sad = inside.operations().authorize(authorize("explicit", [A])).sad
    device.fails = True
    service = SigningService(inside.signing(device=device), health, lambda: None)
    (answer,) = service.answer([sign("explicit", sad, [A])])
    (again,) = inside.signing().sign([sign("explicit", sad, [A])])

    assert answer == Unavailable("device", 2)
    assert service.must_end
    assert isinstance(again, Signed)


class Refusing:
    """A handler that refuses everything at once."""

    owes = False

    def answer(self, requests):
        return [Refused(Refusal.SAD_INVALID.value)] * len(requests)

    def work(self):
        pass


def test_RL_08_what_waits_at_a_worker_is_bounded():
    with closing(socket.socket(socket.AF_UNIX)) as listener, closing(socket.socket(socket.AF_UNIX)) as flooder:
        listener.bind("")
        listener.listen(8)
        server = WorkerServer(listener, [os.getuid()], Refusing(), 1, weigh)
        flooder.connect(listener.getsockname())
        flooder.setblocking(False)
        request = frame(encode(Ping()))
        most = 0
        for _ in range(200):
            for use in (lambda: flooder.send(request * 5000), lambda: flooder.recv(65_536)):
                with suppress(BlockingIOError):
                    use()
            server.serve_once(0)
            most = max(most, len(server._waiting))
        server._selector.close()

    # The read that reaches the bound brings at most one buffer's worth.
    assert MAX_WAITING <= most < MAX_WAITING + READ_SIZE // len(request) + 1


def test_RL_08_requests_for_nothing_fill_a_group_too():
    nothing = Sign(caller(), CredentialId("explicit"), "sad", (), ECDSA_SHA_256)

    assert weigh(nothing) == weigh(Ping()) == 1
    assert GROUP_LIMIT < 1000
