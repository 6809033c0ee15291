"""credentials/create and credentials/delete (CSC 2.2, 11.4 and 11.5; the objects of Data Model 1.0.0, 9.1 and 9.2).

Web carries a request from the signer process to the issuer and the chain back; whether a client may do this for a
signer, and whose certificates are taken, the signer process decides. The objects may stand at the top level.
"""

import contextlib
import re
from dataclasses import dataclass
from typing import Any

from csc_server.activation.custody_messages import BindCertificate, CheckCustody, DestroyCredential, RequestCredential
from csc_server.activation.messages import CredentialDescription
from csc_server.errors import CscServerError, ProblemError, UnavailableError
from csc_server.values import CredentialId, SignerId
from csc_server.web.api import v2
from csc_server.web.api.access import ended_token
from csc_server.web.api.call import Call, Created
from csc_server.web.api.descriptions import Detail
from csc_server.web.certificate_issuer import CertificateIssuer
from csc_server.web.http.params import MAX_IDENTIFIER, invalid
from csc_server.web.http.problems import invalid_request

CREATION, DELETION = "credentialCreationRequest", "credentialDeletionRequest"
REASONS = frozenset(range(11)) - {7}
"""CRLReason (RFC 5280, 5.3.1); 7 is not used."""
MAX_SUBJECT_MEMBERS = 32

_OID = re.compile(r"[012](?:\.(?:0|[1-9][0-9]{0,19})){1,32}")


@dataclass(frozen=True, slots=True)
class CreateArguments:
    """Checked parameters of credentials/create."""

    signer_id: SignerId
    policy: str
    credential_info: bool
    detail: Detail
    client_data: str


@dataclass(frozen=True, slots=True)
class DeleteArguments:
    """Checked parameters of credentials/delete; `reason` is None where nothing is to be revoked."""

    credential_id: CredentialId
    reason: int | None
    client_data: str


def create(call: Call, arguments: CreateArguments) -> Created:
    """Have a key made and certified; without a certificate the key is destroyed again."""
    activation, caller = call.services.activation, call.caller()
    requested = activation.request_credential(RequestCredential(caller, arguments.signer_id))
    try:
        _use_up_token(call)
        chain = _issuer(call).issue(requested.request, arguments.policy)
        credential = activation.bind_certificate(BindCertificate(caller, requested.credential_id, chain))
    except CscServerError as error:
        with contextlib.suppress(CscServerError):  # a key without certificate signs nothing; an operator sees it
            activation.destroy_credential(DestroyCredential(caller, requested.credential_id, "no certificate"))
        if isinstance(error, ProblemError):
            raise
        raise UnavailableError("issuer", retry_after=30) from error
    return Created(_shown(call, credential, arguments))


def _use_up_token(call: Call) -> None:
    """Use up the token of a signer, who agreed to one credential: before there is a certificate, and once (OA-03)."""
    if call.signer_id is None:
        return
    if not call.services.store.revoke_token(call.authorized.token.token_hash, call.services.clock.seconds()):
        raise ended_token()


def delete(call: Call, arguments: DeleteArguments) -> None:
    """Destroy a credential's key; a certificate that is to be revoked is revoked first, so that a retry finds it."""
    caller = call.caller()
    bound_to = call.authorized.token.credential_id
    if bound_to is not None and bound_to != arguments.credential_id:
        raise invalid_request(invalid("credentialID"))
    if arguments.reason is not None:
        owned = call.services.activation.check_custody(CheckCustody(caller, arguments.credential_id))
        for certificate in owned.certificates[:1]:
            _issuer(call).revoke(certificate, arguments.reason)
    reason = "" if arguments.reason is None else f"revoked {arguments.reason}"
    call.services.activation.destroy_credential(DestroyCredential(caller, arguments.credential_id, reason))


def signer_id(call: Call) -> SignerId:
    """Return whose credential is to be made: the token's signer, else `sub` of subjectData, a login name or an id.

    The other members are what a client says of somebody; they are looked at for their form and go no further.
    """
    subject = _creation(call).get("subjectData", {})
    if not isinstance(subject, dict) or len(subject) > MAX_SUBJECT_MEMBERS:
        raise invalid_request(invalid("subjectData"))
    own = call.signer_id
    if own is not None:
        return own
    named = subject.get("sub")
    if not isinstance(named, str) or not 1 <= len(named) <= MAX_IDENTIFIER:
        raise invalid_request(invalid("subjectData"))
    account = call.services.store.account(named)
    return account.signer_id if account else SignerId(named)


def policy(call: Call) -> str:
    """Return the OID of the policy to issue under, "" for the issuer's own choice."""
    value, agreed = _creation(call).get("certificatePolicy"), _agreed_policy(call)
    if value is None and agreed is None:
        return ""
    known = call.services.settings.certificate_policies
    if not isinstance(value, str) or not _OID.fullmatch(value) or value not in known or agreed not in (None, value):
        raise invalid_request(invalid("certificatePolicy"))
    return value


def _agreed_policy(call: Call) -> str | None:
    """Return the policy that the token's authorization_details name, if they do (RFC 9396, 9)."""
    granted = call.services.store.granted_details(call.authorized.token.token_hash) or {}
    agreed: str | None = granted.get(CREATION, {}).get("certificatePolicy")
    return agreed


def detail(call: Call) -> Detail:
    """Return what the answer tells of the credential, as in credentials/list; it counts with credentialInfo alone."""
    if not credential_info(call):
        return Detail()
    certificates = call.parameters.choice("certificates", ("none", "single", "chain"), "single")
    return Detail(certificates, call.parameters.boolean("certInfo"), call.parameters.boolean("authInfo"))


def credential_info(call: Call) -> bool:
    return call.parameters.boolean("credentialInfo")


def credential_id(call: Call) -> CredentialId:
    value = _deletion(call).get("credentialID")
    if value is None:
        raise invalid_request("Missing required parameter credentialID")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_IDENTIFIER:
        raise invalid_request(invalid("credentialID"))
    return CredentialId(value)


def reason(call: Call) -> int | None:
    """Return the reason to revoke the certificate for, None without `revoke`."""
    members = _deletion(call)
    revoke = members.get("revoke")
    if revoke is not None and not isinstance(revoke, bool):
        raise invalid_request(invalid("revoke"))
    if not revoke:
        return None
    value = members.get("revocationReason")
    if value is None:
        raise invalid_request("Missing required parameter revocationReason")
    if type(value) is not int or value not in REASONS:
        raise invalid_request(invalid("revocationReason"))
    return value


def _creation(call: Call) -> dict[str, Any]:
    """Return the creation request; its members may stand at the top level instead, where one of them does."""
    given = call.parameters.value((CREATION,))
    if given is None:
        flat = _flat(call, ("certificatePolicy", "subjectData"))
        if not flat:
            raise invalid_request(f"Missing required parameter {CREATION}")
        return flat
    if not isinstance(given, dict):
        raise invalid_request(invalid(CREATION))
    return _present(given)


def _deletion(call: Call) -> dict[str, Any]:
    given = call.parameters.value((DELETION,))
    if given is None:
        return _flat(call, ("credentialID", "revoke", "revocationReason"))
    if not isinstance(given, dict):
        raise invalid_request(invalid(DELETION))
    return _present(given)


def _flat(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    return _present({name: call.parameters.value((name,)) for name in names})


def _present(members: dict[str, Any]) -> dict[str, Any]:
    """Null is absent, inside the objects too (R4)."""
    return {name: value for name, value in members.items() if value is not None}


def _issuer(call: Call) -> CertificateIssuer:
    issuer = call.services.issuer
    if issuer is None:
        raise ProblemError(501, "not_implemented")
    return issuer


def _shown(call: Call, credential: CredentialDescription, arguments: CreateArguments) -> dict[str, Any]:
    if not arguments.credential_info:
        return {"credentialID": credential.credential_id}
    return v2.list_entry(credential, arguments.detail, call.services.clock.seconds())
