"""Names of constraints, and columns in the order of the ports' row types; a column bears its field's name."""

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, MetaData, Table

CONSTRAINT_NAMES = {
    "pk": "%(table_name)s_pk",
    "fk": "%(table_name)s_%(column_0_name)s_fk",
    "uq": "%(table_name)s_%(column_0_name)s_once",
    "ix": "%(table_name)s_by_%(column_0_name)s",
}
"""So that a later migration can name what it changes, on both databases."""


def new_metadata() -> MetaData:
    return MetaData(naming_convention=CONSTRAINT_NAMES)


def columns(table: Table, row_type: type[Any]) -> list[ColumnElement[Any]]:
    """Return the columns in the order of a dataclass's fields, so that `row_type(*row)` reads a row."""
    return [table.c[field.name] for field in fields(row_type)]
