"""`csc-server migrate`: brings the tables of both sides to the newest version."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from csc_server.cli.process import Migration
from csc_server.cli.processes import run_process
from csc_server.cli.safety import database_url
from csc_server.cli.settings_file import ADVICE, Reading, read_settings
from csc_server.cli.sides import account, chosen, is_current, only_option, settings_option
from csc_server.errors import ConfigurationError


@click.command()
@settings_option
@only_option
@click.option(
    "--owner",
    help="PostgreSQL: the role that owns the tables. The roles of the settings get the rights they need, no more.",
)
def migrate(path: Path, only: str | None, owner: str | None) -> None:
    """Bring the databases to the newest tables; what is up to date stays untouched.

    \b
      csc-server migrate --settings /etc/csc-server/csc-server.toml
      csc-server migrate --settings /etc/csc-server/csc-server.toml --owner csc_owner

    As root, each side's tables are made as that side's user. Run it before each start of a new version.
    """  # noqa: D301 click wants the character itself
    for side, state in migrate_sides(read_settings(path), chosen(only), owner):
        click.echo(f"{side}: {state}")


def migrate_sides(reading: Reading, sides: Sequence[str], owner: str | None) -> Iterator[tuple[str, str]]:
    """Bring the tables of sides to the newest version; yield what was done, side by side."""
    faults = list(_faults(reading, sides, owner))
    if faults:
        raise ConfigurationError(faults, advice=ADVICE)
    for side in sides:
        if is_current(reading, side):
            yield side, "up to date"
            continue
        task = _migration(reading, side, owner).model_dump_json()
        run_process(f"migrate-{side}", task.encode(), account(reading, side))
        yield side, "migrated"


def _faults(reading: Reading, sides: Sequence[str], owner: str | None) -> Iterator[str]:
    for side in sides:
        url = database_url(reading, side)
        if url is None:
            yield f"{side}.database_url is missing or no database URL."
        elif url.get_backend_name() == "postgresql" and owner in (None, url.username):
            yield f"{side}: the role of the service must not own its tables: name another one with --owner."


def _migration(reading: Reading, side: str, owner: str | None) -> Migration:
    url = database_url(reading, side)
    if url is None or url.get_backend_name() != "postgresql":
        return Migration(url=str(reading.text(side, "database_url")))
    return Migration(url=url.set(username=owner).render_as_string(hide_password=False), role=url.username)
