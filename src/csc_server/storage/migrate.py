"""Brings the tables of one side to the newest version, or says whether they are there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.exc import SQLAlchemyError

from csc_server.errors import UnavailableError
from csc_server.storage import signer_tables, web_tables
from csc_server.storage.engine import make_engine, sqlite_file
from csc_server.storage.faults import described
from csc_server.storage.grants import grants


@dataclass(frozen=True)
class Side:
    """One side's tables. `version_table` is where Alembic notes their version, `lock` a PostgreSQL advisory lock."""

    metadata: MetaData
    version_table: str
    scripts: Path
    lock: int


_SCRIPTS = Path(__file__).parent / "migrations"
SIDES = {
    "signer": Side(signer_tables.metadata, "signer_schema", _SCRIPTS / "signer", 0x435343_01),
    "web": Side(web_tables.metadata, "web_schema", _SCRIPTS / "web", 0x435343_02),
}


def upgrade(url: str, side: str, role: str | None = None) -> None:
    """Run the migrations that a side's database lacks, all of them or none.

    Args:
        url: of the database; on PostgreSQL its user becomes the owner of the tables.
        side: `web` or `signer`.
        role: a PostgreSQL role, not the owner, that gets the rights its side's process needs and no others (AR-06).

    Raises:
        ConfigurationError: the URL is of no database that is supported.
        UnavailableError: the database refused or did not answer; nothing was changed.
    """
    of_side = SIDES[side]
    with _transaction(url) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": of_side.lock})
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        config = Config(attributes={"connection": connection, "side": of_side})
        config.set_main_option("script_location", str(of_side.scripts).replace("%", "%%"))
        command.upgrade(config, "head")
        if connection.dialect.name == "postgresql":
            for statement in grants(of_side.metadata, of_side.version_table, connection.dialect, role):
                connection.execute(text(statement))


def is_current(url: str, side: str) -> bool:
    """Whether a side's tables are of the newest version; a SQLite file that does not exist is not made."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return False
    of_side = SIDES[side]
    with _transaction(url) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": of_side.version_table})
        return set(context.get_current_heads()) == set(ScriptDirectory(str(of_side.scripts)).get_heads())


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    engine: Engine = make_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise UnavailableError("database") from described(error)
    finally:
        engine.dispose()
