"""RL-01: processes that hold the device die by SIGKILL under load, fifty times; nothing is signed twice or unseen."""

import os
import signal
import time
from collections import Counter

import pytest

from csc_server.audit.verify import verify as verify_chains
from fault.evidence import OUTCOMES, Evidence
from fault.load import Ledger, Signer, eventually, load
from fault.processes import with_device
from integration.service import Service

KILLS = 50


def kill_in_turn(service: Service, ledger: Ledger, count: int) -> None:
    """Kill one process after another; after each, the service signs again and the process was replaced."""
    whole = len(with_device(service))
    assert whole >= 2, "a signing worker a core"
    for number in range(count):
        holders = sorted(with_device(service), key=lambda process: process.pid)
        victim = holders[number % len(holders)].pid
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()

        def is_whole(victim: int = victim, killed: float = killed) -> bool:
            pids = {process.pid for process in with_device(service)}
            return victim not in pids and len(pids) >= whole and ledger.last_success_began > killed

        eventually(is_whole)
        assert not ledger.failures, ledger.failures


@pytest.fixture(scope="module")
def ledger_of_kills(faulty_service: Service) -> Ledger:
    """What clients were given while fifty workers died; afterwards the server has stopped, started, stopped, started."""
    seed = faulty_service.seed
    signers = [Signer(seed, seed.choose(key=key)) for key in ("P-256", "RSA-2048", "P-384")]
    with load(signers) as ledger:
        eventually(lambda: bool(ledger.returned), 30)
        kill_in_turn(faulty_service, ledger, KILLS)
    faulty_service.stop()
    faulty_service.start()
    signers[0].sign_until(30)
    faulty_service.stop()
    return ledger


@pytest.fixture(scope="module")
def evidence(faulty_service: Service, ledger_of_kills: Ledger):
    """The signer's database, read while nothing writes to it."""
    found = Evidence(faulty_service.data_dir)
    yield found
    faulty_service.start()


def test_RL_01_no_hash_was_signed_more_often_than_authorised(ledger_of_kills: Ledger) -> None:
    """SA-03 too. Signatures were verified as they came; answers other than 200, 400 and 503 have failed by now."""
    assert len(ledger_of_kills.returned) > KILLS, ledger_of_kills.statuses
    assert set(ledger_of_kills.returned.values()) == {1}
    assert ledger_of_kills.statuses[400], "hashes were offered again"


def test_SA_02_each_returned_signature_has_its_intent_and_its_outcome(
    ledger_of_kills: Ledger, evidence: Evidence
) -> None:
    records = evidence.records_by_intent()
    for sad, digest in ledger_of_kills.returned:
        done = [c for c in evidence.of_sad(sad) if digest in c.taken and c.state == "done"]
        assert len(done) == 1, (digest.hex(), [(c.state, c.intent_id) for c in evidence.of_sad(sad)])
        events = [record.event for record in records[done[0].intent_id]]
        assert events == ["sign.intent", "sign.done"], events


def test_SA_03_what_was_spent_is_what_was_consumed_and_within_what_was_authorised(evidence: Evidence) -> None:
    spent: Counter[str] = Counter()
    for consumption in evidence.consumptions:
        spent[consumption.sad_id] += consumption.taken.total()
    assert evidence.consumptions
    for sad in evidence.sads.values():
        assert sad.spent == spent[sad.sad_id] <= sad.authorised


def test_SA_04_no_intent_is_open_after_a_restart(evidence: Evidence) -> None:
    states = Counter(consumption.state for consumption in evidence.consumptions)

    assert states.keys() <= {"done", "failed", "indeterminate"}, states
    for intent_id, records in evidence.records_by_intent().items():
        events = [record.event for record in records if record.event in OUTCOMES or record.event == "sign.intent"]
        assert events.count("sign.intent") == 1, (intent_id, events)
        assert len(events) == 2, (intent_id, events)
    audited = {intent_id for intent_id, records in evidence.records_by_intent().items() if records}
    assert {consumption.intent_id for consumption in evidence.consumptions} == audited


def test_AD_03_the_chains_hold_after_all_that(evidence: Evidence) -> None:
    assert len(evidence.audit) > KILLS
    assert verify_chains(evidence.audit) == []
