"""Composition root of the signer."""
