"""JSON answers and the headers that every answer carries."""

from typing import Any

from flask import Response

from csc_server.web.http.peer import request_id
from csc_server.wire import dump_json


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """Return a JSON answer; interoperability rules A1 and A2."""
    return Response(dump_json(body), status, content_type="application/json;charset=UTF-8")


def no_content() -> Response:
    """Return 204 with neither body nor media type (A18)."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def add_headers(response: Response) -> Response:
    """Forbid storing and sniffing, and name the request; a view's own Cache-Control stands (RFC 6749, 5.1)."""
    headers = response.headers
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Request-ID"] = request_id()
    return response
