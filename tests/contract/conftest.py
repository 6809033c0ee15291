"""Every suite of a store runs on each database there is an adapter for."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from csc_server.storage.engine import make_engine
from csc_server.storage.migrate import SIDES, upgrade
from csc_server.storage.signer_store import SqlSignerStore
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import FactorKind
from stores import SIGNER, Databases, a_credential, a_factor


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgres.PostgreSQL]:
    server = postgres.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: postgres.PostgreSQL) -> str:
    """A database with the tables of both sides, which every test finds empty."""
    name = postgresql_server.create_database()
    for side in ("web", "signer"):
        upgrade(postgresql_server.url(name, "csc_owner"), side, role=f"csc_{side}")
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sqlite")
    for side in ("web", "signer"):
        upgrade(f"sqlite:///{folder}/{side}.db", side)
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        for side in ("web", "signer"):
            shutil.copy(template / f"{side}.db", tmp_path)
        web, signer = (f"sqlite:///{tmp_path}/{side}.db" for side in ("web", "signer"))
        yield Databases("sqlite", web, signer, web, signer)
        return
    server: postgres.PostgreSQL = request.getfixturevalue("postgresql_server")
    name: str = request.getfixturevalue("postgresql_database")
    owner = server.url(name, "csc_owner")
    yield Databases("postgresql", server.url(name, "csc_web"), server.url(name, "csc_signer"), owner, owner)
    server.empty(name, [table.name for side in SIDES.values() for table in side.metadata.sorted_tables])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, its user the owner."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: postgres.PostgreSQL = request.getfixturevalue("postgresql_server")
    name = server.create_database()
    yield server.url(name, "csc_owner")
    server.drop_database(name)


@pytest.fixture
def signer_store(databases: Databases) -> Iterator[SqlSignerStore]:
    """The signer's store with one signer, one credential and its two factors."""
    engine = make_engine(databases.signer_url)
    store = SqlSignerStore(engine)
    store.insert_signer(SIGNER)
    store.insert_credential(a_credential(), [a_factor(FactorKind.PIN), a_factor(FactorKind.OTP)], [])
    yield store
    engine.dispose()


@pytest.fixture
def web_store(databases: Databases) -> Iterator[SqlWebStore]:
    engine = make_engine(databases.web_url)
    yield SqlWebStore(engine)
    engine.dispose()
