"""Answer shapes of `/csc/v1`: CSC 1.0.4.0, 11.4 and 11.5."""

from typing import Any

from csc_server.activation.messages import CredentialDescription
from csc_server.values import AuthMode, FactorKind
from csc_server.web.api.descriptions import Detail, certificate_members, key_members


def describe(credential: CredentialDescription, detail: Detail, now: int) -> dict[str, Any]:
    """Return the answer of credentials/info; PIN and OTP stand at top level (A14)."""
    members: dict[str, Any] = {"description": credential.description[:255]} if credential.description else {}
    members |= {
        "key": key_members(credential, now),
        "cert": certificate_members(credential, detail, now),
        "authMode": "implicit" if credential.auth_mode.is_pending else credential.auth_mode.value,
        "SCAL": credential.scal.value,
        "multisign": credential.multisign,
        "lang": "en",
    }
    if detail.authentication and credential.auth_mode is AuthMode.EXPLICIT:
        members["PIN"] = _pin(FactorKind.PIN in credential.objects)
        members["OTP"] = _otp(credential.objects)
    return members


def _pin(asked: bool) -> dict[str, str]:
    if not asked:
        return {"presence": "false"}
    return {"presence": "true", "format": "A", "label": "PIN", "description": "PIN of the credential"}


def _otp(objects: tuple[str, ...]) -> dict[str, str]:
    """Return the group of the one member that 1.0.4.0 has for codes of a generator and for those that are sent."""
    if FactorKind.ONLINE_OTP in objects:
        return {
            "presence": "true",
            "type": "online",
            "ID": FactorKind.ONLINE_OTP.value,
            "format": "N",
            "label": "OTP",
            "description": "Code that is sent by credentials/sendOTP",
        }
    if FactorKind.OTP not in objects:
        return {"presence": "false"}
    return {
        "presence": "true",
        "type": "offline",
        "ID": FactorKind.OTP.value,
        "provider": "totp",
        "format": "N",
        "label": "OTP",
        "description": "Code of the authenticator application",
    }
