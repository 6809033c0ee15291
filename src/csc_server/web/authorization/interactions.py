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
    """Store a checked authorization request and return its record, bound to no browser yet.

    The first browser that opens the page gets it: some applications ask for the page's address server-side
    and hand it on (interoperability rule O2).
    """
    now = context.clock.seconds()
    row = InteractionRow(
        interaction_id=new_secret(),
        client_id=request.client_id,
        step=Step.LOGIN,
        request=request.members(),
        created_at=now,
        expires_at=now + context.settings.limits.interaction_lifetime,
    )
    context.store.insert_interaction(row)
    return row
