"""Authorization to have a credential made or destroyed, by its signer (CSC 2.2.0.0, 8.2.2, 11.4 and 11.5).

Asked for by an entry of `authorization_details` or by the scope alone. Whether the client may do it for this signer
the signer process decides when it comes to it; what is granted here is the signer's own word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csc_server.errors import ProblemError
from csc_server.values import CredentialId
from csc_server.web.authorization.parameters import invalid, missing

CREATION, DELETION = "credential-creation", "credential-deletion"
"""The scopes."""

_PREFIX = "https://cloudsignatureconsortium.org/2025/"
TYPES: Mapping[str, str] = {
    _PREFIX + "credential-creation": CREATION,
    _PREFIX + "credential-deletion": DELETION,
    "credential_creation": CREATION,
    "credential_deletion": DELETION,
}
"""Types of an entry, each with its scope; the short ones are what some servers took before 2.2."""

MAX_IDENTIFIER = 255

CREATION_REQUEST = "credentialCreationRequest"


@dataclass(frozen=True)
class Custody:
    """What the signer is asked for: `credential_id` is the credential to destroy, "" where one is to be made."""

    scope: str
    credential_id: CredentialId
    echo: dict[str, Any] | None = None


def read_custody_entry(entry: Mapping[str, Any]) -> Custody | None:
    """Return what an entry of one of our types asks for, None for an entry of another type.

    Raises:
        ProblemError: `invalid_authorization_details` (RFC 9396, 5).
    """
    kind = entry.get("type")
    scope = TYPES.get(kind) if isinstance(kind, str) else None
    if scope is None:
        return None
    if scope == CREATION:
        wanted = entry.get(CREATION_REQUEST)
        if not isinstance(wanted, dict):
            raise _refuse(f"The {CREATION_REQUEST} of an entry is missing or invalid")
        return Custody(scope, CredentialId(""), {"type": kind, CREATION_REQUEST: wanted})
    credential_id = entry.get("credentialID")
    if not isinstance(credential_id, str) or not 0 < len(credential_id) <= MAX_IDENTIFIER:
        raise _refuse("The credentialID of an entry is missing or invalid")
    return Custody(scope, CredentialId(credential_id), {"type": kind, "credentialID": credential_id})


def read_custody_scope(scope: str, parameters: Mapping[str, str]) -> Custody | None:
    """Return what a request asks for by its scope alone, None for another scope.

    Raises:
        ProblemError: `invalid_request`: which credential to destroy is not said.
    """
    if scope not in {CREATION, DELETION}:
        return None
    credential_id = parameters.get("credentialID", "")
    if scope == DELETION and not credential_id:
        raise missing("credentialID")
    if len(credential_id) > MAX_IDENTIFIER or (scope == CREATION and credential_id):
        raise invalid("credentialID")
    return Custody(scope, CredentialId(credential_id))


def _refuse(reason: str) -> ProblemError:
    return ProblemError(400, "invalid_authorization_details", reason)
