"""`csc-server purge`: removes rows that nothing will ask for again; the running service does the same by itself."""

from collections import Counter
from pathlib import Path

import click

from csc_server.cli.answers import json_option, show
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import chosen, only_option, settings_option
from csc_server.clock import Clock
from csc_server.storage.ports.purge import PurgeStore
from csc_server.wire import Json

BATCH = 500
"""Rows of a table in one transaction: a running service waits a few milliseconds for it."""


def purge_store(store: PurgeStore, clock: Clock) -> dict[str, Json]:
    """Remove everything that is dead, batch after batch; return how many rows went, by table."""
    total: Counter[str] = Counter()
    while True:
        removed = store.purge(clock.seconds(), BATCH)
        total.update(removed)
        if not any(removed.values()):
            return {name: number for name, number in total.items() if number}


@click.command()
@settings_option
@only_option
@json_option
def purge(path: Path, only: str | None, wants_json: bool) -> None:
    """Remove expired codes, tokens, sessions, approvals and the like, long after their end. Never the audit.

    \b
      csc-server purge --settings FILE

    The service does this by itself, now and then; after a long stop this does it at once. It may run beside it.
    """  # noqa: D301 click wants the character itself
    sides = Sides.of(path)
    removed = {side: sides.ask(side, "purge") for side in chosen(only)}
    parts = [f"{number} {name} ({side})" for side, tables in removed.items() for name, number in tables.items()]
    show({"removed": removed}, f"Removed: {', '.join(parts) or 'nothing'}.", wants_json=wants_json)
