"""Reads the browser's request, moves the interaction, renders the next page or redirects."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request

from csc_server.activation.parts import Evidence
from csc_server.errors import CscServerError, RefusedError, UnavailableError
from csc_server.storage.ports.web import SessionRow
from csc_server.web.authorization.authorization_request import CUSTODY_SCOPES, SERVICE
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.interactions import Step
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.refusals import count_stranger
from csc_server.web.authorization.secret_values import new_secret
from csc_server.web.authorization.server import Server
from csc_server.web.http.rate_limits import TooManyRequestsError
from csc_server.web.interaction import decisions
from csc_server.web.interaction.assets import Assets
from csc_server.web.interaction.certificate_view import view_certificate
from csc_server.web.interaction.consent_view import SigningView, view_signing
from csc_server.web.interaction.cookies import Cookies
from csc_server.web.interaction.evidence_form import field_of, read_evidence
from csc_server.web.interaction.headers import protect, see_other
from csc_server.web.interaction.languages import choose_language, language_query
from csc_server.web.interaction.posted_forms import logged_in_signer, posted_form
from csc_server.web.interaction.protection import csrf_token, is_token
from csc_server.web.interaction.rendering import Renderer
from csc_server.web.interaction.sessions import end_session, live_session, start_session
from csc_server.web.interaction.texts import Texts
from csc_server.web.interaction.visits import PageError, Visit, open_visit, resume_visit


class Desk:
    """The pages over one context; it keeps nothing between requests."""

    def __init__(self, context: AuthorizationContext, server: Server, login: PasswordLogin, assets: Assets) -> None:
        self._context = context
        self._server = server
        self._login = login
        self._pages = Renderer(assets, context.settings.name)
        self._cookies = Cookies.of(context.settings)
        parts = urlsplit(context.issuer)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def show(self, interaction_id: str) -> Response:
        """GET: the page of the step the interaction is in."""
        browser_secret = self._cookies.read(request, self._cookies.browser) or new_secret()
        visit = open_visit(self._server, interaction_id, browser_secret, self._session())
        visit = self._in_its_step(visit)
        session = visit.session
        if visit.row.step == Step.LOGIN or session is None:
            response = self._login_page(visit)
        else:
            try:
                visit = decisions.open_transaction(self._context, visit, session)
            except decisions.Returned as returned:
                return see_other(returned.location)
            response = self._consent_page(visit, session)
        self._cookies.write(response, self._cookies.browser, browser_secret)
        return response

    def _in_its_step(self, visit: Visit) -> Visit:
        """Skip login for a live session, and ask for it again where the session behind a consent is gone."""
        if visit.row.step == Step.CONSENT:
            if visit.session is None or visit.session.session_hash != visit.row.session_hash:
                return decisions.leave_consent(self._context, visit)
            return visit
        session, asked = visit.session, visit.request
        if session is not None and not asked.must_log_in and asked.may_log_in(session.username, session.signer_id):
            return decisions.enter_consent(self._context, visit, session)
        return visit

    def log_in(self, interaction_id: str) -> Response:
        """POST: user name, password and maybe a code; a wrong one shows the page again."""
        visit, form = self._posted(interaction_id, Step.LOGIN)
        if form.get("decision") == "refuse":
            return see_other(decisions.refuse(self._context, visit))
        username = form.get("username", "")
        signer_id = logged_in_signer(self._login, form)
        if signer_id is None or not visit.request.may_log_in(username, signer_id):
            return self._login_page(visit, username=username, error="login_wrong")
        replaced = self._cookies.read(request, self._cookies.session)
        session_id, session = start_session(self._context, username, signer_id, replaced)
        decisions.enter_consent(self._context, visit, session)
        response = see_other(self._address(visit))
        self._cookies.write(response, self._cookies.session, session_id)
        return response

    def decide(self, interaction_id: str) -> Response:
        """POST: approve with the evidence asked for, or refuse with none."""
        visit, form = self._posted(interaction_id, Step.CONSENT)
        session = self._own_session(visit)
        if form.get("decision") != "approve":
            return see_other(decisions.refuse(self._context, visit))
        evidence, errors = _evidence(visit, form)
        if errors:
            return self._consent_page(visit, session, errors)
        decisions.count_evidence(self._context, visit, session)
        try:
            return see_other(decisions.approve(self._server, visit, session, evidence))
        except decisions.Returned as returned:
            return see_other(returned.location)
        except RefusedError as error:
            return self._consent_page(visit, session, [decisions.TRY_AGAIN[error.refusal]])

    def switch_account(self, interaction_id: str) -> Response:
        """POST: log out, and ask for another account."""
        visit, _ = self._posted(interaction_id, Step.CONSENT)
        self._own_session(visit)
        decisions.leave_consent(self._context, visit)
        end_session(self._context, self._cookies.read(request, self._cookies.session))
        response = see_other(self._address(visit))
        self._cookies.clear(response, self._cookies.session)
        return response

    def explain(self, error: CscServerError) -> Response:
        """Render an error as a page; what it does not know says only that the request was not right."""
        name, status = "malformed", HTTPStatus.BAD_REQUEST.value
        if isinstance(error, PageError):
            name, status = error.name, error.status
            try:
                count_stranger("interaction", name)
            except UnavailableError as away:  # what is raised here has no handler left (AD-05, IN-06)
                return self.explain(away)
        elif isinstance(error, UnavailableError | TooManyRequestsError):
            name, status = "unavailable", _status_of(error)
        texts = Texts(choose_language(request, ""))
        response = self._pages.render(
            "message.html", texts, status, heading=texts(f"{name}_title"), text=texts(f"{name}_text")
        )
        if isinstance(error, UnavailableError | TooManyRequestsError):
            response.headers["Retry-After"] = str(max(1, error.retry_after))
        return response

    def _posted(self, interaction_id: str, step: Step) -> tuple[Visit, dict[str, str]]:
        """Return the visit and the form of a post that our own page made (AU-10)."""
        form = posted_form(request, self._origin)
        browser_secret = self._cookies.read(request, self._cookies.browser)
        visit = resume_visit(self._server, interaction_id, browser_secret, self._session())
        if visit.row.step != step:
            raise PageError("forbidden", 403)
        if not is_token(self._token(visit), form.get("csrf_token", "")):
            raise PageError("forbidden", 403)
        return visit, form

    def _own_session(self, visit: Visit) -> SessionRow:
        """Return the session in which the consent page was shown; no other may answer it."""
        if visit.session is None or visit.session.session_hash != visit.row.session_hash:
            raise PageError("forbidden", 403)
        return visit.session

    def _session(self) -> SessionRow | None:
        return live_session(self._context, self._cookies.read(request, self._cookies.session))

    def _token(self, visit: Visit) -> str:
        """Bind consent forms to their session; the login form comes before there is one."""
        session = visit.session if visit.row.step == Step.CONSENT else None
        return csrf_token(visit.browser_secret, visit.row, session)

    def _login_page(self, visit: Visit, *, username: str = "", error: str = "") -> Response:
        status = HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK
        errors = [("", error)] if error else []
        return self._page("login.html", visit, status.value, errors, username=username)

    def _consent_page(self, visit: Visit, session: SessionRow, errors: list[str] | None = None) -> Response:
        status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
        placed = [(field_of(key), key) for key in errors or []]
        more: dict[str, object] = {"username": session.username, "is_locked": "locked" in (errors or [])}
        if visit.request.scope == SERVICE:
            minutes = -(-self._context.settings.limits.service_token_lifetime // 60)
            return self._page("service.html", visit, status.value, placed, minutes=minutes, **more)
        if visit.request.scope in CUSTODY_SCOPES:
            more["credential_to_delete"] = visit.request.credential_to_delete
            return self._page("custody.html", visit, status.value, placed, **more)
        return self._page("signing.html", visit, status.value, placed, **more)

    def _signing_view(self, visit: Visit, texts: Texts) -> SigningView | None:
        shown = visit.row.request.get("begun")
        if shown is None:
            return None
        return view_signing(
            visit.request,
            tuple(shown["objects"]),
            view_certificate(decisions.shown_certificate(visit)),
            shown["expires_at"],
            self._context.settings.limits.sad_total_lifetime,
            texts,
        )

    def _page(
        self,
        template: str,
        visit: Visit,
        status: int,
        errors: list[tuple[str, str]],
        **values: Any,  # noqa: ANN401 template values
    ) -> Response:
        texts = Texts(choose_language(request, visit.request.language))
        client = self._context.store.client(visit.row.client_id)
        response = self._pages.render(
            template,
            texts,
            status,
            address=self._address(visit),
            csrf_token=self._token(visit),
            client_name=client.name if client else visit.row.client_id,
            client_id=visit.row.client_id,
            description=visit.request.description,
            errors=[(field, texts(key)) for field, key in errors],
            signing=self._signing_view(visit, texts),
            **values,
        )
        return protect(response, visit.request.redirect_uri)

    def _address(self, visit: Visit) -> str:
        return f"{self._context.issuer}/interaction/{visit.address}{language_query(request)}"


def _evidence(visit: Visit, form: dict[str, str]) -> tuple[Evidence, list[str]]:
    shown = visit.row.request.get("begun") or {"objects": []}
    return read_evidence(shown["objects"], form)


def _status_of(error: UnavailableError | TooManyRequestsError) -> int:
    """Return 429 for too many requests, 503 for what is away."""
    return error.status if isinstance(error, TooManyRequestsError) else HTTPStatus.SERVICE_UNAVAILABLE.value
