"""Answer shapes of `/csc/v2`: CSC 2.0.0.2, 11.4 and 11.5, as 2.2.0.0 keeps them."""

from typing import Any

from csc_server.activation.messages import CredentialDescription
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
}


def describe(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return the answer of credentials/info; `auth` always has mode and objects (A13)."""
    members: dict[str, Any] = {"description": credential.description} if credential.description else {}
    return members | {
        "key": key_members(credential, now),
        "cert": certificate_members(credential, detail, now),
        "auth": _authentication(credential, detail),
        "SCAL": credential.scal.value,
        "multisign": credential.multisign,
        "lang": "en",
    }


def list_entry(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return an element of credentialInfos: as credentials/info, with its credentialID."""
    return {"credentialID": credential.credential_id, **describe(credential, detail, now)}


def _authentication(credential: CredentialDescription, detail: Detail) -> dict[str, Any]:
    """An explicit credential without objects would mean one that the service approves itself, so they always stand."""
    mode = credential.auth_mode
    objects = credential.objects if mode is AuthMode.EXPLICIT else ()
    members: dict[str, Any] = {"mode": mode.value}
    if detail.authentication and len(objects) > 1:
        members["expression"] = " AND ".join(objects)
    return members | {"objects": [_OBJECTS[identifier] for identifier in objects]}
