"""The fields in which a signer types PIN and code."""

from collections.abc import Collection, Mapping

from csc_server.activation.parts import Evidence
from csc_server.values import FactorKind

MAX_EVIDENCE = 128
"""Characters of a PIN or code: longer ones are wrong anyway."""

_FIELDS = {FactorKind.PIN: "pin", FactorKind.OTP: "one_time_code"}


def read_evidence(objects: Collection[str], form: Mapping[str, str]) -> tuple[Evidence, list[str]]:
    """Return what the signer typed of what was asked, and the texts for what is missing."""
    values: dict[str, str | None] = {}
    errors = []
    for kind, field in _FIELDS.items():
        if kind in objects:
            values[kind] = form.get(field, "")[:MAX_EVIDENCE] or None
            if values[kind] is None:
                errors.append("pin_missing" if kind is FactorKind.PIN else "otp_missing")
    return Evidence(pin=values.get(FactorKind.PIN), otp=values.get(FactorKind.OTP)), errors


def field_of(key: str) -> str:
    """Return the field that an error text belongs to; a locked credential has none left."""
    return {"pin": "pin", "otp": "one_time_code"}.get(key.partition("_")[0], "")
