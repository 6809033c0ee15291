"""The credential that the server chooses for a kind of signature (CSC 2.0.0.2, 8.4.2; interoperability rule O16).

Chosen once the signer has logged in, shown on the consent page, and checked by the signer process like any other.
"""

from csc_server.activation.messages import CredentialDescription, ListCredentials
from csc_server.policy.certificates import read_certificate
from csc_server.policy.signature_qualifiers import qualifiers_of
from csc_server.values import AuthMode, CredentialId, CredentialState, SignerId
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.context import AuthorizationContext, caller


def choose_credential(
    context: AuthorizationContext, request: AuthorizationRequest, signer_id: SignerId
) -> CredentialId | None:
    """Return the signer's first credential that fits the request, in the order of their ids, or None.

    Raises:
        UnavailableError: the signer process does not answer.
    """
    asked = ListCredentials(caller(request.client_id, signer_id), signer_id)
    for credential in context.activation.list_credentials(asked).credentials:
        if _fits(context, request, credential):
            return credential.credential_id
    return None


def _fits(context: AuthorizationContext, request: AuthorizationRequest, credential: CredentialDescription) -> bool:
    """Tell whether a credential could give what is asked, as far as its description says."""
    if credential.auth_mode is not AuthMode.OAUTH2CODE or credential.state is not CredentialState.ACTIVE:
        return False
    if request.transaction is None or request.transaction.num_signatures > credential.multisign:
        return False
    if not credential.certificates:
        return False
    certificate = credential.certificates[0]
    is_in_time = read_certificate(certificate).is_in_time(context.clock.seconds())
    return is_in_time and request.signature_qualifier in qualifiers_of(
        certificate, context.settings.signature_qualifiers
    )
