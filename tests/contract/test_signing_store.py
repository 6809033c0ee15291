"""The store of signing workers: spending, settling, fencing and recovery (decision 26)."""

import multiprocessing
from collections import Counter

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.audit import ChainHead
from csc_server.storage.ports.signer import (
    ConflictError,
    FencedError,
    IntentState,
    OpenIntent,
    SadState,
    Slot,
    WorkerIdentity,
)
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.values import CredentialId, SadId
from stores import (
    CREDENTIAL,
    NOW,
    Databases,
    a_credential,
    a_sad,
    a_spend,
    an_approval,
    an_audit_row,
    at_once,
    digest,
    keep_sad,
)

PARALLEL = 64


@pytest.fixture
def worker(signer_store):
    return signer_store.raise_epoch("node-1", 0)


def read(store, worker, sad):
    with store.begin_signing(worker, NOW) as transaction:
        return transaction.sads([sad.sad_hash])[sad.sad_hash]


def spend(store, worker, *spends):
    with store.begin_signing(worker, NOW) as transaction:
        transaction.spend(spends)


def settle(store, worker, outcomes):
    with store.begin_signing(worker, NOW) as transaction:
        return transaction.settle(outcomes)


def test_SA_09_the_high_water_of_a_node_is_the_highest_of_its_slots(signer_store, worker):
    assert signer_store.high_water("node-1") == 0
    for slot, now in ((1, NOW + 50), (0, NOW + 70), (0, NOW + 66)):
        owner = signer_store.raise_epoch("node-1", slot)
        with signer_store.begin_signing(owner, now):
            pass

    assert signer_store.high_water("node-1") == NOW + 70
    assert signer_store.high_water("node-2") == 0


def test_D26_slots_that_a_node_ever_had_are_known(signer_store, worker):
    signer_store.raise_epoch("node-1", 3)
    signer_store.raise_epoch("node-2", 1)

    assert signer_store.slots("node-1") == [0, 3]


def test_SA_03_spend_changes_counts_and_version(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 2, b"": 1})

    spend(signer_store, worker, a_spend(sad, count=2))

    after = read(signer_store, worker, sad)
    assert after.slots == {digest("a"): Slot(2, 2), b"": Slot(1, 0)}
    assert (after.spent, after.version, after.consumptions) == (2, 2, 1)


def test_two_spends_of_one_sad_in_a_group_keep_their_order(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 2})
    with signer_store.begin_signing(worker, NOW) as transaction:
        first = a_spend(sad)
        second = a_spend(sad, version=2, number=2, slots={digest("a"): Slot(2, 2)})
        transaction.spend([first, second])

    assert read(signer_store, worker, sad).slots == {digest("a"): Slot(2, 2)}


def test_spend_of_a_version_that_moved_keeps_nothing_of_the_group(signer_store, worker):
    sad, other = keep_sad(signer_store), keep_sad(signer_store)
    spend(signer_store, worker, a_spend(sad))

    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(other), a_spend(sad, number=2))

    assert read(signer_store, worker, other).spent == 0
    assert settle(signer_store, worker, {}) == frozenset()


def test_SA_03_number_of_a_consumption_is_taken_once(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 2})
    spend(signer_store, worker, a_spend(sad))

    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(sad, version=2, number=1))


def test_SA_03_check_refuses_more_than_authorised(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 1})

    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(sad, count=2))


@pytest.mark.parametrize("state", [SadState.EXTENDED, SadState.VOID])
def test_SA_03_dead_sad_is_not_spent_even_with_its_version(signer_store, worker, state):
    sad = keep_sad(signer_store)
    with signer_store.begin() as transaction:
        transaction.change_sad(sad.sad_id, state, 1)

    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(sad, version=2))


def test_SA_03_sad_is_not_spent_in_the_second_it_expires(signer_store, worker):
    sad = keep_sad(signer_store)

    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(sad, created_at=sad.expires_at))
    spend(signer_store, worker, a_spend(sad, created_at=sad.expires_at - 1))


def test_RL_03_one_plan_offered_in_parallel_is_spent_once(signer_store):
    sad = keep_sad(signer_store)
    workers = [signer_store.raise_epoch("node-1", slot) for slot in range(PARALLEL)]

    results = at_once(PARALLEL, lambda place: spend(signer_store, workers[place], a_spend(sad)))

    assert Counter(type(result) for result in results) == {type(None): 1, ConflictError: PARALLEL - 1}


def _spend_while_there_is(url: str, slot: int, sad_hash: bytes, results) -> None:
    engine = make_engine(url)
    store = SqlSignerStore(engine)
    worker = store.raise_epoch("node-1", slot)
    spent = 0
    while True:
        with store.begin_signing(worker, NOW) as transaction:
            sad = transaction.sads([sad_hash])[sad_hash]
            if sad.spent == sad.authorised:
                break
            transaction.spend([a_spend(sad, intent_id=f"intent-{slot}-{spent}")])
        spent += 1
    engine.dispose()
    results.put(spent)


def test_SA_03_processes_together_spend_what_was_authorised(databases, signer_store):
    sad = keep_sad(signer_store, {digest("a"): 120})
    spawning = multiprocessing.get_context("spawn")
    results = spawning.Queue()
    processes = [
        spawning.Process(target=_spend_while_there_is, args=(databases.signer_url, slot, sad.sad_hash, results))
        for slot in range(3)
    ]
    for process in processes:
        process.start()
    spent = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)

    assert sum(spent) == 120
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_sads_and_credentials_come_by_their_keys(signer_store, worker):
    first, second = keep_sad(signer_store, hash_algorithm=""), keep_sad(signer_store, {b"": 3})
    signer_store.insert_credential(a_credential(2), [], [])
    with signer_store.begin_signing(worker, NOW) as transaction:
        sads = transaction.sads([second.sad_hash, digest("unknown"), first.sad_hash])
        credentials = transaction.credentials([CREDENTIAL, CredentialId("unknown"), CredentialId("credential-2")])

        assert sads == {first.sad_hash: first, second.sad_hash: second}
        assert credentials == {CREDENTIAL: a_credential(), CredentialId("credential-2"): a_credential(2)}
        assert transaction.sads([]) == {}
        assert transaction.credentials([]) == {}


def test_sad_of_a_thousand_hashes_comes_back_whole(signer_store, worker):
    authorised = {digest(str(number)): 1 for number in range(1000)}
    sad = keep_sad(signer_store, authorised)

    assert read(signer_store, worker, sad) == sad


def test_settle_moves_open_intents_once_and_says_which(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 3})
    spends = [a_spend(sad, version=1 + n, number=1 + n, intent_id=f"intent-{n}") for n in range(3)]
    spend(signer_store, worker, *spends)

    first = settle(signer_store, worker, {"intent-0": IntentState.DONE, "intent-1": IntentState.FAILED})
    second = settle(signer_store, worker, dict.fromkeys(["intent-0", "intent-1", "intent-2", "x"], IntentState.DONE))

    assert first == {"intent-0", "intent-1"}
    assert second == {"intent-2"}


def test_settle_leaves_another_workers_intents(signer_store, worker):
    sad = keep_sad(signer_store)
    spend(signer_store, worker, a_spend(sad, intent_id="intent"))
    other_slot, other_node = signer_store.raise_epoch("node-1", 1), signer_store.raise_epoch("node-2", 0)

    assert settle(signer_store, other_slot, {"intent": IntentState.DONE}) == frozenset()
    assert settle(signer_store, other_node, {"intent": IntentState.DONE}) == frozenset()


def test_epochs_rise_for_each_place(signer_store):
    epochs = [signer_store.raise_epoch("node-1", 0) for _ in range(3)]

    assert epochs == [WorkerIdentity("node-1", 0, epoch) for epoch in (1, 2, 3)]
    assert signer_store.raise_epoch("node-1", 1).epoch == 1
    assert signer_store.raise_epoch("node-2", 0).epoch == 1


def test_workers_that_start_at_once_get_different_epochs(signer_store):
    results = at_once(16, lambda _: signer_store.raise_epoch("node-1", 0))

    assert sorted(worker.epoch for worker in results) == list(range(1, 17))


def test_RL_01_worker_of_an_older_epoch_neither_spends_nor_settles(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 2})
    spend(signer_store, worker, a_spend(sad, intent_id="intent"))
    signer_store.raise_epoch("node-1", 0)

    with pytest.raises(FencedError):
        spend(signer_store, worker, a_spend(sad, version=2, number=2))
    with pytest.raises(FencedError):
        settle(signer_store, worker, {"intent": IntentState.DONE})


def test_worker_of_a_slot_nobody_has_is_fenced(signer_store):
    with pytest.raises(FencedError), signer_store.begin_signing(WorkerIdentity("node-9", 0, 1), NOW):
        pass


def test_epoch_is_raised_only_after_an_open_transaction_has_ended(signer_store, worker):
    sad = keep_sad(signer_store)
    with signer_store.begin_signing(worker, NOW) as transaction:
        transaction.spend([a_spend(sad, intent_id="late")])
        raised = []
        starting = at_once_in_background(lambda: raised.append(signer_store.raise_epoch("node-1", 0)))
        starting.join(0.3)

        assert raised == []
    starting.join(30)

    with signer_store.begin_signing(raised[0], NOW) as transaction:
        assert [intent.intent_id for intent in transaction.recover()] == ["late"]


def at_once_in_background(act):
    import threading

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_SA_04_recovery_takes_own_slot_and_older_epochs_only(signer_store, worker):
    sad = keep_sad(signer_store, {digest("a"): 5})
    neighbour = signer_store.raise_epoch("node-1", 1)
    spend(signer_store, worker, a_spend(sad, intent_id="old"))
    spend(signer_store, worker, a_spend(sad, version=2, number=2, intent_id="settled"))
    settle(signer_store, worker, {"settled": IntentState.DONE})
    spend(signer_store, neighbour, a_spend(sad, version=3, number=3, intent_id="of the neighbour"))
    successor = signer_store.raise_epoch("node-1", 0)
    spend(signer_store, successor, a_spend(sad, version=4, number=4, intent_id="new"))

    with signer_store.begin_signing(successor, NOW) as transaction:
        recovered = transaction.recover()

    assert recovered == [OpenIntent("old", sad.sad_id, 1)]
    assert read(signer_store, successor, sad).spent == 4
    assert settle(signer_store, neighbour, {"of the neighbour": IntentState.DONE}) == {"of the neighbour"}
    assert settle(signer_store, successor, dict.fromkeys(["old", "new"], IntentState.DONE)) == {"new"}


def test_SA_04_recovery_finds_nothing_twice(signer_store, worker):
    spend(signer_store, worker, a_spend(keep_sad(signer_store)))
    successor = signer_store.raise_epoch("node-1", 0)
    with signer_store.begin_signing(successor, NOW) as transaction:
        assert len(transaction.recover()) == 1
        assert transaction.recover() == []


def test_SA_09_clock_may_stand_five_seconds_behind_and_no_more(signer_store, worker):
    with signer_store.begin_signing(worker, NOW):
        pass
    with signer_store.begin_signing(worker, NOW - 5):
        pass
    with pytest.raises(UnavailableError) as caught, signer_store.begin_signing(worker, NOW - 6):
        pass

    assert caught.value.component == "clock"


def test_SA_09_highest_time_outlives_the_worker(signer_store, worker):
    with signer_store.begin_signing(worker, NOW):
        pass
    successor = signer_store.raise_epoch("node-1", 0)

    with pytest.raises(UnavailableError), signer_store.begin_signing(successor, NOW - 6):
        pass


def test_exception_in_a_transaction_leaves_nothing(signer_store, worker):
    sad = keep_sad(signer_store)
    with pytest.raises(KeyError), signer_store.begin_signing(worker, NOW) as transaction:
        transaction.spend([a_spend(sad)])
        transaction.append_audit([an_audit_row()])
        raise KeyError

    assert read(signer_store, worker, sad) == sad
    assert signer_store.chain_head("writer-1") == ChainHead(0, bytes(32))


def test_what_was_committed_is_there_for_another_process(databases: Databases, signer_store, worker):
    sad = keep_sad(signer_store)
    spend(signer_store, worker, a_spend(sad))
    engine = make_engine(databases.signer_url)

    assert read(SqlSignerStore(engine), worker, sad).spent == 1
    engine.dispose()


def test_spend_of_an_unknown_sad_is_a_conflict(signer_store, worker):
    with pytest.raises(ConflictError):
        spend(signer_store, worker, a_spend(a_sad(an_approval(), sad_id=SadId("unknown"))))


def test_nothing_to_spend_is_no_conflict(signer_store, worker):
    with signer_store.begin_signing(worker, NOW) as transaction:
        transaction.spend([])
        transaction.append_audit([])

        assert transaction.settle({}) == frozenset()
