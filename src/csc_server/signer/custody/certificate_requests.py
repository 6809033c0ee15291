"""The request for a credential's certificate, signed by the credential's own key (PKCS#10, RFC 2986)."""

import hashlib

from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.csr import CertificationRequest, CertificationRequestInfo
from asn1crypto.keys import PublicKeyInfo
from asn1crypto.x509 import Name
from cryptography import x509
from cryptography.x509.oid import NameOID

from csc_server.errors import CscServerError
from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
from csc_server.signer.device.port import KeyDevice, KeyFacts

MAX_COMMON_NAME = 64
"""ub-common-name."""
_DIGEST = HashAlgorithm.SHA_256
_NAMES = {SignatureScheme.RSA_PKCS1_V1_5: "sha256_rsa", SignatureScheme.ECDSA: "sha256_ecdsa"}


class UnusableSubjectError(CscServerError):
    """A subject that is no distinguished name."""


def read_subject(text: str) -> bytes:
    """Return the DER of a distinguished name in the text form of RFC 4514, most specific part first.

    Raises UnusableSubjectError for another text, and for a name without parts.
    """
    try:
        name = x509.Name.from_rfc4514_string(text)
        encoded = name.public_bytes()
    except ValueError as error:
        raise UnusableSubjectError("The subject is no distinguished name, such as CN=Alice Example,C=JP.") from error
    if not name.rdns:
        raise UnusableSubjectError("The subject has no part.")
    return encoded


def common_name(text: str) -> bytes:
    """Return the DER of a name that has a text as its one part; longer than 64 characters are cut (RFC 5280, A.1)."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:MAX_COMMON_NAME])]).public_bytes()


def certificate_request(device: KeyDevice, facts: KeyFacts, subject: bytes) -> bytes:
    """Return the DER of a request that proves possession of the key (RFC 2986, 4).

    It is the one thing besides an approved hash that a signer's key signs: what stands in it is made here, from
    the key's own public half and a distinguished name, and no signature over a document has this form.
    """
    info = CertificationRequestInfo(
        {
            "version": "v1",
            "subject": Name.load(subject, strict=True),
            "subject_pk_info": PublicKeyInfo.load(facts.public_key, strict=True),
            "attributes": [],
        }
    )
    scheme = SignatureScheme.RSA_PKCS1_V1_5 if facts.key_type.is_rsa else SignatureScheme.ECDSA
    digest = hashlib.new(_DIGEST.value, info.dump()).digest()
    request = CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": SignedDigestAlgorithm({"algorithm": _NAMES[scheme]}),
            "signature": device.sign(facts.handle, SignatureMechanism(scheme, _DIGEST), digest),
        }
    )
    return bytes(request.dump())
