"""`csc-server migrate`: brings the tables of both sides to the newest version."""

from pathlib import Path

import click

from csc_server.cli.processes import run_process
from csc_server.cli.settings_file import ADVICE, read_settings
from csc_server.cli.sides import account, chosen, is_current, only_option
from csc_server.errors import ConfigurationError


@click.command()
@click.option(
    "--settings",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The settings file (TOML); CSC_SERVER_* variables win over it.",
)
@only_option
def migrate(path: Path, only: str | None) -> None:
    """Bring the databases to the newest tables; what is up to date stays untouched.

    \b
      csc-server migrate --settings /etc/csc-server/csc-server.toml

    As root, each side's tables are made as that side's user. Run it before each start of a new version.
    """  # noqa: D301 click wants the character itself
    reading = read_settings(path)
    urls = {side: reading.text(side, "database_url") for side in chosen(only)}
    missing = [f"{side}.database_url is missing." for side, url in urls.items() if url is None]
    if missing:
        raise ConfigurationError(missing, advice=ADVICE)
    for side, url in urls.items():
        if url is None:
            continue
        if is_current(reading, url, side):
            click.echo(f"{side}: up to date")
            continue
        run_process(f"migrate-{side}", url.encode(), account(reading, side))
        click.echo(f"{side}: migrated")
