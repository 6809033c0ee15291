"""The registry worker purges when nobody asks for anything, a batch at a time."""

import pytest

from csc_server.errors import UnavailableError
from csc_server.signer.housekeeping import BATCH, PERIOD, IdlePurge
from fakes.signer_inside import TurnableClock


class Store:
    def __init__(self, *removed):
        self.removed = list(removed)
        self.asked = []
        self.is_away = False

    def purge(self, now, most):
        self.asked.append((now, most))
        if self.is_away:
            raise UnavailableError("database")
        return {"sads": self.removed.pop(0) if self.removed else 0, "approvals": 0}


@pytest.fixture
def clock():
    return TurnableClock()


def test_nothing_happens_before_the_first_period_is_over(clock):
    store = Store()
    purge = IdlePurge(store, clock)
    purge()
    clock.now += PERIOD - 1
    purge()

    assert store.asked == []


def test_batches_follow_each_other_until_one_is_empty(clock):
    store = Store(BATCH, BATCH, 3)
    purge = IdlePurge(store, clock)
    clock.now += PERIOD
    for _ in range(10):
        purge()

    assert store.asked == [(clock.now, BATCH)] * 4
    clock.now += PERIOD
    purge()
    assert len(store.asked) == 5


def test_RL_05_a_store_that_is_away_is_asked_again_a_period_later(clock):
    store = Store(1)
    store.is_away = True
    purge = IdlePurge(store, clock)
    clock.now += PERIOD
    purge()
    purge()

    assert len(store.asked) == 1
    store.is_away = False
    clock.now += PERIOD
    purge()
    assert len(store.asked) == 2
