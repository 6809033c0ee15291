"""The store of rate limits, on each database (IN-21)."""

import hashlib

from csc_server.storage.engine import make_engine
from csc_server.storage.web_store import SqlWebStore
from stores import at_once

ONE, TWO = (hashlib.sha256(text).digest() for text in (b"one", b"two"))


def test_numbers_of_a_minute_add_up_by_subject(web_store):
    assert [web_store.add_requests(ONE, 10, number) for number in (1, 5, 20)] == [1, 6, 26]
    assert web_store.add_requests(TWO, 10, 3) == 3


def test_a_later_minute_starts_anew(web_store):
    web_store.add_requests(ONE, 10, 100)

    assert web_store.add_requests(ONE, 11, 4) == 4


def test_a_clock_that_is_behind_adds_to_the_minute_that_is_there(web_store):
    web_store.add_requests(ONE, 11, 100)

    assert web_store.add_requests(ONE, 10, 4) == 104
    assert web_store.add_requests(ONE, 11, 1) == 105


def test_IN_21_parallel_processes_lose_no_count(databases):
    stores = [SqlWebStore(make_engine(databases.web_url)) for _ in range(4)]
    totals = at_once(40, lambda number: stores[number % 4].add_requests(ONE, 10, 1))

    assert sorted(totals) == list(range(1, 41))
