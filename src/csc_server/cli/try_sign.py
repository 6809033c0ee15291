"""`csc-server try sign`: plays the application that wants a PDF signed, against a running server.

pyHanko's own CSC client does the work (extra `documents`): it is a foreign program that speaks the API as
version 1.0.4.0 has it. This module only fetches the tokens that it asks its user for.
"""

import asyncio
import base64
import datetime as dt
import importlib.util
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pyotp

from csc_server.cli.dev.folder import DataFolder, default_folder
from csc_server.cli.dev.seeds import Seed, SeedCredential, read_seed
from csc_server.errors import CscServerError
from csc_server.values import AuthMode

if TYPE_CHECKING:
    from aiohttp import ClientSession

TIMEOUT = 30
FIELD = "Signature"


@click.group("try")
def try_group() -> None:
    """Play the application against a running development server."""


@try_group.command("sign")
@click.argument("document", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--seed-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The seed of the running server. Default: the one in the development server's default folder.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: FILE.signed.pdf.")
@click.option("--credential", help="Which credential signs, see credentials[] of the seed. Default: the first.")
@click.option("--pss", is_flag=True, help="RSASSA-PSS instead of PKCS#1 v1.5, for RSA keys.")
def sign(document: Path, seed_file: Path | None, out: Path | None, credential: str | None, pss: bool) -> None:
    """Have a PDF signed by a running `csc-server dev`.

    \b
      csc-server try sign letter.pdf
      csc-server try sign letter.pdf --credential alice-p-256-pin-otp --out signed.pdf

    PIN and one-time code are taken from the seed, as if the signer had typed them.
    """  # noqa: D301 click wants the character itself
    if importlib.util.find_spec("pyhanko") is None or importlib.util.find_spec("aiohttp") is None:
        raise CscServerError(
            "Signing PDFs needs pyHanko, which is not installed.",
            advice="Install the extra `documents`: pip install 'csc-server[documents]'.",
        )
    seed = read_seed(seed_file or DataFolder(default_folder()).seed)
    chosen = seed.credential(credential)
    if chosen.auth_mode is not AuthMode.EXPLICIT:
        raise CscServerError(
            f"{chosen.credential_id} is approved on a page in a browser, which this command has not.",
            advice="Name a credential with auth_mode `explicit`.",
        )
    target = out or document.with_suffix(".signed.pdf")
    data = document.read_bytes()
    target.write_bytes(asyncio.run(_sign(data, seed, chosen, prefer_pss=pss)))
    click.echo(f"{target}: signed by {chosen.credential_id} ({chosen.key.value})")


async def _sign(data: bytes, seed: Seed, credential: SeedCredential, *, prefer_pss: bool) -> bytes:
    """Log in, describe the credential, and let pyHanko sign the PDF."""
    import aiohttp  # noqa: PLC0415 extra `documents`
    from pyhanko.sign.general import SigningError  # noqa: PLC0415
    from pyhanko.sign.signers import csc_signer  # noqa: PLC0415

    is_https = seed.base_url.startswith("https:")
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=seed.trust_root) if is_https else True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            token = await _log_in(session, seed, credential)
            service = csc_signer.CSCServiceSessionInfo(seed.base_url, credential.credential_id, token)
            info = await csc_signer.fetch_certs_in_csc_credential(session, service)
            manager = _authorization_manager(session, service, info, credential)
            signer = csc_signer.CSCSigner(session, manager, prefer_pss=prefer_pss)
            return await _sign_pdf(data, signer)
    except (aiohttp.ClientError, TimeoutError, SigningError) as error:
        raise CscServerError(
            f"The server at {seed.base_url} gave no signature: {error}.",
            advice="Check that `csc-server dev` runs on this seed: `csc-server doctor`.",
        ) from error


async def _log_in(session: "ClientSession", seed: Seed, credential: SeedCredential) -> str:
    """Return a service token of the credential's signer (CSC 1.0.4.0, 11.2 auth/login)."""
    user = seed.user(credential.username)
    if user.totp_secret is not None:
        return await _client_token(session, seed)
    pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode("ascii")
    answer = await _post(session, seed, "auth/login", {"rememberMe": False}, {"Authorization": f"Basic {pair}"})
    return str(answer["access_token"])


async def _client_token(session: "ClientSession", seed: Seed) -> str:
    """Return a token of the first client, which is linked to every signer, where auth/login can't log in.

    auth/login has no member for the one-time code of an account (RFC 6749, 4.4 client credentials).
    """
    client = seed.clients[0]
    form = {"grant_type": "client_credentials", "scope": "service"}
    pair = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode("ascii")
    url = f"{seed.base_url}/csc/v1/oauth2/token"
    async with session.post(url, data=form, headers={"Authorization": f"Basic {pair}"}) as answer:
        members: dict[str, Any] = await answer.json()
        return str(_checked(answer.status, members)["access_token"])


async def _post(
    session: "ClientSession", seed: Seed, method: str, members: dict[str, Any], headers: dict[str, str]
) -> dict[str, Any]:
    async with session.post(f"{seed.base_url}/csc/v1/{method}", json=members, headers=headers) as answer:
        return _checked(answer.status, await answer.json())


def _checked(status: int, members: dict[str, Any]) -> dict[str, Any]:
    if status != 200:  # noqa: PLR2004 the only status of success (CSC 1.0.4.0, 10.1)
        raise CscServerError(
            f"The server answered {status}: {members.get('error_description') or members.get('error')}.",
            advice="Check that the seed file belongs to the running server.",
        )
    return members


def _authorization_manager(session: "ClientSession", service: Any, info: Any, credential: SeedCredential) -> Any:  # noqa: ANN401 pyHanko publishes no types
    """Return what pyHanko asks for a SAD: credentials/authorize with the hashes at hand (11.6)."""
    from pyhanko.sign.signers import csc_signer  # noqa: PLC0415 extra `documents`

    class Authorization(csc_signer.CSCAuthorizationManager):
        async def authorize_signature(self, hash_b64s: list[str]) -> Any:  # noqa: ANN401 pyHanko's type
            otp = pyotp.TOTP(credential.totp_secret).now() if credential.totp_secret else None
            members = self.format_csc_auth_request(pin=credential.pin, otp=otp, hash_b64s=hash_b64s)
            url = f"{service.service_url}/csc/v1/credentials/authorize"
            async with session.post(url, json=members, headers=self.auth_headers) as answer:
                return self.parse_csc_auth_response(_checked(answer.status, await answer.json()))

    return Authorization(service, info)


async def _sign_pdf(data: bytes, signer: Any) -> bytes:  # noqa: ANN401 pyHanko publishes no types
    """Return the PDF with one more signature, PAdES baseline B-B (ETSI EN 319 142-1)."""
    from io import BytesIO  # noqa: PLC0415

    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415 extra `documents`
    from pyhanko.pdf_utils.misc import PdfError  # noqa: PLC0415
    from pyhanko.sign import fields, signers  # noqa: PLC0415

    metadata = signers.PdfSignatureMetadata(
        field_name=f"{FIELD}-{dt.datetime.now(dt.UTC):%Y%m%d%H%M%S}",
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    try:
        writer = IncrementalPdfFileWriter(BytesIO(data))
        output = await signers.PdfSigner(metadata, signer).async_sign_pdf(writer)
    except PdfError as error:
        raise CscServerError(f"pyHanko cannot read the document: {error}.", advice="Name a PDF file.") from error
    return bytes(output.getvalue())
