"""Rate limits in one process and over several (IN-21)."""

import threading

import pytest
from flask import Flask

from csc_server.audit.events import Event
from csc_server.errors import UnavailableError
from csc_server.settings import Rates
from csc_server.web.http import rate_limits
from csc_server.web.http.rate_limits import RateLimits, Rule, TooManyRequestsError
from csc_server.web.http.stranger_refusals import StrangerRefusals
from fakes.web_application import SteppingClock
from fakes.web_store import MemoryWebStore


class CountingStore(MemoryWebStore):
    """Counts how often it is asked, and may be away."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.is_away = False

    def add_requests(self, subject, minute, number):
        self.asked += 1
        if self.is_away:
            raise UnavailableError("database")
        return super().add_requests(subject, minute, number)


class Recorder:
    def __init__(self):
        self.records = []

    def record_all(self, records):
        self.records += records


class Node:
    """One process of several over the same store."""

    def __init__(self, store, clock, most_subjects=rate_limits.MAX_SUBJECTS, **rates):
        self.audit = Recorder()
        self.refusals = StrangerRefusals(self.audit, clock)
        self.limits = RateLimits(store, clock, Rates(**rates), self.refusals, most_subjects)

    def passed(self, number, rule=Rule.REQUESTS_BY_CLIENT, subject="client", **options):
        return sum(self.passes(rule, subject, **options) for _ in range(number))

    def passes(self, rule=Rule.REQUESTS_BY_CLIENT, subject="client", **options):
        try:
            self.limits.count(rule, subject, **options)
        except TooManyRequestsError:
            return False
        return True


@pytest.fixture(autouse=True)
def request_context():
    with Flask("test").test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        yield


@pytest.fixture
def clock():
    return SteppingClock(now=600)


@pytest.fixture
def store():
    return CountingStore()


def test_IN_21_a_limit_lets_exactly_its_number_pass(store, clock):
    assert Node(store, clock, requests_by_client=1000).passed(1200) == 1000


def test_IN_21_the_next_minute_starts_anew(store, clock):
    node = Node(store, clock, requests_by_client=10)
    first = node.passed(11)
    clock.now += 60

    assert (first, node.passed(11)) == (10, 10)


def test_IN_21_retry_after_is_the_rest_of_the_minute(store, clock):
    node = Node(store, clock, logins_by_account=1)
    clock.now += 47
    node.passed(1, Rule.LOGINS_BY_ACCOUNT)
    with pytest.raises(TooManyRequestsError) as caught:
        node.limits.count(Rule.LOGINS_BY_ACCOUNT, "client")

    assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "13"})


def test_IN_21_subjects_and_rules_do_not_share_a_limit(store, clock):
    node = Node(store, clock, requests_by_client=2, requests_by_signer=2)
    passed = [
        node.passed(3, rule, subject)
        for rule in (Rule.REQUESTS_BY_CLIENT, Rule.REQUESTS_BY_SIGNER)
        for subject in ("one", "two")
    ]

    assert passed == [2, 2, 2, 2]


def test_IN_21_a_client_with_a_factor_has_that_many_times_the_limit(store, clock):
    node = Node(store, clock, requests_by_client=10, factor=3)

    assert node.passed(1000, factor=5) == 150


@pytest.mark.parametrize("processes", [2, 8])
def test_IN_21_a_low_limit_is_exact_over_all_processes(store, clock, processes):
    nodes = [Node(store, clock, logins_by_account=20) for _ in range(processes)]
    passed = sum(node.passes(Rule.LOGINS_BY_ACCOUNT, "alice") for _ in range(20) for node in nodes)

    assert passed == 20


@pytest.mark.parametrize("processes", [2, 8])
def test_IN_21_a_high_limit_is_overshot_by_less_than_a_block_a_process(store, clock, processes):
    limit = 6400
    nodes = [Node(store, clock, requests_by_client=limit) for _ in range(processes)]
    passed = sum(node.passes() for _ in range(2 * limit // processes) for node in nodes)

    assert limit <= passed <= limit + processes * limit // rate_limits.BLOCKS


def test_IN_21_a_busy_client_costs_one_settlement_a_block(store, clock):
    Node(store, clock, requests_by_client=64_000).passed(64_000)

    assert store.asked == rate_limits.BLOCKS


def test_IN_21_what_is_over_its_limit_asks_the_store_no_more(store, clock):
    node = Node(store, clock, logins_by_address=5)
    node.passed(6, Rule.LOGINS_BY_ADDRESS)
    asked = store.asked
    node.passed(100, Rule.LOGINS_BY_ADDRESS)

    assert store.asked == asked


def test_IN_21_looking_counts_nothing_and_refuses_at_the_limit(store, clock):
    node = Node(store, clock, strangers_by_address=2)
    for _ in range(5):
        node.limits.check(Rule.STRANGERS_BY_ADDRESS, "x")
    node.passed(2, Rule.STRANGERS_BY_ADDRESS, "x")
    with pytest.raises(TooManyRequestsError):
        node.limits.check(Rule.STRANGERS_BY_ADDRESS, "x")
    clock.now += 60
    node.limits.check(Rule.STRANGERS_BY_ADDRESS, "x")


def test_a_store_that_is_away_refuses_and_counts_again_when_it_is_back(store, clock):
    node = Node(store, clock, logins_by_account=3)
    node.passed(1, Rule.LOGINS_BY_ACCOUNT)
    store.is_away = True
    with pytest.raises(UnavailableError):
        node.limits.count(Rule.LOGINS_BY_ACCOUNT, "client")
    store.is_away = False

    assert node.passed(5, Rule.LOGINS_BY_ACCOUNT) == 1, "the try that was not settled is counted with the next"


def test_parallel_requests_are_each_counted_once(store, clock):
    node = Node(store, clock, requests_by_client=500)
    passed = []
    threads = [threading.Thread(target=lambda: passed.append(node.passed(100))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 500 <= sum(passed) <= 500 + 8
    assert node.passes() is False


def test_memory_is_bounded_by_forgetting_whom_the_process_has_known_longest(store, clock):
    node = Node(store, clock, most_subjects=100, logins_by_account=2)
    for number in range(1000):
        node.passed(1, Rule.LOGINS_BY_ACCOUNT, f"account {number}")

    assert len(node.limits._counts) == 100
    assert node.passed(5, Rule.LOGINS_BY_ACCOUNT, "account 0") == 1, "a low limit stands in the store"


def test_the_store_holds_neither_names_nor_addresses(store, clock):
    node = Node(store, clock)
    node.passed(1, Rule.LOGINS_BY_ACCOUNT, "alice")
    node.passed(1, Rule.LOGINS_BY_ADDRESS, "192.0.2.7")

    assert {len(subject) for subject in store.request_counts} == {32}


def test_AD_01_denials_are_counted_in_one_record_a_rule_subject_and_minute(store, clock):
    node = Node(store, clock, requests_by_client=2, evidence_by_credential=1)
    node.passed(7)
    node.passed(3, Rule.EVIDENCE_BY_CREDENTIAL, "client-1 credential-1")
    node.refusals.flush()
    found = sorted((record.event, record.fields["reason"], record.fields["count"]) for record in node.audit.records)

    assert found == [
        (Event.RATE_LIMITED, "evidence_by_credential", 2),
        (Event.RATE_LIMITED, "requests_by_client", 5),
    ]
    assert {record.fields.get("client_id") for record in node.audit.records} == {"client", "client-1"}


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        (":nonsense:", ""),
        ("", ""),
    ],
)
def test_one_address_is_what_one_subscriber_has(address, subject):
    assert rate_limits._subject(address) == subject
