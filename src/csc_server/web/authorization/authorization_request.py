"""A checked authorization request, as it waits in its interaction for the signer (RFC 6749, 4.1.1)."""

from dataclasses import dataclass, replace
from typing import Any

from csc_server.activation.parts import Transaction
from csc_server.settings import WebSettings
from csc_server.values import ClientId, CredentialId, SignerId
from csc_server.web.authorization.account_tokens import Account
from csc_server.web.authorization.custody_details import CREATION, DELETION
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.transactions import stored_transaction, transaction_members
from csc_server.wire import decode_base64, encode_base64

SERVICE = "service"
CREDENTIAL = "credential"
CUSTODY_SCOPES = (CREATION, DELETION)
"""2.2: for a client that an operator gave custody of signers, which acts for them or has them agree first."""


def offered_custody_scopes(settings: WebSettings) -> tuple[str, ...]:
    """Return the scopes of custody where credentials can be made and destroyed over the API, none elsewhere."""
    return CUSTODY_SCOPES if settings.certificate_issuer is not None else ()


@dataclass(frozen=True)
class AuthorizationRequest:
    """What the client asked for.

    `state` is None when the client sent none; `transaction` is there for scope credential only; `details` is
    the entry of `authorization_details` as it will be echoed, else None; `signature_qualifier` is the kind of
    signature by which the credential is chosen once the signer is known; `dpop_jkt` is the thumbprint of the key
    that the code is bound to (RFC 9449, 10); `pushed` is the SHA-256 of the handle it was pushed under;
    `account` is the one that must log in; `credential_to_delete` is there for scope credential-deletion only.
    """

    client_id: ClientId
    face: Face
    redirect_uri: str
    redirect_uri_given: bool
    scope: str
    state: str | None = None
    code_challenge: str = ""
    language: str = ""
    description: str = ""
    must_log_in: bool = False
    transaction: Transaction | None = None
    details: dict[str, Any] | None = None
    signature_qualifier: str = ""
    dpop_jkt: str = ""
    pushed: bytes = b""
    account: Account | None = None
    credential_to_delete: CredentialId | None = None

    def members(self) -> dict[str, Any]:
        """Return the JSON members that an interaction stores."""
        return {
            "face": self.face.value,
            "redirect_uri": self.redirect_uri,
            "redirect_uri_given": self.redirect_uri_given,
            "scope": self.scope,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "language": self.language,
            "description": self.description,
            "must_log_in": self.must_log_in,
            "transaction": transaction_members(self.transaction) if self.transaction else None,
            "details": self.details,
            "signature_qualifier": self.signature_qualifier,
            "dpop_jkt": self.dpop_jkt,
            "pushed": encode_base64(self.pushed),
            "credential_to_delete": self.credential_to_delete,
            "account": vars(self.account) if self.account else None,
        }

    def may_log_in(self, username: str, signer_id: SignerId) -> bool:
        """Tell whether this signer may answer: anybody, unless the client asked for an account (decision 18)."""
        return self.account is None or self.account.is_of(username, signer_id)

    def with_credential(self, credential_id: CredentialId) -> "AuthorizationRequest":
        """Return the request with the credential that was chosen for its kind of signature; "" forgets the choice."""
        if not self.signature_qualifier or self.transaction is None:
            return self
        details = None
        if self.details is not None:
            rest = {name: member for name, member in self.details.items() if name != "credentialID"}
            details = rest | ({"credentialID": credential_id} if credential_id else {})
        return replace(self, transaction=replace(self.transaction, credential_id=credential_id), details=details)

    @classmethod
    def stored(cls, client_id: ClientId, members: dict[str, Any]) -> "AuthorizationRequest":
        """Return the request that `members` stored."""
        transaction = members["transaction"]
        return cls(
            client_id=client_id,
            face=Face(members["face"]),
            redirect_uri=members["redirect_uri"],
            redirect_uri_given=members["redirect_uri_given"],
            scope=members["scope"],
            state=members["state"],
            code_challenge=members["code_challenge"],
            language=members["language"],
            description=members["description"],
            must_log_in=members["must_log_in"],
            transaction=stored_transaction(transaction) if transaction else None,
            details=members["details"],
            signature_qualifier=members.get("signature_qualifier", ""),
            dpop_jkt=members.get("dpop_jkt", ""),
            pushed=decode_base64(members.get("pushed", "")),
            credential_to_delete=members.get("credential_to_delete"),
            account=Account(**members["account"]) if members.get("account") else None,
        )
