"""Alembic environments of both sides. A migration is written once and never changed after its release."""
