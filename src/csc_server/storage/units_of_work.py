"""Transactions, and what becomes of the errors of drivers.

Leaving a unit of work commits, an exception rolls back. No exception of a library leaves this module:
a commit that was not acknowledged is `CommitUnknownError`, any other failure `UnavailableError("database")`.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from csc_server.errors import UnavailableError
from csc_server.storage.engine import BEGIN_OPTION, BEGIN_READING, BEGIN_WRITING, TURNSTILE
from csc_server.storage.faults import described
from csc_server.storage.ports.signer import CommitUnknownError, ConflictError


class Database:
    """The units of work that stores are made of."""

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect.name
        is_sqlite = self.dialect == "sqlite"
        self._writing = engine.execution_options(**{BEGIN_OPTION: BEGIN_WRITING})
        self._reading = engine.execution_options(
            **({BEGIN_OPTION: BEGIN_READING} if is_sqlite else {"postgresql_readonly": True})
        )
        self._looking_up = engine.execution_options(
            **({BEGIN_OPTION: ""} if is_sqlite else {"isolation_level": "AUTOCOMMIT"})
        )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a read-write transaction; on SQLite the database's only one, after a fair wait."""
        with _connected(self._writing) as connection, _turn(connection, self.dialect):
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                with suppress(SQLAlchemyError):
                    transaction.rollback()
                raise
            try:
                transaction.commit()
            except BaseException as error:
                connection.invalidate()
                if isinstance(error, SQLAlchemyError):
                    raise CommitUnknownError from described(error)
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads and waits for no writer."""
        with _connected(self._reading) as connection, connection.begin():
            yield connection

    @contextmanager
    def look_up(self) -> Iterator[Connection]:
        """Open a connection for one SELECT, which is a transaction by itself."""
        with _connected(self._looking_up) as connection:
            yield connection


@contextmanager
def conflicts() -> Iterator[None]:
    """Turn a refused row into ConflictError."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError("the database refused a row") from described(error)


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise UnavailableError("database") from described(error)


def _turn(connection: Connection, dialect: str) -> AbstractContextManager[None]:
    if dialect != "sqlite":
        return nullcontext()
    turnstile: AbstractContextManager[None] = connection.info[TURNSTILE]
    return turnstile
