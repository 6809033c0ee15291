"""Runs one row of the table: authorization, body, checks in order, handler, answer; and who audits a refusal."""

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response

from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError, RefusedError
from csc_server.values import ApiVersion, CredentialId
from csc_server.web.api.access import Gate
from csc_server.web.api.call import Accepted, Call, Created, Services
from csc_server.web.api.table import ENDPOINTS, NOT_IMPLEMENTED, Endpoint
from csc_server.web.http.body import read_members
from csc_server.web.http.params import Parameters
from csc_server.web.http.peer import address_block
from csc_server.web.http.rate_limits import TooManyRequestsError
from csc_server.web.http.responses import json_response, no_content

LOGIN_FAILED = "authentication_error"
"""The code of a login that `PasswordLogin` refused and audited."""

FIRST_REFUSAL = 400
"""A status below is no refusal: 202 says that there is no result yet."""

NOT_IMPLEMENTED_TEXT = "This server does not offer the method"


def blueprint(services: Services) -> Blueprint:
    """Return the routes of both versions: `/csc/v1/<method>` and `/csc/v2/<method>`."""
    routes = Blueprint("csc", __name__)
    gate = Gate(services)
    for endpoint in ENDPOINTS:
        for version in endpoint.versions:
            if endpoint.is_offered(services.settings):
                _route(routes, version, endpoint.method, endpoint.verbs, _view(services, gate, endpoint, version))
            else:
                _route(routes, version, endpoint.method, ("GET", "POST"), _not_implemented)
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
    scopes, limits = endpoint.scopes[version], services.authorization.limits

    def view() -> Response:
        call = Call(services, version, Parameters({}), None)
        try:
            if scopes:
                limits.stranger()
                call.access = gate.enter(version, endpoint.method, scopes)
                call.count(limits)
            else:
                limits.open_request()
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
    if endpoint.brings_evidence:
        call.count_evidence(getattr(arguments, "credential_id", CredentialId("")))
    answer = endpoint.handler(call, arguments)
    if isinstance(answer, Accepted):
        return json_response(answer.members, HTTPStatus.ACCEPTED)
    if isinstance(answer, Created):
        return json_response(answer.members, HTTPStatus.CREATED)
    return no_content() if answer is None else json_response(answer)


def _record_refusal(call: Call, endpoint: Endpoint, problem: ProblemError) -> None:
    """Audit what web refused: one record for a known caller, a count for a stranger (decision 14).

    What the signer refused it has audited itself: a RefusedError, or a problem made of one. A failed login
    has a record of its own too, and what ran into a rate limit is counted there.
    """
    audited = isinstance(problem, TooManyRequestsError) or isinstance(problem.__cause__, RefusedError)
    if audited or problem.error == LOGIN_FAILED or problem.status < FIRST_REFUSAL:
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
