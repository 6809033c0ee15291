"""What a SAD authorises and how it is spent and extended, as rules over rows (SA-03, SA-05, decision 15)."""

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csc_server.errors import RefusedError
from csc_server.signer.signing.sad import POLICY, UNBOUND, bind, check_presented, successor_slots, take
from csc_server.storage.ports.signer import SadRow, SadState, Slot
from csc_server.values import ApprovalId, ClientId, CredentialId, Refusal, SadId, Scal, SignerId

A, B, C, D = (hashlib.sha256(letter).digest() for letter in (b"a", b"b", b"c", b"d"))
HASHES = st.lists(st.sampled_from([A, B, C]), max_size=6)


def row(slots, *, scal=Scal.ONE, state=SadState.LIVE, expires_at=200, policy=POLICY):
    return SadRow(
        sad_id=SadId("sad"),
        sad_hash=b"",
        approval_id=ApprovalId("approval"),
        client_id=ClientId("client"),
        signer_id=SignerId("signer"),
        credential_id=CredentialId("credential"),
        key_fingerprint=b"",
        scal=scal,
        hash_algorithm="",
        slots=slots,
        authorised=sum(slot.authorised for slot in slots.values()),
        spent=sum(slot.spent for slot in slots.values()),
        state=state,
        version=1,
        issued_at=100,
        expires_at=expires_at,
        limit_at=400,
        policy=policy,
    )


def refusal(function, *arguments):
    with pytest.raises(RefusedError) as caught:
        function(*arguments)
    return caught.value.refusal


def test_SA_05_a_hash_bound_twice_may_be_signed_twice_and_no_more():
    slots = take(bind([A, A, B], 3), [A, A])

    assert refusal(take, slots, [A]) is Refusal.SAD_EXHAUSTED
    assert take(slots, [B])[B] == Slot(1, 1)


def test_SA_05_order_does_not_matter():
    assert take(bind([A, B, C], 3), [C, A, B]) == {A: Slot(1, 1), B: Slot(1, 1), C: Slot(1, 1)}


def test_SA_03_a_hash_that_was_not_authorised_is_refused():
    assert refusal(take, bind([A, B], 2), [A, D]) is Refusal.HASH_NOT_AUTHORIZED


def test_SA_03_unbound_slots_take_any_hash_until_the_number_is_reached():
    slots = take(bind([A], 3), [A, D, D])

    assert refusal(take, slots, [B]) is Refusal.SAD_EXHAUSTED


def test_SA_03_bound_occurrence_is_spent_before_an_unbound_one():
    assert take(bind([A], 2), [A])[UNBOUND] == Slot(1, 0)


def test_SA_03_a_refused_request_spends_nothing():
    slots = bind([A, B], 2)
    before = dict(slots)

    refusal(take, slots, [A, B, C])

    assert before == slots


@given(HASHES, st.integers(0, 4), st.lists(st.sampled_from([A, B, C, D]), max_size=10))
def test_SA_03_spending_never_passes_what_was_authorised(hashes, extra, wanted):
    slots = bind(hashes, len(hashes) + extra)
    for digest in wanted:
        try:
            slots = take(slots, [digest])
        except RefusedError:
            continue

    assert all(0 <= slot.spent <= slot.authorised for slot in slots.values())
    assert sum(slot.authorised for slot in slots.values()) == len(hashes) + extra


@pytest.mark.parametrize("state", [SadState.EXTENDED, SadState.VOID])
def test_SA_03_dead_sad_is_refused(state):
    assert refusal(check_presented, row(bind([A], 1), state=state), 150) is Refusal.SAD_INVALID


def test_SA_03_unknown_sad_is_refused():
    assert refusal(check_presented, None, 150) is Refusal.SAD_INVALID


@pytest.mark.parametrize(("now", "expected"), [(199, None), (200, Refusal.SAD_EXPIRED), (201, Refusal.SAD_EXPIRED)])
def test_SA_03_expired_sad_is_refused_at_its_second(now, expected):
    sad = row(bind([A], 1))

    if expected is None:
        assert check_presented(sad, now) is sad
    else:
        assert refusal(check_presented, sad, now) is expected


def test_SA_10_sad_of_another_policy_is_refused():
    assert refusal(check_presented, row(bind([A], 1), policy="generic/0"), 150) is Refusal.SAD_INVALID


def test_D15_scal_2_successor_carries_what_is_unspent():
    sad = row(take(bind([A, A, B], 3), [A]), scal=Scal.TWO)

    assert successor_slots(sad, [B]) == {A: Slot(1, 0), B: Slot(1, 0)}


def test_D15_scal_2_hash_that_was_not_authorised_is_refused():
    assert refusal(successor_slots, row(bind([A], 1), scal=Scal.TWO), [D]) is Refusal.HASH_NOT_AUTHORIZED


def test_D15_scal_2_hash_already_spent_is_refused():
    sad = row(take(bind([A, B], 2), [A]), scal=Scal.TWO)

    assert refusal(successor_slots, sad, [A]) is Refusal.HASH_NOT_AUTHORIZED


def test_D15_scal_2_needs_hashes():
    assert refusal(successor_slots, row(bind([A], 1), scal=Scal.TWO), []) is Refusal.HASHES_REQUIRED


def test_D15_scal_1_binds_hashes_to_slots_without_one():
    assert successor_slots(row(bind([A], 3)), [A, D, D]) == {A: Slot(1, 0), D: Slot(2, 0)}


def test_D15_more_hashes_than_remain_are_refused():
    assert refusal(successor_slots, row(bind([A], 2)), [D, D]) is Refusal.HASH_NOT_AUTHORIZED


def test_D15_spent_sad_has_no_successor():
    assert refusal(successor_slots, row(take(bind([A], 1), [A])), [A]) is Refusal.SAD_EXHAUSTED


@given(HASHES, st.integers(0, 4), HASHES, HASHES, st.sampled_from(list(Scal)))
def test_D15_extension_never_widens(hashes, extra, spend, named, scal):
    number = len(hashes) + (extra if scal is Scal.ONE else 0)
    slots = bind(hashes, number)
    for digest in spend:
        try:
            slots = take(slots, [digest])
        except RefusedError:
            continue
    sad = row(slots, scal=scal)
    try:
        after = successor_slots(sad, named)
    except RefusedError:
        return
    left = Counter({digest: slot.authorised - slot.spent for digest, slot in slots.items()})
    bound = Counter({digest: slot.authorised for digest, slot in after.items()})

    assert bound.total() == left.total()
    if scal is Scal.TWO:
        assert +left == bound
    assert replace(sad, slots=after).authorised == number
