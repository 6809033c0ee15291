"""Runs one row of the table: authorization, body, checks in order, handler, answer; and who audits a refusal."""

from collections.abc import Callable

from flask import Blueprint, Response

from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError, RefusedError
from csc_server.values import ApiVersion
from csc_server.web.api.access import Gate
from csc_server.web.api.call import Call, Services
from csc_server.web.api.table import ENDPOINTS, NOT_IMPLEMENTED, Endpoint
from csc_server.web.http.body import read_members
from csc_server.web.http.params import Parameters
from csc_server.web.http.peer import address_block
from csc_server.web.http.responses import json_response, no_content

LOGIN_FAILED = "authentication_error"
"""The code of a login that `PasswordLogin` refused and audited."""

NOT_IMPLEMENTED_TEXT = "This server does not offer the method"


def blueprint(services: Services) -> Blueprint:
    """Return the routes of both versions: `/csc/v1/<method>` and `/csc/v2/<method>`."""
    routes = Blueprint("csc", __name__)
    gate = Gate(services)
    for endpoint in ENDPOINTS:
        for version in endpoint.versions:
            _route(routes, version, endpoint.method, endpoint.verbs, _view(services, gate, endpoint, version))
    for version, methods in NOT_IMPLEMENTED.items():
        for method in methods:
            _route(routes, version, method, ("GET", "POST"), _not_implemented)
    return routes


def _route(
    routes: Blueprint, version: ApiVersion, method: str, verbs: tuple[str, ...], view: Callable[[], Response]
) -> None:
    routes.add_url_rule(
        f"/csc/{version.value}/{method}",
        f"{version.value}:{method}",
        view,
        methods=verbs,
        provide_automatic_options=False,
    )


def _view(services: Services, gate: Gate, endpoint: Endpoint, version: ApiVersion) -> Callable[[], Response]:
    scopes = endpoint.scopes[version]

    def view() -> Response:
        call = Call(services, version, Parameters({}), None)
        try:
            if scopes:
                call.access = gate.enter(version, endpoint.method, scopes)
            return _run(call, endpoint)
        except ProblemError as problem:
            _record_refusal(call, endpoint, problem)
            raise

    return view


def _run(call: Call, endpoint: Endpoint) -> Response:
    members = read_members(may_be_empty_array=endpoint.may_be_empty_array)
    lenient = call.access is not None and call.access.takes_other_dialect
    call.parameters = Parameters(members, text_booleans=lenient)
    arguments = endpoint.arguments(**{name: check(call) for name, check in endpoint.checks})
    answer = endpoint.handler(call, arguments)
    return no_content() if answer is None else json_response(answer)


def _record_refusal(call: Call, endpoint: Endpoint, problem: ProblemError) -> None:
    """Audit what web refused: one record for a known caller, a count for a stranger (decision 14).

    What the signer refused it has audited itself: a RefusedError, or a problem made of one. A failed login
    has a record of its own too.
    """
    if isinstance(problem.__cause__, RefusedError) or problem.error == LOGIN_FAILED:
        return
    if call.access is None:
        call.services.strangers.count(f"{endpoint.method}: {problem.description}", address_block())
        return
    token = call.access.token
    call.services.authorization.record(
        Event.REQUEST_REFUSED,
        Outcome.REFUSED,
        method=endpoint.method,
        face=call.version.value,
        error=problem.error,
        reason=problem.description,
        client_id=token.client_id,
        signer_id=token.signer_id,
    )


def _not_implemented() -> Response:
    raise ProblemError(501, "not_implemented", NOT_IMPLEMENTED_TEXT)
