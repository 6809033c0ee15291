"""The custody part of the protocol: credentials made and destroyed for a client that an operator entitled.

No message carries a factor: what is created signs nothing until its signer has got PIN and code (decision 17).
"""

from dataclasses import dataclass

from csc_server.activation.parts import Caller, Octets
from csc_server.values import CredentialId, SignerId


@dataclass(frozen=True)
class RequestCredential:
    """Make a key for a signer and the request for its certificate. Answer: CertificateRequested."""

    caller: Caller
    signer_id: SignerId


@dataclass(frozen=True)
class BindCertificate:
    """Bring the certificate chain (DER, end entity first) of a requested credential. Answer: CredentialDescription."""

    caller: Caller
    credential_id: CredentialId
    certificates: tuple[Octets, ...]


@dataclass(frozen=True)
class CheckCustody:
    """Ask for a credential that the caller may destroy, to revoke its certificate. Answer: CredentialDescription."""

    caller: Caller
    credential_id: CredentialId


@dataclass(frozen=True)
class DestroyCredential:
    """Destroy a credential's key, for good. Answer: Done."""

    caller: Caller
    credential_id: CredentialId
    reason: str = ""


@dataclass(frozen=True)
class CertificateRequested:
    """A key is there; `request` is the PKCS#10 request for its certificate (DER, RFC 2986)."""

    credential_id: CredentialId
    request: Octets
