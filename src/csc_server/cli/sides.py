"""Which sides a command works on, and as whom: the parts that `serve`, `migrate` and `doctor` share."""

import os
import subprocess
from collections.abc import Sequence

import click

from csc_server.cli.processes import Account, start_process
from csc_server.cli.safety import SIDES
from csc_server.cli.settings_file import Reading

only_option = click.option(
    "--only", type=click.Choice(SIDES), help="One side alone, for a service manager with a unit for each."
)


def chosen(only: str | None) -> Sequence[str]:
    """Return the sides a command works on."""
    return (only,) if only else SIDES


def account(reading: Reading, side: str) -> Account | None:
    """Return the user a side runs as, or None when this process is not root and stays who it is."""
    name = reading.text("users", side)
    try:
        return Account.named(name) if name and os.geteuid() == 0 else None
    except KeyError:
        return None


def is_current(reading: Reading, url: str, side: str) -> bool:
    """Ask, as the side's user, whether its tables are up to date: root would leave files of its own behind."""
    process = start_process(f"check-{side}", url.encode(), account(reading, side), quiet=True)
    try:
        return process.wait(30) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
