"""Statements of SQLAlchemy Core that are compiled once and run on the driver's cursor.

SQLAlchemy's execution costs more than the statement itself where a signature's two transactions run nine of
them: measured with one request a group, TX1 and TX2 took 1.2 ms of processor time through
`Connection.execute` and a third of that here. What is lost is its result objects; what is kept is one
definition of tables, types and statements for both databases.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Dialect, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import CompilerElement

Parameters = Mapping[str, Any]


class Compiled:
    """A statement as the driver of one dialect takes it: its text, and what its values pass through."""

    def __init__(self, statement: CompilerElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("not a statement on rows")
        self.text = str(compiled)
        self._is_positional = compiled.positional
        self._names = tuple(compiled.positiontup or compiled.binds)
        binds = {name: compiled.binds[name] for name in self._names}
        self._constants = {name: bind.value for name, bind in binds.items() if not bind.required}
        self._binders = tuple(
            (name, processor)
            for name, bind in binds.items()
            if (processor := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        )
        self._readers = tuple(
            (place, processor)
            for place, column in enumerate(getattr(statement, "exported_columns", ()))
            if (processor := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        )

    def bind(self, values: Parameters) -> Any:  # noqa: ANN401 a list for one driver, a dict for the other
        """Return parameters in the driver's form; names that the statement lacks are left out."""
        merged = {**self._constants, **values}
        for name, processor in self._binders:
            merged[name] = processor(merged[name])
        if self._is_positional:
            return [merged[name] for name in self._names]
        return {name: merged[name] for name in self._names}

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return the values of one of the driver's rows."""
        values = list(row)
        for place, processor in self._readers:
            values[place] = processor(values[place])
        return values


class Prepared:
    """A statement, or one for each dialect by its name, compiled when a dialect first runs it."""

    def __init__(self, statement: CompilerElement | Mapping[str, CompilerElement]) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            chosen = self._statement
            statement = chosen[dialect.name] if isinstance(chosen, Mapping) else chosen
            compiled = self._compiled[dialect.name] = Compiled(statement, dialect)
        return compiled


def for_each_dialect(build: Callable[[Callable[[Table], Any]], CompilerElement]) -> Mapping[str, CompilerElement]:
    """Return what `build` makes of the `insert` of each dialect: their ON CONFLICT is not common Core."""
    return {"sqlite": build(sqlite.insert), "postgresql": build(postgresql.insert)}


def replacing(table: Table) -> Prepared:
    """Return the statement that inserts a row or replaces all of it."""
    key = [column.name for column in table.primary_key]

    def build(insert: Callable[[Table], Any]) -> CompilerElement:
        statement = insert(table)
        rest = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
        replaced: CompilerElement = statement.on_conflict_do_update(index_elements=key, set_=rest)
        return replaced

    return Prepared(for_each_dialect(build))


def for_each_size(build: Callable[[int], CompilerElement]) -> Callable[[int], Prepared]:
    """Return a function that gives the statement on a list of some length; groups are small, so few are kept."""

    @lru_cache(maxsize=128)
    def of_size(size: int) -> Prepared:
        return Prepared(build(size))

    return of_size


def keys(size: int) -> list[BindParameter[Any]]:
    """Return the parameters of a list of this length."""
    return [bindparam(name) for name in _key_names(size)]


def keyed(values: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a list under the names of its parameters."""
    return dict(zip(_key_names(len(values)), values, strict=True))


@lru_cache(maxsize=128)
def _key_names(size: int) -> tuple[str, ...]:
    return tuple(f"key_{place}" for place in range(size))
