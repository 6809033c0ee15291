"""Migrations of the signer's tables."""
