"""The page on which a signer sees what applications ask of him, approves or refuses it (CSC 1.0.4.0, 11.6; AU-11).

It serves requests whose client waits or asks again, where no browser leads from one to the other. Web shows and
hands on: PIN and code go to the signer process, which counts and compares. Refusing needs no evidence.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request

from csc_server.activation.parts import Evidence
from csc_server.activation.pending_messages import AnswerPending, ListPending, PendingApproval
from csc_server.audit.events import Event, Outcome
from csc_server.errors import RefusedError
from csc_server.storage.ports.web import SessionRow
from csc_server.values import ClientId, Refusal
from csc_server.web.authorization.context import AuthorizationContext, caller
from csc_server.web.authorization.login import PasswordLogin
from csc_server.web.authorization.secret_values import new_secret
from csc_server.web.interaction.assets import Assets
from csc_server.web.interaction.certificate_view import view_certificate
from csc_server.web.interaction.consent_view import SigningView, moment_of, view_transaction
from csc_server.web.interaction.cookies import Cookies
from csc_server.web.interaction.decisions import TRY_AGAIN
from csc_server.web.interaction.evidence_form import field_of, read_evidence
from csc_server.web.interaction.headers import see_other
from csc_server.web.interaction.languages import choose_language, language_query
from csc_server.web.interaction.posted_forms import logged_in_signer, posted_form
from csc_server.web.interaction.protection import form_token, is_token
from csc_server.web.interaction.rendering import Renderer
from csc_server.web.interaction.sessions import end_session, live_session, start_session
from csc_server.web.interaction.texts import Texts
from csc_server.web.interaction.visits import PageError
from csc_server.wire import encode_base64

PATH = "/approvals"
PAGE = ClientId("approvals")
"""The client that the signer process is told of when nobody but the signer himself asks."""
_LOGIN = "login"
_LIST = "list"
_DONE = frozenset({"approved", "refused"})
_OVER = frozenset({Refusal.APPROVAL_INVALID, Refusal.UNKNOWN_CREDENTIAL, Refusal.CREDENTIAL_DISABLED})


@dataclass(frozen=True)
class Waiting:
    """One line of the list."""

    approval_id: str
    client_name: str
    description: str
    num_signatures: int
    decide_by: str


class ApprovalDesk:
    """List, detail, login and logout; it keeps nothing between requests."""

    def __init__(self, context: AuthorizationContext, login: PasswordLogin, assets: Assets) -> None:
        self._context = context
        self._login = login
        self._pages = Renderer(assets, context.settings.name)
        self._cookies = Cookies.of(context.settings)
        parts = urlsplit(context.issuer)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def show_list(self) -> Response:
        """GET: what waits for the signer who is logged in, or the login."""
        browser_secret = self._cookies.read(request, self._cookies.browser) or new_secret()
        session = self._session()
        response = self._login_page(browser_secret) if session is None else self._list_page(browser_secret, session)
        self._cookies.write(response, self._cookies.browser, browser_secret)
        return response

    def log_in_to_list(self) -> Response:
        """POST: user name, password and maybe a code; a wrong one shows the page again."""
        browser_secret, form = self._posted(_LOGIN, None)
        username = form.get("username", "")
        signer_id = logged_in_signer(self._login, form)
        if signer_id is None:
            return self._login_page(browser_secret, username=username, error="login_wrong")
        replaced = self._cookies.read(request, self._cookies.session)
        session_id, _ = start_session(self._context, username, signer_id, replaced)
        response = self._redirect(PATH)
        self._cookies.write(response, self._cookies.session, session_id)
        return response

    def log_out(self) -> Response:
        """POST: end the session here and on the server."""
        self._posted(_LIST, self._own_session())
        end_session(self._context, self._cookies.read(request, self._cookies.session))
        response = self._redirect(PATH)
        self._cookies.clear(response, self._cookies.session)
        return response

    def show_one(self, approval_id: str) -> Response:
        """GET: one request with all that is asked; without a login, the list's."""
        session = self._session()
        browser_secret = self._cookies.read(request, self._cookies.browser)
        if session is None or not browser_secret:
            return self._redirect(PATH)
        approval = self._found(session, approval_id)
        self._record(approval, session, Event.CONSENT_SHOWN, Outcome.SUCCESS)
        return self._detail_page(browser_secret, session, approval, [])

    def decide_one(self, approval_id: str) -> Response:
        """POST: approve with the evidence asked for, or refuse with none."""
        session = self._own_session()
        browser_secret, form = self._posted(approval_id, session)
        approval = self._found(session, approval_id)
        if form.get("decision") != "approve":
            self._answer(approval, session, None)
            self._record(approval, session, Event.CONSENT_REFUSED, Outcome.SUCCESS)
            return self._redirect(PATH, done="refused")
        evidence, errors = read_evidence(approval.objects, form)
        if errors:
            return self._detail_page(browser_secret, session, approval, errors)
        asked = approval.transaction.credential_id
        self._context.limits.evidence(approval.client_id, session.signer_id, asked)
        try:
            self._answer(approval, session, evidence)
        except RefusedError as error:
            return self._refused(browser_secret, session, approval, error)
        self._record(approval, session, Event.CONSENT_GIVEN, Outcome.SUCCESS)
        return self._redirect(PATH, done="approved")

    def _refused(
        self, browser_secret: str, session: SessionRow, approval: PendingApproval, error: RefusedError
    ) -> Response:
        """Show the page again while the request is open; the signer process ends it after some wrong tries."""
        self._record(approval, session, Event.CONSENT_GIVEN, Outcome.FAILURE, reason=error.refusal.value)
        if error.refusal in _OVER or error.refusal not in TRY_AGAIN:
            raise PageError("finished", HTTPStatus.GONE) from error
        if approval.approval_id not in {each.approval_id for each in self._pending(session)}:
            raise PageError("ended", HTTPStatus.GONE) from error
        return self._detail_page(browser_secret, session, approval, [TRY_AGAIN[error.refusal]])

    def _answer(self, approval: PendingApproval, session: SessionRow, evidence: Evidence | None) -> None:
        asking = caller(approval.client_id, session.signer_id)
        self._context.activation.answer_pending(AnswerPending(asking, approval.approval_id, evidence))

    def _pending(self, session: SessionRow) -> tuple[PendingApproval, ...]:
        asking = caller(PAGE, session.signer_id)
        return self._context.activation.list_pending(ListPending(asking)).approvals

    def _found(self, session: SessionRow, approval_id: str) -> PendingApproval:
        for approval in self._pending(session):
            if approval.approval_id == approval_id:
                return approval
        raise PageError("finished", HTTPStatus.GONE)

    def _posted(self, place: str, session: SessionRow | None) -> tuple[str, dict[str, str]]:
        """Return the browser's secret and the form of a post that our own page made (AU-10)."""
        form = posted_form(request, self._origin)
        browser_secret = self._cookies.read(request, self._cookies.browser)
        expected = form_token(browser_secret, place, session)
        if not browser_secret or not is_token(expected, form.get("csrf_token", "")):
            raise PageError("forbidden", HTTPStatus.FORBIDDEN)
        return browser_secret, form

    def _session(self) -> SessionRow | None:
        return live_session(self._context, self._cookies.read(request, self._cookies.session))

    def _own_session(self) -> SessionRow:
        session = self._session()
        if session is None:
            raise PageError("forbidden", HTTPStatus.FORBIDDEN)
        return session

    def _login_page(self, browser_secret: str, *, username: str = "", error: str = "") -> Response:
        status = HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK
        token = form_token(browser_secret, _LOGIN, None)
        errors = [("", error)] if error else []
        return self._page("approvals_login.html", PATH, status, errors, csrf_token=token, username=username)

    def _list_page(self, browser_secret: str, session: SessionRow) -> Response:
        texts = Texts(choose_language(request, ""))
        waiting = [self._line(each, texts) for each in self._pending(session)]
        done = request.args.get("done", "")
        return self._page(
            "approvals.html",
            PATH,
            HTTPStatus.OK,
            [],
            csrf_token=form_token(browser_secret, _LIST, session),
            username=session.username,
            waiting=waiting,
            done=done if done in _DONE else "",
        )

    def _line(self, approval: PendingApproval, texts: Texts) -> Waiting:
        return Waiting(
            approval.approval_id,
            self._client_name(approval.client_id),
            approval.description,
            approval.transaction.num_signatures,
            moment_of(approval.expires_at, texts.language),
        )

    def _detail_page(
        self, browser_secret: str, session: SessionRow, approval: PendingApproval, errors: list[str]
    ) -> Response:
        status = HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK
        texts = Texts(choose_language(request, ""))
        return self._page(
            "approval.html",
            f"{PATH}/{approval.approval_id}",
            status,
            [(field_of(key), key) for key in errors],
            csrf_token=form_token(browser_secret, approval.approval_id, session),
            username=session.username,
            client_name=self._client_name(approval.client_id),
            client_id=approval.client_id,
            description=approval.description,
            signing=self._view(approval, texts),
            list_address=f"{PATH}{language_query(request)}",
        )

    def _view(self, approval: PendingApproval, texts: Texts) -> SigningView:
        return view_transaction(
            approval.transaction,
            approval.objects,
            view_certificate(approval.certificate),
            approval.expires_at,
            self._context.settings.limits.sad_total_lifetime,
            texts,
        )

    def _client_name(self, client_id: ClientId) -> str:
        client = self._context.store.client(client_id)
        return client.name if client else client_id

    def _page(
        self,
        template: str,
        path: str,
        status: HTTPStatus,
        errors: list[tuple[str, str]],
        **values: Any,  # noqa: ANN401 template values
    ) -> Response:
        texts = Texts(choose_language(request, ""))
        return self._pages.render(
            template,
            texts,
            status.value,
            address=f"{self._context.issuer}{path}{language_query(request)}",
            errors=[(field, texts(key)) for field, key in errors],
            **values,
        )

    def _redirect(self, path: str, done: str = "") -> Response:
        choice = language_query(request)
        query = f"{'&' if choice else '?'}done={done}" if done else ""
        return see_other(f"{self._context.issuer}{path}{choice}{query}")

    def _record(
        self, approval: PendingApproval, session: SessionRow, event: Event, outcome: Outcome, **more: str
    ) -> None:
        """Write what the signer saw or did; the transaction hash stands for all that was shown (AU-02)."""
        self._context.record(
            event,
            outcome,
            client_id=approval.client_id,
            signer_id=session.signer_id,
            approval_id=approval.approval_id,
            credential_id=approval.transaction.credential_id,
            count=approval.transaction.num_signatures,
            transaction_hash=encode_base64(approval.transaction_hash),
            **more,
        )
