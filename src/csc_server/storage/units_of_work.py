"""Transactions, and what becomes of the errors of drivers.

Leaving a unit of work commits, an exception rolls back. No exception of a library leaves this module:
a commit that was not acknowledged is `CommitUnknownError`, a row that the database refuses `ConflictError`,
any other failure `UnavailableError("database")`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Engine, PoolProxiedConnection
from sqlalchemy.exc import SQLAlchemyError

from csc_server.errors import UnavailableError
from csc_server.storage.engine import BEGIN_READING, BEGIN_WRITING, TURNSTILE
from csc_server.storage.faults import described
from csc_server.storage.ports.signer import CommitUnknownError, ConflictError
from csc_server.storage.prepared import Parameters, Prepared, keyed

NOTHING: Parameters = {}


class UnitOfWork:
    """An open transaction."""

    def __init__(self, connection: PoolProxiedConnection, dialect: Dialect) -> None:
        self._cursor = connection.cursor()
        self._dialect = dialect
        self._refused: type[Exception] = dialect.loaded_dbapi.IntegrityError

    def begin(self, statement: str) -> None:
        self._cursor.execute(statement)

    def rows(self, statement: Prepared, parameters: Parameters) -> list[Sequence[Any]]:
        """Run a statement that answers rows; return all of them."""
        compiled = statement.on(self._dialect)
        self._cursor.execute(compiled.text, compiled.bind(parameters))
        return [compiled.read(row) for row in self._cursor.fetchall()]

    def rows_of_keys(
        self, statement: Callable[[int], Prepared], values: Sequence[Any], parameters: Parameters = NOTHING
    ) -> list[Sequence[Any]]:
        """Run a statement on a list of keys; none have no rows."""
        return self.rows(statement(len(values)), {**parameters, **keyed(values)}) if values else []

    def change_keys(self, statement: Callable[[int], Prepared], values: Sequence[Any]) -> int:
        """Run a statement that changes the rows of a list of keys; return how many."""
        return self.change(statement(len(values)), keyed(values)) if values else 0

    def row(self, statement: Prepared, parameters: Parameters) -> Sequence[Any] | None:
        """Run a statement that answers one row or none."""
        found = self.rows(statement, parameters)
        return found[0] if found else None

    def one(self, statement: Prepared, parameters: Parameters) -> Sequence[Any]:
        """Run a statement that always answers a row."""
        return self.rows(statement, parameters)[0]

    def change(self, statement: Prepared, *parameters: Parameters) -> int:
        """Run a statement once for each set of parameters; return how many rows it changed in all.

        Raises ConflictError when a constraint refuses a row: nothing of the transaction may be kept.
        """
        compiled = statement.on(self._dialect)
        try:
            if len(parameters) == 1:
                self._cursor.execute(compiled.text, compiled.bind(parameters[0]))
            else:
                self._cursor.executemany(compiled.text, [compiled.bind(one) for one in parameters])
        except self._refused as error:
            raise ConflictError("the database refused a row") from described(error)
        return int(self._cursor.rowcount)


@dataclass(frozen=True)
class Held:
    """A connection that one thread keeps for look-ups; an older generation's is not used any more."""

    connection: PoolProxiedConnection
    unit: UnitOfWork
    generation: int


class Database:
    """Opens units of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._local = threading.local()
        self._generation = 0
        self._failures: tuple[type[Exception], ...] = (engine.dialect.loaded_dbapi.Error, SQLAlchemyError)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a read-write transaction; on SQLite the database's only one, after a fair wait."""
        with self._connected() as connection, self._turn(connection):
            unit = self._begin(connection, BEGIN_WRITING, {"autocommit": False, "read_only": False})
            try:
                yield unit
            except BaseException:
                connection.rollback()  # before the next writer's turn
                raise
            self._commit(connection)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a transaction that only reads, sees one state and waits for no writer."""
        with self._connected() as connection:
            yield self._begin(connection, BEGIN_READING, {"autocommit": False, "read_only": True})

    @contextmanager
    def look_up(self) -> Iterator[UnitOfWork]:
        """Open a connection for one SELECT, which is a transaction by itself."""
        held = None
        try:
            held = self._held()
            yield held.unit
        except self._failures as error:
            self._give_up(held.connection if held else None)
            raise UnavailableError("database") from described(error)

    @contextmanager
    def _connected(self) -> Iterator[PoolProxiedConnection]:
        """Lend a connection; its return to the pool rolls back what was not committed.

        A connection is closed here and not earlier, since its turnstile goes with it.
        """
        connection = None
        try:
            connection = self._engine.raw_connection()
            yield connection
        except CommitUnknownError:
            self._give_up(connection)
            raise
        except self._failures as error:
            self._give_up(connection)
            raise UnavailableError("database") from described(error)
        finally:
            if connection is not None:
                connection.close()

    def _held(self) -> "Held":
        """Return this thread's own connection for look-ups: lending one for each costs more than the SELECT."""
        held: Held | None = getattr(self._local, "held", None)
        if held is None or held.generation != self._generation or not held.connection.is_valid:
            connection = self._engine.raw_connection()
            unit = self._begin(connection, "", {"autocommit": True, "read_only": True})
            held = self._local.held = Held(connection, unit, self._generation)
        return held

    def _give_up(self, connection: PoolProxiedConnection | None) -> None:
        """Close a connection that failed, and the idle ones: a server that restarted has forgotten all of them."""
        self._generation += 1
        if connection is not None and connection.is_valid:
            connection.invalidate()
        self._engine.dispose()

    def _turn(self, connection: PoolProxiedConnection) -> AbstractContextManager[None]:
        turnstile: AbstractContextManager[None] = connection.info[TURNSTILE] if self._is_sqlite else nullcontext()
        return turnstile

    def _begin(self, connection: PoolProxiedConnection, sqlite: str, psycopg: Mapping[str, bool]) -> UnitOfWork:
        """Begin as each driver wants it: by a statement, or by attributes that its next BEGIN follows."""
        if not self._is_sqlite:
            for name, value in psycopg.items():
                setattr(connection.driver_connection, name, value)
        unit = UnitOfWork(connection, self._dialect)
        if self._is_sqlite and sqlite:
            unit.begin(sqlite)
        return unit

    def _commit(self, connection: PoolProxiedConnection) -> None:
        try:
            connection.commit()
        except self._failures as error:
            raise CommitUnknownError from described(error)
