"""The signer's pages: login, consent, refusal; who may open and post them, and what they show and say."""

import re
from dataclasses import replace
from importlib import resources
from urllib.parse import urlsplit

import pytest

from csc_server.activation.messages import Approve, Begin, VoidApproval
from csc_server.errors import UnavailableError
from csc_server.values import AuthMode, FactorKind, Refusal
from csc_server.web.app import build_app
from csc_server.web.interaction.texts import Language, Texts, text_keys
from fakes.code_flow import DIGESTS, REDIRECT, CodeFlow, answer_of, details, registered, visible
from fakes.web_application import BASE_URL, PASSWORD, SIGNER, description

SIGNING = {"authorization_details": details()}


@pytest.fixture
def flow():
    return CodeFlow()


def address_of(answer):
    return urlsplit(answer.location).path


def cookies_of(response):
    return {line.partition("=")[0]: line for line in response.headers.getlist("Set-Cookie")}


# Who may open and post


def test_AU_09_cookies_are_bound_to_host_path_and_https():
    flow = CodeFlow()
    base_url = "https://sign.example"
    settings = flow.settings.model_copy(update={"base_url": base_url, "environment": "production"})
    http = build_app(settings, flow.clock, flow.store, flow.activation, flow.audit).test_client()
    query = {"response_type": "code", "client_id": "classic", "redirect_uri": REDIRECT}
    address = address_of(http.get("/csc/v1/oauth2/authorize", query_string=query, base_url=base_url))
    page = http.get(address, base_url=base_url)
    form = flow.form_of(page) | {"username": "alice", "password": PASSWORD}
    answer = http.post(f"{address}/login", data=form, base_url=base_url)

    for cookie in (cookies_of(page)["__Host-csc-browser"], cookies_of(answer)["__Host-csc-session"]):
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_AU_09_a_test_environment_on_http_has_plain_names(flow):
    page = flow.get(address_of(flow.authorize(scope="service")))
    cookie = cookies_of(page)["csc-browser"]

    assert "HttpOnly" in cookie
    assert "Secure" not in cookie


def test_AU_09_login_gives_a_new_session_and_ends_the_old_one(flow):
    flow.consent_page(scope="service")
    first = set(flow.store.sessions)
    address = address_of(flow.authorize(scope="service", prompt="login"))
    flow.log_in(address)

    assert len(flow.store.sessions) == 1
    assert set(flow.store.sessions) != first


def test_AU_09_a_session_id_that_someone_planted_is_not_taken_over(flow):
    flow.http.set_cookie("csc-session", "f" * 43, domain="127.0.0.1")
    flow.consent_page(scope="service")

    assert flow.http.get_cookie("csc-session", domain="127.0.0.1").value != "f" * 43


def test_a_live_session_needs_no_second_login_unless_the_client_asks(flow):
    flow.consent_page(scope="service")

    assert "password" not in flow.get(address_of(flow.authorize(scope="service"))).text
    assert "password" in flow.get(address_of(flow.authorize(scope="service", prompt="login"))).text


@pytest.mark.parametrize("seconds", [900, 28_800])
def test_AU_09_a_session_ends_when_idle_or_old(flow, seconds):
    flow.consent_page(scope="service")
    if seconds == 28_800:
        for session_hash, row in flow.store.sessions.items():
            flow.store.sessions[session_hash] = replace(row, seen_at=flow.clock.now + seconds)
    flow.clock.now += seconds

    assert "password" in flow.get(address_of(flow.authorize(scope="service"))).text
    assert flow.store.sessions == {}


def test_AU_09_another_account_logs_out_server_side_and_kills_the_transaction(flow):
    address, page = flow.consent_page(**SIGNING)
    answer = flow.submit(address, "switch", flow.form_of(page))

    assert answer.status_code == 303
    assert flow.store.sessions == {}
    assert len(flow.asked(VoidApproval)) == 1
    assert "password" in flow.get(address).text


def test_a_pushed_request_belongs_to_the_browser_that_opened_it_first(flow):
    request_uri = flow.push(scope="service").json["request_uri"]
    address = address_of(flow.get(f"/oauth2/authorize?client_id=app&request_uri={request_uri}"))
    flow.get(address)
    other = flow.app.test_client().get(address, base_url=BASE_URL)

    assert other.status_code == 400
    assert "another browser" in other.text


def test_a_form_never_binds_a_browser(flow):
    address = address_of(flow.authorize(scope="service"))
    answer = flow.submit(address, "login", {"username": "alice", "password": PASSWORD, "csrf_token": "x"})

    assert answer.status_code == 400
    assert flow.store.sessions == {}


def test_AU_10_a_form_without_its_token_does_nothing(flow):
    address, page = flow.consent_page(**SIGNING)
    for token in ("", "x", flow.form_of(page)["csrf_token"][:-1]):
        answer = flow.submit(address, "consent", {"csrf_token": token, "decision": "approve", "pin": "1"})
        assert answer.status_code == 403
        assert answer.mimetype == "text/html"

    assert flow.asked(Approve) == []


def test_AU_10_the_token_of_another_interaction_step_or_session_does_not_fit(flow):
    first = address_of(flow.authorize(scope="service", prompt="login"))
    login_token = flow.form_of(flow.get(first))["csrf_token"]
    address, page = flow.consent_page(scope="service")
    consent_token = flow.form_of(page)["csrf_token"]

    assert login_token != consent_token
    assert flow.submit(address, "consent", {"csrf_token": login_token, "decision": "approve"}).status_code == 403
    assert flow.submit(first, "login", {"csrf_token": consent_token}).status_code == 403
    flow.log_in(first)
    assert flow.submit(address, "consent", {"csrf_token": consent_token, "decision": "approve"}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "headers", "taken"),
    [
        (BASE_URL, {}, True), (None, {}, True), ("null", {"Sec-Fetch-Site": "same-origin"}, True),
        (BASE_URL, {"Sec-Fetch-Site": "same-origin"}, True), ("https://evil.example", {}, False), ("null", {}, False),
        ("null", {"Sec-Fetch-Site": "cross-site"}, False), (BASE_URL, {"Sec-Fetch-Site": "cross-site"}, False),
        (None, {"Sec-Fetch-Site": "same-site"}, False), (BASE_URL + ".evil.example", {}, False),
    ],
)  # fmt: skip
def test_AU_10_the_origin_is_checked(flow, origin, headers, taken):
    address, page = flow.consent_page(scope="service")
    form = flow.form_of(page) | {"decision": "approve"}
    answer = flow.submit(address, "consent", form, origin=origin, **headers)

    assert answer.status_code == (303 if taken else 403)


@pytest.mark.parametrize("address", ["/interaction/" + "x" * 43, "/interaction/x", "/interaction/%00"])
def test_an_unknown_interaction_is_a_page(flow, address):
    answer = flow.get(address)

    assert (answer.status_code, answer.mimetype) == (400, "text/html")


def test_an_expired_interaction_is_gone(flow):
    address, page = flow.consent_page(scope="service")
    flow.clock.now += 600

    assert flow.get(address).status_code == 410
    assert flow.decide(address, page).status_code == 410


def test_OA_03_an_answered_interaction_gives_no_second_code(flow):
    address, page = flow.consent_page(scope="service")
    assert flow.decide(address, page).status_code == 303
    again = flow.decide(address, page)

    assert again.status_code == 410
    assert len(flow.store.codes) == 1
    assert flow.get(address).status_code == 410


def test_a_race_of_two_tabs_gives_one_code(flow):
    address, page = flow.consent_page(**SIGNING)
    approve = flow.activation.approve

    def approve_while_another_tab_does_too(request):
        flow.activation.approve = approve
        assert flow.decide(address, page).status_code == 303
        approve(request)

    flow.activation.approve = approve_while_another_tab_does_too

    assert flow.decide(address, page).status_code == 410
    assert len(flow.store.codes) == 1


# Login


def test_AU_12_every_failed_login_shows_the_same_page(flow):
    address = address_of(flow.authorize(scope="service"))
    pages = [flow.log_in(address, username=name, password="wrong") for name in ("alice", "nobody")]

    assert [page.status_code for page in pages] == [400, 400]
    assert pages[0].text.replace("alice", "nobody") == pages[1].text
    assert 'role="alert"' in pages[0].text
    assert "wrong" not in pages[0].text.replace("wrong tries", "")


def test_login_can_be_cancelled(flow):
    address = address_of(flow.authorize(scope="service"))
    answer = flow.submit(address, "login", flow.form_of(flow.get(address)) | {"decision": "refuse"})

    assert answer.status_code == 303
    assert answer_of(answer.location)["error"] == "access_denied"


# Consent


def test_OA_20_answers_to_forms_are_303(flow):
    address = address_of(flow.authorize(scope="service"))
    assert flow.log_in(address).status_code == 303
    assert flow.decide(address, flow.get(address)).status_code == 303


def test_OA_06_the_code_comes_with_state_and_issuer(flow):
    answer = flow.approve(scope="service")

    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("s t/a+te", BASE_URL)


def test_no_state_is_no_state(flow):
    assert "state" not in flow.approve(scope="service", state=None)


def test_a_redirect_uri_keeps_its_own_query(flow):
    flow.store.put_client(registered("app", redirect_uris=(REDIRECT + "?a=%2F%20b",)))
    address, page = flow.consent_page(scope="service", redirect_uri=REDIRECT + "?a=%2F%20b")

    assert flow.decide(address, page).location.startswith(REDIRECT + "?a=%2F%20b&code=")


def test_O15_refusing_is_access_denied_and_kills_the_transaction(flow):
    address, page = flow.consent_page(**SIGNING)
    answer = answer_of(flow.decide(address, page, "refuse", pin="", one_time_code="").location)

    assert answer["error"] == "access_denied"
    assert answer["state"] == "s t/a+te"
    assert len(flow.asked(VoidApproval)) == 1
    assert flow.asked(Approve) == []


def test_anything_but_approve_refuses(flow):
    address, page = flow.consent_page(scope="service")

    assert answer_of(flow.decide(address, page, "yes").location)["error"] == "access_denied"


def test_AU_11_the_page_says_who_what_with_what_and_until_when(flow):
    _, page = flow.consent_page(**SIGNING, description="Three letters")
    text = visible(page)

    for said in (
        "Name of app",
        "app",
        "Three letters",
        "up to 3",
        "Letter 2",
        "Test Signer",
        "Test CA",
        "0a bc",
        "UTC",
    ):
        assert said in text
    for digest in DIGESTS:
        assert " ".join(re.findall("....", digest[:8].hex())) in text


def test_AU_11_hashes_without_documents_are_said(flow):
    request = {"scope": "credential", "credentialID": "oauth", "numSignatures": "2"}
    _, page = flow.consent_page(**request)

    assert "has not named the documents" in visible(page)


def test_AU_11_signatures_beyond_the_documents_are_said(flow):
    _, page = flow.consent_page(authorization_details=details(numSignatures=5))

    assert "2 of the signatures are not bound" in visible(page)


def test_AU_11_what_a_client_says_is_text(flow):
    evil = "<script>alert(1)</script>"
    flow.store.put_client(replace(flow.store.client("app"), name=evil))
    _, page = flow.consent_page(authorization_details=details().replace("Letter 1", evil), description=evil)

    assert evil not in page.text
    assert page.text.count("&lt;script&gt;") == 4


@pytest.mark.parametrize("kind", ["login", "service", "signing", "message", "wrong"])
def test_AU_11_headers_of_every_page(flow, kind):
    pages = {
        "login": lambda: flow.get(address_of(flow.authorize(scope="service"))),
        "service": lambda: flow.consent_page(scope="service")[1],
        "signing": lambda: flow.consent_page(**SIGNING)[1],
        "message": lambda: flow.get("/interaction/x"),
        "wrong": lambda: flow.log_in(address_of(flow.authorize(scope="service")), password="x"),
    }
    page = pages[kind]()
    policy = page.headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    client = "" if kind == "message" else " https://client.example"

    assert directives == {
        "default-src": "'none'", "style-src": "'self'", "img-src": "'self'", "form-action": "'self'" + client,
        "frame-ancestors": "'none'", "base-uri": "'none'",
    }  # fmt: skip
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Frame-Options"] == "DENY"
    for forbidden in ("<script", " style=", "<style", " onclick", "javascript:", "autofocus value"):
        assert forbidden not in page.text


def test_AU_11_a_private_scheme_stands_in_the_policy_as_a_scheme(flow):
    page = flow.get(address_of(flow.authorize(client_id="native", redirect_uri="app.example:/cb")))

    assert "form-action 'self' app.example:;" in page.headers["Content-Security-Policy"]


def test_the_files_of_the_pages_are_kept_and_are_all_there_is(flow):
    page = flow.get(address_of(flow.authorize(scope="service")))
    loaded = re.findall(r'<link [^>]*href="([^"]+)"', page.text)

    assert len(loaded) == 2
    for path in loaded:
        answer = flow.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert "@import" not in flow.get(loaded[0]).text
    assert "url(" not in flow.get(loaded[0]).text


def test_the_transaction_goes_to_the_signer_once_and_whole(flow):
    address, _ = flow.consent_page(**SIGNING)
    flow.get(address)
    begun = flow.asked(Begin)

    assert len(begun) == 1
    assert begun[0].transaction.hashes == tuple(DIGESTS)
    assert begun[0].transaction.labels == ("Letter 1", "Letter 2", "Letter 3")
    assert (begun[0].caller.client_id, begun[0].caller.signer_id) == ("app", SIGNER)


@pytest.mark.parametrize("objects", [(), ("PIN",), ("OTP",), ("PIN", "OTP")])
def test_the_evidence_is_what_the_credential_asks_for(flow, objects):
    row = description("oauth", auth_mode=AuthMode.OAUTH2CODE, objects=objects)
    flow.activation.credentials["oauth"] = row
    address, page = flow.consent_page(**SIGNING)
    flow.submit(address, "consent", flow.form_of(page) | {"decision": "approve", "pin": "12", "one_time_code": "34"})
    evidence = flow.asked(Approve)[-1].evidence

    assert ('name="pin"' in page.text) is ("PIN" in objects)
    assert ('name="one_time_code"' in page.text) is ("OTP" in objects)
    assert evidence.pin == ("12" if FactorKind.PIN in objects else None)
    assert evidence.otp == ("34" if FactorKind.OTP in objects else None)


def test_missing_evidence_is_told_without_asking_the_signer(flow):
    address, page = flow.consent_page(**SIGNING)
    again = flow.decide(address, page, pin="", one_time_code="")

    assert again.status_code == 400
    assert again.text.count('aria-invalid="true"') == 2
    assert flow.asked(Approve) == []


@pytest.mark.parametrize(
    "refusal", [Refusal.PIN_INVALID, Refusal.OTP_INVALID, Refusal.PIN_MISSING, Refusal.OTP_MISSING]
)
def test_wrong_evidence_shows_the_page_again_with_the_choice_and_without_the_secrets(flow, refusal):
    address, page = flow.consent_page(**SIGNING)
    flow.activation.refusal = refusal
    again = flow.decide(address, page, pin="98765", one_time_code="135790")

    assert again.status_code == 400
    assert 'role="alert"' in again.text
    assert 'value="refuse"' in again.text
    assert "98765" not in again.text
    assert "135790" not in again.text
    flow.activation.refusal = None
    assert flow.decide(address, again).status_code == 303


@pytest.mark.parametrize("refusal", [Refusal.PIN_LOCKED, Refusal.OTP_LOCKED])
def test_a_locked_credential_is_said_and_only_the_way_back_is_left(flow, refusal):
    address, page = flow.consent_page(**SIGNING)
    flow.activation.refusal = refusal
    locked = flow.decide(address, page)

    assert "locked" in visible(locked)
    assert 'value="approve"' not in locked.text
    assert 'value="refuse"' in locked.text


def test_an_approval_that_expired_is_opened_and_shown_anew(flow):
    address, page = flow.consent_page(**SIGNING)
    flow.activation.refusal = Refusal.APPROVAL_INVALID
    answer = flow.decide(address, page)
    flow.activation.refusal = None

    assert (answer.status_code, address_of(answer)) == (303, address)
    assert flow.get(address).status_code == 200
    assert len(flow.asked(Begin)) == 2


@pytest.mark.parametrize(
    ("refusal", "error", "text"),
    [
        (Refusal.UNKNOWN_CREDENTIAL, "invalid_request", "Invalid parameter credentialID"),
        (Refusal.CREDENTIAL_NOT_OAUTH, "invalid_request", "Invalid parameter credentialID"),
        (Refusal.NUM_SIGNATURES_TOO_HIGH, "invalid_request", "Invalid parameter numSignatures"),
        (Refusal.HASHES_REQUIRED, "invalid_request", "Invalid parameter hashes"),
        (Refusal.SAD_INVALID, "access_denied", "The user, authorization server or remote service denied the request."),
    ],
)  # fmt: skip
def test_a_transaction_that_the_signer_process_refuses_goes_back_to_the_client(flow, refusal, error, text):
    address = address_of(flow.authorize(**SIGNING))
    flow.log_in(address)
    flow.activation.refusal = refusal
    answer = flow.get(address)
    sent = answer_of(answer.location)

    assert answer.location.startswith(REDIRECT)
    assert (sent["error"], sent["error_description"], sent["iss"]) == (error, text, BASE_URL)
    assert flow.get(address).status_code == 410


@pytest.mark.parametrize("step", ["begin", "approve"])
def test_a_silent_signer_is_a_page_that_may_be_loaded_again(flow, step):
    address, page = flow.consent_page(**SIGNING) if step == "approve" else (address_of(flow.authorize(**SIGNING)), None)
    if step == "begin":
        flow.log_in(address)
    flow.activation.failure = UnavailableError("signer")
    answer = flow.decide(address, page) if page else flow.get(address)

    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"]
    flow.activation.failure = None
    assert flow.decide(address, flow.get(address)).status_code == 303


def test_a_client_that_was_disabled_meanwhile_gets_no_code(flow):
    address, page = flow.consent_page(scope="service")
    flow.store.put_client(registered("app", disabled=True))

    assert flow.decide(address, page).status_code == 400
    assert flow.store.codes == {}


def test_the_audit_holds_what_was_shown_and_decided_without_secrets(flow):
    address, page = flow.consent_page(**SIGNING)
    flow.activation.refusal = Refusal.PIN_INVALID
    page = flow.decide(address, page, pin="98765")
    flow.activation.refusal = None
    flow.decide(address, page, pin="98764")
    events = [(event, outcome) for event, outcome, _ in flow.events()]

    for expected in (
        ("login", "success"), ("consent.shown", "success"), ("consent.given", "failure"),
        ("consent.given", "success"), ("code.issued", "success"),
    ):  # fmt: skip
        assert events.count(expected) == 1
    assert "98764" not in repr(flow.events())
    assert "98765" not in repr(flow.events())


# Languages


def language_of(page):
    return re.search(r'<html lang="(\w+)"', page.text)[1]


@pytest.mark.parametrize(
    ("parameters", "header", "language"),
    [
        ({}, "ja,en;q=0.5", "ja"), ({}, "fr", "en"), ({}, "", "en"), ({}, "en-GB,ja;q=0.8", "en"), ({"lang": "ja"}, "en", "ja"),
        ({"lang": "ja-JP"}, "en", "ja"), ({"ui_locales": "ja en"}, "en", "ja"), ({"lang": "xx"}, "ja", "ja"),
    ],
)  # fmt: skip
def test_the_language_is_the_clients_wish_or_the_browsers(flow, parameters, header, language):
    address = address_of(flow.authorize(scope="service", **parameters))

    assert language_of(flow.get(address, **{"Accept-Language": header})) == language


def test_the_signers_choice_of_language_stays(flow):
    address = address_of(flow.authorize(scope="service", lang="en"))
    page = flow.get(address + "?lang=ja")
    action = re.search(r'<form[^>]* action="([^"]+)"', page.text)[1]
    form = flow.form_of(page) | {"username": "alice", "password": PASSWORD}
    answer = flow.http.post(action, data=form, base_url=BASE_URL)

    assert language_of(page) == "ja"
    assert answer.location.endswith("?lang=ja")


def test_every_text_is_there_in_both_languages_and_used():
    folder = resources.files("csc_server.web.interaction")
    sources = [file for part in (folder, folder / "templates") for file in part.iterdir() if file.is_file()]
    source = "".join(file.read_text() for file in sources if file.name != "texts.py")
    english, japanese = Texts(Language.ENGLISH), Texts(Language.JAPANESE)
    values = dict.fromkeys(("client", "name", "count", "number", "minutes"), "7")

    for key in text_keys():
        assert english(key, **values) != japanese(key, **values)
        stem = key.removesuffix("_title").removesuffix("_text")
        assert f'"{key}"' in source or f'"{stem}"' in source, f"{key} is not used"
    for key in re.findall(r'\bt\("(\w+)"', source):
        assert key in text_keys()
