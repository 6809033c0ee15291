"""Engines: one per process, made after any fork.

SQLite: write-ahead log, every commit on the disk before it is acknowledged (synchronous=FULL), foreign keys.
PostgreSQL: durable commits whatever the server's default is, and time-outs that end the transactions and the
locks of dead clients (decision 26 b).
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from csc_server.errors import ConfigurationError
from csc_server.storage.turnstile import Turnstile

BEGIN_WRITING, BEGIN_READING = "BEGIN IMMEDIATE", "BEGIN"
TURNSTILE = "turnstile"
"""The key under which a SQLite connection's `info` holds its turnstile."""

CONNECTIONS = 128
"""At most: two for each of as many threads as the settings allow, one held for look-ups and one for transactions."""
POOL_WAIT = 5.0
SQLITE_BUSY_MS = 5_000
SQLITE_PRAGMAS = (
    f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
POSTGRESQL_SETTINGS = {
    "synchronous_commit": "on",
    "default_transaction_isolation": "read\\ committed",
    "statement_timeout": "5000",
    "lock_timeout": "4000",
    "idle_in_transaction_session_timeout": "5000",
}
"""Milliseconds. A transaction of ours waits for nothing but the database; the signer's device is called between two."""
POSTGRESQL_CONNECT = {
    "connect_timeout": "3",
    "tcp_user_timeout": "5000",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
}


def make_engine(url: str) -> Engine:
    """Return an engine for `sqlite:////path/to/file` or `postgresql://...`.

    Parameters never appear in its log or in its exceptions.

    Raises:
        ConfigurationError: another kind of database, or a SQLite database in memory.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ConfigurationError(["database_url names neither SQLite nor PostgreSQL"])


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database, None for another kind; ConfigurationError when it names none."""
    parsed = _parsed(url)
    return _file(parsed) if parsed.get_backend_name() == "sqlite" else None


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(["database_url is not a URL"]) from None  # it may hold a password


def _file(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError(["database_url names no file"], advice="Write sqlite:////path/to/file.")
    return Path(url.database)


def _sqlite(url: URL) -> Engine:
    database = _file(url)
    engine = _engine(url, isolation_level=None, check_same_thread=False)

    @event.listens_for(engine, "do_connect")
    def create_private(*_: object) -> None:
        """SQLite gives its log files the mode of the database file."""
        with contextlib.suppress(FileExistsError, FileNotFoundError, PermissionError, NotADirectoryError):
            os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        for pragma in SQLITE_PRAGMAS:
            connection.execute(pragma).close()
        record.info[TURNSTILE] = Turnstile(database)

    @event.listens_for(engine, "close")
    def leave(_: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        turnstile = record.info.pop(TURNSTILE, None)
        if turnstile is not None:
            turnstile.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        """What SQLAlchemy itself begins: migrations."""
        connection.exec_driver_sql(BEGIN_WRITING)

    return engine


def _postgresql(url: URL) -> Engine:
    settings = " ".join(f"-c {name}={value}" for name, value in POSTGRESQL_SETTINGS.items())
    own = url.query.get("options", "")
    return _engine(url, options=f"{own} {settings}".strip(), **POSTGRESQL_CONNECT)


def _engine(url: URL, **connect: str | bool | None) -> Engine:
    return create_engine(
        url,
        connect_args=connect,
        hide_parameters=True,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_WAIT,
        pool_use_lifo=True,
    )
