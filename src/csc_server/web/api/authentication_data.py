"""What a signer proves himself with in credentials/authorize: PIN and OTP in 1.0.4.0, authData in 2.x (8.1 there)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.parts import Evidence
from csc_server.errors import ProblemError
from csc_server.values import ApiVersion, FactorKind
from csc_server.web.api.call import Call
from csc_server.web.http.params import invalid
from csc_server.web.http.problems import invalid_request

MAX_SECRET = 128
"""Characters of a PIN or code: longer ones are wrong anyway."""

MAX_RESPONSE = 1024
"""Characters: a challenge and the signature of an RSA key of 4096 bits take 727."""

_FACTOR_IDS = frozenset(kind.value for kind in FactorKind)


@dataclass(frozen=True, slots=True)
class AuthenticationData:
    """The secrets that came, and the ids of the objects that were named, None in 1.0.4.0.

    An object without a value is one whose value travels out of band.
    """

    evidence: Evidence
    objects: tuple[str, ...] | None = None

    @property
    def brings_secrets(self) -> bool:
        return self.evidence != Evidence()


def authentication_data(call: Call) -> AuthenticationData:
    """Read the members of this version, or the other's for a client with the leniency R14."""
    read = _read_v1 if call.version is ApiVersion.V1 else _read_v2
    found = read(call)
    if found is None and call.authorized.takes_other_dialect:
        other = _read_v2 if call.version is ApiVersion.V1 else _read_v1
        found = other(call)
    return found or AuthenticationData(Evidence(), None if call.version is ApiVersion.V1 else ())


def _read_v1(call: Call) -> AuthenticationData | None:
    """1.0.4.0 has one member for codes of a generator and for those that are sent."""
    pin = call.parameters.optional_string("PIN", maximum=MAX_SECRET)
    otp = call.parameters.optional_string("OTP", maximum=MAX_SECRET)
    return None if pin is None and otp is None else AuthenticationData(Evidence(pin, otp, otp))


def _read_v2(call: Call) -> AuthenticationData | None:
    given = call.parameters.value(("authData",))
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > len(FactorKind):
        raise invalid_request(invalid("authData"))
    values: dict[str, str | None] = {}
    for item in given:
        identifier, value = _object(item)
        if identifier in values:
            raise invalid_request(invalid("authData"))
        values[identifier] = value
    evidence = Evidence(
        values.get(FactorKind.PIN),
        values.get(FactorKind.OTP),
        values.get(FactorKind.ONLINE_OTP),
        values.get(FactorKind.KEY),
    )
    return AuthenticationData(evidence, tuple(values))


def _object(item: Any) -> tuple[str, str | None]:  # noqa: ANN401 a JSON value
    if not isinstance(item, dict):
        raise invalid_request(invalid("authData"))
    identifier, value = item.get("id"), item.get("value")
    if not isinstance(identifier, str) or not isinstance(value, str | None):
        raise invalid_request(invalid("authData"))
    if value is not None and not 1 <= len(value) <= (MAX_RESPONSE if identifier == FactorKind.KEY else MAX_SECRET):
        raise invalid_request(invalid("authData"))
    if identifier not in _FACTOR_IDS:
        raise ProblemError(400, "invalid_authentication_data", "The authentication data is invalid")
    return identifier, value
