"""Which kind of signature a credential makes, so that a request may name the kind (CSC 2.0.0.2, 8.4.2 and 11.5).

A kind is told by the policies in the certificate (RFC 5280, 4.2.1.4). Those of the European kinds are of ETSI EN 319
411-2, 5.3; an operator adds the kinds of other laws.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from cryptography import x509

ANY_POLICY = "2.5.29.32.0"
"""RFC 5280, 4.2.1.4. In a rule it means every certificate of this service."""

_NATURAL = "0.4.0.194112.1.0"
_LEGAL = "0.4.0.194112.1.1"
_NATURAL_ON_DEVICE = "0.4.0.194112.1.2"
_LEGAL_ON_DEVICE = "0.4.0.194112.1.3"

EUROPEAN: Mapping[str, tuple[str, ...]] = {
    "eu_eidas_qes": (_NATURAL_ON_DEVICE,),
    "eu_eidas_aesqc": (_NATURAL, _NATURAL_ON_DEVICE),
    "eu_eidas_qeseal": (_LEGAL_ON_DEVICE,),
    "eu_eidas_aesealqc": (_LEGAL, _LEGAL_ON_DEVICE),
}
"""Kinds that rest on a qualified certificate; the others cannot be told from it."""

Rules = Mapping[str, Iterable[str]]


def qualifiers_of(certificate: bytes, more: Rules) -> tuple[str, ...]:
    """Return the kinds of signature that a certificate is good for, in the order of the rules.

    Args:
        certificate: DER from the signer's registry.
        more: an operator's kinds and the policies (dotted OIDs) of which one must be there.
    """
    policies = _policies(certificate) | {ANY_POLICY}
    return tuple(name for name, accepted in {**EUROPEAN, **more}.items() if not policies.isdisjoint(accepted))


@lru_cache(maxsize=4096)
def _policies(der: bytes) -> frozenset[str]:
    certificate = x509.load_der_x509_certificate(der)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CertificatePolicies)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return frozenset()
    return frozenset(policy.policy_identifier.dotted_string for policy in extension.value) - {ANY_POLICY}
