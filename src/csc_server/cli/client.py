"""`csc-server client`: the applications that may use the service."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from csc_server.cli.answers import json_option, show, show_table
from csc_server.cli.client_rules import AUTH_METHODS, GRANTS, SECRET_METHODS
from csc_server.cli.secret_input import read_secret
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import settings_option
from csc_server.errors import CscServerError, MalformedInputError
from csc_server.values import ClientProfile, TokenBinding
from csc_server.wire import parse_object

SCOPES = ("service", "credential", "credential-creation", "credential-deletion", "introspect")
MIN_SECRET = 32
"""Characters of a secret that somebody brings: 128 bits even where they are hexadecimal digits (OA-16)."""

_secret_option = click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Take the secret from this file (mode 0600; - is standard input). Default: a new one is made and shown once.",
)
_client_argument = click.argument("client_id")


@click.group()
def client() -> None:
    """Register applications and look after them."""


@client.command("add")
@_client_argument
@settings_option
@click.option("--name", help="What signers see on the page of consent. Default: the id.")
@click.option(
    "--profile",
    type=click.Choice([each.value for each in ClientProfile]),
    default=ClientProfile.CSC2.value,
    show_default=True,
    help="What the registration asks of the application.",
)
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Compared exactly; may be repeated.")
@click.option(
    "--grant", "grants", multiple=True, type=click.Choice(GRANTS), help="Default: what the other options allow."
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be repeated. Default: service, credential."
)
@click.option(
    "--auth-method",
    type=click.Choice(AUTH_METHODS),
    help="How it authenticates. Default: a secret, in the header or in the body; `none` is a public client.",
)
@click.option(
    "--jwks-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Its public keys, a JWK Set (private_key_jwt), or its certificates in x5c (self_signed_tls_client_auth).",
)
@click.option(
    "--tls-subject", default="", help="tls_client_auth: NAME=VALUE, such as tls_client_auth_san_dns=a.example."
)
@click.option(
    "--token-binding",
    type=click.Choice([each.value for each in TokenBinding]),
    default=TokenBinding.NONE.value,
    show_default=True,
    help="Issue bound tokens alone.",
)
@click.option(
    "--rate-factor", type=click.IntRange(1, 1000), default=1, show_default=True, help="Multiplies its limits."
)
@click.option(
    "--account-token", is_flag=True, help="Each of its requests names its account in a token under its secret."
)
@_secret_option
@json_option
def add(
    client_id: str,
    path: Path,
    name: str | None,
    profile: str,
    redirect_uris: Sequence[str],
    grants: Sequence[str],
    scopes: Sequence[str],
    auth_method: str | None,
    jwks_file: Path | None,
    tls_subject: str,
    token_binding: str,
    rate_factor: int,
    account_token: bool,
    secret_file: Path | None,
    wants_json: bool,
) -> None:
    """Register an application.

    \b
      csc-server client add clinic-emr --redirect-uri https://emr.example.org/callback --settings FILE
      csc-server client add archive --grant client_credentials --scope service --settings FILE
    """  # noqa: D301 click wants the character itself
    methods = (auth_method,) if auth_method else SECRET_METHODS
    answer = Sides.of(path).ask(
        "web",
        "client.add",
        client_id=client_id,
        name=name or client_id,
        profile=profile,
        redirect_uris=list(redirect_uris),
        grant_types=list(grants or _default_grants(methods, redirect_uris)),
        scopes=list(scopes or SCOPES[:2]),
        auth_methods=list(methods),
        jwks=_jwks(jwks_file),
        tls_subject=tls_subject,
        token_binding=token_binding,
        rate_factor=rate_factor,
        account_token=account_token,
        secret=_secret(secret_file),
    )
    show(answer, f"Registered the client {client_id}.", wants_json=wants_json)


@client.command("list")
@settings_option
@json_option
def list_clients(path: Path, wants_json: bool) -> None:
    """List the applications.

    \b
      csc-server client list --settings FILE
    """  # noqa: D301
    show_table(Sides.of(path).ask("web", "client.list")["clients"], "clients", wants_json=wants_json)


@client.command("show")
@_client_argument
@settings_option
@click.option("--links", is_flag=True, help="Also ask the signer's side whom the application may act for.")
@json_option
def show_client(client_id: str, path: Path, links: bool, wants_json: bool) -> None:
    """Show an application's registration, without its secret.

    \b
      csc-server client show clinic-emr --links --settings FILE
    """  # noqa: D301
    sides = Sides.of(path)
    answer = sides.ask("web", "client.show", client_id=client_id)
    if links:
        answer |= sides.ask("signer", "client.links", client_id=client_id)
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in answer.items()]
    show(answer, "\n".join(lines), wants_json=wants_json)


@client.command("link")
@_client_argument
@click.argument("signer_id")
@settings_option
@click.option("--custody", is_flag=True, help="It may also have credentials made and destroyed for this signer.")
@click.option("--remove", is_flag=True, help="Take the link away.")
@json_option
def link(client_id: str, signer_id: str, path: Path, custody: bool, remove: bool, wants_json: bool) -> None:
    """Let an application act for a signer without the signer's login (its own tokens, client credentials).

    \b
      csc-server client link archive signer-alice --settings FILE

    It then sees the signer's credentials; a signature still takes the signer's PIN and code.
    """  # noqa: D301
    answer = Sides.of(path).ask(
        "signer", "client.link", client_id=client_id, signer_id=signer_id, custody=custody, remove=remove
    )
    how = "not linked to" if remove else "linked to"
    show(answer, f"{client_id} is {how} {signer_id}.", wants_json=wants_json)


@client.command("rotate-secret")
@_client_argument
@settings_option
@_secret_option
@json_option
def rotate_secret(client_id: str, path: Path, secret_file: Path | None, wants_json: bool) -> None:
    """Give an application a new secret; the old one is refused at once, tokens live on to their end.

    \b
      csc-server client rotate-secret clinic-emr --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("web", "client.rotate-secret", client_id=client_id, secret=_secret(secret_file))
    show(answer, f"The client {client_id} has a new secret.", wants_json=wants_json)


@client.command("disable")
@_client_argument
@settings_option
@json_option
def disable(client_id: str, path: Path, wants_json: bool) -> None:
    """Shut an application out; its tokens end at once.

    \b
      csc-server client disable clinic-emr --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("web", "client.disable", client_id=client_id)
    show(answer, f"The client {client_id} is disabled.", wants_json=wants_json)


def _default_grants(methods: Sequence[str], redirect_uris: Sequence[str]) -> list[str]:
    by_page = ["authorization_code", "refresh_token"] if redirect_uris else []
    return by_page + (["client_credentials"] if "none" not in methods else [])


def _secret(file: Path | None) -> str | None:
    if file is None:
        return None
    secret = read_secret(file, "client secret", option="--secret-file")
    if len(secret) < MIN_SECRET:
        raise CscServerError(
            f"A client secret has at least {MIN_SECRET} characters.", advice="Leave --secret-file out for a new one."
        )
    return secret


def _jwks(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return parse_object(file.read_bytes())
    except MalformedInputError as error:
        raise CscServerError(f"{file} is no JWK Set.", advice='It is a JSON object with the member "keys".') from error
