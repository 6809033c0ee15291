"""Approvals on a page: requested by a client, answered by the signer, collected once (CSC 2.0.0.2, 11.6 and 11.7)."""

import base64
import sqlite3
from contextlib import closing

import pyotp
import pytest

from csc_server.activation.messages import Minted
from csc_server.activation.parts import Evidence, Transaction
from csc_server.activation.pending_messages import (
    AnswerPending,
    CollectApproval,
    ListPending,
    Pending,
    RequestApproval,
)
from csc_server.errors import RefusedError, UnavailableError
from csc_server.signer.signing import pending
from csc_server.values import ApprovalId, AuthMode, ClientId, CredentialId, Refusal, Scal, SignerId
from fakes.signer_inside import PIN, SEED, authorize, caller, digest, sign

A, B = digest("a"), digest("b")
OTHER_CLIENT = ClientId("other-client")


@pytest.fixture
def waiting(inside):
    """The inside with one credential of each mode in which the signer answers on a page."""
    inside.create("implicit", auth_mode=AuthMode.IMPLICIT, scal=Scal.TWO, seed=SEED)
    inside.create("page", auth_mode=AuthMode.OUT_OF_BAND, scal=Scal.TWO, seed=SEED)
    inside.create("pin", auth_mode=AuthMode.IMPLICIT)
    inside.operations_ = inside.pending()
    return inside


def code(inside):
    return pyotp.TOTP(base64.b32encode(SEED).decode()).at(inside.clock.now)


def request(inside, name="implicit", hashes=(A,), *, who=None, objects=(), joins=False, description=""):
    transaction = Transaction(CredentialId(name), len(hashes), tuple(hashes))
    return inside.operations_.request(RequestApproval(who or caller(), transaction, description, objects, joins))


def collect(inside, answer, who=None):
    return inside.operations_.collect(CollectApproval(who or caller(), answer.handle))


def shown(inside, signer=None):
    who = caller(signer=signer) if signer else caller()
    return inside.operations_.list_pending(ListPending(who)).approvals


def answer(inside, evidence, place=0, who=None):
    approval = shown(inside)[place]
    inside.operations_.answer(AnswerPending(who or caller(), approval.approval_id, evidence))


def approve(inside, place=0):
    answer(inside, Evidence(PIN, code(inside)), place)


def refusal(act, *arguments, **more):
    with pytest.raises(RefusedError) as caught:
        act(*arguments, **more)
    return caught.value.refusal


def test_a_signer_approves_on_the_page_and_the_client_collects_once(waiting):
    handle = request(waiting, description="Prescription 17")
    before = collect(waiting, handle)
    (seen,) = shown(waiting)
    approve(waiting)
    minted = collect(waiting, handle)

    assert isinstance(before, Pending)
    assert isinstance(minted, Minted)
    assert (seen.client_id, seen.description, seen.objects) == ("client", "Prescription 17", ("PIN", "OTP"))
    assert seen.transaction.hashes == (A,)
    assert shown(waiting) == ()
    assert waiting.signing().sign([sign("implicit", minted.sad, [A])])[0].signatures
    assert refusal(collect, waiting, handle) is Refusal.HANDLE_INVALID


def test_what_was_approved_signs_nothing_else(waiting):
    handle = request(waiting)
    approve(waiting)
    sad = collect(waiting, handle).sad

    assert waiting.signing().sign([sign("implicit", sad, [B])])[0].refusal == Refusal.HASH_NOT_AUTHORIZED
    assert waiting.signing().sign([sign("page", sad, [A])])[0].refusal == Refusal.SAD_INVALID


def test_AR_02_no_evidence_no_approval(waiting):
    """Web may say that the signer clicked: without PIN and code nothing is approved."""
    handle = request(waiting)
    for evidence in (Evidence(), Evidence(PIN), Evidence(otp=code(waiting)), Evidence("", "")):
        assert refusal(answer, waiting, evidence) in {Refusal.PIN_MISSING, Refusal.OTP_MISSING}

    assert isinstance(collect(waiting, handle), Pending)


def test_a_refused_request_says_so(waiting):
    handle = request(waiting)
    answer(waiting, None)

    assert refusal(collect, waiting, handle) is Refusal.APPROVAL_REFUSED
    assert shown(waiting) == ()


def test_wrong_evidence_ends_a_request_in_the_end(waiting):
    handle = request(waiting)
    for _ in range(pending.MAX_TRIES - 1):
        assert refusal(answer, waiting, Evidence("wrong pin", code(waiting))) is Refusal.PIN_INVALID
        assert isinstance(collect(waiting, handle), Pending)
    assert refusal(answer, waiting, Evidence(PIN, "000000")) is Refusal.OTP_INVALID

    assert refusal(collect, waiting, handle) is Refusal.EVIDENCE_REFUSED
    assert shown(waiting) == ()


def test_a_locked_factor_ends_a_request(waiting):
    for _ in range(2):
        request(waiting)
        for _ in range(pending.MAX_TRIES):
            if shown(waiting):
                refusal(answer, waiting, Evidence("wrong pin", code(waiting)))
    handle = request(waiting)

    assert refusal(answer, waiting, Evidence(PIN, code(waiting))) is Refusal.PIN_LOCKED
    assert refusal(collect, waiting, handle) is Refusal.PIN_LOCKED


def test_a_handle_is_of_one_client_and_cannot_be_made(waiting):
    handle = request(waiting)
    (seen,) = shown(waiting)
    name = seen.approval_id
    tries = ["", ".", name, f"{name}.", f"{name}.{'A' * 43}", handle.handle[:-1], handle.handle + "A", "ü.\ud800"]

    for text in tries:
        assert refusal(collect, waiting, Pending(text)) is Refusal.HANDLE_INVALID
    assert refusal(collect, waiting, handle, caller(client=OTHER_CLIENT)) is Refusal.HANDLE_INVALID
    assert refusal(collect, waiting, handle, caller(signer=SignerId("another"))) is Refusal.HANDLE_INVALID
    assert isinstance(collect(waiting, handle), Pending)


def test_a_request_expires(waiting):
    handle = request(waiting)
    (seen,) = shown(waiting)
    waiting.clock.now += 300

    assert shown(waiting) == ()
    assert refusal(collect, waiting, handle) is Refusal.HANDLE_INVALID
    late = AnswerPending(caller(), seen.approval_id, Evidence(PIN, code(waiting)))
    assert refusal(waiting.operations_.answer, late) is Refusal.APPROVAL_INVALID


def test_the_same_request_joins_the_one_that_waits(waiting):
    first = request(waiting, joins=True, objects=None)
    again = request(waiting, joins=True, objects=None)
    others = [
        request(waiting, hashes=(B,), joins=True, objects=None),
        request(waiting, joins=True, objects=None, description="other"),
        request(waiting, joins=True, objects=None, who=caller(client=OTHER_CLIENT)),
        request(waiting, joins=False),
    ]

    assert again.handle == first.handle
    assert len({first.handle, *(each.handle for each in others)}) == 5
    assert len(shown(waiting)) == 5


def test_the_same_request_after_the_approval_gets_the_sad_once(waiting):
    request(waiting, joins=True, objects=None)
    approve(waiting)
    minted = request(waiting, joins=True, objects=None)
    after = request(waiting, joins=True, objects=None)

    assert isinstance(minted, Minted)
    assert isinstance(after, Pending)


def test_a_refused_request_is_asked_anew(waiting):
    first = request(waiting, joins=True, objects=None)
    answer(waiting, None)

    assert request(waiting, joins=True, objects=None).handle != first.handle


def test_objects_are_those_that_info_lists(waiting):
    both = ("PIN", "OTP")
    assert isinstance(request(waiting, "page", objects=both), Pending)
    for name, objects in [("page", ()), ("page", ("PIN",)), ("page", (*both, "KEY")), ("implicit", both)]:
        assert refusal(request, waiting, name, objects=objects) is Refusal.OBJECTS_INVALID
    assert isinstance(request(waiting, "page", objects=None), Pending)


def test_modes_are_not_mixed_up(waiting):
    waiting.create("oauth", auth_mode=AuthMode.OAUTH2CODE, scal=Scal.TWO, seed=SEED)

    assert refusal(request, waiting, "explicit") is Refusal.PIN_MISSING
    assert refusal(request, waiting, "oauth") is Refusal.CREDENTIAL_NOT_EXPLICIT
    assert refusal(request, waiting, "nobody's") is Refusal.UNKNOWN_CREDENTIAL
    with_evidence = authorize("implicit", [A], otp=code(waiting))
    assert refusal(waiting.operations().authorize, with_evidence) is Refusal.CREDENTIAL_NOT_EXPLICIT


def test_requests_are_checked_like_any_other(waiting):
    assert refusal(request, waiting, hashes=()) is Refusal.NUM_SIGNATURES_INVALID
    assert refusal(request, waiting, hashes=(A,) * 11) is Refusal.NUM_SIGNATURES_TOO_HIGH
    assert refusal(request, waiting, hashes=(A[:7],)) is Refusal.DIGEST_LENGTH


def test_a_factor_that_no_page_asks_for_makes_a_credential_unusable(waiting):
    waiting.create("code", auth_mode=AuthMode.IMPLICIT, address="alice@mail.example")

    assert refusal(request, waiting, "code") is Refusal.CREDENTIAL_DISABLED


def test_only_its_signer_answers(waiting):
    request(waiting)
    (seen,) = shown(waiting)
    waiting.store.insert_signer(SignerId("another"))
    right = Evidence(PIN, code(waiting))

    assert shown(waiting, signer=SignerId("another")) == ()
    for who in (caller(signer=SignerId("another")), caller(signer=None), caller(client=OTHER_CLIENT)):
        for evidence in (right, None):
            refused = refusal(waiting.operations_.answer, AnswerPending(who, seen.approval_id, evidence))
            assert refused in {Refusal.APPROVAL_INVALID, Refusal.UNKNOWN_CREDENTIAL}
    assert refusal(waiting.operations_.answer, AnswerPending(caller(), ApprovalId("none"), right)) is (
        Refusal.APPROVAL_INVALID
    )
    approve(waiting)


def test_an_answer_is_taken_once(waiting):
    request(waiting)
    (seen,) = shown(waiting)
    approve(waiting)

    for evidence in (Evidence(PIN, code(waiting)), None):
        late = AnswerPending(caller(), seen.approval_id, evidence)
        assert refusal(waiting.operations_.answer, late) is Refusal.APPROVAL_INVALID


def test_an_approval_is_collected_while_its_evidence_is_fresh(waiting):
    waiting.operations_ = waiting.pending(approval_lifetime=1800)
    handles = [request(waiting, "pin", hashes=(digest(str(number)),)) for number in range(2)]
    for _ in handles:
        answer(waiting, Evidence(PIN))
    waiting.clock.now += 299
    in_time = collect(waiting, handles[0])
    waiting.clock.now += 1

    assert in_time.expires_in == 1
    assert refusal(collect, waiting, handles[1]) is Refusal.HANDLE_INVALID


def test_IN_21_a_signer_is_not_buried_in_requests(waiting):
    for number in range(pending.MAX_PENDING):
        request(waiting, "pin", hashes=(digest(str(number)),))
    with pytest.raises(UnavailableError) as caught:
        request(waiting, "pin")

    assert caught.value.retry_after > 1
    assert len(shown(waiting)) == pending.MAX_PENDING
    request(waiting, "pin", who=caller(client=OTHER_CLIENT))
    assert len(shown(waiting)) == pending.MAX_PENDING + 1, "one client keeps no other from asking"


def test_every_step_is_audited(waiting):
    handle = request(waiting)
    approve(waiting)
    collect(waiting, handle)
    request(waiting, hashes=(B,))
    answer(waiting, None)
    path = waiting.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as rows:
        written = rows.execute("SELECT event, body FROM signer_audit WHERE writer LIKE 'pending%' ORDER BY sequence")
        events = [(event, body.decode()) for event, body in written]

    names = [event for event, _ in events]
    assert names == ["approval.opened", "sad.minted", "approval.opened", "approval.void"]
    assert '"reason":"refused"' in events[-1][1]
    assert not any(handle.handle in body for _, body in events)
