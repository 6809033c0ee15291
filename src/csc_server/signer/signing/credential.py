"""A credential ready to sign: its row proved unchanged, its certificate fit, its public key at hand.

The link between signer, key and certificate stands under a MAC of the device (AU-15): a row changed by
SQL makes the credential unusable. States are checked per signature, not here.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from csc_server.errors import RefusedError
from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
from csc_server.policy.certificates import UNREADABLE
from csc_server.policy.key_usage import SigningCertificate, UnfitCertificateError, read_signing_certificate
from csc_server.signer.device.port import KeyDevice, KeyFacts
from csc_server.storage.ports.signer import CredentialRow
from csc_server.values import CredentialId, CredentialState, Refusal
from csc_server.wire import canonical_json, encode_base64url

_PREHASHED = {
    HashAlgorithm.SHA_256: (Prehashed(hashes.SHA256()), hashes.SHA256()),
    HashAlgorithm.SHA_384: (Prehashed(hashes.SHA384()), hashes.SHA384()),
    HashAlgorithm.SHA_512: (Prehashed(hashes.SHA512()), hashes.SHA512()),
}

_UNREADABLE = (IndexError, *UNREADABLE)
"""What reading the first certificate of a row may raise; without one, the first of these."""


class UnusableCredentialError(RefusedError):
    """A credential whose row, certificate or key does not hold together; an alarm, not a user's error."""

    def __init__(self, message: str) -> None:
        super().__init__(Refusal.CREDENTIAL_DISABLED, message)


@dataclass(frozen=True)
class UsableCredential:
    """A credential whose link was proved."""

    row: CredentialRow
    certificate: SigningCertificate
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey

    def check(self, state: CredentialState, now: int) -> None:
        """Raise RefusedError unless the credential may sign now (SA-08; certificate time, state)."""
        if state is not CredentialState.ACTIVE:
            raise RefusedError(Refusal.CREDENTIAL_DISABLED)
        if not self.certificate.not_before <= now <= self.certificate.not_after:
            raise RefusedError(Refusal.CERTIFICATE_EXPIRED)

    def verify(self, mechanism: SignatureMechanism, digest: bytes, signature: bytes) -> bool:
        """Whether a signature the device made is right, checked before it leaves (SA-11)."""
        prehashed, hash_algorithm = _PREHASHED[mechanism.hash_algorithm]
        try:
            if isinstance(self.public_key, ec.EllipticCurvePublicKey):
                self.public_key.verify(signature, digest, ec.ECDSA(prehashed))
            elif mechanism.scheme is SignatureScheme.RSA_PSS:
                scheme = padding.PSS(padding.MGF1(hash_algorithm), mechanism.salt_length)
                self.public_key.verify(signature, digest, scheme, prehashed)
            else:
                self.public_key.verify(signature, digest, padding.PKCS1v15(), prehashed)
        except InvalidSignature:
            return False
        return True


def link_mac(device: KeyDevice, row: CredentialRow) -> bytes:
    """Return the MAC that binds a credential's signer, factors, key, certificate chain and rules (AU-15)."""
    chain = hashlib.sha256(b"".join(len(der).to_bytes(4, "big") + der for der in row.certificates)).digest()
    fields = {
        "auth_mode": row.auth_mode,
        "certificates": encode_base64url(chain),
        "credential": row.credential_id,
        "factors": list(row.factors),
        "key": encode_base64url(row.key_fingerprint),
        "key_handle": encode_base64url(row.key_handle),
        "key_type": row.key_type,
        "multisign": row.multisign,
        "scal": row.scal,
        "signer": row.signer_id,
    }
    return device.authenticate(b"csc-server/link/1\0" + canonical_json(fields))


class Credentials:
    """Proves rows and keeps what it proved, one entry a credential."""

    def __init__(self, device: KeyDevice, facts: Iterable[KeyFacts]) -> None:
        self._device = device
        self._facts = {one.handle: one for one in facts}
        self._proved: dict[CredentialId, UsableCredential] = {}

    def prove(self, row: CredentialRow) -> UsableCredential:
        """Return the usable credential of a row, or raise UnusableCredentialError.

        A known credential is proved again when its version or MAC moved. What is used afterwards is the
        row that was proved, so a row changed behind an unchanged version has no effect.
        """
        known = self._proved.get(row.credential_id)
        if known and known.row.version == row.version and known.row.link_mac == row.link_mac:
            return known
        proved = self._prove(row)
        self._proved[row.credential_id] = proved
        return proved

    def _prove(self, row: CredentialRow) -> UsableCredential:
        if not hmac.compare_digest(link_mac(self._device, row), row.link_mac):
            raise UnusableCredentialError("the link of signer, key and certificate was changed")
        try:
            loaded = x509.load_der_x509_certificate(row.certificates[0])
            certificate = read_signing_certificate(loaded)
            public_key = loaded.public_key()
        except _UNREADABLE as error:
            reason = str(error) if isinstance(error, UnfitCertificateError) else "its certificate cannot be read"
            raise UnusableCredentialError(reason) from error
        if hashlib.sha256(certificate.public_key_info).digest() != row.key_fingerprint:
            raise UnusableCredentialError("its certificate is for another key")
        self._check_key(row, certificate)
        if not isinstance(public_key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            raise UnusableCredentialError("its key is of a type that does not sign here")
        return UsableCredential(row, certificate, public_key)

    def _check_key(self, row: CredentialRow, certificate: SigningCertificate) -> None:
        """AR-07: what the device says of the key must fit. A key that is not there may come back with a backup."""
        facts = self._facts.get(row.key_handle) or self._device.key(row.key_handle)
        if facts is None:
            raise RefusedError(Refusal.KEY_MISSING)
        if not facts.is_fit or facts.public_key != certificate.public_key_info:
            raise UnusableCredentialError("its key is not sensitive, extractable, or another one")
