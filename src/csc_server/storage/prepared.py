"""Statements of SQLAlchemy Core that are compiled once and run on the driver's cursor.

SQLAlchemy's execution costs more than the statement itself where a transaction of a signature runs eight of
them: measured on one machine, TX1 and TX2 took 1.2 ms of processor time through `Connection.execute` and a
third of that here. What is lost is its result objects; what is kept is one definition of tables, types and
statements for both databases.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Processor = Callable[[Any], Any]
Parameters = Mapping[str, Any]


class Compiled:
    """A statement as the driver of one dialect takes it: its text, and what its values pass through."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("not a statement of SQL")
        self.text = str(compiled)
        names = compiled.positiontup if compiled.positional else list(compiled.binds)
        binds = {name: compiled.binds[name] for name in names or []}
        self._named = not compiled.positional
        self._order = tuple(names or ())
        self._constants = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._binders = {
            name: processor
            for name, bind in binds.items()
            if (processor := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        results = getattr(statement, "exported_columns", ())
        self._readers = tuple(
            (place, processor)
            for place, column in enumerate(results)
            if (processor := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        )

    def bind(self, values: Parameters) -> Any:
        """Return parameters in the driver's form; names that the statement lacks are left out."""
        merged = {**self._constants, **values}
        for name, processor in self._binders.items():
            merged[name] = processor(merged[name])
        if self._named:
            return {name: merged[name] for name in self._order}
        return [merged[name] for name in self._order]

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return the values of a row of the driver's."""
        values = list(row)
        for place, processor in self._readers:
            values[place] = processor(values[place])
        return values


class Prepared:
    """A statement, or one for each dialect by its name, compiled when a dialect first runs it."""

    def __init__(self, statement: Executable | Mapping[str, Executable]) -> None:
        self._statements = statement
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            chosen: Any = self._statements
            if isinstance(chosen, Mapping):
                chosen = chosen[dialect.name]
            compiled = self._compiled[dialect.name] = Compiled(chosen, dialect)
        return compiled


def prepared_for_each_size(build: Callable[[int], Executable]) -> Callable[[int], Prepared]:
    """Return a function that gives the statement for a list of some length; groups are small, so few are kept."""

    @lru_cache(maxsize=128)
    def of_size(size: int) -> Prepared:
        return Prepared(build(size))

    return of_size
