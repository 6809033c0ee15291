"""Sessions of signers in browsers: server-side records with an idle and an absolute limit (AU-09)."""

from csc_server.storage.ports.web import SessionRow
from csc_server.values import SignerId
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.secret_values import new_secret, secret_hash


def start_session(
    context: AuthorizationContext, username: str, signer_id: SignerId, replaced: str
) -> tuple[str, SessionRow]:
    """Store a new session under a new id, end the browser's old one, and return its id and record."""
    end_session(context, replaced)
    now = context.clock.seconds()
    session_id = new_secret()
    row = SessionRow(
        session_hash=secret_hash(session_id),
        username=username,
        signer_id=signer_id,
        csrf=new_secret(),
        auth_at=now,
        seen_at=now,
        expires_at=now + context.settings.limits.session_absolute,
    )
    context.store.insert_session(row)
    return session_id, row


def live_session(context: AuthorizationContext, session_id: str) -> SessionRow | None:
    """Return the session of a cookie, neither idle too long nor over, and note that it was seen."""
    row = context.store.session(secret_hash(session_id)) if session_id else None
    if row is None:
        return None
    now = context.clock.seconds()
    if row.expires_at <= now or row.seen_at + context.settings.limits.session_idle <= now:
        context.store.delete_session(row.session_hash)
        return None
    context.store.touch_session(row.session_hash, now)
    return row


def end_session(context: AuthorizationContext, session_id: str) -> None:
    """Forget a session, if there is one."""
    if session_id:
        context.store.delete_session(secret_hash(session_id))
