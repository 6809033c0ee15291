"""A small client of the CSC API 1.0.4.0 and 2.x, written from the specification."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, User

Json = dict[str, Any]

TIMEOUT = 60
SHA256 = "2.16.840.1.101.3.4.2.1"
SHA384 = "2.16.840.1.101.3.4.2.2"
SHA512 = "2.16.840.1.101.3.4.2.3"
RSASSA_PSS = "1.2.840.113549.1.1.10"
DIGESTS = {SHA256: hashes.SHA256(), SHA384: hashes.SHA384(), SHA512: hashes.SHA512()}
COMBINED = {
    "1.2.840.113549.1.1.11": SHA256,
    "1.2.840.113549.1.1.12": SHA384,
    "1.2.840.113549.1.1.13": SHA512,
    "1.2.840.10045.4.3.2": SHA256,
    "1.2.840.10045.4.3.3": SHA384,
    "1.2.840.10045.4.3.4": SHA512,
}
"""Signature algorithms that name their digest (RFC 4055, RFC 5758)."""


class CscClient:
    """Calls of one API version, each with the token it is given or the client's own."""

    def __init__(self, base_url: str, version: str, token: str = "") -> None:
        self.base_url = base_url
        self.version = version
        self.token = token
        self.http = requests.Session()
        self.http.trust_env = False

    def url(self, method: str) -> str:
        return f"{self.base_url}/csc/{self.version}/{method}"

    def post(self, method: str, body: Json | None = None, *, token: str | None = None) -> requests.Response:
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return self.http.post(self.url(method), json=body or {}, headers=headers, timeout=TIMEOUT)

    def call(self, method: str, body: Json | None = None, *, token: str | None = None) -> Json:
        """Return the JSON object of a successful answer: exactly 200, exactly JSON (interop A1, A2)."""
        response = self.post(method, body, token=token)
        assert response.status_code == 200, f"{method}: {response.status_code} {response.text[:500]}"
        assert response.headers["Content-Type"].partition(";")[0] == "application/json"
        value = response.json()
        assert isinstance(value, dict)
        return value

    def refused(self, method: str, body: Json | None = None, *, token: str | None = None) -> tuple[int, str]:
        """Return status and `error` of an answer that must be a refusal in the API's own form."""
        response = self.post(method, body, token=token)
        assert 400 <= response.status_code < 500, f"{method}: {response.status_code} {response.text[:500]}"
        assert response.headers["Content-Type"].partition(";")[0] == "application/json"
        error = response.json()["error"]
        assert isinstance(error, str)
        return response.status_code, error

    def login(self, user: User) -> str:
        """Return a service token from auth/login (HTTP Basic)."""
        response = self.http.post(self.url("auth/login"), json={}, auth=(user.username, user.password), timeout=TIMEOUT)
        assert response.status_code == 200, response.text[:500]
        token = response.json()["access_token"]
        assert isinstance(token, str)
        return token

    def certificates(self, credential_id: str, *, token: str | None = None) -> list[x509.Certificate]:
        """Return the credential's chain, end entity first."""
        body = {"credentialID": credential_id, "certificates": "chain", "certInfo": True, "authInfo": True}
        info = self.call("credentials/info", body, token=token)
        return [x509.load_der_x509_certificate(base64.b64decode(c)) for c in info["cert"]["certificates"]]

    def algorithms(self, credential_id: str, *, token: str | None = None) -> list[str]:
        algorithms = self.call("credentials/info", {"credentialID": credential_id}, token=token)["key"]["algo"]
        assert isinstance(algorithms, list)
        return algorithms

    def authorize(self, credential: Credential, digests: list[bytes], digest_oid: str, **more: Any) -> str:
        """Return a SAD from credentials/authorize, in the member names of this client's version."""
        values = [base64_of(digest) for digest in digests]
        body: Json = {"credentialID": credential.credential_id, "numSignatures": len(digests)}
        if self.version == "v1":
            body |= {"hash": values, "PIN": credential.pin}
            if credential.totp_secret:
                body["OTP"] = codes_of_this_run.next(credential.totp_secret)
        else:
            body |= {"hashes": values, "hashAlgorithmOID": digest_oid, "authData": auth_data(credential)}
        answer = self.call("credentials/authorize", body | more)
        assert isinstance(answer["expiresIn"], int)
        sad = answer["SAD"]
        assert isinstance(sad, str)
        return sad

    def sign(
        self, credential_id: str, digests: list[bytes], algorithm: str, *, sad: str | None = None, digest_oid: str = "",
        parameters: bytes = b"", token: str | None = None,
    ) -> list[bytes]:  # fmt: skip
        """Return the signature values of signatures/signHash, in the member names of this client's version."""
        body = self.sign_body(credential_id, digests, algorithm, digest_oid, parameters)
        if sad is not None:
            body["SAD"] = sad
        signatures = self.call("signatures/signHash", body, token=token)["signatures"]
        assert len(signatures) == len(digests)
        return [strict_base64(value) for value in signatures]

    def sign_body(
        self, credential_id: str, digests: list[bytes], algorithm: str, digest_oid: str = "", parameters: bytes = b""
    ) -> Json:
        v1 = self.version == "v1"
        body: Json = {
            "credentialID": credential_id,
            "hash" if v1 else "hashes": [base64_of(digest) for digest in digests],
            "signAlgo": algorithm,
        }
        if digest_oid:
            body["hashAlgo" if v1 else "hashAlgorithmOID"] = digest_oid
        if parameters:
            body["signAlgoParams"] = base64_of(parameters)
        return body


@dataclass(frozen=True)
class Scheme:
    """How a signature is to be verified."""

    digest_oid: str
    salt_length: int | None = None


def algorithm_for(credential: Credential, digest_oid: str = SHA256) -> str:
    """Return the combined OID for this key and digest."""
    rsa = credential.key.startswith("RSA")
    found = [oid for oid, digest in COMBINED.items() if digest == digest_oid]
    return found[0] if rsa else found[1]


def auth_data(credential: Credential) -> list[Json]:
    """Return the authentication objects of v2; their ids are `PIN` and `OTP`."""
    objects = [{"id": "PIN", "value": credential.pin}]
    if credential.totp_secret:
        objects.append({"id": "OTP", "value": codes_of_this_run.next(credential.totp_secret)})
    return objects


def verify(certificate: x509.Certificate, digest: bytes, signature: bytes, scheme: Scheme) -> None:
    """Raise InvalidSignature unless `signature` is the certificate's key's over the digest."""
    prehashed = utils.Prehashed(DIGESTS[scheme.digest_oid])
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, digest, ec.ECDSA(prehashed))
        return
    assert isinstance(key, rsa.RSAPublicKey)
    if scheme.salt_length is None:
        key.verify(signature, digest, padding.PKCS1v15(), prehashed)
    else:
        mask = padding.MGF1(DIGESTS[scheme.digest_oid])
        key.verify(signature, digest, padding.PSS(mask, scheme.salt_length), prehashed)


def digests_of(count: int, digest_oid: str, label: str = "document") -> list[bytes]:
    """Return the digests of so many different made-up documents."""
    name = DIGESTS[digest_oid].name
    return [hashlib.new(name, f"{label} {number}".encode()).digest() for number in range(count)]


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def base64url_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def strict_base64(text: str) -> bytes:
    """Return the bytes of standard base64 with padding and without line breaks (interop A10)."""
    data = base64.b64decode(text, validate=True)
    assert base64_of(data) == text
    return data
