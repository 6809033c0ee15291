"""Migrations of web's tables."""
