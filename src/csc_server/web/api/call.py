"""What a handler gets: the services of the process, the version asked, the caller and the parameters."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from csc_server.activation.parts import Caller
from csc_server.activation.port import Activation
from csc_server.clock import Clock
from csc_server.errors import ProblemError
from csc_server.settings import WebSettings
from csc_server.storage.ports.web import ClientRow, TokenRow, WebStore
from csc_server.values import ApiVersion, ClientId, ClientProfile, CredentialId, SignerId
from csc_server.web.api.signature_jobs import SignatureJobs
from csc_server.web.api.timestamp_authority import TimestampAuthority
from csc_server.web.api.waiting import SignerWait
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.certificate_issuer import CertificateIssuer
from csc_server.web.fetch import Fetcher
from csc_server.web.http.params import Parameters
from csc_server.web.http.peer import address_block, request_id
from csc_server.web.http.rate_limits import RequestLimits
from csc_server.web.http.stranger_refusals import StrangerRefusals

LOGIN_CLIENT = ClientId("auth/login")
"""The client that the signer is told of for tokens of auth/login, which no OAuth client asked for."""


class Scope(StrEnum):
    """The scopes of CSC 1.0.4.0, 8.3.2, and 2.2's for custody; a token has exactly one."""

    SERVICE = "service"
    CREDENTIAL = "credential"
    CREATION = "credential-creation"
    DELETION = "credential-deletion"


@dataclass(frozen=True)
class Services:
    """The adapters of the web process, built once by `app.py`."""

    authorization: AuthorizationContext
    password_login: PasswordLogin
    strangers: StrangerRefusals
    methods: dict[ApiVersion, tuple[str, ...]]
    fetcher: Fetcher
    jobs: SignatureJobs
    timestamps: TimestampAuthority | None
    issuer: CertificateIssuer | None = None
    waiting: SignerWait = field(default_factory=SignerWait)

    @property
    def settings(self) -> WebSettings:
        return self.authorization.settings

    @property
    def clock(self) -> Clock:
        return self.authorization.clock

    @property
    def store(self) -> WebStore:
        return self.authorization.store

    @property
    def activation(self) -> Activation:
        return self.authorization.activation


@dataclass(frozen=True, slots=True)
class Accepted:
    """An answer with status 202: it is under way, and the members say how to ask for it."""

    members: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """An answer with status 201: the members tell of what there is now."""

    members: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """A live access token that came in the Authorization header; `client` is None for auth/login."""

    secret: str
    token: TokenRow
    client: ClientRow | None

    def __repr__(self) -> str:
        return "Access(...)"

    @property
    def is_credential_scope(self) -> bool:
        return self.token.scope == Scope.CREDENTIAL

    @property
    def rate_factor(self) -> int:
        return self.client.rate_factor if self.client is not None else 1

    @property
    def takes_other_dialect(self) -> bool:
        """Whether the client's profile has the leniencies R14 and R15 (decision 4)."""
        return self.client is not None and self.client.profile is ClientProfile.CSC1


@dataclass(slots=True)
class Call:
    """One request to one endpoint, past its authorization."""

    services: Services
    version: ApiVersion
    parameters: Parameters
    access: Access | None

    @property
    def authorized(self) -> Access:
        """The caller's token; only endpoints whose row asks for a token read it."""
        if self.access is None:
            raise ProblemError(401, "invalid_token")
        return self.access

    @property
    def signer_id(self) -> SignerId | None:
        return self.authorized.token.signer_id

    def count(self, limits: RequestLimits) -> None:
        """Count the request for its client and its signer, see `RequestLimits.request`."""
        access = self.authorized
        limits.request(access.token.client_id, access.token.signer_id, access.rate_factor)

    def count_evidence(self, credential_id: CredentialId) -> None:
        """Count the request as one that brings secrets, see `RequestLimits.evidence`."""
        token = self.authorized.token
        limits = self.services.authorization.limits
        limits.evidence(token.client_id, token.signer_id, credential_id, self.authorized.rate_factor)

    def caller(self) -> Caller:
        """Return who asks, as the signer is told."""
        token = self.authorized.token
        return Caller(token.client_id or LOGIN_CLIENT, token.signer_id, request_id(), address_block())
