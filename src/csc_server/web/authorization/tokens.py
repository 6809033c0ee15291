"""Issuing tokens: opaque values, stored as SHA-256, with their answer (RFC 6749, 5.1; decision 13)."""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import Activated
from csc_server.storage.ports.web import CodeRow, TokenKind, TokenRow
from csc_server.values import ApiVersion, ClientId, SignerId
from csc_server.web.authorization.authorization_request import CREDENTIAL, SERVICE
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.secret_values import new_secret, secret_hash


@dataclass(frozen=True)
class TokenOwner:
    """Whose tokens they are; both ids may be None, not at once (auth/login has no client)."""

    client_id: ClientId | None
    signer_id: SignerId | None
    face: str
    family_id: str
    origin: str = "oauth2"


@dataclass(frozen=True)
class IssuedTokens:
    """Rows to store and the answer that holds the values; the values stand nowhere else."""

    rows: tuple[TokenRow, ...]
    answer: dict[str, Any]

    def __repr__(self) -> str:
        return "IssuedTokens(...)"


def service_tokens(
    context: AuthorizationContext, owner: TokenOwner, *, with_refresh: bool, refresh_until: int = 0
) -> IssuedTokens:
    """Make an access token of scope service and, if asked, a refresh token.

    Args:
        context: clock and lifetimes.
        owner: whose tokens.
        with_refresh: make a refresh token too.
        refresh_until: its end, in seconds since the epoch; a rotated token ends with its family's first one.
    """
    now, limits = context.clock.seconds(), context.settings.limits
    access = new_secret()
    rows = [_row(owner, access, TokenKind.ACCESS, now, now + limits.service_token_lifetime)]
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": limits.service_token_lifetime,
    }
    if with_refresh:
        refresh = new_secret()
        until = refresh_until or now + limits.refresh_token_lifetime
        rows.append(_row(owner, refresh, TokenKind.REFRESH, now, until))
        answer["refresh_token"] = refresh
    return IssuedTokens(tuple(rows), answer)


def activated_token(
    context: AuthorizationContext, owner: TokenOwner, code: CodeRow, token: str, activated: Activated
) -> IssuedTokens:
    """Make the row and answer of a credential-scope token that a SAD stands behind (CSC 1.0.4.0, 8.3.3; 2.x, 8.4.4).

    `token_type` is what the API version prescribes (decision 5); `credentialID` is for clients
    that read it (interoperability rule O16).
    """
    now = context.clock.seconds()
    row = TokenRow(
        token_hash=secret_hash(token),
        kind=TokenKind.ACCESS,
        family_id=owner.family_id,
        client_id=owner.client_id,
        signer_id=owner.signer_id,
        scope=CREDENTIAL,
        face=owner.face,
        origin=owner.origin,
        issued_at=now,
        expires_at=now + activated.expires_in,
        credential_id=activated.credential_id,
        approval_id=code.approval_id,
    )
    answer: dict[str, Any] = {
        "access_token": token,
        "token_type": "SAD" if owner.face == ApiVersion.V1 else "Bearer",
        "expires_in": activated.expires_in,
    }
    if owner.face != ApiVersion.V1:
        answer["credentialID"] = activated.credential_id
    if code.request.get("details"):
        answer["authorization_details"] = [code.request["details"]]
    return IssuedTokens((row,), answer)


def _row(owner: TokenOwner, token: str, kind: TokenKind, issued_at: int, expires_at: int) -> TokenRow:
    return TokenRow(
        token_hash=secret_hash(token),
        kind=kind,
        family_id=owner.family_id,
        client_id=owner.client_id,
        signer_id=owner.signer_id,
        scope=SERVICE,
        face=owner.face,
        origin=owner.origin,
        issued_at=issued_at,
        expires_at=expires_at,
    )
