"""What the authorization server and the signer's pages are built from; `web/app.py` fills it in."""

from dataclasses import dataclass

from csc_server.activation.parts import Caller
from csc_server.activation.port import Activation
from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.clock import Clock
from csc_server.settings import WebSettings
from csc_server.storage.ports.web import WebStore
from csc_server.values import ClientId, SignerId
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.web.http.peer import address_block, request_id
from csc_server.web.http.rate_limits import RequestLimits
from csc_server.wire import Json


@dataclass(frozen=True)
class AuthorizationContext:
    """The ports and settings that every module of `authorization` and `interaction` works with."""

    store: WebStore
    activation: Activation
    audit: AuditLog
    clock: Clock
    settings: WebSettings
    limits: RequestLimits
    seed_key: SeedKey | None = None

    @property
    def issuer(self) -> str:
        """The `iss` of every authorization response (RFC 9207, 2; decision 16)."""
        return self.settings.base_url.rstrip("/")

    def record(self, event: Event, outcome: Outcome, **fields: Json) -> None:
        """Audit what a request did, with its id and its peer's network (AD-02); only inside a request."""
        self.audit.record(event, outcome, request_id=request_id(), address=address_block(), **fields)


def caller(client_id: ClientId, signer_id: SignerId | None) -> Caller:
    """Return who asks, for a message to the signer process; only inside a request."""
    return Caller(client_id, signer_id, request_id(), address_block())
