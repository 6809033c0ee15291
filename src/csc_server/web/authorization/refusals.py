"""The audit of what the OAuth 2.0 endpoints refuse (decision 14).

One record for a client that proved who it is; a count for a stranger, so that nobody can fill the audit.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError, RefusedError
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.faces import Face
from csc_server.web.http.peer import address_block
from csc_server.web.http.rate_limits import TooManyRequestsError
from csc_server.web.http.stranger_refusals import STRANGERS, StrangerRefusals


def count_stranger(method: str, error: str) -> None:
    """Count a refusal of a caller who has not proved who it is; `error` is a code or one of our texts, never input."""
    strangers: StrangerRefusals | None = current_app.extensions.get(STRANGERS)
    if strangers is not None:
        strangers.count(f"{method}: {error}", address_block())


@contextmanager
def strangers(method: str) -> Iterator[None]:
    """Count a ProblemError that passes, and let it pass."""
    try:
        yield
    except TooManyRequestsError:
        raise
    except ProblemError as problem:
        count_stranger(method, problem.description or problem.error)
        raise


@contextmanager
def known_client(context: AuthorizationContext, method: str, face: Face, client: RegisteredClient) -> Iterator[None]:
    """Audit a ProblemError that passes, unless the signer process refused and audited it itself.

    Anybody may send the name of a public client, so what is refused there is a stranger's.
    """
    try:
        yield
    except ProblemError as problem:
        if client.is_public:
            count_stranger(method, problem.description or problem.error)
        elif not isinstance(problem, TooManyRequestsError) and not isinstance(problem.__cause__, RefusedError):
            context.record(
                Event.REQUEST_REFUSED,
                Outcome.REFUSED,
                method=method,
                face=face.value,
                error=problem.error,
                reason=problem.description,
                client_id=client.row.client_id,
            )
        raise
