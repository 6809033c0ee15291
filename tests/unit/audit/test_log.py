"""Web's audit log: durable or refused (AD-05), one chain from many threads, on after a failure of the store."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.audit.verify import verify
from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import ChainHead


class StandingClock:
    def seconds(self):
        return 1_800_000_000

    def milliseconds(self):
        return 1_800_000_000_000

    def monotonic(self):
        return 0.0


class Store:
    """Keeps rows; `failure` says whether the next append fails, before or after it wrote."""

    def __init__(self):
        self.rows = []
        self.failure = None

    def append_audit(self, rows):
        failure, self.failure = self.failure, None
        if failure == "before":
            raise UnavailableError("database")
        last = self.chain_head(rows[0].writer).sequence
        if [row.sequence for row in rows] != list(range(last + 1, last + 1 + len(rows))):
            raise UnavailableError("audit")
        self.rows += rows
        if failure == "after":
            raise UnavailableError("database")

    def chain_head(self, writer):
        own = [row for row in self.rows if row.writer == writer]
        return ChainHead(own[-1].sequence, own[-1].hash) if own else ChainHead(0, bytes(32))


def log(store, writer="web-1"):
    return AuditLog(store, writer, StandingClock())


def test_AD_05_record_is_durable_when_the_call_returns():
    store = Store()
    log(store).record(Event.LOGIN, Outcome.SUCCESS, signer_id="s1")

    assert [(row.event, row.body) for row in store.rows] == [("login", b'{"schema":1,"signer_id":"s1"}')]


@pytest.mark.parametrize(("failure", "written"), [("before", 2), ("after", 3)])
def test_AD_05_a_failure_is_told_and_the_chain_goes_on_after_it(failure, written):
    store = Store()
    audit = log(store)
    audit.record(Event.LOGIN, Outcome.SUCCESS)
    store.failure = failure
    with pytest.raises(UnavailableError):
        audit.record(Event.LOGIN, Outcome.FAILURE)
    audit.record(Event.CODE_ISSUED, Outcome.SUCCESS)

    assert len(store.rows) == written
    assert verify(store.rows) == []


def test_AD_03_a_new_process_continues_the_chain():
    store = Store()
    log(store).record(Event.STARTED, Outcome.SUCCESS)
    log(store).record(Event.STARTED, Outcome.SUCCESS)

    assert [row.sequence for row in store.rows] == [1, 2]
    assert verify(store.rows) == []


def test_AD_03_many_threads_write_one_chain():
    store = Store()
    audit = log(store)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: audit.record(Event.LOGIN, Outcome.SUCCESS, count=number), range(200)))

    assert sorted(row.body for row in store.rows) == sorted(
        f'{{"count":{number},"schema":1}}'.encode() for number in range(200)
    )
    assert verify(store.rows) == []


def test_AD_03_several_records_stand_in_one_append():
    store = Store()
    log(store).record_all([Record(Event.LOGIN, Outcome.SUCCESS), Record(Event.CODE_ISSUED, Outcome.SUCCESS)])

    assert [row.event for row in store.rows] == ["login", "code.issued"]


def test_AD_08_a_field_that_may_not_be_written_leaves_the_log_usable():
    store = Store()
    audit = log(store)
    with pytest.raises(ValueError, match="no field"):
        audit.record(Event.LOGIN, Outcome.FAILURE, password="x")
    audit.record(Event.LOGIN, Outcome.FAILURE)

    assert len(store.rows) == 1
    assert verify(store.rows) == []
