"""Which sides a command works on, and as whom: the parts that `serve`, `migrate` and `doctor` share."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from csc_server.cli.processes import Account, start_process
from csc_server.cli.safety import COURIER, SIDES, Situation, user_of
from csc_server.cli.settings_file import Reading

PROBE_DEADLINE = 30.0
"""Seconds a look at a database may take."""

settings_option = click.option(
    "--settings",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The settings file (TOML); CSC_SERVER_* variables win over it.",
)
only_option = click.option(
    "--only", type=click.Choice((*SIDES, COURIER)), help="One side alone, for a service manager with a unit for each."
)


def chosen(only: str | None) -> Sequence[str]:
    """Return the sides a command works on."""
    return (only,) if only else SIDES


def account(reading: Reading, side: str) -> Account | None:
    """Return the user a side runs as, or None when this process is not root and stays who it is."""
    name = user_of(reading, side)
    try:
        return Account.named(name) if name and os.geteuid() == 0 else None
    except KeyError:
        return None


def situation(reading: Reading, only: str | None) -> Situation:
    """Return what the checks of safety look at, with probes that run as the user of each side.

    As that user, since root would leave files of its own beside a database.
    """
    return Situation(
        reading=reading,
        sides=chosen(only),
        uid=os.geteuid(),
        can_run=lambda side: _succeeds("check-python", b"", account(reading, side)),
        is_current=lambda side: is_current(reading, side),
    )


def is_current(reading: Reading, side: str) -> bool:
    """Whether the tables of a side are up to date, asked as its user."""
    url = reading.text(side, "database_url") or ""
    return _succeeds(f"check-{side}", url.encode(), account(reading, side))


def _succeeds(part: str, data: bytes, user: Account | None) -> bool:
    try:
        process = start_process(part, data, user, quiet=True)
    except OSError:
        return False
    try:
        return process.wait(PROBE_DEADLINE) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
