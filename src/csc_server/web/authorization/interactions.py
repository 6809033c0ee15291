"""The stored record of an authorization request and its steps.

login -> consent -> done | refused | failed, and back from consent to login. A step changes by compare-and-set only.
"""

from enum import StrEnum

from csc_server.storage.ports.web import InteractionRow
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.secret_values import new_secret


class Step(StrEnum):
    """Where a signer stands. `DONE` gave a code, `REFUSED` and `FAILED` an error."""

    LOGIN = "login"
    CONSENT = "consent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


def start_interaction(context: AuthorizationContext, request: AuthorizationRequest) -> InteractionRow:
    """Store a pushed request and return its record, bound to no browser yet.

    The first browser that opens the page gets it: some applications ask for the page's address server-side
    and hand it on (interoperability rule O2).
    """
    row = new_interaction(context, request, new_secret())
    context.store.insert_interaction(row)
    return row


def new_interaction(
    context: AuthorizationContext, request: AuthorizationRequest, interaction_id: str
) -> InteractionRow:
    """Return the record of a checked request at its first step; nothing is stored."""
    now = context.clock.seconds()
    return InteractionRow(
        interaction_id=interaction_id,
        client_id=request.client_id,
        step=Step.LOGIN,
        request=request.members(),
        created_at=now,
        expires_at=now + context.settings.limits.interaction_lifetime,
    )
