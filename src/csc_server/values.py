"""Identifiers and closed sets that both processes share.

Identifiers are distinct types so that mypy refuses a swapped pair; closed sets are enums whose values are
the strings of the wire.
"""

from enum import StrEnum
from typing import NewType

CredentialId = NewType("CredentialId", str)
SignerId = NewType("SignerId", str)
ClientId = NewType("ClientId", str)
ApprovalId = NewType("ApprovalId", str)
SadId = NewType("SadId", str)
KeyHandle = NewType("KeyHandle", bytes)
"""The CKA_ID under which the device knows a key (PKCS#11 v2.40, 4.4)."""


class ApiVersion(StrEnum):
    """The two base paths of the API: `/csc/v1` and `/csc/v2`."""

    V1 = "v1"
    V2 = "v2"


class KeyType(StrEnum):
    """The key types a credential may have (ETSI TS 119 312, 6.2)."""

    RSA_2048 = "RSA-2048"
    RSA_3072 = "RSA-3072"
    RSA_4096 = "RSA-4096"
    P_256 = "P-256"
    P_384 = "P-384"

    @property
    def is_rsa(self) -> bool:
        return self.value.startswith("RSA-")

    @property
    def bits(self) -> int:
        return int(self.value.partition("-")[2])


class AuthMode(StrEnum):
    """How a credential is authorized (CSC 1.0.4.0, 11.5 authMode; 2.x auth.mode)."""

    EXPLICIT = "explicit"
    OAUTH2CODE = "oauth2code"
    IMPLICIT = "implicit"
    """The service asks the signer itself; 2.x has no such mode and says explicit without objects (11.6)."""
    OUT_OF_BAND = "out_of_band"
    """As implicit in 1.0.4.0; 2.x says explicit with objects of type PasswordOOB."""

    @property
    def is_pending(self) -> bool:
        """Whether the signer approves on a page of ours, while the client waits or asks again."""
        return self in {AuthMode.IMPLICIT, AuthMode.OUT_OF_BAND}


class Scal(StrEnum):
    """Sole control assurance level of a credential (CSC 1.0.4.0, 11.5 SCAL)."""

    ONE = "1"
    TWO = "2"


class CredentialState(StrEnum):
    """States of a credential; only an active one signs. The other states of HPKI arrive with enrolment.

    requested: the key is there and its certificate is not; destroyed: the key is gone, or is about to be, for good.
    """

    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISABLED = "disabled"
    DESTROYED = "destroyed"

    @property
    def is_shown(self) -> bool:
        """Whether applications see the credential at all."""
        return self not in {CredentialState.REQUESTED, CredentialState.DESTROYED}


class ClientProfile(StrEnum):
    """What a client's registration asks of it (decision 4)."""

    CSC1 = "csc1"
    CSC2 = "csc2"
    FAPI2 = "fapi2"


class TokenBinding(StrEnum):
    """What a client's tokens are bound to without exception, by its registration (RFC 9449, 5.2; RFC 8705, 3.4)."""

    NONE = "none"
    DPOP = "dpop"
    TLS = "tls"


class FactorKind(StrEnum):
    """What a signer proves; the values are the ids of the authentication objects on v2."""

    PIN = "PIN"
    OTP = "OTP"
    """A code of the signer's authenticator application."""
    ONLINE_OTP = "ONLINE_OTP"
    """A code that the service sends."""
    KEY = "KEY"
    """A private key of the signer's device, which answers a challenge."""


class FetchPurpose(StrEnum):
    """What the service may call an address for; the operator allows each address for one of them (IN-20)."""

    RESPONSE_URI = "response_uri"
    TIMESTAMP = "timestamp"
    JWKS_URI = "jwks_uri"
    REVOCATION = "revocation"


class Refusal(StrEnum):
    """Why the signer said no. Web turns each into the text its API version prescribes."""

    UNKNOWN_CREDENTIAL = "unknown_credential"
    CREDENTIAL_DISABLED = "credential_disabled"
    KEY_MISSING = "key_missing"
    CREDENTIAL_NOT_EXPLICIT = "credential_not_explicit"
    CREDENTIAL_NOT_OAUTH = "credential_not_oauth"
    CERTIFICATE_EXPIRED = "certificate_expired"
    NUM_SIGNATURES_TOO_HIGH = "num_signatures_too_high"
    NUM_SIGNATURES_INVALID = "num_signatures_invalid"
    HASHES_REQUIRED = "hashes_required"
    HASH_COUNT_INVALID = "hash_count_invalid"
    DIGEST_LENGTH = "digest_length"
    HASH_ALGORITHM_MISSING = "hash_algorithm_missing"
    HASH_ALGORITHM_INVALID = "hash_algorithm_invalid"
    SIGN_ALGORITHM_INVALID = "sign_algorithm_invalid"
    SIGN_PARAMETERS_MISSING = "sign_parameters_missing"
    SIGN_PARAMETERS_INVALID = "sign_parameters_invalid"
    PIN_MISSING = "pin_missing"
    PIN_INVALID = "pin_invalid"
    PIN_LOCKED = "pin_locked"
    OTP_MISSING = "otp_missing"
    OTP_INVALID = "otp_invalid"
    OTP_LOCKED = "otp_locked"
    NO_ONLINE_OTP = "no_online_otp"
    RESPONSE_MISSING = "response_missing"
    RESPONSE_INVALID = "response_invalid"
    RESPONSE_LOCKED = "response_locked"
    OBJECT_INVALID = "object_invalid"
    OBJECTS_INVALID = "objects_invalid"
    HANDLE_INVALID = "handle_invalid"
    APPROVAL_REFUSED = "approval_refused"
    EVIDENCE_REFUSED = "evidence_refused"
    CUSTODY_REFUSED = "custody_refused"
    CREDENTIAL_LIMIT = "credential_limit"
    CERTIFICATE_REFUSED = "certificate_refused"
    SAD_INVALID = "sad_invalid"
    SAD_EXPIRED = "sad_expired"
    SAD_EXHAUSTED = "sad_exhausted"
    HASH_NOT_AUTHORIZED = "hash_not_authorized"
    APPROVAL_INVALID = "approval_invalid"
