"""Refusals before authentication: counted, bounded, written once a minute and reason (decision 14)."""

import pytest

from csc_server.errors import UnavailableError
from csc_server.web.http import stranger_refusals
from csc_server.web.http.stranger_refusals import StrangerRefusals
from fakes.web_application import SteppingClock


class Recorder:
    def __init__(self):
        self.rows = []
        self.is_full = False

    def record_all(self, records):
        if self.is_full:
            raise UnavailableError("audit")
        self.rows += [record.fields for record in records]


def refusals():
    clock, audit = SteppingClock(now=600), Recorder()
    return clock, audit, StrangerRefusals(audit, clock)


def test_nothing_is_written_within_the_minute():
    clock, audit, strangers = refusals()
    strangers.count("no token", "192.0.2.0/24")
    clock.now += 59
    strangers.count("no token", "192.0.2.0/24")

    assert audit.rows == []


def test_a_later_minute_writes_the_earlier_one_apart_by_reason_and_block():
    clock, audit, strangers = refusals()
    for reason, block in [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]:
        strangers.count(reason, block)
    clock.now += 120
    strangers.count("a", "x")

    assert sorted((row["reason"], row["address"], row["count"]) for row in audit.rows) == [
        ("a", "x", 2),
        ("a", "y", 1),
        ("b", "x", 1),
    ]
    assert {row["minute"] for row in audit.rows} == {600}


def test_flush_writes_the_rest_once():
    _, audit, strangers = refusals()
    strangers.count("a", "x")
    strangers.flush()
    strangers.flush()

    assert [row["count"] for row in audit.rows] == [1]


def test_many_blocks_do_not_grow_without_bound():
    _, audit, strangers = refusals()
    for number in range(stranger_refusals.MAX_KEYS + 500):
        strangers.count("a", f"block {number}")
    strangers.flush()

    assert len(audit.rows) == stranger_refusals.MAX_KEYS + 1
    assert sum(row["count"] for row in audit.rows) == stranger_refusals.MAX_KEYS + 500


def test_AD_05_counts_that_cannot_be_written_are_kept():
    clock, audit, strangers = refusals()
    strangers.count("a", "x")
    audit.is_full = True
    clock.now += 60
    with pytest.raises(UnavailableError):
        strangers.count("b", "x")
    audit.is_full = False
    strangers.count("b", "x")

    assert [(row["reason"], row["count"], row["minute"]) for row in audit.rows] == [("a", 1, 600)]
