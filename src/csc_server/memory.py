"""Garbage collection for processes that live long and answer fast."""

import gc

ALLOCATIONS = 50_000
"""New containers between two collections of the youngest generation. A request leaves hardly any cycles behind,
and Python's default of 700 looks for them several times in each."""


def settle() -> None:
    """Take what exists now for permanent, and collect seldom from here on; call it once the process is set up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 20, 20)
