"""The OpenAPI documents of both versions: `/csc/v1/openapi.json` and `/csc/v2/openapi.json` (OpenAPI 3.1).

They are written in specs/openapi; tools/openapi.py makes the JSON that stands here as package data.
"""

from importlib import resources
from typing import Any

from flask import Blueprint, Response

from csc_server.values import ApiVersion
from csc_server.wire import parse_object

AN_HOUR = 3600
"""Seconds that a document may be kept: it changes with a release only."""


def document_text(version: ApiVersion) -> bytes:
    """Return the JSON text of a version's document."""
    return resources.files(__package__).joinpath("openapi", f"csc-{version}.json").read_bytes()


def read_document(version: ApiVersion) -> dict[str, Any]:
    """Return a version's document."""
    return parse_object(document_text(version))


def blueprint() -> Blueprint:
    """Return the routes of the documents."""
    routes = Blueprint("openapi", __name__)
    for version in ApiVersion:
        _add(routes, version)
    return routes


def _add(routes: Blueprint, version: ApiVersion) -> None:
    def send() -> Response:
        response = Response(document_text(version), content_type="application/json;charset=UTF-8")
        response.headers["Cache-Control"] = f"public, max-age={AN_HOUR}"
        return response

    path = f"/csc/{version}/openapi.json"
    routes.add_url_rule(path, str(version), send, methods=["GET"], provide_automatic_options=False)
