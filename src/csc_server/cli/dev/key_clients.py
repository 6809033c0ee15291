"""Clients of the development server that hold keys: by assertion with DPoP, and by certificate (profile fapi2).

Their private keys lie in the data folder, mode 0600, since a client's library reads files; the seed names them.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import Certificate, Name
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey

from csc_server.cli.dev.certificates import DevelopmentAuthority, distinguished_name
from csc_server.cli.dev.folder import write_private
from csc_server.cli.dev.seeds import REDIRECT_URI, SeedKeyClient
from csc_server.cli.dev.tls import certify_client, self_certified
from csc_server.storage.ports.web import ClientRow
from csc_server.values import ClientId, ClientProfile, TokenBinding
from csc_server.web.authorization.clients import PRIVATE_KEY_JWT, SELF_SIGNED_TLS, TLS_CLIENT_AUTH
from csc_server.web.authorization.mutual_tls import SUBJECT
from csc_server.wire import dump_json, encode_base64

CLIENTS = {
    "fapi2-application": PRIVATE_KEY_JWT,
    "fapi2-certificate": TLS_CLIENT_AUTH,
    "fapi2-self-signed": SELF_SIGNED_TLS,
}
"""The clients by their method: one each, as OA-10 wants it."""


def make_key_clients(folder: Path, authority: DevelopmentAuthority) -> list[tuple[SeedKeyClient, ClientRow]]:
    """Make each client's key, write it to the folder, and return what the seed tells and what is registered."""
    return [_make(folder, authority, client_id, method) for client_id, method in CLIENTS.items()]


def _make(
    folder: Path, authority: DevelopmentAuthority, client_id: str, method: str
) -> tuple[SeedKeyClient, ClientRow]:
    key = ec.generate_private_key(ec.SECP256R1())
    if method == PRIVATE_KEY_JWT:
        file, public = _write_jwk(folder, client_id, key)
        return _seeded(client_id, method, file, None), _row(client_id, method, jwks=public)
    name = distinguished_name([(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, client_id)])
    certificate = _certificate(authority, method, key, name)
    file, written = folder / f"{client_id}.key", folder / f"{client_id}.pem"
    write_private(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(written, certificate.public_bytes(Encoding.PEM))
    seeded = _seeded(client_id, method, file, written)
    if method == TLS_CLIENT_AUTH:
        return seeded, _row(client_id, method, subject=f"{SUBJECT}={certificate.subject.rfc4514_string()}")
    members = _imported(key).as_dict(private=False)
    members["x5c"] = [encode_base64(certificate.public_bytes(Encoding.DER))]
    return seeded, _row(client_id, method, jwks={"keys": [members]})


def _certificate(
    authority: DevelopmentAuthority, method: str, key: ec.EllipticCurvePrivateKey, name: Name
) -> Certificate:
    return certify_client(authority, key, name) if method == TLS_CLIENT_AUTH else self_certified(key, name)


def _imported(key: ec.EllipticCurvePrivateKey) -> ECKey:
    return ECKey.import_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _write_jwk(folder: Path, client_id: str, key: ec.EllipticCurvePrivateKey) -> tuple[Path, dict[str, object]]:
    """Write the private JWK; return its file and the set to register."""
    jwk, common = _imported(key), {"kid": f"{client_id}-1", "use": "sig", "alg": "ES256"}
    file = folder / f"{client_id}.jwk"
    write_private(file, dump_json({**jwk.as_dict(private=True), **common}))
    return file, {"keys": [{**jwk.as_dict(private=False), **common}]}


def _seeded(client_id: str, method: str, key: Path, certificate: Path | None) -> SeedKeyClient:
    return SeedKeyClient(
        client_id=client_id,
        profile=ClientProfile.FAPI2,
        redirect_uris=(REDIRECT_URI,),
        auth_method=method,
        key=str(key),
        certificate=str(certificate) if certificate else None,
    )


def _row(client_id: str, method: str, jwks: dict[str, object] | None = None, subject: str = "") -> ClientRow:
    return ClientRow(
        client_id=ClientId(client_id),
        name=client_id,
        profile=ClientProfile.FAPI2,
        redirect_uris=(REDIRECT_URI,),
        grant_types=("authorization_code", "refresh_token", "client_credentials"),
        scopes=("service", "credential"),
        auth_methods=(method,),
        jwks=jwks or {},
        tls_subject=subject,
        token_binding=TokenBinding.DPOP if method == PRIVATE_KEY_JWT else TokenBinding.TLS,
    )
