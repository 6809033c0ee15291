"""In whose words an endpoint refuses: CSC's tables, or RFC 6749, 5.2 (decision 16).

The checks raise CSC's rows. What a row says otherwise than the RFCs stands here once, as what the RFCs say.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from csc_server.errors import ProblemError
from csc_server.values import ClientProfile
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.faces import Face

CHALLENGE = {"WWW-Authenticate": 'Basic realm="oauth2"'}
"""RFC 6749, 5.2: a 401 names a scheme that the client may use."""

CLIENT_FAILED = "Client authentication failed"

_UNSUPPORTED_GRANT = "Invalid parameter grant_type"
_NO_CLIENT = frozenset({"Missing parameter client_id", "Invalid parameter client_id"})
"""Rows of CSC 1.0.4.0, 8.3.3 for which RFC 6749, 5.2 has codes of its own."""


def invalid_client() -> ProblemError:
    """Return the one answer of the RFCs to a client that is unknown, disabled or not who it says (OA-16)."""
    return ProblemError(401, "invalid_client", CLIENT_FAILED, dict(CHALLENGE))


class Dialect:
    """The words for one request; it learns of the client while the request is checked."""

    def __init__(self, face: Face) -> None:
        self.is_rfc = face is Face.RFC

    def learn(self, client: RegisteredClient | None) -> None:
        """Speak the words of the RFCs to a client of profile fapi2 on every face (decision 4)."""
        if client is not None and client.row.profile is ClientProfile.FAPI2:
            self.is_rfc = True

    @contextmanager
    def authentication(self) -> Iterator[None]:
        """Turn what says that a client is not who it says, and only that, into `invalid_client`."""
        try:
            yield
        except ProblemError as problem:
            if self.is_rfc and problem.error != "invalid_client":
                raise invalid_client() from problem
            raise

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Turn the other rows in which CSC's tables and the RFCs differ."""
        try:
            yield
        except ProblemError as problem:
            if not self.is_rfc:
                raise
            raise _in_words_of_rfc(problem) from problem.__cause__


def _in_words_of_rfc(problem: ProblemError) -> ProblemError:
    if problem.description in _NO_CLIENT:
        return invalid_client()
    if problem.description == _UNSUPPORTED_GRANT:
        return ProblemError(400, "unsupported_grant_type", "The grant type is not supported")
    if problem.error == "unauthorized_client":
        return ProblemError(400, "unauthorized_client", problem.description)
    return problem
