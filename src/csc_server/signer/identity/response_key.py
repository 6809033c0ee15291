"""A key of the signer's own device that answers challenges (CSC 2.0.0.2, 11.8; AU-01, AU-02).

The public key is sealed under the device, so nobody can put another in its place by SQL. A response is
`challenge.signature`: the challenge as it was given and the signature over it and the transaction, base64url.
"""

import hashlib
import secrets
from dataclasses import dataclass

from csc_server.errors import MalformedInputError, RefusedError
from csc_server.policy.challenge_response import ResponseKey, is_right_response, read_response_key, response_data
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.signer import FactorRow
from csc_server.values import ClientId, CredentialId, FactorKind, Refusal
from csc_server.wire import decode_base64url, encode_base64url

LIFETIME = 120
"""Seconds, as AU-03 gives any challenge."""
CHALLENGE_BYTES = 32


@dataclass(frozen=True)
class Asked:
    """What evidence is given for: the client and the transaction; a response signs all of it."""

    client_id: ClientId
    num_signatures: int
    hash_algorithm: str
    hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class Response:
    """A response taken apart."""

    challenge: str
    signature: bytes

    @property
    def challenge_id(self) -> str:
        return challenge_name(self.challenge)


def new_key_factor(device: KeyDevice, credential_id: CredentialId, public_key: bytes) -> FactorRow:
    """Return the factor row for a public key (SubjectPublicKeyInfo, DER), else raise UnusableKeyError."""
    read_response_key(public_key)
    return FactorRow(credential_id, FactorKind.KEY, device.seal(public_key, _context(credential_id)), b"")


def open_key(device: KeyDevice, factor: FactorRow) -> ResponseKey:
    """Return the public key of a factor; RefusedError when it was changed in the store (AU-15)."""
    try:
        return read_response_key(device.open_sealed(factor.verifier, _context(factor.credential_id)))
    except ValueError as error:
        raise RefusedError(Refusal.CREDENTIAL_DISABLED, "its response key was changed") from error


def new_challenge(credential_id: CredentialId, client_id: ClientId, now: int) -> tuple[str, ChallengeRow]:
    """Return a fresh challenge and the row that knows its SHA-256."""
    challenge = encode_base64url(secrets.token_bytes(CHALLENGE_BYTES))
    name = challenge_name(challenge)
    return challenge, ChallengeRow(name, credential_id, FactorKind.KEY, client_id, b"", now, now + LIFETIME)


def challenge_name(challenge: str) -> str:
    """Return the id under which a challenge is stored."""
    return encode_base64url(hashlib.sha256(challenge.encode()).digest())


def read_response(text: str) -> Response | None:
    """Return the parts of a response, None for what cannot be one."""
    challenge, _, signature = text.partition(".")
    try:
        return Response(challenge, decode_base64url(signature)) if challenge.isascii() else None
    except MalformedInputError:
        return None


def answers(key: ResponseKey, response: Response, credential_id: CredentialId, asked: Asked) -> bool:
    """Whether the response is the key's, to this challenge and for this transaction."""
    data = response_data(
        response.challenge,
        asked.client_id,
        credential_id,
        asked.num_signatures,
        asked.hash_algorithm,
        asked.hashes,
    )
    return is_right_response(key, data, response.signature)


def _context(credential_id: CredentialId) -> bytes:
    return b"csc-server/response-key/1\0" + credential_id.encode()
