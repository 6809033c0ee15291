"""The parts of a credential's description that both versions share: key and cert (CSC 1.0.4.0, 11.5)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import CredentialDescription
from csc_server.policy.algorithms import CURVE_OIDS, key_algorithms
from csc_server.policy.certificates import read_certificate
from csc_server.values import CredentialState
from csc_server.wire import encode_base64


@dataclass(frozen=True, slots=True)
class Detail:
    """How much a caller wants to know: `certificates` is none, single or chain (A7)."""

    certificates: str = "single"
    certificate_info: bool = False
    authentication: bool = False


def is_usable(credential: CredentialDescription, now: int) -> bool:
    """Whether the credential can make a signature that is valid in time."""
    in_time = bool(credential.certificates) and read_certificate(credential.certificates[0]).is_in_time(now)
    return credential.state is CredentialState.ACTIVE and in_time


def key_members(credential: CredentialDescription, now: int) -> dict[str, Any]:
    """Return `key`: the order of `algo` is interoperability rule A5."""
    key_type = credential.key_type
    members: dict[str, Any] = {
        "status": "enabled" if is_usable(credential, now) else "disabled",
        "algo": key_algorithms(key_type),
        "len": key_type.bits,
    }
    if key_type in CURVE_OIDS:
        members["curve"] = CURVE_OIDS[key_type]
    return members


def certificate_members(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return `cert`; it stays, perhaps empty, when no certificate is asked for (A7).

    `status` is only said where it is certain: `expired`. The others need revocation data.
    """
    members: dict[str, Any] = {}
    if not credential.certificates:
        return members
    facts = read_certificate(credential.certificates[0])
    if now > facts.not_after:
        members["status"] = "expired"
    if detail.certificates != "none":
        shown = credential.certificates if detail.certificates == "chain" else credential.certificates[:1]
        members["certificates"] = [encode_base64(der) for der in shown]
    if detail.certificate_info:
        members |= {
            "issuerDN": facts.issuer,
            "serialNumber": facts.serial_number,
            "subjectDN": facts.subject,
            "validFrom": facts.valid_from,
            "validTo": facts.valid_to,
        }
    return members
