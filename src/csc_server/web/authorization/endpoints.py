"""oauth2/authorize, oauth2/token and oauth2/revoke under both API versions, as a Flask blueprint.

The faces differ in names of parameters and token types only (decision 16); a third face with
RFC dialect, and pushed requests, fit beside them.
"""

from flask import Blueprint, Response, request

from csc_server.values import ApiVersion
from csc_server.web.authorization.authorize import begin_authorization
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.parameters import read_endpoint, read_query
from csc_server.web.authorization.revocation import answer_revocation
from csc_server.web.authorization.server import Server
from csc_server.web.authorization.token_endpoint import answer_token_request, make_server
from csc_server.web.http.responses import json_response, no_content

FOUND = 302
"""Some applications read the Location of authorize themselves and know this status only (rule O2)."""


def blueprint(context: AuthorizationContext) -> Blueprint:
    """Return the endpoints; errors are raised and rendered by `web/http/problems.py`."""
    server = make_server(context)
    endpoints = Blueprint("oauth2", __name__)
    for face in ApiVersion:
        _add_face(endpoints, server, face)
    endpoints.after_request(_never_stored)
    return endpoints


def _add_face(endpoints: Blueprint, server: Server, face: ApiVersion) -> None:
    base = f"/csc/{face}/oauth2"

    def authorize() -> Response:
        location = begin_authorization(server, face, read_query(request.query_string))
        return _found(location)

    def token() -> Response:
        answer = answer_token_request(server, face, _header(), read_endpoint(request))
        return json_response(answer.body, answer.status)

    def revoke() -> Response:
        answer_revocation(server.context, face, _header(), read_endpoint(request))
        return no_content()

    endpoints.add_url_rule(
        f"{base}/authorize", f"authorize_{face}", authorize, methods=["GET"], provide_automatic_options=False
    )
    endpoints.add_url_rule(f"{base}/token", f"token_{face}", token, methods=["POST"], provide_automatic_options=False)
    endpoints.add_url_rule(
        f"{base}/revoke", f"revoke_{face}", revoke, methods=["POST"], provide_automatic_options=False
    )


def _header() -> str | None:
    header: str | None = request.environ.get("HTTP_AUTHORIZATION")
    return header


def _found(location: str) -> Response:
    """Redirect without a page: the body of Werkzeug's would repeat the URL."""
    response = Response(status=FOUND)
    response.headers["Location"] = location
    return response


def _never_stored(response: Response) -> Response:
    """RFC 6749, 5.1: neither answers nor redirects with secrets are kept anywhere."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
