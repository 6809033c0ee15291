"""`csc-server credential`: keys in the device and their certificates."""

from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csc_server.cli.answers import json_option, show, show_table
from csc_server.cli.side_task import Sides
from csc_server.cli.sides import settings_option
from csc_server.errors import CscServerError
from csc_server.values import AuthMode, KeyType, Scal
from csc_server.wire import decode_base64, encode_base64

_credential_argument = click.argument("credential_id")


@click.group()
def credential() -> None:
    """Make signers' keys in the device and look after them."""


@credential.command("add")
@_credential_argument
@settings_option
@click.option("--signer", "signer_id", required=True, help="Whose credential it is: the signer's id.")
@click.option("--subject", required=True, help="The certificate's subject (RFC 4514), such as CN=Alice Example,C=JP.")
@click.option(
    "--key",
    "key_type",
    type=click.Choice([each.value for each in KeyType]),
    default=KeyType.P_256.value,
    show_default=True,
    help="The key's type.",
)
@click.option(
    "--auth-mode",
    type=click.Choice([each.value for each in AuthMode]),
    default=AuthMode.OAUTH2CODE.value,
    show_default=True,
    help="How signatures are authorized.",
)
@click.option(
    "--scal",
    type=click.Choice([each.value for each in Scal]),
    default=Scal.TWO.value,
    show_default=True,
    help="2 binds every signature to a hash and takes the PIN and a second factor; 1 takes one factor.",
)
@click.option("--multisign", type=click.IntRange(1, 1000), default=1, show_default=True, help="Signatures an approval.")
@click.option("--description", default="", help="What applications see.")
@click.option(
    "--request",
    "request_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the request for the certificate (PKCS#10, PEM) to this file. Default: standard output.",
)
@json_option
def add(
    credential_id: str,
    path: Path,
    signer_id: str,
    subject: str,
    key_type: str,
    auth_mode: str,
    scal: str,
    multisign: int,
    description: str,
    request_file: Path | None,
    wants_json: bool,
) -> None:
    """Make a key in the device and the request for its certificate.

    \b
      csc-server credential add alice-1 --signer signer-alice --subject "CN=Alice Example,C=JP" \\
        --request alice-1.csr --settings FILE

    Have a certification authority issue the certificate, then bring it in with `csc-server credential certify`.
    """  # noqa: D301 click wants the character itself
    answer = Sides.of(path).ask(
        "signer",
        "credential.add",
        credential_id=credential_id,
        signer_id=signer_id,
        key_type=key_type,
        auth_mode=auth_mode,
        scal=scal,
        multisign=multisign,
        subject=subject,
        description=description,
    )
    pem = _request_pem(answer["request"])
    if request_file is not None:
        request_file.write_text(pem, encoding="ascii")
    text = pem.rstrip() if request_file is None else f"Made the key of {credential_id}; its request is {request_file}."
    show({"credential_id": credential_id, "request": pem}, text, wants_json=wants_json)


@credential.command("certify")
@_credential_argument
@settings_option
@click.option(
    "--certificates",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The chain (PEM), the signer's own certificate first.",
)
@json_option
def certify(credential_id: str, path: Path, file: Path, wants_json: bool) -> None:
    """Bring in the certificate of a key; the credential is active from then on.

    \b
      csc-server credential certify alice-1 --certificates alice-1.pem --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("signer", "credential.certify", credential_id=credential_id, certificates=_chain(file))
    show(answer, f"The credential {credential_id} is active.", wants_json=wants_json)


@credential.command("list")
@settings_option
@click.option("--signer", "signer_id", help="Those of one signer.")
@json_option
def list_credentials(path: Path, signer_id: str | None, wants_json: bool) -> None:
    """List the credentials.

    \b
      csc-server credential list --signer signer-alice --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("signer", "credential.list", signer_id=signer_id)
    show_table(answer["credentials"], "credentials", wants_json=wants_json)


@credential.command("disable")
@_credential_argument
@settings_option
@json_option
def disable(credential_id: str, path: Path, wants_json: bool) -> None:
    """Stop a credential for good; approvals that wait to be used are void at once.

    \b
      csc-server credential disable alice-1 --settings FILE
    """  # noqa: D301
    answer = Sides.of(path).ask("signer", "credential.disable", credential_id=credential_id)
    show(answer, f"The credential {credential_id} is disabled.", wants_json=wants_json)


@credential.command("destroy")
@_credential_argument
@settings_option
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def destroy(credential_id: str, path: Path, yes: bool, wants_json: bool) -> None:
    """Destroy a key in the device; nothing brings it back.

    \b
      csc-server credential destroy alice-1 --yes --settings FILE
    """  # noqa: D301
    if not yes:
        click.confirm(f"Destroy the key of {credential_id} for good?", abort=True, err=True)
    answer = Sides.of(path).ask("signer", "credential.destroy", credential_id=credential_id)
    show(answer, f"The key of {credential_id} is destroyed.", wants_json=wants_json)


def _request_pem(text: str) -> str:
    request = x509.load_der_x509_csr(decode_base64(text))
    return request.public_bytes(Encoding.PEM).decode("ascii")


def _chain(file: Path) -> list[str]:
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError as error:
        raise CscServerError(f"{file} holds no certificate in PEM.", advice="Ask the authority for PEM.") from error
    return [encode_base64(each.public_bytes(Encoding.DER)) for each in certificates]
