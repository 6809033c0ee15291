"""The audit chain: its vector, what it refuses to hold, and that any single mutation is found (AD-02 to AD-08)."""

import hashlib
import random
from dataclasses import fields, replace

import pytest

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.audit.verify import verify
from csc_server.storage.ports.audit import AuditRow, ChainHead

START = ChainHead(0, bytes(32))
FIELD_NAMES = [field.name for field in fields(AuditRow)]
RECORDS = [
    Record(Event.SIGN_INTENT, Outcome.SUCCESS, {"credential_id": "c1", "count": 2, "hashes": ["YQ", "Yg"]}),
    Record(Event.SIGN_DONE, Outcome.SUCCESS, {"credential_id": "c1", "reason": None}),
    Record(Event.REFUSED, Outcome.REFUSED, {"reason": "pin_invalid"}),
]


def rows(writer="sign-0", copies=1):
    chain = Chain(writer, START)
    made = []
    for _ in range(copies):
        extended = chain.extend(RECORDS, 1_800_000_000_123)
        chain.accept(extended)
        made += extended
    return made


def test_AD_03_published_vector():
    last = "15cb037b8dbcf82744550c3a9aebdc969179f4af4caa3a314d2e528218ad1504"

    assert last == rows()[-1].hash.hex()


def test_AD_03_chain_moves_only_when_its_rows_are_durable():
    chain = Chain("sign-0", START)
    first = chain.extend(RECORDS, 1)

    assert first == chain.extend(RECORDS, 1)
    chain.accept(first)
    assert chain.extend(RECORDS, 1)[0].sequence == 4


def test_AD_02_absent_fields_are_left_out_and_every_record_says_its_schema():
    assert rows()[1].body == b'{"credential_id":"c1","schema":1}'
    assert Chain("w", START).extend([Record(Event.STARTED, Outcome.SUCCESS)], 1)[0].body == b'{"schema":1}'


@pytest.mark.parametrize("name", ["pin", "otp", "sad", "access_token", "client_secret", "password"])
def test_AD_08_a_field_for_a_secret_does_not_exist(name):
    with pytest.raises(ValueError, match="no field"):
        Chain("w", START).extend([Record(Event.LOGIN, Outcome.FAILURE, {name: "x"})], 1)


@pytest.mark.parametrize("value", [{"a": "b"}, [{"a": "b"}], [["a"]], 0.5, b"bytes"])
def test_AD_02_structures_that_could_hide_anything_are_refused(value):
    with pytest.raises(ValueError, match="type"):
        Chain("w", START).extend([Record(Event.LOGIN, Outcome.FAILURE, {"reason": value})], 1)


def test_AD_03_published_vector_by_hand():
    """The first record of the vector, hashed from the description and nothing of ours."""
    body = b'{"count":2,"credential_id":"c1","hashes":["YQ","Yg"],"schema":1}'
    number = (1).to_bytes(8, "big"), (1_800_000_000_123).to_bytes(8, "big")
    parts = [b"sign-0", *number, b"sign.intent", b"success", body, bytes(32)]
    text = b"csc-server/audit/1" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    assert hashlib.sha256(text).hexdigest() == rows()[0].hash.hex()


def test_AD_03_fields_cannot_flow_into_each_other():
    one = Chain("ab", START).extend([Record(Event.LOGIN, Outcome.SUCCESS)], 1)
    other = Chain("a", START).extend([Record(Event.LOGIN, Outcome.SUCCESS)], 1)

    assert one[0].hash != other[0].hash


def test_AD_04_chains_of_several_writers_hold():
    assert verify([*rows("sign-0", 3), *rows("sign-1", 2)]) == []


def test_RL_13_every_single_mutation_is_found():
    chooser = random.Random(20261121)
    good = rows(copies=5)
    for _ in range(400):
        changed = mutate(chooser, list(good))

        assert verify(changed), "a mutation was not found"


def mutate(chooser, chain):
    index = chooser.randrange(len(chain) - 1)
    kind = chooser.choice(["edit", "delete", "insert", "swap"])
    if kind == "delete":
        del chain[index]
    elif kind == "insert":
        chain.insert(index, replace(chain[index], body=b"{}"))
    elif kind == "swap":
        one, other = chain[index], chain[index + 1]
        chain[index] = replace(other, sequence=one.sequence)
        chain[index + 1] = replace(one, sequence=other.sequence)
    else:
        row = chain[index]
        name = chooser.choice(FIELD_NAMES)
        chain[index] = replace(row, **{name: chooser.choice(others(getattr(row, name)))})
    return chain


def others(value):
    """Values that stand for a changed field: near ones, far ones, and of another type."""
    if isinstance(value, int):
        return [value + 1, -value - 1, value << 64, str(value), None]
    if isinstance(value, str):
        return [value + "x", "", "\ud800", value.encode(), None]
    return [value + b"x", value[:-1], bytes([value[0] ^ 1]) + value[1:], value.hex(), None]


def test_AD_04_names_the_first_bad_record():
    chain = rows(copies=3)
    chain[4] = replace(chain[4], outcome="failure")
    chain[6] = replace(chain[6], outcome="failure")

    (bad,) = verify(chain)
    assert (bad.writer, bad.sequence) == ("sign-0", 5)


def test_AD_04_records_may_be_mappings():
    chain = [vars(row) for row in rows(copies=2)]
    holds = verify(chain)
    chain[3] = {**chain[3], "time": 1}

    assert holds == []
    assert [(bad.writer, bad.sequence) for bad in verify(chain)] == [("sign-0", 4)]


@pytest.mark.parametrize("name", FIELD_NAMES)
def test_AD_04_record_with_a_member_missing_is_bad_and_no_error(name):
    chain = [vars(row) for row in rows()]
    chain[1] = {member: value for member, value in chain[1].items() if member != name}

    assert verify(chain)


def test_AD_04_fork_of_a_chain_is_found():
    chain = rows()
    forked = Chain("sign-0", ChainHead(2, chain[1].hash)).extend([Record(Event.STOPPED, Outcome.SUCCESS)], 5)

    (bad,) = verify([*chain, *forked])
    assert bad.sequence == 4


def test_AD_04_writers_are_judged_apart():
    bad_one = rows("sign-1")
    bad_one[0] = replace(bad_one[0], body=b"{}")

    assert [(bad.writer, bad.sequence) for bad in verify([*rows("sign-0"), *bad_one])] == [("sign-1", 1)]


def test_AD_04_the_verifier_stands_alone():
    import ast
    import sys
    from pathlib import Path

    import csc_server.audit.verify as module

    tree = ast.parse(Path(module.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
