"""One browser's visit to one interaction: found, bound, in its step, with its session.

The record moves by compare-and-set; whoever loses a race reads it again (see `authorization/interactions.py`).
"""

from dataclasses import dataclass, replace

from csc_server.errors import CscServerError, ProblemError
from csc_server.storage.ports.web import InteractionRow, SessionRow
from csc_server.web.authorization.account_tokens import use_account
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.authorization.authorize import reread_request
from csc_server.web.authorization.carried_requests import is_carried, read_carried, stored_under
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.interactions import Step, new_interaction
from csc_server.web.authorization.secret_values import is_secret, secret_hash
from csc_server.web.authorization.server import Server

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
    """An open interaction in the browser it belongs to; `session` is the live session of that browser, if any.

    `address` is the last part of its page's address. A record of version 0 is not stored: so far it is only what
    the address carries.
    """

    row: InteractionRow
    request: AuthorizationRequest
    browser_secret: str
    session: SessionRow | None
    address: str

    def __repr__(self) -> str:
        return f"Visit(step={self.row.step!r})"


def open_visit(server: Server, address: str, browser_secret: str, session: SessionRow | None) -> Visit:
    """Return the visit, binding an interaction that no browser opened yet to this one.

    Raises:
        PageError: unknown, of another browser, expired, or answered already; made up, where the address carries it.
    """
    if is_carried(address):
        return _carried_visit(server, address, browser_secret, session)
    context, interaction_id = server.context, address
    row = _open_row(context, interaction_id)
    if not row.browser_hash:
        bound = replace(row, browser_hash=secret_hash(browser_secret), version=row.version + 1)
        context.store.change_interaction(bound, row.version)
        row = _open_row(context, interaction_id)
    if row.browser_hash != secret_hash(browser_secret):
        raise PageError("foreign", 400)
    return _visit(row, browser_secret, session, address)


def resume_visit(server: Server, address: str, browser_secret: str, session: SessionRow | None) -> Visit:
    """Return the visit of a browser that opened the page before: a form never binds.

    Raises:
        PageError: as `open_visit`.
    """
    if not browser_secret:
        raise PageError("foreign", 400)
    if is_carried(address):
        return _carried_visit(server, address, browser_secret, session)
    row = _open_row(server.context, address)
    if row.browser_hash != secret_hash(browser_secret):
        raise PageError("foreign", 400)
    return _visit(row, browser_secret, session, address)


def _carried_visit(server: Server, address: str, browser_secret: str, session: SessionRow | None) -> Visit:
    """Return what became of a carried request in this browser, or the request itself, which is stored nowhere yet."""
    interaction_id = stored_under(address, browser_secret)
    row = server.context.store.interaction(interaction_id)
    if row is not None:
        return _visit(_still_open(server.context, row), browser_secret, session, address)
    try:
        request = reread_request(server, read_carried(address))
    except ProblemError as error:
        raise PageError("malformed", 400) from error
    row = new_interaction(server.context, request, interaction_id)
    row = replace(row, browser_hash=secret_hash(browser_secret), version=0)
    return Visit(row, request, browser_secret, session, address)


def _visit(row: InteractionRow, browser_secret: str, session: SessionRow | None, address: str) -> Visit:
    return Visit(row, AuthorizationRequest.stored(row.client_id, row.request), browser_secret, session, address)


def _open_row(context: AuthorizationContext, interaction_id: str) -> InteractionRow:
    row = context.store.interaction(interaction_id) if is_secret(interaction_id) else None
    if row is None:
        raise PageError("foreign", 400)
    return _still_open(context, row)


def _still_open(context: AuthorizationContext, row: InteractionRow) -> InteractionRow:
    if row.step not in OPEN_STEPS:
        raise PageError("finished", 410)
    if row.expires_at <= context.clock.seconds():
        raise PageError("expired", 410)
    return row


def advance(context: AuthorizationContext, visit: Visit, **changes: object) -> Visit:
    """Return the visit with a changed record; a carried one is stored with the login that it got.

    Raises:
        PageError: the record moved meanwhile, in another tab.
    """
    row = replace(visit.row, **changes, version=visit.row.version + 1)  # type: ignore[arg-type]  # fields by name
    if not visit.row.version:
        _store_carried(context, row)
    elif not context.store.change_interaction(row, visit.row.version):
        raise PageError("finished", 410)
    return replace(visit, row=row)


def _store_carried(context: AuthorizationContext, row: InteractionRow) -> None:
    """Store the record of a carried request that a signer logged in for; a refusal before that leaves nothing."""
    if not row.session_hash:
        return
    account = AuthorizationRequest.stored(row.client_id, row.request).account
    if account is not None and not use_account(context, row.client_id, account):
        raise PageError("finished", 410)
    if not context.store.add_interaction(row):
        raise PageError("finished", 410)
