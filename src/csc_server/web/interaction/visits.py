"""One browser's visit to one interaction: found, bound, in its step, with its session.

The record moves by compare-and-set; whoever loses a race reads it again (see `authorization/interactions.py`).
"""

from dataclasses import dataclass, replace

from csc_server.errors import CscServerError
from csc_server.storage.ports.web import InteractionRow, SessionRow
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.interactions import Step
from csc_server.web.authorization.secret_values import is_secret, secret_hash

OPEN_STEPS = frozenset({Step.LOGIN, Step.CONSENT})


class PageError(CscServerError):
    """A page that says why there is nothing to do; `name` is the prefix of its texts.

    Args:
        name: `expired`, `finished`, `foreign`, `forbidden` or `malformed`.
        status: HTTP status code.
    """

    def __init__(self, name: str, status: int) -> None:
        super().__init__(name)
        self.name = name
        self.status = status


@dataclass(frozen=True)
class Visit:
    """An open interaction in the browser it belongs to; `session` is the live session of that browser, if any."""

    row: InteractionRow
    request: AuthorizationRequest
    browser_secret: str
    session: SessionRow | None

    def __repr__(self) -> str:
        return f"Visit(step={self.row.step!r})"


def open_visit(
    context: AuthorizationContext, interaction_id: str, browser_secret: str, session: SessionRow | None
) -> Visit:
    """Return the visit, binding an interaction that no browser opened yet to this one.

    Raises:
        PageError: unknown, of another browser, expired, or answered already.
    """
    row = _open_row(context, interaction_id)
    if not row.browser_hash:
        bound = replace(row, browser_hash=secret_hash(browser_secret), version=row.version + 1)
        context.store.change_interaction(bound, row.version)
        row = _open_row(context, interaction_id)
    if row.browser_hash != secret_hash(browser_secret):
        raise PageError("foreign", 400)
    request = AuthorizationRequest.stored(row.client_id, row.request)
    return Visit(row, request, browser_secret, session)


def resume_visit(
    context: AuthorizationContext, interaction_id: str, browser_secret: str, session: SessionRow | None
) -> Visit:
    """Return the visit of a browser that opened the page before: a form never binds.

    Raises:
        PageError: as `open_visit`.
    """
    row = _open_row(context, interaction_id)
    if not browser_secret or row.browser_hash != secret_hash(browser_secret):
        raise PageError("foreign", 400)
    return Visit(row, AuthorizationRequest.stored(row.client_id, row.request), browser_secret, session)


def _open_row(context: AuthorizationContext, interaction_id: str) -> InteractionRow:
    row = context.store.interaction(interaction_id) if is_secret(interaction_id) else None
    if row is None:
        raise PageError("foreign", 400)
    if row.step not in OPEN_STEPS:
        raise PageError("finished", 410)
    if row.expires_at <= context.clock.seconds():
        raise PageError("expired", 410)
    return row


def advance(context: AuthorizationContext, visit: Visit, **changes: object) -> Visit:
    """Return the visit with a changed record.

    Raises:
        PageError: the record moved meanwhile, in another tab.
    """
    row = replace(visit.row, **changes, version=visit.row.version + 1)  # type: ignore[arg-type]  # fields by name
    if not context.store.change_interaction(row, visit.row.version):
        raise PageError("finished", 410)
    return replace(visit, row=row)
