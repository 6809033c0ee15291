"""The three grants at the token endpoint: authorization code, client credentials, refresh token.

RFC 6749, 4.1.3, 4.4 and 6; CSC 1.0.4.0, 8.3.3; OA-01 to OA-03, OA-13, OA-18.
"""

from typing import Any

from authlib.oauth2.rfc6749 import grants

from csc_server.activation.messages import Activate, Activated, VoidApproval
from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError, RefusedError
from csc_server.storage.ports.web import CodeRow, TokenKind, TokenRow
from csc_server.values import ClientProfile, SignerId
from csc_server.web.authorization.authorization_request import CUSTODY_SCOPES, SERVICE
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext, caller
from csc_server.web.authorization.details import read_details
from csc_server.web.authorization.proof_key import check_verifier
from csc_server.web.authorization.secret_values import is_secret, new_secret, secret_hash
from csc_server.web.authorization.server import INVALID_SCOPE, NOT_AUTHORIZED, GrantRequest, Server
from csc_server.web.authorization.token_binding import require_key_of_code, require_key_of_refresh_token
from csc_server.web.authorization.tokens import IssuedTokens, TokenOwner, activated_token, custody_token, service_tokens

EXPIRED_CODE = "Authorization code is invalid or expired"
REDIRECT_DIFFERS = "redirect_uri parameter does not match redirect_uri parameter of authorization request"


def invalid_grant(description: str) -> ProblemError:
    return ProblemError(400, "invalid_grant", description)


def redeem_code(context: AuthorizationContext, code: str) -> CodeRow | None:
    """Consume a code by one conditional update before anything else is checked (OA-03).

    A second redemption kills what the first one gave before it is answered: tokens here, the approval and
    every SAD of it in the signer process (RFC 6749, 4.1.2; decision 26 d).
    """
    row, is_first = context.store.redeem_code(secret_hash(code), context.clock.seconds())
    if row is None or is_first:
        return row
    context.store.revoke_family(row.family_id, context.clock.seconds())
    if row.approval_id is not None:
        context.activation.void_approval(VoidApproval(caller(row.client_id, row.signer_id), row.approval_id))
    context.record(Event.CODE_REUSED, Outcome.FAILURE, client_id=row.client_id, signer_id=row.signer_id)
    return None


class StoredCode:
    """A consumed code with the questions Authlib asks."""

    def __init__(self, row: CodeRow) -> None:
        self.row = row

    def get_redirect_uri(self) -> str:
        """Say nothing: the comparison, with its text, is made where the code is looked up."""
        return ""

    def get_scope(self) -> str:
        return self.row.scope


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib publishes no types
    """RFC 6749, 4.1, with PKCE, rich authorization details and the signer process behind scope credential."""

    request: GrantRequest
    server: Server

    def generate_authorization_code(self) -> str:
        return new_secret()

    def save_authorization_code(self, code: str, request: GrantRequest) -> None:
        context, asked, interaction = self.server.context, request.authorization, request.interaction
        if asked is None or interaction is None:
            raise ProblemError(400, "invalid_request")
        context.store.insert_code(
            CodeRow(
                code_hash=secret_hash(code),
                client_id=asked.client_id,
                redirect_uri=asked.redirect_uri,
                redirect_uri_given=asked.redirect_uri_given,
                code_challenge=asked.code_challenge,
                scope=asked.scope,
                signer_id=request.user,
                family_id=interaction.interaction_id,
                expires_at=context.clock.seconds() + context.settings.limits.code_lifetime,
                request={"details": asked.details, "dpop_jkt": asked.dpop_jkt},
                approval_id=interaction.approval_id,
                credential_id=asked.transaction.credential_id if asked.transaction else asked.credential_to_delete,
            )
        )
        request.issued_code = code

    def query_authorization_code(self, code: str, client: RegisteredClient) -> StoredCode:
        """Return the code this request consumed, if it is this client's, in time, and the proofs fit."""
        row = self.request.redemption
        if not is_secret(code):
            raise invalid_grant("Invalid parameter code")
        context = self.server.context
        if row is None or row.client_id != client.row.client_id or row.expires_at <= context.clock.seconds():
            raise invalid_grant(EXPIRED_CODE)
        redirect_uri = self.request.form.get("redirect_uri", "")
        if (row.redirect_uri_given or redirect_uri) and redirect_uri != row.redirect_uri:
            raise invalid_grant(REDIRECT_DIFFERS)
        check_verifier(row.code_challenge, self.request.form.get("code_verifier", ""))
        require_key_of_code(row.request.get("dpop_jkt", ""), self.request.confirmation)
        self._check_details(row)
        return StoredCode(row)

    def _check_details(self, row: CodeRow) -> None:
        """Repeated details are fine if they mean the same, in whatever base64 (interoperability rules O11, R1)."""
        text = self.request.form.get("authorization_details", "")
        if not text:
            return
        try:
            repeated = read_details(text, max_hashes=self.server.context.settings.limits.hashes_per_request).echo
        except ProblemError as error:
            raise invalid_grant("Invalid parameter authorization_details") from error
        granted = dict(row.request.get("details") or {})
        if "credentialID" not in repeated:  # the server chose it, and the client need not know
            granted.pop("credentialID", None)
        if repeated | {"type": ""} != granted | {"type": ""}:
            raise invalid_grant("authorization_details differ from the authorization request")

    def authenticate_user(self, authorization_code: StoredCode) -> SignerId:
        return authorization_code.row.signer_id

    def generate_token(self, user: SignerId, scope: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401 Authlib's arguments
        """Issue what the code is worth: a service token with its refresh token, or a token with a SAD behind it."""
        context, row, client = self.server.context, self.request.authorization_code.row, self.request.client
        bound_to = self.request.confirmation
        owner = TokenOwner(client.row.client_id, user, self.request.face.value, row.family_id, confirmation=bound_to)
        if scope == SERVICE:
            issued = service_tokens(context, owner, with_refresh=client.check_grant_type("refresh_token"))
            context.store.insert_tokens(issued.rows)
        elif scope in CUSTODY_SCOPES:
            issued = custody_token(context, owner, row)
            context.store.insert_tokens(issued.rows, row.request.get("details"))
        else:
            issued = self._activate(row, owner)
        context.record(
            Event.TOKEN_ISSUED,
            Outcome.SUCCESS,
            client_id=row.client_id,
            profile=client.row.profile.value,
            signer_id=row.signer_id,
            scope=row.scope,
        )
        return issued.answer

    def _activate(self, row: CodeRow, owner: TokenOwner) -> IssuedTokens:
        """Have the SAD minted that the token stands for, then store the token.

        Of parallel redemptions the one that consumed the code is answered with a token even if another has
        killed its family meanwhile: the store then keeps it dead from the start, as a moment later it would be.
        """
        context, token = self.server.context, new_secret()
        if row.approval_id is None or row.credential_id is None:
            raise invalid_grant(EXPIRED_CODE)
        request = Activate(caller(row.client_id, row.signer_id), row.approval_id, secret_hash(token))
        try:
            activated = context.activation.activate(request)
        except RefusedError as error:
            dead = Activated(row.credential_id, context.settings.limits.sad_lifetime)
            issued = activated_token(context, owner, row, token, dead)
            if not self._is_overtaken(issued):
                raise invalid_grant(EXPIRED_CODE) from error
            return issued
        issued = activated_token(context, owner, row, token, activated)
        context.store.insert_tokens(issued.rows, row.request.get("details"))
        return issued

    def _is_overtaken(self, issued: IssuedTokens) -> bool:
        """Store a token that no SAD stands behind; tell whether its family was dead already, and end it in any case."""
        store, now = self.server.context.store, self.server.context.clock.seconds()
        token_hash = issued.rows[0].token_hash
        store.insert_tokens(issued.rows)
        stored = store.token(token_hash)
        store.revoke_token(token_hash, now)
        return stored is not None and stored.revoked_at > 0

    def save_token(self, token: dict[str, Any]) -> None:
        """Do nothing: `generate_token` stored the rows before it made the answer."""

    def delete_authorization_code(self, authorization_code: StoredCode) -> None:
        """Do nothing: the code was consumed first of all."""


class ClientCredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib publishes no types
    """RFC 6749, 4.4: a service token that no signer logged in for."""

    request: GrantRequest
    server: Server

    def validate_requested_scope(self) -> None:
        client = self.request.client
        if client.is_public:
            raise ProblemError(401, "unauthorized_client", NOT_AUTHORIZED)
        scope = self.request.form.get("scope", SERVICE)
        if scope not in {SERVICE, *CUSTODY_SCOPES} or client.get_allowed_scope(scope) is None:
            raise ProblemError(400, "invalid_scope", INVALID_SCOPE)

    def generate_token(self, **_: Any) -> dict[str, Any]:  # noqa: ANN401 Authlib's arguments
        context, client_id = self.server.context, self.request.client.row.client_id
        profile = self.request.client.row.profile.value
        bound_to = self.request.confirmation
        owner = TokenOwner(client_id, None, self.request.face.value, new_secret(), confirmation=bound_to)
        scope = self.request.form.get("scope", SERVICE)
        issued = service_tokens(context, owner, with_refresh=False, scope=scope)
        context.store.insert_tokens(issued.rows)
        context.record(Event.TOKEN_ISSUED, Outcome.SUCCESS, client_id=client_id, profile=profile, scope=scope)
        return issued.answer

    def save_token(self, token: dict[str, Any]) -> None:
        """Do nothing: `generate_token` stored the row before it made the answer."""


class StoredRefreshToken:
    """A live refresh token with the questions Authlib asks."""

    def __init__(self, row: TokenRow) -> None:
        self.row = row

    def check_client(self, client: RegisteredClient) -> bool:
        return self.row.client_id == client.row.client_id

    def get_scope(self) -> str:
        return self.row.scope


class RefreshTokenGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib publishes no types
    """RFC 6749, 6, with rotation: each refresh token is used once, a second use ends its family (OA-13)."""

    request: GrantRequest
    server: Server

    def authenticate_refresh_token(self, refresh_token: str) -> StoredRefreshToken:
        context = self.server.context
        row = context.store.token(secret_hash(refresh_token))
        client_id = self.request.client.row.client_id
        if row is None or row.kind is not TokenKind.REFRESH or row.client_id != client_id or row.origin != "oauth2":
            raise invalid_grant("Invalid parameter refresh_token")
        if row.replaced_at:
            end_family(context, row)
        if row.revoked_at or row.replaced_at:
            raise invalid_grant("Invalid parameter refresh_token")
        if row.expires_at <= context.clock.seconds():
            raise invalid_grant("Refresh token expired")
        require_key_of_refresh_token(row, self.request.confirmation)
        return StoredRefreshToken(row)

    def authenticate_user(self, refresh_token: StoredRefreshToken) -> SignerId | None:
        return refresh_token.row.signer_id

    def issue_token(self, user: SignerId, refresh_token: StoredRefreshToken) -> dict[str, Any]:
        """Rotate in one transaction; of parallel uses one wins, and the others end the family.

        The refresh token of a fapi2 client is bound to the client's key and stays as it is (OA-13; FAPI 2.0
        Security Profile, 5.3.2.1).
        """
        context, row = self.server.context, refresh_token.row
        bound_to = self.request.confirmation
        owner = TokenOwner(row.client_id, user, self.request.face.value, row.family_id, confirmation=bound_to)
        stays = self.request.client.row.profile is ClientProfile.FAPI2
        issued = service_tokens(context, owner, with_refresh=not stays, refresh_until=row.expires_at)
        if stays:
            context.store.insert_tokens(issued.rows)
        elif not context.store.rotate_refresh_token(row.token_hash, context.clock.seconds(), issued.rows):
            end_family(context, row)
            raise invalid_grant("Invalid parameter refresh_token")
        context.record(
            Event.TOKEN_REFRESHED, Outcome.SUCCESS, client_id=row.client_id, signer_id=row.signer_id, scope=row.scope
        )
        return issued.answer

    def save_token(self, token: dict[str, Any]) -> None:
        """Do nothing: `issue_token` stored the rows before it made the answer."""

    def revoke_old_credential(self, refresh_token: StoredRefreshToken) -> None:
        """Do nothing: the rotation replaced it."""


def end_family(context: AuthorizationContext, row: TokenRow) -> None:
    """Revoke every token of a family whose refresh token was used twice (RFC 9700, 4.14.2)."""
    context.store.revoke_family(row.family_id, context.clock.seconds())
    context.record(Event.REFRESH_REUSED, Outcome.FAILURE, client_id=row.client_id, signer_id=row.signer_id)
