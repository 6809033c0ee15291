"""The stored record of an authorization request: its steps, and the mark of a code redeemed twice.

login -> consent -> done | refused | failed; any of these -> reused. A step changes by compare-and-set only.
"""

from dataclasses import replace
from enum import StrEnum

from csc_server.storage.ports.web import InteractionRow
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.secret_values import new_secret


class Step(StrEnum):
    """Where a signer stands. `DONE` gave a code, `REFUSED` and `FAILED` an error; `REUSED` killed its code."""

    LOGIN = "login"
    CONSENT = "consent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    REUSED = "reused"


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


def mark_reused(context: AuthorizationContext, interaction_id: str) -> None:
    """Write into the record, for good, that its code was redeemed twice."""
    while (row := context.store.interaction(interaction_id)) is not None and row.step != Step.REUSED:
        context.store.change_interaction(replace(row, step=Step.REUSED, version=row.version + 1), row.version)


def is_reused(context: AuthorizationContext, interaction_id: str) -> bool:
    """Tell whether the code was redeemed twice; a record that is gone counts as such."""
    row = context.store.interaction(interaction_id)
    return row is None or row.step == Step.REUSED
