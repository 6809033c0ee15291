"""The audit table, one in each side's metadata, and the triggers that keep it append-only (AR-06)."""

from collections.abc import Sequence

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    event,
    insert,
    select,
)

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.prepared import Prepared
from csc_server.storage.units_of_work import UnitOfWork

HASH_LENGTH = 32
NO_RECORDS = ChainHead(0, bytes(HASH_LENGTH))


def audit_table(name: str, metadata: MetaData) -> Table:
    """Return the audit table of a side; `metadata.create_all` creates its triggers too."""
    table = Table(
        name,
        metadata,
        Column("writer", Text, primary_key=True),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("time", BigInteger, nullable=False),
        Column("event", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("previous_hash", LargeBinary, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        CheckConstraint("sequence > 0", name=f"{name}_sequence"),
        info={"rights": "SELECT, INSERT"},
    )
    for dialect in ("sqlite", "postgresql"):
        for statement in append_only(name, dialect):
            ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left its types out here
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))
    return table


def append_only(name: str, dialect: str) -> list[str]:
    """Return the statements that make a table refuse every change but appending (AR-06); migrations run them too.

    SQLite's REPLACE removes the old row without a DELETE trigger, so a row that exists is refused on its own.
    """
    if dialect == "sqlite":
        refuse = f"SELECT RAISE(ABORT, '{name} is append-only')"
        exists = f"SELECT 1 FROM {name} WHERE writer = NEW.writer AND sequence = NEW.sequence"  # noqa: S608 names of our own
        return [
            f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} BEGIN {refuse}; END",
            f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} BEGIN {refuse}; END",
            f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} WHEN EXISTS ({exists}) BEGIN {refuse}; END",
        ]
    return [
        (
            f"CREATE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{name} is append-only'; END $$"
        ),
        (
            f"CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_refuse()"
        ),
    ]


class AuditStatements:
    """Appending to one audit table and finding the end of a chain in it."""

    def __init__(self, table: Table) -> None:
        self._append = Prepared(insert(table))
        self._head = Prepared(
            select(table.c.sequence, table.c.hash)
            .where(table.c.writer == bindparam("writer_of_chain"))
            .order_by(table.c.sequence.desc())
            .limit(1)
        )

    def append(self, unit: UnitOfWork, rows: Sequence[AuditRow]) -> None:
        """Append records; a sequence number that is taken already raises UnavailableError("audit")."""
        if not rows:
            return
        try:
            unit.change(self._append, *map(vars, rows))
        except ConflictError as error:
            raise UnavailableError("audit", "another record stands at this place of the chain") from error

    def head(self, unit: UnitOfWork, writer: str) -> ChainHead:
        row = unit.row(self._head, {"writer_of_chain": writer})
        return ChainHead(*row) if row else NO_RECORDS
