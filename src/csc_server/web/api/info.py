"""info: what this server can do, generated from what is on (CSC 1.0.4.0, 11.1; interoperability rule A16)."""

from dataclasses import dataclass
from typing import Any

from csc_server.policy.algorithms import key_algorithms
from csc_server.settings import WebSettings
from csc_server.values import ApiVersion, KeyType
from csc_server.web.api.call import Call

AUTH_TYPES = ["basic", "oauth2code", "oauth2client"]

LANGUAGE = "en"
"""The language of `name`, `description` and the texts of errors; another `lang` is no error."""


@dataclass(frozen=True, slots=True)
class NoArguments:
    """info takes nothing it would have to look at."""


def info(call: Call, _: NoArguments) -> dict[str, Any]:
    services = call.services
    return describe_service(services.settings, call.version, services.methods[call.version])


def describe_service(settings: WebSettings, version: ApiVersion, methods: tuple[str, ...]) -> dict[str, Any]:
    """Return the answer of info; `oauth2` has no trailing slash (A16)."""
    base = settings.base_url.rstrip("/")
    members: dict[str, Any] = {
        "specs": settings.csc_versions[version.value],
        "name": settings.name[:255],
        "logo": f"{base}/logo.png",
        "region": settings.region,
        "lang": LANGUAGE,
        "description": settings.description[:255],
        "authType": AUTH_TYPES,
        "oauth2": f"{base}/csc/{version.value}",
    }
    if version is ApiVersion.V2:
        members |= _v2_members()
    return members | {"methods": list(methods)}


def _v2_members() -> dict[str, Any]:
    algorithms = list(dict.fromkeys(oid for key_type in KeyType for oid in key_algorithms(key_type)))
    return {
        "supportsRar": True,
        "supportedHashTypes": ["dtbsr"],
        "asynchronousOperationMode": False,
        "signAlgorithms": {"algos": algorithms, "algoParams": [""] * len(algorithms)},
        "signature_formats": {"formats": [], "envelope_properties": []},
        "conformance_levels": [],
    }
