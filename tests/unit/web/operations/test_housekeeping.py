"""What web does beside requests: the counts of refusals are written, dead rows go, and one process does it."""

import threading

import pytest

from csc_server.audit.log import AuditLog
from csc_server.errors import UnavailableError
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.web import InteractionRow
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ClientId
from csc_server.web.http.stranger_refusals import StrangerRefusals
from csc_server.web.operations.housekeeping import BATCH, PERIOD, Housekeeping
from fakes.web_application import SteppingClock
from stores import migrated_database

YEAR = 365 * 86_400


def interaction(number, clock):
    return InteractionRow(f"interaction {number}", ClientId("app"), "login", {}, clock.now, clock.now + 600)


@pytest.fixture
def clock():
    return SteppingClock()


@pytest.fixture
def store(tmp_path):
    return SqlWebStore(make_engine(migrated_database(tmp_path, "web")))


@pytest.fixture
def refusals(store, clock):
    return StrangerRefusals(AuditLog(store, "web-1", clock), clock)


def test_one_process_of_many_purges_in_each_period(store, clock, refusals):
    processes = [Housekeeping(store, clock, refusals) for _ in range(3)]
    for number in range(BATCH + 5):
        store.insert_interaction(interaction(number, clock))
    clock.now += YEAR
    removed = [process.look() for process in processes]

    assert removed == [BATCH + 5, 0, 0]
    store.insert_interaction(interaction("late", SteppingClock()))
    assert [process.look() for process in processes] == [0, 0, 0], "not before the period is over"
    clock.now += PERIOD * 60
    assert sum(process.look() for process in processes) >= 1


def test_AD_01_counts_of_refusals_are_written_when_their_minute_is_over(store, clock, refusals):
    housekeeping = Housekeeping(store, clock, refusals)
    refusals.count("no token", "192.0.2.0/24")
    housekeeping.look()
    assert store.chain_head("web-1").sequence == 0
    clock.now += 60
    housekeeping.look()
    housekeeping.look()

    assert store.chain_head("web-1").sequence == 1


class Away:
    """A store that is away, and says when it was asked."""

    def __init__(self):
        self.asked = threading.Event()

    def add_requests(self, *_):
        self.asked.set()
        raise UnavailableError("database")


def test_the_thread_survives_a_store_that_is_away_and_ends_when_told(clock, refusals):
    store = Away()
    housekeeping = Housekeeping(store, clock, refusals, look=0.01)
    housekeeping.start()
    assert store.asked.wait(10)
    store.asked.clear()
    assert store.asked.wait(10), "it goes on"
    housekeeping.stop()
    housekeeping.join(10)

    assert not any(thread.name == "housekeeping" and thread.is_alive() for thread in threading.enumerate())
