"""RL-02: a database without the three guards of a SAD spends it twice, and the suite's own test sees it.

Version, unique number and CHECK each suffice alone, as the model of the protocol shows; only a schema that has
lost all three can be caught. One plan, made from one reading, is offered many times at once.
"""

from collections import Counter

import pytest
from sqlalchemy import CheckConstraint, MetaData, UniqueConstraint, text

from csc_server.storage.engine import make_engine
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.signer_tables import metadata
from stores import NOW, SIGNER, a_credential, a_spend, at_once, keep_sad

PARALLEL = 16
VERSION, NUMBER, CHECK = "version", "unique number", "check"
FROZEN_VERSION = {
    "sqlite": [
        (
            "CREATE TRIGGER frozen AFTER UPDATE OF version ON sads "
            "BEGIN UPDATE sads SET version = OLD.version WHERE sad_id = NEW.sad_id; END"
        )
    ],
    "postgresql": [
        (
            "CREATE FUNCTION freeze() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.version := OLD.version; RETURN NEW; END $$"
        ),
        "CREATE TRIGGER frozen BEFORE UPDATE ON sads FOR EACH ROW EXECUTE FUNCTION freeze()",
    ],
}


def make_tables(engine, guards):
    """Create the signer's tables with these guards of a SAD and no others."""
    mutant = MetaData()
    for table in metadata.sorted_tables:
        table.to_metadata(mutant)
    if NUMBER not in guards:
        remove(mutant.tables["consumptions"], UniqueConstraint)
    if CHECK not in guards:
        remove(mutant.tables["sads"], CheckConstraint)
    mutant.create_all(engine)
    if VERSION not in guards:
        with engine.begin() as connection:
            for statement in FROZEN_VERSION[engine.dialect.name]:
                connection.execute(text(statement))


def remove(table, kind):
    found = [c for c in table.constraints if isinstance(c, kind) and "sad_hash" not in {x.name for x in c.columns}]
    assert found
    for constraint in found:
        table.constraints.remove(constraint)


def signatures_of_one_plan(url, guards):
    """Offer one plan for the only occurrence of a SAD from many workers at once; return how many passed TX1."""
    engine = make_engine(url)
    make_tables(engine, guards)
    store = SqlSignerStore(engine)
    store.insert_signer(SIGNER)
    store.insert_credential(a_credential(), [], [])
    sad = keep_sad(store)
    workers = [store.raise_epoch("node-1", slot) for slot in range(PARALLEL)]

    def spend(place):
        with store.begin_signing(workers[place], NOW) as transaction:
            transaction.spend([a_spend(sad)])

    kinds = Counter(map(type, at_once(PARALLEL, spend)))
    engine.dispose()
    assert set(kinds) <= {type(None), ConflictError}
    return kinds[type(None)]


def test_RL_02_without_all_three_guards_a_sad_is_spent_twice(empty_url):
    assert signatures_of_one_plan(empty_url, set()) > 1


@pytest.mark.parametrize("guard", [VERSION, NUMBER, CHECK])
def test_RL_02_each_guard_alone_suffices(empty_url, guard):
    assert signatures_of_one_plan(empty_url, {guard}) == 1
