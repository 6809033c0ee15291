"""The OAuth 2.0 endpoints under each of their faces, as a Flask blueprint (decision 16)."""

from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from csc_server.web.authorization.authorize import begin_authorization
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.endpoint_request import EndpointRequest
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.introspection import answer_introspection
from csc_server.web.authorization.metadata import WELL_KNOWN, describe_server
from csc_server.web.authorization.parameters import read_endpoint, read_query
from csc_server.web.authorization.pushed_requests import push_request
from csc_server.web.authorization.revocation import answer_revocation
from csc_server.web.authorization.server import Server
from csc_server.web.authorization.token_endpoint import answer_token_request, make_server
from csc_server.web.http.responses import json_response, no_content

CREATED = 201
FOUND = 302
"""Some applications read the Location of authorize themselves and know this status only (rule O2)."""


def blueprint(context: AuthorizationContext) -> Blueprint:
    """Return the endpoints; errors are raised and rendered by `web/http/problems.py`."""
    server = make_server(context)
    endpoints = Blueprint("oauth2", __name__)
    for face in Face:
        _add_face(endpoints, server, face)
    endpoints.before_request(partial(_count, context))
    _add_metadata(endpoints, context)
    endpoints.after_request(_never_stored)
    return endpoints


def _add_face(endpoints: Blueprint, server: Server, face: Face) -> None:
    def authorize() -> Response:
        location = begin_authorization(server, face, read_query(request.query_string))
        return _found(location)

    def token() -> Response:
        answer = answer_token_request(server, _asked("oauth2/token", face))
        return json_response(answer.body, answer.status)

    def revoke() -> Response:
        is_rfc = answer_revocation(server.context, _asked("oauth2/revoke", face))
        return json_response({}) if is_rfc else no_content()

    def pushed_authorize() -> Response:
        return json_response(push_request(server, _asked("oauth2/pushed_authorize", face)), CREATED)

    def introspect() -> Response:
        return json_response(answer_introspection(server.context, _asked("oauth2/introspect", face)))

    views = {"authorize": authorize, "token": token, "revoke": revoke}
    if face is not Face.V1:  # 1.0.4.0 has no such endpoint
        views["pushed_authorize"] = pushed_authorize
    if face is Face.RFC:  # CSC has none
        views["introspect"] = introspect
    for name, view in views.items():
        verb = "GET" if name == "authorize" else "POST"
        endpoints.add_url_rule(
            f"{face.path}/{name}", f"{name}_{face}", view, methods=[verb], provide_automatic_options=False
        )


def _add_metadata(endpoints: Blueprint, context: AuthorizationContext) -> None:
    document = describe_server(context.settings)
    path = WELL_KNOWN + urlsplit(context.issuer).path

    def metadata() -> Response:
        return json_response(document)

    endpoints.add_url_rule(path, "metadata", metadata, methods=["GET"], provide_automatic_options=False)


def _asked(method: str, face: Face) -> EndpointRequest:
    return EndpointRequest(method, face, request.environ.get("HTTP_AUTHORIZATION"), read_endpoint(request))


def _count(context: AuthorizationContext) -> None:
    """Anybody may GET a page; the rest has a client, which is counted as soon as it has proved to be (IN-21)."""
    if request.method == "GET":
        context.limits.open_request()
    else:
        context.limits.stranger()


def _found(location: str) -> Response:
    """Redirect without a page: the body of Werkzeug's would repeat the URL."""
    response = Response(status=FOUND)
    response.headers["Location"] = location
    return response


def _never_stored(response: Response) -> Response:
    """RFC 6749, 5.1: neither answers nor redirects with secrets are kept anywhere; RFC 9126, 2.2 adds a word."""
    response.headers["Cache-Control"] = "no-cache, no-store" if response.status_code == CREATED else "no-store"
    response.headers["Pragma"] = "no-cache"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
