"""The authorization server's context and a client with a key, for targets below the HTTP endpoints."""

from dataclasses import replace

from csc_server.values import ClientId, ClientProfile
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from fakes.rate_limits import unlimited
from fakes.web_application import WebApplication, client
from fuzz.keys import JWK


def context() -> AuthorizationContext:
    fake = WebApplication()
    limits = unlimited(fake.store, fake.audit, fake.clock)
    return AuthorizationContext(fake.store, fake.activation, fake.audit, fake.clock, fake.settings, limits)


def assertion_client(client_id: str) -> RegisteredClient:
    row = replace(
        client(ClientId(client_id), ClientProfile.FAPI2), auth_methods=("private_key_jwt",),
        jwks={"keys": [JWK | {"kid": "k"}]},
    )  # fmt: skip
    return RegisteredClient(row)
