"""What the environments of both sides do: run on the connection that `storage.migrate` opened."""

from typing import TYPE_CHECKING

from alembic import context
from sqlalchemy import Connection

if TYPE_CHECKING:
    from csc_server.storage.migrate import Side


def run() -> None:
    """Run the migrations in the caller's transaction; DDL is transactional on SQLite and PostgreSQL alike."""
    connection: Connection = context.config.attributes["connection"]
    side: Side = context.config.attributes["side"]
    context.configure(
        connection=connection,
        target_metadata=side.metadata,
        version_table=side.version_table,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
