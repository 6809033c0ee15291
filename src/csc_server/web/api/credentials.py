"""credentials/list and credentials/info (CSC 1.0.4.0, 11.4 and 11.5; 2.0.0.2, 11.4 and 11.5)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import CredentialDescription, DescribeCredential, ListCredentials
from csc_server.errors import RefusedError
from csc_server.policy.signature_qualifiers import qualifiers_of
from csc_server.values import ApiVersion, CredentialId, SignerId
from csc_server.web.api import v1, v2
from csc_server.web.api.call import Call
from csc_server.web.api.descriptions import Detail, is_usable
from csc_server.web.api.paging import page_after, page_token
from csc_server.web.http.params import invalid
from csc_server.web.http.problems import invalid_request

MAX_PAGE = 100
"""Identifiers on a page of 1.0.4.0; a client's maxResults only ever lowers it."""


@dataclass(frozen=True, slots=True)
class ListArguments:
    """Checked parameters of credentials/list; those of the other version have their defaults."""

    signer_id: SignerId
    page_size: int
    after: str
    credential_info: bool
    detail: Detail
    only_valid: bool
    client_data: str


@dataclass(frozen=True, slots=True)
class InfoArguments:
    """Checked parameters of credentials/info."""

    credential_id: CredentialId
    certificates: str
    certificate_info: bool
    authentication: bool
    client_data: str


def list_credentials(call: Call, arguments: ListArguments) -> dict[str, Any]:
    """Return the ids of a signer's credentials, and on 2.x their descriptions where asked for."""
    try:
        listed = call.services.activation.list_credentials(ListCredentials(call.caller(), arguments.signer_id))
    except RefusedError as error:
        raise invalid_request(invalid("userID")) from error
    credentials = listed.credentials
    if call.version is ApiVersion.V1:
        return _page(call, credentials, arguments)
    return _whole(call, credentials, arguments)


def describe_credential(call: Call, arguments: InfoArguments) -> dict[str, Any]:
    """Describe one credential; a credential-scope token opens its own only (R16)."""
    bound_to = call.authorized.token.credential_id
    if call.authorized.is_credential_scope and bound_to != arguments.credential_id:
        raise invalid_request(invalid("credentialID"))
    credential = call.services.activation.describe(DescribeCredential(call.caller(), arguments.credential_id))
    detail = Detail(arguments.certificates, arguments.certificate_info, arguments.authentication)
    now = call.services.clock.seconds()
    if call.version is ApiVersion.V1:
        return v1.describe(credential, detail, now)
    return v2.describe(credential, detail, now) | _qualifier(call, credential)


def user_id(call: Call) -> SignerId:
    """Return whose credentials to list.

    A token that a signer logged in for names its signer, and userID must be absent. A client's own token
    names none: userID, a login name or a signer's id, is required, and the signer process decides whether
    the client may (decision 17).
    """
    own = call.signer_id
    if own is not None:
        if call.parameters.value(("userID",)) is not None:
            raise invalid_request("userID parameter MUST be null")
        return own
    wanted = call.parameters.optional_string("userID")
    if wanted is None:
        raise invalid_request(invalid("userID"))
    account = call.services.store.account(wanted)
    return account.signer_id if account else SignerId(wanted)


def page_size(call: Call) -> int:
    """Return maxResults; a value that is no number of ours is no error (CSC 1.0.4.0, 11.4)."""
    value = call.parameters.value(("maxResults",)) if call.version is ApiVersion.V1 else None
    return value if type(value) is int and 1 <= value <= MAX_PAGE else MAX_PAGE


def after(call: Call) -> str:
    """Return the id that the page follows, "" for the first."""
    if call.version is not ApiVersion.V1:
        return ""
    token = call.parameters.optional_string("pageToken", maximum=1024)
    return page_after(call.authorized.secret, token) if token else ""


def credential_info(call: Call) -> bool:
    return call.version is ApiVersion.V2 and call.parameters.boolean("credentialInfo")


def list_detail(call: Call) -> Detail:
    """Return the filters of 2.x, which only count when credentialInfo is true."""
    if not credential_info(call):
        return Detail()
    certificates = call.parameters.choice("certificates", ("none", "single", "chain"), "single")
    return Detail(certificates, call.parameters.boolean("certInfo"), call.parameters.boolean("authInfo"))


def only_valid(call: Call) -> bool:
    return call.version is ApiVersion.V2 and call.parameters.boolean("onlyValid")


def _qualifier(call: Call, credential: CredentialDescription) -> dict[str, str]:
    """Return the first kind of signature that the credential is good for, by the rules that requests are met with."""
    rules = call.services.settings.signature_qualifiers
    names = qualifiers_of(credential.certificates[0], rules) if credential.certificates else ()
    return {"signatureQualifier": names[0]} if names else {}


def _page(call: Call, credentials: tuple[CredentialDescription, ...], arguments: ListArguments) -> dict[str, Any]:
    rest = sorted(each.credential_id for each in credentials if each.credential_id > arguments.after)
    shown = rest[: arguments.page_size]
    answer: dict[str, Any] = {"credentialIDs": shown}
    if len(rest) > len(shown):
        answer["nextPageToken"] = page_token(call.authorized.secret, shown[-1])
    return answer


def _whole(call: Call, credentials: tuple[CredentialDescription, ...], arguments: ListArguments) -> dict[str, Any]:
    now = call.services.clock.seconds()
    shown = [each for each in credentials if not arguments.only_valid or is_usable(each, now)]
    answer: dict[str, Any] = {"credentialIDs": [each.credential_id for each in shown]}
    if arguments.credential_info:
        entries = ((v2.list_entry(each, arguments.detail, now), _qualifier(call, each)) for each in shown)
        answer["credentialInfos"] = [entry | qualifier for entry, qualifier in entries]
    if arguments.only_valid:
        answer["onlyValid"] = True
    return answer
