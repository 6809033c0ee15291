"""`csc-server user`: the login accounts of signers."""

from pathlib import Path

import click

from csc_server.cli.answers import json_option, show, show_table
from csc_server.cli.secret_input import read_secret
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import only_option, settings_option

_user_argument = click.argument("username")
_password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Take the password from this file (mode 0600; - is standard input). Default: it is asked for.",
)


@click.group()
def user() -> None:
    """Add signers with their accounts and look after them."""


@user.command("add")
@_user_argument
@settings_option
@only_option
@click.option("--signer", "signer_id", help="The signer's id. Default: signer-USERNAME.")
@click.option("--totp", is_flag=True, help="The login also asks for a one-time code; its seed is shown once.")
@_password_option
@json_option
def add(
    username: str,
    path: Path,
    only: str | None,
    signer_id: str | None,
    totp: bool,
    password_file: Path | None,
    wants_json: bool,
) -> None:
    """Add a signer on both sides: the account on web's, the person on the signer's.

    \b
      csc-server user add alice --settings FILE
      csc-server user add alice --password-file alice.password --totp --settings FILE

    An account only opens the pages and tokens of scope service. Signing takes the PIN and the code of a credential.
    """  # noqa: D301 click wants the character itself
    sides = Sides.of(path)
    signer = signer_id or f"signer-{username}"
    answer: dict[str, object] = {"username": username, "signer_id": signer}
    password = read_secret(password_file, "password", option="--password-file") if only != "signer" else ""
    if only != "web":
        sides.ask("signer", "signer.add", signer_id=signer)
    if only != "signer":
        answer |= sides.ask("web", "user.add", username=username, signer_id=signer, password=password, wants_totp=totp)
    show(answer, f"Added {username}, who is {signer}.", wants_json=wants_json)


@user.command("list")
@settings_option
@json_option
def list_users(path: Path, wants_json: bool) -> None:
    """List the accounts.

    \b
      csc-server user list --settings FILE
    """  # noqa: D301
    show_table(Sides.of(path).ask("web", "user.list")["users"], "users", wants_json=wants_json)


@user.command("disable")
@_user_argument
@settings_option
@json_option
def disable(username: str, path: Path, wants_json: bool) -> None:
    """Shut an account; sessions, tokens and codes of its signer end at once.

    \b
      csc-server user disable alice --settings FILE

    Applications that are linked to the signer still reach his credentials: see `csc-server credential disable`.
    """  # noqa: D301
    answer = Sides.of(path).ask("web", "user.disable", username=username)
    show(answer, f"The account {username} is disabled.", wants_json=wants_json)


@user.command("set-password")
@_user_argument
@settings_option
@_password_option
@json_option
def set_password(username: str, path: Path, password_file: Path | None, wants_json: bool) -> None:
    """Give an account another password; what was opened with the old one ends.

    \b
      csc-server user set-password alice --settings FILE
    """  # noqa: D301
    password = read_secret(password_file, "password", option="--password-file")
    answer = Sides.of(path).ask("web", "user.password", username=username, password=password)
    show(answer, f"The account {username} has another password.", wants_json=wants_json)


@user.command("unlock")
@_user_argument
@settings_option
@json_option
def unlock(username: str, path: Path, wants_json: bool) -> None:
    """Clear the wrong tries of an account.

    \b
      csc-server user unlock alice --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("web", "user.unlock", username=username)
    show(answer, f"The account {username} is unlocked.", wants_json=wants_json)
