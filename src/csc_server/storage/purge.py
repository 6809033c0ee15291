"""What the purges of both stores share: a bounded DELETE of the rows under a condition, oldest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, BindParameter, Column, ColumnElement, Table, bindparam, delete, select

from csc_server.storage.prepared import Prepared
from csc_server.storage.units_of_work import UnitOfWork

DAY = 86_400
"""Seconds that a dead row stays: a late request still hears what has become of it, and a clock may be wrong."""


def long_ago(seconds: int) -> BindParameter[int]:
    """Return the parameter that stands for the time that many seconds ago."""
    return bindparam(f"ago_{seconds}", type_=BigInteger)


@dataclass(frozen=True)
class Dead:
    """The dead rows of one table.

    Args:
        table: with one column as its key.
        condition: that no row a process may still need fulfils; its times are `long_ago`.
        order: by this column, the oldest first.
        ages: the seconds that `condition` names.
    """

    table: Table
    condition: ColumnElement[bool]
    order: Column[int]
    ages: tuple[int, ...] = (DAY,)

    def removal(self) -> Prepared:
        (key,) = self.table.primary_key.columns
        oldest = select(key).where(self.condition).order_by(self.order).limit(bindparam("most", type_=BigInteger))
        return Prepared(delete(self.table).where(key.in_(oldest)))


class Removals:
    """The statements of one side, run in the order they are given: rows that refer to others come first."""

    def __init__(self, dead: Sequence[Dead]) -> None:
        self._statements = [(each.table.name, each.removal(), each.ages) for each in dead]

    def run(self, unit: UnitOfWork, now: int, most: int) -> Mapping[str, int]:
        """Remove one batch of each table; return how many rows went, by table."""
        return {
            name: unit.change(statement, {"most": most, **{f"ago_{age}": now - age for age in ages}})
            for name, statement, ages in self._statements
        }
