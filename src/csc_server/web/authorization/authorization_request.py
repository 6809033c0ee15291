"""A checked authorization request, as it waits in its interaction for the signer (RFC 6749, 4.1.1)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import Transaction
from csc_server.values import ApiVersion, ClientId
from csc_server.web.authorization.transactions import stored_transaction, transaction_members

SERVICE = "service"
CREDENTIAL = "credential"


@dataclass(frozen=True)
class AuthorizationRequest:
    """What the client asked for.

    `state` is None when the client sent none; `transaction` is there for scope credential only; `details` is
    the entry of `authorization_details` as it will be echoed, else None.
    """

    client_id: ClientId
    face: ApiVersion
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
        }

    @classmethod
    def stored(cls, client_id: ClientId, members: dict[str, Any]) -> "AuthorizationRequest":
        """Return the request that `members` stored."""
        transaction = members["transaction"]
        return cls(
            client_id=client_id,
            face=ApiVersion(members["face"]),
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
        )
