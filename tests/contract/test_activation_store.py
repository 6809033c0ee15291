"""The store of activation and registry: factors, approvals and SADs."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage.ports.custody import LinkRow
from csc_server.storage.ports.signer import ApprovalState, ConflictError, LockLimits, SadState
from csc_server.values import ApprovalId, ClientId, CredentialId, CredentialState, FactorKind, SignerId
from stores import (
    CLIENT,
    CREDENTIAL,
    NOW,
    SIGNER,
    a_credential,
    a_factor,
    a_sad,
    an_approval,
    an_audit_row,
    at_once,
    digest,
    keep_sad,
)

PARALLEL = 64
LIMITS = LockLimits(temporary=3, permanent=6, lock_seconds=900)
NO_LIMITS = LockLimits(temporary=1000, permanent=1000)


def begin_try(store, now=NOW, limits=LIMITS, kind=FactorKind.PIN, credential_id=CREDENTIAL):
    with store.begin() as transaction:
        return transaction.begin_try(credential_id, kind, now, limits)


def pass_factor(store, kind=FactorKind.PIN, step=0):
    with store.begin() as transaction:
        transaction.pass_factor(CREDENTIAL, kind, step)


def factors(store):
    with store.read() as transaction:
        return transaction.factors(CREDENTIAL)


def test_registry_answers_what_is_stored(signer_store):
    signer_store.insert_credential(a_credential(0), [], [])
    with signer_store.read() as transaction:
        assert transaction.credential(CREDENTIAL) == a_credential()
        assert transaction.credential(CredentialId("unknown")) is None
        assert [row.credential_id for row in transaction.credentials_of(SIGNER)] == ["credential-0", "credential-1"]
        assert transaction.credentials_of(SignerId("unknown")) == []
        assert transaction.factors(CREDENTIAL) == {kind: a_factor(kind) for kind in (FactorKind.PIN, FactorKind.OTP)}


def test_link_is_of_one_client_and_one_signer(signer_store):
    signer_store.insert_signer(SignerId("signer-2"))
    signer_store.put_link(LinkRow(CLIENT, SIGNER))
    with signer_store.read() as transaction:
        assert transaction.is_linked(CLIENT, SIGNER)
        assert not transaction.is_linked(CLIENT, SignerId("signer-2"))
        assert not transaction.is_linked(ClientId("client-2"), SIGNER)


def test_AU_06_try_is_counted_before_anything_is_compared(signer_store):
    first = begin_try(signer_store)

    assert first.failures == 1
    assert factors(signer_store)[FactorKind.PIN].failures == 1
    assert factors(signer_store)[FactorKind.OTP].failures == 0


def test_AU_06_factor_locks_for_a_time_and_then_for_good(signer_store):
    tries = [begin_try(signer_store) for _ in range(4)]

    assert [row and (row.failures, row.locked_until) for row in tries] == [(1, 0), (2, 0), (3, NOW + 900), None]
    assert begin_try(signer_store, NOW + 899) is None

    later = [begin_try(signer_store, NOW + 900 * (n + 1)) for n in range(4)]

    assert [row and row.failures for row in later] == [4, 5, 6, None]
    assert begin_try(signer_store, NOW + 10**9) is None


def test_AU_06_hundred_parallel_tries_are_all_counted(signer_store):
    rows = at_once(100, lambda _: begin_try(signer_store, limits=NO_LIMITS))

    assert sorted(row.failures for row in rows) == list(range(1, 101))
    assert factors(signer_store)[FactorKind.PIN].failures == 100


def test_AU_06_parallel_tries_pass_up_to_the_lock_only(signer_store):
    rows = at_once(PARALLEL, lambda _: begin_try(signer_store, limits=LockLimits()))

    assert sorted(row.failures for row in rows if row) == [1, 2, 3, 4, 5]
    assert rows.count(None) == PARALLEL - 5


def test_try_of_an_unknown_factor_is_refused_like_a_locked_one(signer_store):
    assert begin_try(signer_store, credential_id=CredentialId("unknown")) is None


def test_right_pin_clears_failures_and_lock(signer_store):
    for _ in range(3):
        begin_try(signer_store)
    pass_factor(signer_store)
    pass_factor(signer_store)

    assert factors(signer_store)[FactorKind.PIN] == a_factor(FactorKind.PIN)


def test_AU_04_step_of_a_one_time_code_only_rises(signer_store):
    pass_factor(signer_store, FactorKind.OTP, 1000)
    for step in (1000, 999, 0):
        with pytest.raises(ConflictError):
            pass_factor(signer_store, FactorKind.OTP, step)
    pass_factor(signer_store, FactorKind.OTP, 1001)

    assert factors(signer_store)[FactorKind.OTP].last_step == 1001


def test_AU_04_one_time_code_used_in_parallel_passes_once(signer_store):
    results = at_once(PARALLEL, lambda _: pass_factor(signer_store, FactorKind.OTP, 1000))

    assert Counter(map(type, results)) == {type(None): 1, ConflictError: PARALLEL - 1}


def test_approval_comes_back_as_it_was_stored(signer_store):
    for row in (an_approval(), an_approval(hashes=(), labels=(), hash_algorithm="", evidence=b"{}", token_hash=b"t")):
        with signer_store.begin() as transaction:
            transaction.insert_approval(row)
        with signer_store.read() as transaction:
            assert transaction.approval(row.approval_id) == row
            assert transaction.approval(ApprovalId("unknown")) is None


def test_approval_is_stored_once(signer_store):
    row = an_approval()
    with signer_store.begin() as transaction:
        transaction.insert_approval(row)
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.insert_approval(row)


def test_approval_changes_by_its_version_and_keeps_what_was_approved(signer_store):
    row = an_approval()
    with signer_store.begin() as transaction:
        transaction.insert_approval(row)
    changed = replace(
        row, state=ApprovalState.APPROVED, version=2, evidence=b"{}", auth_at=NOW + 1, token_hash=digest("token")
    )
    with signer_store.begin() as transaction:
        transaction.change_approval(replace(changed, hashes=(), num_signatures=999, expires_at=NOW + 9999), 1)
    with signer_store.begin() as transaction:
        assert transaction.approval(row.approval_id) == changed
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.change_approval(replace(row, state=ApprovalState.VOID, version=2), 1)


def test_nothing_leaves_void(signer_store):
    row = an_approval(state=ApprovalState.VOID)
    with signer_store.begin() as transaction:
        transaction.insert_approval(row)
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.change_approval(replace(row, state=ApprovalState.APPROVED, version=2), 1)


def test_parallel_activations_of_one_approval_give_one_sad(signer_store):
    approval = an_approval(state=ApprovalState.APPROVED)
    with signer_store.begin() as transaction:
        transaction.insert_approval(approval)

    def activate(place: int) -> None:
        token_hash = digest(f"token-{place}")
        with signer_store.begin() as transaction:
            after = replace(approval, state=ApprovalState.ACTIVATED, version=2, token_hash=token_hash)
            transaction.change_approval(after, 1)
            transaction.insert_sad(a_sad(approval, sad_hash=token_hash))

    results = at_once(PARALLEL, activate)

    assert Counter(map(type, results)) == {type(None): 1, ConflictError: PARALLEL - 1}
    with signer_store.read() as transaction:
        assert len(transaction.sads_of(approval.approval_id)) == 1


def test_sad_comes_back_as_it_was_stored(signer_store):
    sad = keep_sad(signer_store, {digest("a"): 2, digest("b"): 1, b"": 4})
    with signer_store.read() as transaction:
        assert transaction.sad(sad.sad_hash) == sad
        assert transaction.sad(digest("unknown")) is None
        assert transaction.sads_of(sad.approval_id) == [sad]


def test_sad_changes_by_its_version_once(signer_store):
    sad = keep_sad(signer_store)
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.change_sad(sad.sad_id, SadState.VOID, 2)
    with signer_store.begin() as transaction:
        transaction.change_sad(sad.sad_id, SadState.EXTENDED, 1)
        assert transaction.sad(sad.sad_hash) == replace(sad, state=SadState.EXTENDED, version=2)
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.change_sad(sad.sad_id, SadState.VOID, 2)


def test_approval_has_one_live_sad(signer_store):
    sad = keep_sad(signer_store)
    approval = an_approval(approval_id=sad.approval_id)
    with pytest.raises(ConflictError), signer_store.begin() as transaction:
        transaction.insert_sad(a_sad(approval))
    with signer_store.begin() as transaction:
        transaction.change_sad(sad.sad_id, SadState.EXTENDED, 1)
        transaction.insert_sad(a_sad(approval))
    with signer_store.read() as transaction:
        states = [row.state for row in transaction.sads_of(sad.approval_id)]

    assert states == [SadState.EXTENDED, SadState.LIVE]


def test_sad_extended_in_parallel_has_one_successor(signer_store):
    sad = keep_sad(signer_store)

    def extend(_: int) -> None:
        with signer_store.begin() as transaction:
            transaction.change_sad(sad.sad_id, SadState.EXTENDED, sad.version)
            transaction.insert_sad(a_sad(an_approval(approval_id=sad.approval_id)))

    results = at_once(PARALLEL, extend)

    assert Counter(map(type, results)) == {type(None): 1, ConflictError: PARALLEL - 1}


def test_hash_of_a_sad_is_stored_once(signer_store):
    sad = keep_sad(signer_store)
    with pytest.raises(ConflictError):
        keep_sad(signer_store, sad_hash=sad.sad_hash)


def test_AR_06_place_in_a_chain_is_taken_once(signer_store):
    with signer_store.begin() as transaction:
        transaction.append_audit([an_audit_row(1), an_audit_row(2), an_audit_row(1, "writer-2")])
    with pytest.raises(UnavailableError) as caught, signer_store.begin() as transaction:
        transaction.append_audit([an_audit_row(2)])

    assert caught.value.component == "audit"
    assert signer_store.chain_head("writer-1").sequence == 2
    assert signer_store.chain_head("writer-1").hash == an_audit_row(2).hash


def test_reading_changes_nothing(signer_store):
    with suppress(UnavailableError), signer_store.read() as transaction:
        transaction.begin_try(CREDENTIAL, FactorKind.PIN, NOW, LIMITS)

    assert factors(signer_store)[FactorKind.PIN].failures == 0


def test_reading_waits_for_no_writer(signer_store):
    with signer_store.begin() as writing:
        writing.begin_try(CREDENTIAL, FactorKind.PIN, NOW, LIMITS)

        assert factors(signer_store)[FactorKind.PIN].failures == 0


def test_a_held_credential_is_not_changed_before_the_end(signer_store):
    order = []

    def disable():
        signer_store.change_state(CREDENTIAL, CredentialState.DISABLED, [])
        order.append("changed")

    changing = threading.Thread(target=disable)
    with signer_store.begin() as transaction:
        assert transaction.hold_credential(CREDENTIAL) == a_credential()
        assert transaction.hold_credential(CredentialId("unknown")) is None
        changing.start()
        changing.join(0.5)
        order.append("held")
    changing.join(30)

    assert order == ["held", "changed"]
