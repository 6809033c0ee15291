"""Ports of web's store: clients, accounts, sessions, interactions, codes, tokens, web's audit chain.

Secrets stand here only as SHA-256 of a 256-bit value (OA-15), as salted SHA-256 (OA-16) or as argon2id.
Every method is one transaction; times `*_at` are whole seconds since the epoch, UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.jobs import SignatureJobStore
from csc_server.storage.ports.rates import RateStore
from csc_server.values import ApprovalId, ClientId, ClientProfile, CredentialId, SignerId, TokenBinding


@dataclass(frozen=True)
class ClientRow:
    """A registered OAuth client. `secret_hash` is SHA-256(salt || secret), empty for a public client.

    `redirect_uris` are compared exactly; `grant_types` and `scopes` list what it may ask;
    `auth_methods` is client_secret_basic, client_secret_post or both, or exactly one other (OA-10). `jwks` is a
    JWK Set of public keys (RFC 7517, 5), empty without; `tls_subject` is `<name of RFC 8705, 2.1.2>=<value>`, for
    example `tls_client_auth_san_dns=app.example`, else empty. `rate_factor` multiplies the limits that its
    requests stand under (IN-21). `account_token_key` is the sealed key of its account tokens, None where it brings none
    (decision 18).
    """

    client_id: ClientId
    name: str
    profile: ClientProfile
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    auth_methods: tuple[str, ...]
    secret_salt: bytes = b""
    secret_hash: bytes = b""
    disabled: bool = False
    jwks: dict[str, Any] = field(default_factory=dict)
    tls_subject: str = ""
    token_binding: TokenBinding = TokenBinding.NONE
    rate_factor: int = 1
    account_token_key: bytes | None = None


@dataclass(frozen=True)
class AccountRow:
    """A login account of a signer; `password_verifier` is an argon2id PHC string, `totp_seed` may be empty."""

    username: str
    signer_id: SignerId
    password_verifier: str
    totp_seed: bytes = b""
    totp_last_step: int = 0
    failures: int = 0
    locked_until: int = 0
    disabled: bool = False


@dataclass(frozen=True)
class SessionRow:
    """A signer's login in a browser (AU-09)."""

    session_hash: bytes
    username: str
    signer_id: SignerId
    csrf: str
    auth_at: int
    seen_at: int
    expires_at: int


@dataclass(frozen=True)
class InteractionRow:
    """A browser's way through login and consent: the stored record of one authorization request.

    `request` is the validated request as JSON members; `browser_hash` is SHA-256 of the cookie of the
    browser that opened it first, empty until then; `approval_id` is set once the signer process opened the
    transaction; `step` names the page.
    """

    interaction_id: str
    client_id: ClientId
    step: str
    request: dict[str, Any]
    created_at: int
    expires_at: int
    browser_hash: bytes = b""
    session_hash: bytes = b""
    approval_id: ApprovalId | None = None
    version: int = 1


@dataclass(frozen=True)
class PushedRequestRow:
    """A pushed authorization request (RFC 9126); `handle_hash` is SHA-256 of the secret in its `request_uri`.

    `request` is the validated request as JSON members; `used_at` is set by the signer's decision.
    """

    handle_hash: bytes
    client_id: ClientId
    request: dict[str, Any]
    created_at: int
    expires_at: int
    used_at: int = 0


@dataclass(frozen=True)
class CodeRow:
    """An authorization code (RFC 6749, 4.1.2); `code_hash` is SHA-256 of it, `family_id` names what it gives."""

    code_hash: bytes
    client_id: ClientId
    redirect_uri: str
    redirect_uri_given: bool
    code_challenge: str
    scope: str
    signer_id: SignerId
    family_id: str
    expires_at: int
    request: dict[str, Any] = field(default_factory=dict)
    approval_id: ApprovalId | None = None
    credential_id: CredentialId | None = None
    used_at: int = 0


class TokenKind(StrEnum):
    """What a token is for."""

    ACCESS = "access_token"
    REFRESH = "refresh_token"


@dataclass(frozen=True)
class TokenRow:
    """An access or refresh token. `face` is v1, v2 or rfc: where it was asked for.

    `signer_id` is None for a client-credentials token. `replaced_at` marks a rotated refresh token: using
    it again is reuse (OA-13). `origin` is `oauth2` or `login` (auth/login). `confirmation` names the key that
    the token is bound to as `<method of RFC 7800>:<thumbprint>`, empty for a bearer token.
    """

    token_hash: bytes
    kind: TokenKind
    family_id: str
    client_id: ClientId | None
    signer_id: SignerId | None
    scope: str
    face: str
    origin: str
    issued_at: int
    expires_at: int
    credential_id: CredentialId | None = None
    approval_id: ApprovalId | None = None
    revoked_at: int = 0
    replaced_at: int = 0
    confirmation: str = ""


class ClientStore(Protocol):
    def client(self, client_id: ClientId) -> ClientRow | None: ...

    def put_client(self, row: ClientRow) -> None:
        """Insert or replace a client."""


class AccountStore(Protocol):
    def account(self, username: str) -> AccountRow | None: ...

    def put_account(self, row: AccountRow) -> None:
        """Insert or replace an account."""

    def begin_login(
        self, username: str, now: int, *, temporary: int, permanent: int, lock_seconds: int
    ) -> AccountRow | None:
        """Count a failure before the password is compared; None when unknown or locked (AU-06)."""

    def pass_login(self, username: str, totp_step: int = 0) -> bool:
        """Clear the failures; False when `totp_step` was used already."""


class SessionStore(Protocol):
    def insert_session(self, row: SessionRow) -> None: ...

    def session(self, session_hash: bytes) -> SessionRow | None: ...

    def touch_session(self, session_hash: bytes, seen_at: int) -> None: ...

    def delete_session(self, session_hash: bytes) -> None: ...

    def insert_interaction(self, row: InteractionRow) -> None: ...

    def add_interaction(self, row: InteractionRow) -> bool:
        """Insert an interaction; False when there is one of this id."""

    def interaction(self, interaction_id: str) -> InteractionRow | None: ...

    def change_interaction(self, row: InteractionRow, expected_version: int) -> bool:
        """Write a changed interaction, version raised by the caller; False when it moved meanwhile."""


class PushedRequestStore(Protocol):
    def insert_pushed_request(self, row: PushedRequestRow) -> None: ...

    def pushed_request(self, handle_hash: bytes) -> PushedRequestRow | None: ...

    def use_pushed_request(self, handle_hash: bytes, now: int) -> bool:
        """Use up a handle by one conditional UPDATE; False when it was used before or never existed."""


class GrantStore(Protocol):
    def insert_code(self, row: CodeRow) -> None: ...

    def redeem_code(self, code_hash: bytes, now: int) -> tuple[CodeRow | None, bool]:
        """Consume a code by one conditional UPDATE; return (row or None, whether this call was the first)."""

    def insert_tokens(self, rows: Sequence[TokenRow], details: dict[str, Any] | None = None) -> None:
        """Insert the tokens of one answer; `details` are the authorization_details that the first one stands for."""

    def granted_details(self, token_hash: bytes) -> dict[str, Any] | None:
        """Return what `insert_tokens` noted of a token: looked at by introspection only, so kept beside the row."""

    def token(self, token_hash: bytes) -> TokenRow | None: ...

    def rotate_refresh_token(self, token_hash: bytes, now: int, successors: Sequence[TokenRow]) -> bool:
        """Mark a live refresh token replaced and insert its successors; False when it was not live."""

    def revoke_token(self, token_hash: bytes, now: int) -> bool:
        """Revoke one token; False for one that was revoked before, so that of many who use it up one succeeds."""

    def revoke_family(self, family_id: str, now: int) -> list[TokenRow]:
        """Revoke every live token of a family and return them.

        A token stored for the family later is revoked from the start.
        """


class ReplayStore(Protocol):
    def use_once(self, id_hash: bytes, expires_at: int) -> bool:
        """Note that an identifier was used; False when it was used before. The row may go when it has expired."""


class WebAuditStore(Protocol):
    def append_audit(self, rows: Sequence[AuditRow]) -> None: ...

    def chain_head(self, writer: str) -> ChainHead: ...


class WebStore(
    ClientStore,
    AccountStore,
    SessionStore,
    PushedRequestStore,
    GrantStore,
    ReplayStore,
    RateStore,
    SignatureJobStore,
    WebAuditStore,
    Protocol,
):
    """All of web's store."""
