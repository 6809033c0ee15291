"""What every request passes, whatever serves it: headers of the answer, and a line in the log."""

import time

import structlog
from flask import Flask, Response, g, request

from csc_server.web.http.body import read_what_is_left
from csc_server.web.http.peer import request_id
from csc_server.web.http.responses import add_headers

BAD_REQUEST = 400
SLOW = 1.0
"""Seconds from which a request that succeeded is logged too; the reverse proxy's log has all of them."""

_log = structlog.get_logger("csc_server.web")


def install(app: Flask, *, is_https: bool, logs_all: bool) -> None:
    """Add the hooks to an application.

    Args:
        app: before its first request.
        is_https: whether clients reach it over TLS: Strict-Transport-Security.
        logs_all: log requests that succeeded, too.
    """

    def start() -> None:
        g.started = time.perf_counter()

    def finish(response: Response) -> Response:
        if response.status_code >= BAD_REQUEST:
            read_what_is_left()
        add_headers(response)
        if is_https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        seconds = time.perf_counter() - g.get("started", 0.0)
        if logs_all or response.status_code >= BAD_REQUEST or seconds >= SLOW:
            _write_line(response.status_code, seconds)
        return response

    app.before_request(start)
    app.after_request(finish)


def _write_line(status: int, seconds: float) -> None:
    rule = request.url_rule
    _log.info(
        "request",
        method=request.method,
        path=rule.rule if rule else "",
        status=status,
        milliseconds=round(seconds * 1000, 2),
        request_id=request_id(),
    )
