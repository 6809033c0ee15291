"""`csc-server factor`: the PINs and one-time codes with which signers approve signatures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from csc_server.cli.answers import json_option, show
from csc_server.cli.secret_input import read_secret
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import settings_option
from csc_server.errors import CscServerError
from csc_server.values import FactorKind
from csc_server.wire import encode_base64

_KINDS = tuple(kind.value for kind in FactorKind)
_credential_argument = click.argument("credential_id")
_kind_argument = click.argument("kind", type=click.Choice(_KINDS, case_sensitive=False))
_secret_options = (
    click.option(
        "--secret-file",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        help="Take the PIN, or the seed of the codes in base32, from this file (mode 0600; - is standard input).",
    ),
    click.option("--address", help="ONLINE_OTP: where the service sends its codes."),
    click.option(
        "--public-key-file",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="KEY: the public key (PEM) of the signer's device, which answers challenges.",
    ),
    click.option("--generate", is_flag=True, help="Make a new one and show it once. Always so for OTP."),
)


@dataclass(frozen=True)
class Given:
    """What the command line says of a secret."""

    secret_file: Path | None
    address: str | None
    public_key_file: Path | None
    generate: bool


def _takes_secret(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of `set` and `reset`."""
    for option in reversed((_credential_argument, _kind_argument, settings_option, *_secret_options, json_option)):
        command = option(command)
    return command


@click.group()
def factor() -> None:
    """Enrol what signers approve with, replace it, unlock it."""


@factor.command("set")
@_takes_secret
def set_factor(credential_id: str, kind: str, path: Path, wants_json: bool, **given: Any) -> None:  # noqa: ANN401 click's own
    """Enrol a factor for a credential.

    \b
      csc-server factor set alice-1 PIN --settings FILE
      csc-server factor set alice-1 OTP --settings FILE
      csc-server factor set alice-1 ONLINE_OTP --address alice@example.org --settings FILE
      csc-server factor set alice-1 KEY --public-key-file alice.pem --settings FILE

    A PIN is asked for, unless it comes from a file or is made here. The seed of one-time codes is made here and goes
    into the signer's authenticator application (TOTP, SHA-1, 6 digits, 30 seconds).
    """  # noqa: D301 click wants the character itself
    answer = _put(path, credential_id, kind, Given(**given), replaces=False)
    show(answer, f"Enrolled the {kind} of {credential_id}.", wants_json=wants_json)


@factor.command("reset")
@_takes_secret
def reset(credential_id: str, kind: str, path: Path, wants_json: bool, **given: Any) -> None:  # noqa: ANN401 click's own
    """Replace a factor; what was approved with the old one and not used yet is void.

    \b
      csc-server factor reset alice-1 PIN --generate --settings FILE

    Whoever runs this can sign as the signer from now on: know who asks.
    """  # noqa: D301
    answer = _put(path, credential_id, kind, Given(**given), replaces=True)
    show(answer, f"Replaced the {kind} of {credential_id}.", wants_json=wants_json)


@factor.command("unlock")
@_credential_argument
@_kind_argument
@settings_option
@json_option
def unlock(credential_id: str, kind: str, path: Path, wants_json: bool) -> None:
    """Clear the wrong tries of a factor.

    \b
      csc-server factor unlock alice-1 PIN --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("signer", "factor.unlock", credential_id=credential_id, kind=kind)
    show(answer, f"The {kind} of {credential_id} is unlocked.", wants_json=wants_json)


def _put(path: Path, credential_id: str, kind: str, given: Given, *, replaces: bool) -> dict[str, Any]:
    secret = _secret(kind, given)
    arguments = {"credential_id": credential_id, "kind": kind, "secret": secret, "replaces": replaces}
    return Sides.of(path).ask("signer", "factor.put", **arguments)


def _secret(kind: str, given: Given) -> str | None:
    """Return what is to be enrolled, None where the signer's side makes it."""
    fitting = {FactorKind.ONLINE_OTP: given.address, FactorKind.KEY: given.public_key_file}
    others = [value for name, value in fitting.items() if name != kind]
    if any(value is not None for value in others) or (given.secret_file is not None and given.generate):
        raise click.UsageError("These options do not go together.")
    if kind in fitting:
        if fitting[FactorKind(kind)] is None or given.secret_file is not None or given.generate:
            raise click.UsageError("ONLINE_OTP takes --address, KEY takes --public-key-file, and nothing else.")
        return given.address or _public_key(given.public_key_file)
    if given.generate or (kind == FactorKind.OTP and given.secret_file is None):
        return None
    return read_secret(given.secret_file, kind, option="--secret-file, or make one with --generate")


def _public_key(file: Path | None) -> str:
    try:
        key = load_pem_public_key(file.read_bytes() if file else b"")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CscServerError(f"{file} is no public key in PEM.", advice="Ask for SubjectPublicKeyInfo.") from error
    return encode_base64(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
