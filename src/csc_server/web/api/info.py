"""info: what this server can do, generated from what is on (CSC 1.0.4.0, 11.1; interoperability rule A16)."""

from dataclasses import dataclass
from typing import Any

from csc_server.policy.algorithms import key_algorithms
from csc_server.settings import WebSettings
from csc_server.values import ApiVersion, KeyType
from csc_server.web.api.call import Call

OAUTH_TYPES = ["oauth2code", "oauth2client"]
AUTH_TYPES = ["basic", *OAUTH_TYPES]

LANGUAGE = "en"
"""The language of `name`, `description` and the texts of errors; another `lang` is no error."""


@dataclass(frozen=True, slots=True)
class NoArguments:
    """info takes nothing it would have to look at."""


def info(call: Call, _: NoArguments) -> dict[str, Any]:
    services = call.services
    return describe_service(services.settings, call.version, services.methods[call.version])


def describe_service(settings: WebSettings, version: ApiVersion, methods: tuple[str, ...]) -> dict[str, Any]:
    """Return the answer of info."""
    base = settings.base_url.rstrip("/")
    members: dict[str, Any] = {
        "specs": settings.csc_versions[version.value],
        "name": settings.name[:255],
        "logo": f"{base}/logo.png",
        "region": settings.region,
        "lang": LANGUAGE,
        "description": settings.description[:255],
        "authType": AUTH_TYPES,
        **_authorization_server(settings, version),
    }
    if version is ApiVersion.V2:
        members |= _v2_members(settings)
    return members | {"methods": list(methods)}


def _authorization_server(settings: WebSettings, version: ApiVersion) -> dict[str, Any]:
    """Return the one member that leads to it; no address has a trailing slash (A16).

    Beside a list of servers `supportsRar` must not stand (CSC 2.2.0.0, 11.1).
    """
    issuer = settings.base_url.rstrip("/")
    if version is ApiVersion.V1:
        return {"oauth2": f"{issuer}/csc/v1"}
    if settings.oauth2_in_info == "oauth2Issuer":
        return {"oauth2Issuer": issuer, "supportsRar": True}
    if settings.oauth2_in_info == "oauth2Servers":
        return {"oauth2Servers": [{"issuerIdentifier": issuer, "authType": OAUTH_TYPES, "supportsRar": True}]}
    return {"oauth2": f"{issuer}/csc/v2", "supportsRar": True}


def _v2_members(settings: WebSettings) -> dict[str, Any]:
    algorithms = list(dict.fromkeys(oid for key_type in KeyType for oid in key_algorithms(key_type)))
    return {
        "supportedHashTypes": ["dtbsr"],
        "asynchronousOperationMode": settings.asynchronous,
        "validationInfo": False,
        "signAlgorithms": {"algos": algorithms, "algoParams": [""] * len(algorithms)},
        "signature_formats": {"formats": [], "envelope_properties": []},
        "conformance_levels": [],
    }
