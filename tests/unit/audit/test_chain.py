"""The audit chain: its vector, what it refuses to hold, and that any single mutation is found (AD-02 to AD-08)."""

import random
from dataclasses import replace

import pytest

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.audit.verify import verify
from csc_server.storage.ports.audit import ChainHead

START = ChainHead(0, bytes(32))
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
    last = "916b3152c5ffc03d015891da7363f955848b08b0051c8b4213590900f29b6959"

    assert last == rows()[-1].hash.hex()


def test_AD_03_chain_moves_only_when_its_rows_are_durable():
    chain = Chain("sign-0", START)
    first = chain.extend(RECORDS, 1)

    assert first == chain.extend(RECORDS, 1)
    chain.accept(first)
    assert chain.extend(RECORDS, 1)[0].sequence == 4


def test_AD_02_absent_fields_are_left_out():
    assert rows()[1].body == b'{"credential_id":"c1"}'


@pytest.mark.parametrize("name", ["pin", "otp", "sad", "access_token", "client_secret", "password"])
def test_AD_08_a_field_for_a_secret_does_not_exist(name):
    with pytest.raises(ValueError, match="no field"):
        Chain("w", START).extend([Record(Event.LOGIN, Outcome.FAILURE, {name: "x"})], 1)


def test_AD_02_structures_that_could_hide_anything_are_refused():
    with pytest.raises(ValueError, match="type"):
        Chain("w", START).extend([Record(Event.LOGIN, Outcome.FAILURE, {"reason": {"a": "b"}})], 1)


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
        name = chooser.choice(["time", "event", "outcome", "body", "previous_hash", "hash", "sequence"])
        value = getattr(row, name)
        other = value + 1 if isinstance(value, int) else value + ("x" if isinstance(value, str) else b"x")
        chain[index] = replace(row, **{name: other})
    return chain


def test_AD_04_names_the_first_bad_record():
    chain = rows(copies=3)
    chain[4] = replace(chain[4], outcome="failure")
    chain[6] = replace(chain[6], outcome="failure")

    (bad,) = verify(chain)
    assert (bad.writer, bad.sequence) == ("sign-0", 5)


def test_AD_04_the_verifier_stands_alone():
    import ast
    import sys
    from pathlib import Path

    import csc_server.audit.verify as module

    tree = ast.parse(Path(module.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
