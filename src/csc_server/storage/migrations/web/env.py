"""Run by Alembic."""

from csc_server.storage.migrations.environment import run

run()
