"""Ports of the two stores and their SQLAlchemy Core adapters (SQLite, PostgreSQL)."""
