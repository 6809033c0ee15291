"""The one place that turns an error into an HTTP answer (CSC 1.0.4.0, 10.1; interoperability rule A2).

Every failure is JSON with `error` and `error_description`: our own errors, what Werkzeug raises for unknown
paths and wrong verbs, and the unexpected, which says nothing of itself to the caller (IN-06).
"""

from collections.abc import Callable

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from csc_server.errors import MalformedInputError, ProblemError, RefusedError, UnavailableError
from csc_server.web.http.peer import request_id
from csc_server.web.http.responses import json_response

INVALID_REQUEST = (
    "The request is missing a required parameter, includes an invalid parameter value, includes a parameter more "
    "than once, or is otherwise malformed."
)
SERVER_ERROR = (
    "The authorization server encountered an unexpected condition that prevented it from fulfilling the request."
)
TEMPORARILY_UNAVAILABLE = (
    "The authorization server is currently unable to handle the request due to a temporary overloading or "
    "maintenance of the server."
)
SPENT = "The device failed after the authorization was used up: no signature was made, and the hashes need a new one."
"""No table has a row for it; with the text above a client would try again in vain."""

_HTTP_TEXTS = {
    404: "There is nothing at this path",
    405: "The method does not take this HTTP verb",
    413: "The request is too large",
    415: "The Content-Type must be application/json",
    429: "Too many requests",
}
_log = structlog.get_logger("csc_server.web")


def invalid_request(description: str = INVALID_REQUEST) -> ProblemError:
    """Return the 400 `invalid_request` with a text of the tables."""
    return ProblemError(400, "invalid_request", description)


def unavailable_problem(error: UnavailableError) -> ProblemError:
    """Return the 503 that asks to come back (RL-04, RL-05)."""
    headers = {"Retry-After": str(max(1, error.retry_after))}
    text = SPENT if error.is_spent else TEMPORARILY_UNAVAILABLE
    return ProblemError(503, "temporarily_unavailable", text, headers)


def problem_response(problem: ProblemError) -> Response:
    """Return the HTTP answer of a problem."""
    body = {"error": problem.error}
    if problem.description:
        body["error_description"] = problem.description
    response = json_response(body, problem.status)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def install(app: Flask, translate: Callable[[RefusedError], ProblemError]) -> None:
    """Register the renderer for everything a view can raise; `translate` knows the texts of refusals."""
    app.register_error_handler(ProblemError, problem_response)
    app.register_error_handler(RefusedError, lambda error: problem_response(translate(error)))
    app.register_error_handler(UnavailableError, _unavailable)
    app.register_error_handler(MalformedInputError, lambda _: problem_response(invalid_request()))
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(Exception, unexpected)


def http_problem(error: HTTPException) -> Response:
    """Return the JSON answer for what Werkzeug raised; `Allow` survives (RFC 9110, 15.5.6)."""
    status = error.code or 500
    if status >= 500:  # noqa: PLR2004 a class of status codes, RFC 9110 15.6
        return unexpected(error)
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    text = _HTTP_TEXTS.get(status, INVALID_REQUEST)
    return problem_response(ProblemError(max(status, 400), "invalid_request", text, headers))


def unexpected(error: Exception) -> Response:
    """Log where it happened, never what was in the message (AD-08), and answer 500 without detail."""
    log_unexpected(error)
    return problem_response(ProblemError(500, "server_error", SERVER_ERROR))


def log_unexpected(error: Exception) -> None:
    """Log the places that an error came through, and its kind."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('csc_server/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    _log.error("unexpected", error=type(error).__name__, frames=frames[-12:], request_id=request_id())


def _unavailable(error: UnavailableError) -> Response:
    _log.warning("unavailable", component=error.component, request_id=request_id())
    return problem_response(unavailable_problem(error))
