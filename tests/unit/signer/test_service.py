"""The sign lane answers a group when it takes the next one, and what a failure between the two may cost."""

from contextlib import contextmanager

import pytest

from csc_server.activation.messages import Health, Ping, Refused, Signed, Unavailable
from csc_server.errors import UnavailableError
from csc_server.signer.service import SigningService
from csc_server.storage.ports.signer import CommitUnknownError, ConflictError
from csc_server.values import Refusal
from fakes.signer_inside import authorize, digest, inside_of, sign

A, B, C, D = (digest(name) for name in "ABCD")
WELL = Health("sign-0", 1, "ok", "ok", "ok", "ok")
NO_DEVICE = Health("sign-0", 1, "unavailable", "ok", "ok", "ok")


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)


@pytest.fixture
def sad(inside):
    return inside.operations().authorize(authorize("explicit", [A, B, C, D])).sad


class Store:
    """The real store; transactions are counted, and one can be made to end as the test says."""

    def __init__(self, store):
        self._store = store
        self.opened = 0
        self.failing = {}

    @contextmanager
    def begin_signing(self, worker, now):
        self.opened += 1
        error = self.failing.pop(self.opened, None)
        with self._store.begin_signing(worker, now) as transaction:
            yield transaction
            if error:
                raise error


class Lane:
    """A sign lane over a store, with the health that a test gives it."""

    def __init__(self, inside):
        self.signing = inside.signing()
        self.store = self.signing._store = Store(inside.store)
        self.health = WELL
        self.service = SigningService(self.signing, lambda: self.health, lambda: None)

    def take(self, *requests):
        answers = self.service.answer(requests)
        self.service.work()
        return answers


def request(sad, *hashes):
    return sign("explicit", sad, hashes)


def spent(inside, sad):
    """Offer every occurrence again, one by one: what is refused as used up was spent."""
    answers = [inside.signing(slot=7).sign([request(sad, value)])[0] for value in (A, B, C, D)]
    return [isinstance(answer, Refused) and answer.refusal == Refusal.SAD_EXHAUSTED.value for answer in answers]


def test_D26_a_group_is_settled_and_the_next_intended_in_one_transaction(inside, sad):
    lane = Lane(inside)

    first = lane.take(request(sad, A), request(sad, B))
    second = lane.take(request(sad, C))
    last = lane.take()

    assert first == []
    assert [type(answer) for answer in second] == [Signed, Signed]
    assert [type(answer) for answer in last] == [Signed]
    assert lane.store.opened == 3
    assert not lane.service.owes


def test_AR_03_answers_keep_the_order_of_requests_over_groups(inside, sad):
    lane = Lane(inside)

    assert lane.take(Ping(), request(sad, A), Ping()) == [WELL]
    assert [type(answer) for answer in lane.take(request(sad, B), Ping())] == [Signed, Health]
    assert [type(answer) for answer in lane.take()] == [Signed, Health]


def test_SA_02_nothing_leaves_and_nothing_more_is_spent_when_the_database_is_away_between_groups(inside, sad):
    lane = Lane(inside)
    lane.store.failing = {2: UnavailableError("database")}

    lane.take(request(sad, A))
    answers = lane.take(request(sad, B), Ping())

    assert answers == [Unavailable("database", 2), Unavailable("database", 2), WELL]
    assert not lane.service.owes
    assert spent(inside, sad) == [True, False, False, False]


def test_D26_a_commit_of_unknown_outcome_between_groups_ends_the_worker(inside, sad):
    lane = Lane(inside)
    lane.store.failing = {2: CommitUnknownError()}
    lane.take(request(sad, A))

    with pytest.raises(CommitUnknownError):
        lane.take(request(sad, B))


def test_D26_a_conflict_of_the_next_group_does_not_cost_the_one_at_hand(inside, sad):
    lane = Lane(inside)
    lane.store.failing = {2: ConflictError("seeded")}

    lane.take(request(sad, A))
    answers = lane.take(request(sad, B), request(sad, C))
    rest = lane.take()

    assert [type(answer) for answer in [*answers, *rest]] == [Signed, Signed, Signed]
    assert spent(inside, sad) == [True, True, True, False]


def test_D26_a_request_that_conflicts_alone_is_refused_and_the_others_go_on(inside, sad):
    lane = Lane(inside)
    lane.store.failing = {2: ConflictError("seeded"), 4: ConflictError("seeded"), 5: UnavailableError("database")}

    lane.take(request(sad, A))
    lane.take(request(sad, B), request(sad, C), request(sad, D))
    rest = lane.take()

    assert rest[0].refusal == Refusal.SAD_INVALID.value
    assert rest[1] == Unavailable("database", 2)
    assert isinstance(rest[2], Signed)


def test_RL_04_a_device_found_lost_by_a_look_at_it_spends_nothing(inside, sad):
    lane = Lane(inside)
    lane.health = NO_DEVICE

    answers = lane.take(request(sad, A), Ping())

    assert answers == [Unavailable("device", 2), NO_DEVICE]
    assert lane.service.must_end
    assert spent(inside, sad) == [False, False, False, False]
