"""`csc-server setup`: from a settings file to an installation that `serve` runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from csc_server.cli.migrate import migrate_sides
from csc_server.cli.processes import Account
from csc_server.cli.safety import database_file
from csc_server.cli.secret_input import read_secret
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import chosen, only_option, settings_option
from csc_server.errors import CscServerError

_PRIVATE = 0o700


@click.command()
@settings_option
@only_option
@click.option("--owner", help="PostgreSQL: the role that owns the tables, as for `csc-server migrate`.")
@click.option(
    "--initialise-token",
    is_flag=True,
    help="Initialise a free slot of the device as the service's token, with new PINs. A token that exists stays.",
)
@click.option(
    "--device-pin-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The user PIN of a token that your device's own tools made. Default: it is asked for if it has no file yet.",
)
def setup(
    path: Path, only: str | None, owner: str | None, initialise_token: bool, device_pin_file: Path | None
) -> None:
    """Make what a new installation needs: folders, tables, the service's own keys in the device.

    \b
      csc-server setup --settings /etc/csc-server/csc-server.toml
      csc-server setup --initialise-token --settings /etc/csc-server/csc-server.toml   (SoftHSM, for tests)

    What is there already stays as it is, so it may be run again. Clients, users and credentials come next.
    """  # noqa: D301 click wants the character itself
    sides = Sides.of(path)
    for side in chosen(only):
        for folder in _folders(sides, side):
            _make_private(folder, sides.account(side))
            click.echo(f"{side}: folder {folder}")
        if side == "signer":
            _prepare_device(sides, device_pin_file, initialise=initialise_token)
        elif sides.ask("web", "setup.key")["new"]:
            click.echo(f"web: key file {sides.reading.text('web', 'key_file')}")
    for side, state in migrate_sides(sides.reading, chosen(only), owner):
        click.echo(f"{side}: tables {state}")
    click.echo(f"Check it with `csc-server doctor --settings {path}`, then start `csc-server serve`.")


def _folders(sides: Sides, side: str) -> Iterator[Path]:
    """Yield the folders that are missing, of files that only the side itself may read."""
    found = [database_file(sides.reading, side)]
    if side == "signer":
        pin_file = sides.reading.text("signer", "device", "pin_file")
        found.append(Path(pin_file) if pin_file else None)
    else:
        key_file = sides.reading.text("web", "key_file")
        found.append(Path(key_file) if key_file else None)
    missing = [file.absolute().parent for file in found if file is not None and not file.absolute().parent.exists()]
    yield from dict.fromkeys(missing)


def _make_private(folder: Path, user: Account | None) -> None:
    folder.mkdir(mode=_PRIVATE, parents=True)
    folder.chmod(_PRIVATE)
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def _prepare_device(sides: Sides, device_pin_file: Path | None, *, initialise: bool) -> None:
    pin_file = Path(str(sides.reading.text("signer", "device", "pin_file")))
    if initialise:
        token = sides.ask("signer", "setup.token")
        click.echo("signer: token initialised" if token["new"] else "signer: token is there")
        if token["new"]:
            click.echo(f"so_pin: {token['so_pin']}")
            click.echo("Keep it now: it is not shown again.", err=True)
    elif not _exists(pin_file):
        pin = read_secret(device_pin_file, "device's user PIN", option="--device-pin-file")
        sides.ask("signer", "setup.pin", pin=pin)
        click.echo(f"signer: PIN file {pin_file}")
    elif device_pin_file is not None:
        raise CscServerError(f"{pin_file} is there already.", advice="Leave --device-pin-file out, or remove the file.")
    sides.ask("signer", "setup.keys")
    click.echo("signer: keys of the service in the device")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True
