"""Composition root of web."""
