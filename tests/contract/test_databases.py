"""What the stores ask of a database, and what becomes of its failures (AR-01, AR-06, RL-05)."""

import contextlib
import stat
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from csc_server.errors import UnavailableError
from csc_server.storage.engine import make_engine
from csc_server.storage.migrate import SIDES, is_current, upgrade
from csc_server.storage.ports.signer import CommitUnknownError
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ClientId, SignerId
from stores import NOW, SIGNER, Databases, a_spend, an_audit_row, keep_sad

DURABLE = {
    "sqlite": {
        "PRAGMA journal_mode": "wal",
        "PRAGMA synchronous": 2,
        "PRAGMA foreign_keys": 1,
        "PRAGMA busy_timeout": 5000,
    },
    "postgresql": {
        "SHOW synchronous_commit": "on",
        "SHOW transaction_isolation": "read committed",
        "SHOW statement_timeout": "5s",
        "SHOW lock_timeout": "4s",
        "SHOW idle_in_transaction_session_timeout": "5s",
    },
}


@contextlib.contextmanager
def connected(url: str):
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def owner_url(databases: Databases, side: str) -> str:
    return databases.web_owner_url if side == "web" else databases.signer_owner_url


def test_commits_are_durable_and_waits_are_bounded(databases):
    with connected(databases.signer_url) as connection:
        found = {name: connection.exec_driver_sql(name).scalar_one() for name in DURABLE[databases.kind]}

    assert found == DURABLE[databases.kind]


@pytest.mark.parametrize("side", ["web", "signer"])
def test_AR_06_audit_rows_stay_even_for_the_owner(databases, side):
    store = SqlWebStore(make_engine(databases.web_url))
    if side == "signer":
        signer_store = SqlSignerStore(make_engine(databases.signer_url))
        with signer_store.begin() as transaction:
            transaction.append_audit([an_audit_row()])
    else:
        store.append_audit([an_audit_row()])
    statements = [
        f"UPDATE {side}_audit SET outcome = 'other'",
        f"DELETE FROM {side}_audit",
        f"UPDATE {side}_audit SET outcome = 'other' WHERE sequence = 99" if databases.kind == "postgresql" else None,
        f"TRUNCATE {side}_audit" if databases.kind == "postgresql" else None,
        f"REPLACE INTO {side}_audit SELECT * FROM {side}_audit" if databases.kind == "sqlite" else None,
    ]
    for statement in filter(None, statements):
        with (
            connected(owner_url(databases, side)) as connection,
            pytest.raises(DBAPIError, match=f"{side}_audit is append-only"),
        ):
            connection.execute(text(statement))
    with connected(owner_url(databases, side)) as connection:
        assert connection.execute(text(f"SELECT count(*), min(outcome) FROM {side}_audit")).one() == (1, "success")


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("side", ["web", "signer"])
def test_AR_06_role_of_a_process_may_only_add_to_its_audit(databases, side):
    url = databases.web_url if side == "web" else databases.signer_url
    for statement in (f"UPDATE {side}_audit SET event = ''", f"DELETE FROM {side}_audit", f"TRUNCATE {side}_audit"):
        with connected(url) as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(statement))
    with connected(url) as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {side}_audit")).scalar_one() == 0


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize(("side", "other"), [("web", "signer"), ("signer", "web")])
def test_AR_01_role_of_one_side_has_no_right_on_the_other_sides_tables(databases, side, other):
    url = databases.web_url if side == "web" else databases.signer_url
    names = [*SIDES[other].metadata.tables, SIDES[other].version_table]
    for name in names:
        for statement in (f"SELECT 1 FROM {name}", f"DELETE FROM {name}", f"INSERT INTO {name} DEFAULT VALUES"):
            with connected(url) as connection, pytest.raises(DBAPIError, match="permission denied"):
                connection.execute(text(statement))


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_AR_01_roles_make_no_tables(databases):
    for url in (databases.web_url, databases.signer_url):
        with connected(url) as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text("CREATE TABLE own (x int)"))


@pytest.mark.parametrize("side", ["web", "signer"])
def test_migrations_give_exactly_the_tables_of_the_metadata(databases, side):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    metadata = SIDES[side].metadata
    with connected(owner_url(databases, side)) as connection:
        own = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **own})
        found = inspect(connection)
        checks = {name: {c["name"] for c in found.get_check_constraints(name)} for name in metadata.tables}
        tables = set(found.get_table_names())

        assert compare_metadata(context, metadata) == []
    assert checks == {
        name: {str(c.name) for c in table.constraints if c.__visit_name__.endswith("check_constraint")}
        for name, table in metadata.tables.items()
    }
    expected = {*metadata.tables, SIDES[side].version_table}
    assert tables >= expected
    if databases.kind == "sqlite":
        assert tables == expected


@pytest.mark.parametrize("side", ["web", "signer"])
def test_migration_is_needed_once(empty_url, side):
    assert not is_current(empty_url, side)

    upgrade(empty_url, side)

    assert is_current(empty_url, side)
    upgrade(empty_url, side)
    with connected(empty_url) as connection, pytest.raises(DBAPIError):
        connection.execute(text(f"DELETE FROM {side}_audit"))
        connection.execute(text(f"SELECT * FROM no_such_{side}"))


def test_sides_share_a_database_without_meeting(empty_url):
    for side in ("web", "signer"):
        upgrade(empty_url, side)

    assert is_current(empty_url, "web")
    assert is_current(empty_url, "signer")


def test_looking_for_a_version_makes_no_file(tmp_path):
    assert not is_current(f"sqlite:///{tmp_path}/none.db", "signer")
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_database_are_its_users_alone(tmp_path):
    upgrade(f"sqlite:///{tmp_path}/signer.db", "signer")
    engine = make_engine(f"sqlite:///{tmp_path}/signer.db")
    SqlSignerStore(engine).insert_signer(SIGNER)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(tmp_path).iterdir()}
    engine.dispose()

    assert "signer.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_RL_05_database_that_is_not_there_is_unavailable(databases):
    urls = {
        "sqlite": "sqlite:////nonexistent/folder/x.db",
        "postgresql": databases.signer_url.replace("/database_", "/no_database_"),
    }
    store = SqlSignerStore(make_engine(urls[databases.kind]))

    with pytest.raises(UnavailableError) as caught:
        store.insert_signer(SIGNER)
    assert caught.value.component == "database"
    with pytest.raises(UnavailableError):
        store.all_credentials()
    with pytest.raises(UnavailableError):
        store.raise_epoch("node-1", 0)


def test_RL_05_tables_that_are_missing_are_unavailable_and_name_no_values(empty_url):
    engine = make_engine(empty_url)
    with pytest.raises(UnavailableError) as caught:
        SqlSignerStore(engine).insert_signer(SignerId("value of a row"))
    engine.dispose()

    assert "value of a row" not in repr(caught.value.__cause__)
    assert "signers" in repr(caught.value.__cause__)


def test_commit_that_fails_has_an_unknown_outcome(databases, signer_store):
    database = Database(make_engine(databases.signer_owner_url))
    with pytest.raises(CommitUnknownError), database.write() as unit:
        if databases.kind == "sqlite":
            unit.begin("PRAGMA defer_foreign_keys = ON")
        else:
            unit.begin("ALTER TABLE client_links ALTER CONSTRAINT client_links_signer_id_fk DEFERRABLE")
            unit.begin("SET CONSTRAINTS ALL DEFERRED")
        unit.begin("INSERT INTO client_links (client_id, signer_id) VALUES ('client', 'unknown')")

    with database.write() as unit:
        unit.begin("SELECT 1")
    with signer_store.read() as transaction:
        assert not transaction.is_linked(ClientId("client"), SignerId("unknown"))


def _terminate(databases: Databases) -> None:
    with connected(databases.signer_owner_url) as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'csc_signer'")
        ).all()


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_RL_05_lost_connection_before_the_commit_is_of_unknown_outcome(databases, signer_store):
    sad = keep_sad(signer_store)
    worker = signer_store.raise_epoch("node-1", 0)
    with pytest.raises(CommitUnknownError), signer_store.begin_signing(worker, NOW) as transaction:
        transaction.spend([a_spend(sad)])
        _terminate(databases)

    with signer_store.begin_signing(worker, NOW) as transaction:
        assert transaction.sads([sad.sad_hash]) == {sad.sad_hash: sad}


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_RL_05_lost_connections_cost_one_refusal(databases, signer_store):
    sad = keep_sad(signer_store)
    _terminate(databases)

    with pytest.raises(UnavailableError):
        signer_store.all_credentials()
    assert len(signer_store.all_credentials()) == 1
    with signer_store.read() as transaction:
        assert transaction.sad(sad.sad_hash) == sad


@pytest.mark.parametrize("databases", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_AU_05_values_of_a_refused_row_are_in_no_exception(signer_store):
    with pytest.raises(Exception) as caught:
        signer_store.insert_signer(SIGNER)

    shown = "".join(map(repr, (caught.value, caught.value.__cause__)))
    assert "signers_pk" in shown
    assert SIGNER not in shown
