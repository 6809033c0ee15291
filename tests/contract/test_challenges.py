"""Codes under way, challenges and pending approvals, on both databases."""

from dataclasses import replace

import pytest

from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.pending import Ending, PendingRow
from csc_server.storage.ports.signer import ApprovalState, ConflictError
from csc_server.values import ApprovalId, FactorKind, SignerId
from stores import CLIENT, CREDENTIAL, NOW, SIGNER, an_approval, at_once, digest

PARALLEL = 16


def a_challenge(name="challenge-1", **changes):
    row = ChallengeRow(name, CREDENTIAL, FactorKind.KEY, CLIENT, b"\x00\xff", NOW, NOW + 120)
    return replace(row, **changes)


def keep(store, *rows):
    with store.begin() as transaction:
        for row in rows:
            transaction.insert_challenge(row)


def use(store, name="challenge-1", now=NOW + 1):
    with store.begin() as transaction:
        transaction.use_challenge(name, now)


def newest(store, kind=FactorKind.KEY, now=NOW + 1):
    with store.read() as transaction:
        return transaction.open_challenge(CREDENTIAL, kind, now)


def test_a_challenge_is_read_as_it_was_stored(signer_store):
    keep(signer_store, a_challenge())

    with signer_store.read() as transaction:
        assert transaction.challenge("challenge-1") == a_challenge()
        assert transaction.challenge("unknown") is None


def test_a_challenge_is_used_once_however_many_try(signer_store):
    keep(signer_store, a_challenge())
    results = at_once(PARALLEL, lambda _: use(signer_store))

    assert results.count(None) == 1
    assert sum(isinstance(each, ConflictError) for each in results) == PARALLEL - 1


@pytest.mark.parametrize("now", [NOW + 120, NOW + 121])
def test_an_expired_challenge_is_not_used(signer_store, now):
    keep(signer_store, a_challenge())

    assert newest(signer_store, now=now) is None
    with pytest.raises(ConflictError):
        use(signer_store, now=now)


def test_the_newest_open_challenge_of_a_kind_is_found(signer_store):
    keep(
        signer_store,
        a_challenge(),
        a_challenge("later", created_at=NOW + 5),
        a_challenge("other kind", kind=FactorKind.ONLINE_OTP, created_at=NOW + 9),
    )
    assert newest(signer_store).challenge_id == "later"
    use(signer_store, "later")

    assert newest(signer_store).challenge_id == "challenge-1"


def test_replacing_leaves_none_of_the_kind_open(signer_store):
    keep(signer_store, a_challenge(), a_challenge("second"), a_challenge("code", kind=FactorKind.ONLINE_OTP))
    with signer_store.begin() as transaction:
        transaction.replace_challenges(CREDENTIAL, FactorKind.KEY, NOW + 2)

    assert newest(signer_store) is None
    assert newest(signer_store, FactorKind.ONLINE_OTP).challenge_id == "code"
    with pytest.raises(ConflictError):
        use(signer_store, "second")


def test_challenges_are_counted_from_a_time_on(signer_store):
    keep(signer_store, a_challenge(), a_challenge("used", used_at=NOW), a_challenge("later", created_at=NOW + 5))
    with signer_store.read() as transaction:
        counts = [transaction.challenges_since(CREDENTIAL, FactorKind.KEY, NOW + more) for more in (0, 1, 6)]

    assert counts == [3, 1, 0]


def a_pending(approval, request="request", **changes):
    row = PendingRow(
        approval.approval_id, CLIENT, SIGNER, digest(request), "理由 «why»", approval.created_at, approval.expires_at
    )
    return replace(row, **changes)


def keep_pending(store, approval=None, **changes):
    approval = approval or an_approval()
    row = a_pending(approval, **changes)
    with store.begin() as transaction:
        transaction.insert_approval(approval)
        transaction.insert_pending(row)
    return row


def waiting(store, now=NOW + 1, signer=SIGNER):
    with store.read() as transaction:
        return transaction.pending_of(signer, now)


def like(store, request="request", now=NOW + 1):
    with store.read() as transaction:
        return transaction.pending_like(digest(request), now)


def test_what_waits_for_a_signer_is_listed_oldest_first(signer_store):
    late = keep_pending(signer_store, an_approval(created_at=NOW + 1))
    early = keep_pending(signer_store)
    keep_pending(signer_store, an_approval(state=ApprovalState.APPROVED))
    keep_pending(signer_store, an_approval(state=ApprovalState.VOID))

    assert waiting(signer_store) == [early, late]
    assert waiting(signer_store, signer=SignerId("another")) == []
    assert waiting(signer_store, now=NOW + 300) == []


def test_the_same_request_finds_its_pending_approval_until_it_ended(signer_store):
    keep_pending(signer_store, an_approval(state=ApprovalState.ACTIVATED))
    keep_pending(signer_store, an_approval(state=ApprovalState.VOID))
    assert like(signer_store) is None
    first = keep_pending(signer_store, an_approval(state=ApprovalState.APPROVED))
    assert like(signer_store) == first
    second = keep_pending(signer_store, an_approval(created_at=NOW + 1))

    assert like(signer_store) == second
    assert like(signer_store, "another") is None
    assert like(signer_store, now=NOW + 300) is None


def test_wrong_answers_are_counted_and_the_first_ending_stays(signer_store):
    row = keep_pending(signer_store)
    counts = at_once(PARALLEL, lambda _: count_wrong(signer_store, row.approval_id))
    for ending in (Ending.LOCKED, Ending.REFUSED):
        with signer_store.begin() as transaction:
            transaction.end_pending(row.approval_id, ending)

    assert sorted(counts) == list(range(1, PARALLEL + 1))
    with signer_store.read() as transaction:
        assert transaction.pending(row.approval_id) == replace(row, tries=PARALLEL, ending=Ending.LOCKED)
        assert transaction.pending(ApprovalId("unknown")) is None


def count_wrong(store, approval_id):
    with store.begin() as transaction:
        return transaction.count_wrong_answer(approval_id)
