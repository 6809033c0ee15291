"""The page of requests that wait for their signer: who sees it, what it shows, what it hands on (AU-09 to AU-11)."""

import base64
from dataclasses import replace

import pytest

from csc_server.activation.parts import Evidence, Transaction
from csc_server.activation.pending_messages import AnswerPending, PendingApproval
from csc_server.errors import RefusedError, UnavailableError
from csc_server.values import ApprovalId, ClientId, CredentialId, Refusal
from fakes.code_flow import DIGESTS, CodeFlow, visible
from fakes.web_application import BASE_URL, PASSWORD, SHA_256, SIGNER, certificate

NAME = ApprovalId("approval-1")
PLACE = f"/approvals/{NAME}"


def waiting(name=NAME, **changes):
    approval = PendingApproval(
        approval_id=name,
        client_id=ClientId("app"),
        transaction=Transaction(CredentialId("implicit"), 3, tuple(DIGESTS), ("One", "", "<b>Three</b>"), SHA_256),
        description="Please <i>sign</i> these",
        objects=("PIN", "OTP"),
        certificate=certificate(),
        transaction_hash=bytes(range(32)),
        expires_at=1_800_000_300,
    )
    return replace(approval, **changes)


class Pages(CodeFlow):
    """A browser on the approvals pages; the signer process has one request for alice."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.activation.pending = [waiting()]
        self.activation.pending_signer = SIGNER

    def log_in_to_list(self, **values):
        page = self.get("/approvals")
        form = self.form_of(page) | {"username": "alice", "password": PASSWORD} | values
        return self.submit("/approvals", "login", form)

    def open(self):
        self.log_in_to_list()
        return self.get(PLACE)

    def decide_one(self, page, decision="approve", **values):
        form = self.form_of(page) | {"decision": decision, "pin": "1234", "one_time_code": "123456"} | values
        return self.http.post(PLACE, data=form, base_url=BASE_URL, headers={"Origin": BASE_URL})

    @property
    def answers(self):
        return [each for each in self.activation.requests if isinstance(each, AnswerPending)]


@pytest.fixture
def pages():
    return Pages()


def test_without_a_login_nothing_is_shown(pages):
    page = pages.get("/approvals")

    assert page.status_code == 200
    assert "password" in page.text
    assert pages.activation.requests == []
    assert pages.get(PLACE).status_code == 303


def test_a_wrong_password_shows_the_login_again(pages):
    answer = pages.log_in_to_list(password="wrong")

    assert answer.status_code == 400
    assert "password" in answer.text
    assert pages.store.sessions == {}


def test_the_list_shows_who_asks_and_until_when(pages):
    assert pages.log_in_to_list().status_code == 303
    page = pages.get("/approvals")
    text = visible(page)

    assert "Name of app" in text
    assert "Please <i>sign</i> these" in text
    assert "<i>sign" not in page.text
    assert "2027-01-15 08:05 UTC" in text
    assert f'href="http://127.0.0.1:8080{PLACE}"' in page.text


def test_an_empty_list_says_so(pages):
    pages.activation.pending = []
    pages.log_in_to_list()

    assert "Nothing waits" in visible(pages.get("/approvals"))
    assert "ありません" in visible(pages.get("/approvals?lang=ja"))


def test_AU_11_one_request_shows_all_that_is_asked(pages):
    page = pages.open()
    text = visible(page)

    for shown in (
        "Name of app",
        "Please <i>sign</i> these",
        "One",
        "Document 2",
        "<b>Three</b>",
        "implicit",
        "Test Signer",
    ):
        assert shown in text
    for digest in DIGESTS:
        assert digest.hex()[:4] in text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_approving_hands_the_evidence_to_the_signer_process(pages):
    answer = pages.decide_one(pages.open())
    (asked,) = pages.answers

    assert answer.status_code == 303
    assert answer.location.endswith("/approvals?done=approved")
    assert (asked.approval_id, asked.evidence) == (NAME, Evidence("1234", "123456"))
    assert (asked.caller.client_id, asked.caller.signer_id) == ("app", SIGNER)
    assert "Approved." in visible(pages.get("/approvals?done=approved"))


def test_refusing_needs_no_evidence(pages):
    answer = pages.decide_one(pages.open(), "refuse", pin="", one_time_code="")
    (asked,) = pages.answers

    assert answer.location.endswith("/approvals?done=refused")
    assert asked.evidence is None


@pytest.mark.parametrize("decision", ["", "Approve", "sign", "approve "])
def test_anything_but_approve_refuses(pages, decision):
    pages.decide_one(pages.open(), decision)

    assert [each.evidence for each in pages.answers] == [None]


def test_missing_evidence_is_asked_for_and_nothing_is_sent(pages):
    answer = pages.decide_one(pages.open(), pin="")

    assert answer.status_code == 400
    assert "Enter the signing PIN." in visible(answer)
    assert pages.answers == []


class Refusing:
    """What the signer process says to answers, in order."""

    def __init__(self, activation, *refusals, gone=False):
        self.activation, self.refusals, self.gone = activation, list(refusals), gone

    def __call__(self, request):
        self.activation.requests.append(request)
        if self.gone:
            self.activation.pending = []
        if self.refusals:
            raise RefusedError(self.refusals.pop(0))


def test_a_wrong_pin_shows_the_page_again_without_what_was_typed(pages):
    page = pages.open()
    pages.activation.answer_pending = Refusing(pages.activation, Refusal.PIN_INVALID)
    answer = pages.decide_one(page)

    assert answer.status_code == 400
    assert "The signing PIN is not right." in visible(answer)
    assert "1234" not in answer.text.replace("123456", "")
    assert 'value="123456"' not in answer.text
    assert pages.decide_one(answer).status_code == 303


@pytest.mark.parametrize("refusal", [Refusal.PIN_INVALID, Refusal.PIN_LOCKED])
def test_a_request_that_wrong_evidence_ended_says_so(pages, refusal):
    page = pages.open()
    pages.activation.answer_pending = Refusing(pages.activation, refusal, gone=True)
    answer = pages.decide_one(page)

    assert answer.status_code == 410
    assert "This request has ended" in visible(answer)


def test_a_request_answered_elsewhere_is_finished(pages):
    page = pages.open()
    pages.activation.answer_pending = Refusing(pages.activation, Refusal.APPROVAL_INVALID)
    assert pages.decide_one(page).status_code == 410
    pages.activation.pending = []

    assert pages.get(PLACE).status_code == 410
    assert pages.decide_one(page).status_code == 410


def test_AU_10_a_form_needs_its_token_its_origin_and_its_session(pages):
    page = pages.open()
    good = pages.form_of(page) | {"decision": "approve", "pin": "1234", "one_time_code": "123456"}
    list_token = pages.form_of(pages.get("/approvals"))

    def post(form, origin=BASE_URL, **more):
        return pages.http.post(PLACE, data=form, base_url=BASE_URL, headers={"Origin": origin}, **more).status_code

    assert post(good | {"csrf_token": ""}) == 403
    assert post({name: value for name, value in good.items() if name != "csrf_token"}) == 403
    assert post(good | list_token) == 403
    assert post(good, origin="https://evil.example") == 403
    assert post(good, content_type="text/plain") == 400
    pages.activation.pending = [waiting(), waiting(ApprovalId("approval-2"))]
    other = pages.http.post("/approvals/approval-2", data=good, base_url=BASE_URL, headers={"Origin": BASE_URL})
    assert other.status_code == 403, "the token is of one request"
    assert pages.answers == []


def test_AU_10_a_token_of_another_session_is_refused(pages):
    page = pages.open()
    pages.http.delete_cookie("csc-session", domain="127.0.0.1")
    assert pages.decide_one(page).status_code == 403
    pages.log_in_to_list()

    assert pages.decide_one(page).status_code == 403
    assert pages.answers == []


def test_a_session_that_went_idle_sees_nothing(pages):
    pages.open()
    pages.clock.now += 900

    assert pages.get(PLACE).status_code == 303
    assert "password" in pages.get("/approvals").text


def test_logging_out_ends_the_session_on_the_server(pages):
    pages.log_in_to_list()
    answer = pages.submit("/approvals", "logout", pages.form_of(pages.get("/approvals")))

    assert answer.status_code == 303
    assert pages.store.sessions == {}
    assert "password" in pages.get("/approvals").text


def test_the_signer_process_decides_what_belongs_to_whom(pages):
    pages.activation.pending_signer = "another"
    pages.log_in_to_list()

    assert "Nothing waits" in visible(pages.get("/approvals"))
    assert pages.get(PLACE).status_code == 410


def test_a_silent_signer_is_a_page_that_may_be_loaded_again(pages):
    pages.log_in_to_list()
    pages.activation.failure = UnavailableError("signer")
    answer = pages.get("/approvals")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_the_language_is_kept(pages):
    pages.log_in_to_list()
    page = pages.get("/approvals?lang=ja")
    detail = pages.get(f"{PLACE}?lang=ja")
    form = pages.form_of(detail) | {"decision": "refuse"}
    answer = pages.http.post(f"{PLACE}?lang=ja", data=form, base_url=BASE_URL, headers={"Origin": BASE_URL})

    assert f"{PLACE}?lang=ja" in page.text
    assert "署名を承認しますか" in visible(detail)
    assert answer.location.endswith("/approvals?lang=ja&done=refused")


def test_what_was_shown_and_answered_is_audited_without_secrets(pages):
    page = pages.open()
    pages.activation.answer_pending = Refusing(pages.activation, Refusal.PIN_INVALID)
    page = pages.decide_one(page)
    pages.decide_one(page)
    events = [(event, outcome, body) for event, outcome, body in pages.events() if event.startswith("consent")]

    assert [(event, outcome) for event, outcome, _ in events] == [
        ("consent.shown", "success"), ("consent.given", "failure"), ("consent.given", "success"),
    ]  # fmt: skip
    digest = base64.b64encode(bytes(range(32))).decode()
    assert all(body["transaction_hash"] == digest and body["approval_id"] == NAME for _, _, body in events)
    assert "1234" not in str([{**body, "transaction_hash": ""} for _, _, body in events]).replace("123456", "")


@pytest.mark.parametrize("done", ["approved", "refused", "<script>", "everything"])
def test_only_known_words_are_shown_after_an_answer(pages, done):
    pages.log_in_to_list()
    page = pages.http.get("/approvals", query_string={"done": done}, base_url=BASE_URL)

    assert ('role="status"' in page.text) is (done in {"approved", "refused"})
    assert "script" not in page.text
