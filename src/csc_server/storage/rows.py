"""Between rows of tables and the ports' row types: a column bears the name of its field."""

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Table


def columns(table: Table, row_type: type[Any]) -> list[ColumnElement[Any]]:
    """Return the columns in the order of a dataclass's fields, so that `row_type(*row)` reads a row."""
    return [table.c[field.name] for field in fields(row_type)]
