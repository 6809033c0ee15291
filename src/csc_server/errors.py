"""The one family of errors of this distribution.

`web/http/problems.py` is the only place that turns one into an HTTP answer; the command line prints its
message and its advice. A message may reach a caller, so it never holds a secret; the private cause travels
as `__cause__`.
"""

from csc_server.values import Refusal


class CscServerError(Exception):
    """Base of every error this distribution raises on purpose.

    Args:
        message: One sentence that may be shown to the caller.
        advice: One sentence on what to do next, for people at a terminal.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class ProblemError(CscServerError):
    """An answer that the API prescribes: HTTP status, `error` and `error_description` (CSC 1.0.4.0, 10.1).

    Args:
        status: HTTP status code.
        error: The wire code, for example `invalid_request`.
        description: The text, word for word from the table of errors.
        headers: Further response headers, for example `WWW-Authenticate`.
    """

    def __init__(self, status: int, error: str, description: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(description or error)
        self.status = status
        self.error = error
        self.description = description
        self.headers = headers or {}


class MalformedInputError(CscServerError):
    """Bytes from outside that do not follow their format (IN-01 to IN-03)."""


class RefusedError(CscServerError):
    """The signer refuses an operation for a reason that the caller may know."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        super().__init__(message or refusal.value)
        self.refusal = refusal


class UnavailableError(CscServerError):
    """A part of the service does not answer now; the same request may succeed later (503, Retry-After).

    Args:
        component: `signer`, `device`, `database`, `audit` or `clock`.
        retry_after: Seconds to wait.
        is_spent: What was authorized for this request is used up: the same request cannot succeed later.
    """

    def __init__(self, component: str, message: str = "", *, retry_after: int = 2, is_spent: bool = False) -> None:
        super().__init__(message or f"{component} is not available")
        self.is_spent = is_spent
        self.component = component
        self.retry_after = retry_after


class ConfigurationError(CscServerError):
    """Settings that must not run; `faults` lists all of them, one sentence each."""

    def __init__(self, faults: list[str], *, advice: str = "") -> None:
        super().__init__("; ".join(faults), advice=advice)
        self.faults = faults
