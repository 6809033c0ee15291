"""INSERT ... ON CONFLICT, which SQLAlchemy builds for each database apart."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

Statements = dict[str, Any]
"""One statement for each dialect's name."""


def for_each_dialect(build: Callable[[Callable[[Table], Any]], Any]) -> Statements:
    """Return what `build` makes of the `insert` of each dialect."""
    return {"sqlite": build(sqlite.insert), "postgresql": build(postgresql.insert)}


def put(table: Table) -> Statements:
    """Return statements that insert a row or replace all of it."""
    key = [column.name for column in table.primary_key]
    rest = [column.name for column in table.columns if column.name not in key]

    def build(insert: Callable[[Table], Any]) -> Any:
        statement = insert(table)
        return statement.on_conflict_do_update(
            index_elements=key, set_={name: statement.excluded[name] for name in rest}
        )

    return for_each_dialect(build)
