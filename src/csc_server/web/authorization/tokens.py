"""Issuing tokens: opaque values, stored as SHA-256, with their answer (RFC 6749, 5.1; decision 13)."""

from dataclasses import dataclass, replace
from typing import Any

from csc_server.activation.messages import Activated
from csc_server.storage.ports.web import CodeRow, TokenKind, TokenRow
from csc_server.values import ClientId, SignerId
from csc_server.web.authorization.authorization_request import CREDENTIAL, SERVICE
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.secret_values import new_secret, secret_hash


@dataclass(frozen=True)
class TokenOwner:
    """Whose tokens they are; both ids may be None, not at once (auth/login has no client).

    `confirmation` names the key they are bound to, as in `TokenRow`.
    """

    client_id: ClientId | None
    signer_id: SignerId | None
    face: str
    family_id: str
    origin: str = "oauth2"
    confirmation: str = ""


@dataclass(frozen=True)
class IssuedTokens:
    """Rows to store and the answer that holds the values; the values stand nowhere else."""

    rows: tuple[TokenRow, ...]
    answer: dict[str, Any]

    def __repr__(self) -> str:
        return "IssuedTokens(...)"


def service_tokens(
    context: AuthorizationContext,
    owner: TokenOwner,
    *,
    with_refresh: bool,
    refresh_until: int = 0,
    scope: str = SERVICE,
) -> IssuedTokens:
    """Make an access token of scope service and, if asked, a refresh token.

    Args:
        context: clock and lifetimes.
        owner: whose tokens.
        with_refresh: make a refresh token too.
        refresh_until: its end, in seconds since the epoch; a rotated token ends with its family's first one.
        scope: of the tokens, where it is another one.
    """
    now, limits = context.clock.seconds(), context.settings.limits
    access = new_secret()
    rows = [_row(owner, access, TokenKind.ACCESS, now, now + limits.service_token_lifetime, scope)]
    answer: dict[str, Any] = {
        "access_token": access,
        "token_type": token_type(owner.face, SERVICE, rows[0].confirmation),
        "expires_in": limits.service_token_lifetime,
    }
    if with_refresh:
        refresh = new_secret()
        until = refresh_until or now + limits.refresh_token_lifetime
        rows.append(_row(owner, refresh, TokenKind.REFRESH, now, until, scope))
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
        confirmation=owner.confirmation,
    )
    answer: dict[str, Any] = {
        "access_token": token,
        "token_type": token_type(row.face, row.scope, row.confirmation),
        "expires_in": activated.expires_in,
    }
    if owner.face != Face.V1:
        answer["credentialID"] = activated.credential_id
    if code.request.get("details"):
        answer["authorization_details"] = [code.request["details"]]
    return IssuedTokens((row,), answer)


def custody_token(context: AuthorizationContext, owner: TokenOwner, code: CodeRow) -> IssuedTokens:
    """Make an access token for one creation or deletion that its signer agreed to (CSC 2.2.0.0, 11.4 and 11.5).

    It lives as long as an approval and has no refresh token; for a deletion it names its credential.
    """
    now, token, lifetime = context.clock.seconds(), new_secret(), context.settings.limits.approval_lifetime
    row = replace(
        _row(owner, token, TokenKind.ACCESS, now, now + lifetime, code.scope), credential_id=code.credential_id
    )
    answer: dict[str, Any] = {
        "access_token": token,
        "token_type": token_type(row.face, row.scope, row.confirmation),
        "expires_in": lifetime,
    }
    if code.request.get("details"):
        answer["authorization_details"] = [code.request["details"]]
    return IssuedTokens((row,), answer)


def token_type(face: str, scope: str, confirmation: str) -> str:
    """Return what the client is told of a token's use (RFC 9449, 5; decision 5).

    1.0.4.0 has the type SAD for scope credential, whatever the token is bound to.
    """
    if face == Face.V1 and scope == CREDENTIAL:
        return "SAD"
    return "DPoP" if confirmation.startswith("jkt:") else "Bearer"


def _row(owner: TokenOwner, token: str, kind: TokenKind, issued_at: int, expires_at: int, scope: str) -> TokenRow:
    return TokenRow(
        token_hash=secret_hash(token),
        kind=kind,
        family_id=owner.family_id,
        client_id=owner.client_id,
        signer_id=owner.signer_id,
        scope=scope,
        face=owner.face,
        origin=owner.origin,
        issued_at=issued_at,
        expires_at=expires_at,
        confirmation=owner.confirmation,
    )
