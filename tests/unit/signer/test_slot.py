"""A worker takes its slot: epoch first, then what older workers left open, those of a larger node included (26 a, b)."""

import json

import pytest
from sqlalchemy import text

from csc_server.activation.parts import Lane
from csc_server.audit.chain import Chain
from csc_server.errors import UnavailableError
from csc_server.signer.fitness import disable_unusable
from csc_server.signer.place import Place
from csc_server.signer.signing.credential import Credentials
from csc_server.signer.slot import take_slot
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import FencedError
from csc_server.values import CredentialId, CredentialState
from fakes.signer_inside import authorize, digest
from stores import a_spend

NODE = "node"


def rows(inside, statement):
    with make_engine(inside.url).connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def take(inside, index, workers=2):
    place = Place(Lane.SIGN, index, index)
    writer = f"{NODE}/{place.name}"
    return take_slot(inside.store, NODE, workers, place, Chain(writer, inside.store.chain_head(writer)), inside.clock)


def leave_open(inside, slot, name):
    """Spend as a worker that dies before its second transaction."""
    inside.operations().authorize(authorize("explicit", [digest(name)]))
    (sad_hash,) = rows(inside, "SELECT sad_hash FROM sads ORDER BY rowid DESC LIMIT 1")[0]
    worker = inside.store.raise_epoch(NODE, slot)
    with inside.store.begin_signing(worker, inside.clock.seconds()) as transaction:
        sad = transaction.sads([sad_hash])[sad_hash]
        transaction.spend([a_spend(sad, digest(name), created_at=inside.clock.seconds())])
    return worker


def states(inside):
    return rows(inside, "SELECT slot, state FROM consumptions ORDER BY slot")


def test_SA_04_a_successor_settles_what_its_slot_left_open_and_no_other(inside):
    leave_open(inside, 0, "a")
    leave_open(inside, 1, "b")
    take(inside, 1)

    assert states(inside) == [(0, "open"), (1, "indeterminate")]
    take(inside, 0)
    assert states(inside) == [(0, "indeterminate"), (1, "indeterminate")]


def test_D26_slots_of_a_larger_node_are_settled_by_the_first_worker(inside):
    abandoned = leave_open(inside, 3, "a")
    take(inside, 1)
    assert states(inside) == [(3, "open")]
    take(inside, 0)

    assert states(inside) == [(3, "indeterminate")]
    with pytest.raises(FencedError), inside.store.begin_signing(abandoned, inside.clock.seconds()):
        pass


def test_AD_01_start_recovery_and_end_are_audited_in_the_workers_chain(inside):
    leave_open(inside, 0, "a")
    slot = take(inside, 0)
    slot.stop()
    found = rows(inside, "SELECT event, body FROM signer_audit WHERE writer = 'node/sign-0' ORDER BY sequence")

    assert [event for event, _ in found] == ["started", "sign.indeterminate", "stopped"]
    bodies = [json.loads(body) for _, body in found]
    assert bodies[0]["worker"] == bodies[2]["worker"] == "sign-0"
    assert bodies[1]["epoch"] < bodies[0]["epoch"] == slot.worker.epoch


def test_SA_09_no_slot_is_taken_behind_the_high_water_mark(inside):
    take(inside, 0)
    inside.clock.now -= 6

    with pytest.raises(UnavailableError) as caught:
        take(inside, 0)
    assert caught.value.component == "clock"


def test_AR_07_a_credential_that_is_not_fit_is_disabled_once_and_no_other(inside):
    inside.create("doomed")
    with make_engine(inside.url).begin() as connection:
        connection.execute(text("UPDATE credentials SET multisign = 999 WHERE credential_id = 'doomed'"))
    chain = Chain("node/registry-0", inside.store.chain_head("node/registry-0"))
    for _ in range(2):
        disable_unusable(inside.store, Credentials(inside.device, inside.device.keys()), chain, inside.clock)

    found = {row.credential_id: row.state for row in inside.store.all_credentials()}
    assert found == {
        CredentialId("explicit"): CredentialState.ACTIVE,
        CredentialId("doomed"): CredentialState.DISABLED,
    }
    records = rows(inside, "SELECT event, body FROM signer_audit WHERE writer = 'node/registry-0'")
    assert [(event, json.loads(body)["credential_id"]) for event, body in records] == [
        ("credential.disabled", "doomed")
    ]
