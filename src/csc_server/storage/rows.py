"""Between rows of tables and the ports' row types: a column bears the name of its field."""

from dataclasses import fields
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Table


class RowType(Protocol):
    """A frozen dataclass of the ports."""

    __dataclass_fields__: Any


def columns(table: Table, row_type: type[RowType]) -> list[ColumnElement[Any]]:
    """Return the columns in the order of the fields, so that `row_type(*row)` reads a row."""
    return [table.c[field.name] for field in fields(row_type)]
