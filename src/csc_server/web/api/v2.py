"""Answer shapes of `/csc/v2`: CSC 2.0.0.2, 11.4 and 11.5, as 2.2.0.0 keeps them."""

from typing import Any

from csc_server.activation.messages import CredentialDescription
from csc_server.policy.certificates import read_certificate
from csc_server.values import AuthMode, FactorKind
from csc_server.web.api.descriptions import Detail, certificate_members, key_members

_OBJECTS: dict[str, dict[str, str]] = {
    FactorKind.PIN: {"type": "Password", "id": FactorKind.PIN.value, "format": "A", "label": "PIN"},
    FactorKind.OTP: {
        "type": "Password",
        "id": FactorKind.OTP.value,
        "format": "N",
        "generator": "totp",
        "label": "OTP",
        "description": "Code of the authenticator application",
    },
    FactorKind.ONLINE_OTP: {
        "type": "ChallengeResponse",
        "id": FactorKind.ONLINE_OTP.value,
        "format": "N",
        "label": "OTP",
        "description": "Code that credentials/getChallenge has sent",
    },
    FactorKind.KEY: {
        "type": "ChallengeResponse",
        "id": FactorKind.KEY.value,
        "format": "A",
        "generator": "csc-server/response/1",
        "label": "Response",
        "description": "Signature of the registered key over challenge and transaction",
    },
}
_OUT_OF_BAND: dict[str, dict[str, str]] = {
    kind: {"type": "PasswordOOB", "id": kind.value, "label": label, "description": f"{label}, asked for on a page"}
    for kind, label in ((FactorKind.PIN, "PIN"), (FactorKind.OTP, "OTP"))
}
"""Objects whose values the signer enters on a page of the service."""


def describe(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return the answer of credentials/info; `auth` always has mode and objects (A13)."""
    members: dict[str, Any] = {"description": credential.description[:255]} if credential.description else {}
    return members | {
        "key": key_members(credential, now),
        "cert": _certificate(credential, detail, now),
        "auth": _authentication(credential, detail),
        "SCAL": credential.scal.value,
        "multisign": credential.multisign,
        "lang": "en",
    }


def _certificate(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """2.2 adds the policies of the certificate to what certInfo asks for."""
    members = certificate_members(credential, detail, now)
    if detail.certificate_info and credential.certificates:
        policies = read_certificate(credential.certificates[0]).policies
        members |= {"policy": list(policies)} if policies else {}
    return members


def list_entry(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return an element of credentialInfos: as credentials/info, with its credentialID."""
    return {"credentialID": credential.credential_id, **describe(credential, detail, now)}


def _authentication(credential: CredentialDescription, detail: Detail) -> dict[str, Any]:
    """Objects stand for every explicit credential but one that the service approves itself (2.0.0.2, 11.6)."""
    known = {AuthMode.EXPLICIT: _OBJECTS, AuthMode.OUT_OF_BAND: _OUT_OF_BAND}.get(credential.auth_mode, {})
    objects = [known[identifier] for identifier in credential.objects if identifier in known]
    members: dict[str, Any] = {
        "mode": AuthMode.EXPLICIT.value if credential.auth_mode.is_pending else credential.auth_mode.value
    }
    if detail.authentication and len(objects) > 1:
        members["expression"] = " AND ".join(each["id"] for each in objects)
    return members | {"objects": objects}
