"""Login and consent in a real Chromium: without script, in Japanese and English, with pages that break no policy."""

import re
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize

from browser.redirect_listener import RedirectListener
from integration.code_flow import NO, Application, Grant, rich_request
from integration.csc_client import SHA256, CscClient, algorithm_for, digests_of
from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, Seed

LANGUAGES = pytest.mark.parametrize("language", ["en", "ja"])
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=720)
POLICY_BREACH = re.compile(r"content security policy|refused to|blocked", re.IGNORECASE)

# Reports what the page itself can see of broken policies; the browser puts this in from outside the page.
REPORTER = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("Content Security Policy broken: " + event.effectiveDirective + " " + event.blockedURI));
"""


class Visit:
    """One authorization request in one browser context, with what the browser complained about."""

    def __init__(self, context: BrowserContext, application: Application, redirect_path: str) -> None:
        self.page: Page = context.new_page()
        self.application = application
        self.redirect_path = redirect_path
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._watch(request.url))

    def open(self, parameters: dict[str, str]) -> None:
        self.page.goto(
            self.application.authorization_url(parameters, verifier=self.verifier, state=self.state), wait_until="load"
        )

    def login(self, username: str, password: str) -> None:
        self.page.locator("input[autocomplete=username], input[name*=user]").first.fill(username)
        self.page.locator("input[type=password]").first.fill(password)
        self.page.locator("input[type=password]").first.press("Enter")
        self.page.wait_for_load_state("load")

    def fill_evidence(self, credential: Credential) -> None:
        self.page.locator("input[name*=pin i]").first.fill(credential.pin)
        if credential.totp_secret:
            self.page.locator("input[autocomplete=one-time-code], input[name*=otp i]").first.fill(
                codes_of_this_run.next(credential.totp_secret)
            )

    def decisions(self) -> tuple[Locator, Locator]:
        """Return the buttons that approve and refuse, told apart as the HTTP driver does."""
        buttons = self.page.locator("main button, main input[type=submit]")
        refusing = [
            number
            for number in range(buttons.count())
            if any(
                NO.search(text)
                for attribute in ("value", "name", "formaction")
                if (text := buttons.nth(number).get_attribute(attribute))
            )
        ]
        assert len(refusing) == 1, self.page.content()[:3000]
        approving = [number for number in range(buttons.count()) if number not in refusing]
        assert len(approving) == 1, self.page.content()[:3000]
        return buttons.nth(approving[0]), buttons.nth(refusing[0])

    def answer(self, listener: RedirectListener) -> dict[str, str]:
        answer = listener.answer(self.redirect_path)
        assert answer["state"] == self.state
        assert answer["iss"] == self.application.base_url
        return answer

    def assert_no_complaints(self) -> None:
        assert self.complaints == []
        assert self.foreign == [], "pages load nothing from elsewhere"

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _watch(self, url: str) -> None:
        allowed = {urlsplit(self.application.base_url).netloc, urlsplit(self.application.redirect_uri).netloc}
        if urlsplit(url).netloc not in allowed:
            self.foreign.append(url)


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(chromium: Browser, seed: Seed, listener: RedirectListener) -> Iterator[Visiting]:
    """A maker of visits by the native client, whose redirect URI is the listener's."""
    path = urlsplit(seed.native.redirect_uris[0]).path
    contexts: list[BrowserContext] = []

    def make(language: str = "en", *, script: bool = False, viewport: ViewportSize | None = None) -> Visit:
        context = chromium.new_context(
            locale={"en": "en-GB", "ja": "ja-JP"}[language], java_script_enabled=script, viewport=viewport or DESK
        )
        context.set_default_timeout(20_000)
        if script:
            context.add_init_script(REPORTER)
        contexts.append(context)
        return Visit(context, Application(seed.base_url, "v2", seed.native, redirect_uri=listener.uri(path)), path)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def soonest(seed: Seed) -> Credential:
    """The oauth2code credential whose next code comes first."""
    return min(seed.of_kind("oauth2code", "2"), key=lambda c: codes_of_this_run.wait(c.totp_secret or ""))


def to_consent(visit: Visit, seed: Seed, credential: Credential, digests: list[bytes]) -> None:
    visit.open(rich_request(credential.credential_id, digests, SHA256))
    visit.login(seed.users[0].username, seed.users[0].password)


@LANGUAGES
def test_AU_11_a_signer_approves_without_script(
    visiting: Visiting, seed: Seed, listener: RedirectListener, soonest: Credential, language: str
) -> None:
    visit = visiting(language)
    digests = digests_of(3, SHA256, f"browser {language}")
    to_consent(visit, seed, soonest, digests)
    visit.fill_evidence(soonest)
    approve, _ = visit.decisions()
    approve.click()
    answer = visit.answer(listener)
    grant = Grant(
        answer, visit.application.redirect_uri, visit.verifier,
        rich_request(soonest.credential_id, digests, SHA256)["authorization_details"],
    )  # fmt: skip
    token = visit.application.tokens(grant)["access_token"]
    client = CscClient(seed.base_url, "v2")

    assert len(client.sign(soonest.credential_id, digests, algorithm_for(soonest), token=token)) == 3
    visit.assert_no_complaints()


@LANGUAGES
def test_AU_11_a_signer_refuses_without_script_and_without_evidence(
    visiting: Visiting, seed: Seed, listener: RedirectListener, soonest: Credential, language: str
) -> None:
    visit = visiting(language)
    to_consent(visit, seed, soonest, digests_of(1, SHA256, "refused"))
    _, refuse = visit.decisions()
    refuse.click()

    assert visit.answer(listener)["error"] == "access_denied"
    visit.assert_no_complaints()


@LANGUAGES
def test_AU_11_the_consent_page_says_what_is_signed_with_what_for_whom(
    visiting: Visiting, seed: Seed, soonest: Credential, language: str
) -> None:
    visit = visiting(language)
    digests = digests_of(3, SHA256, "shown")
    to_consent(visit, seed, soonest, digests)
    text = visit.page.locator("main").inner_text()
    squeezed = re.sub(r"[^0-9a-f]", "", text.lower())
    certificate = CscClient(seed.base_url, "v2", CscClient(seed.base_url, "v2").login(seed.users[0])).certificates(
        soonest.credential_id
    )[0]
    common_name = certificate.subject.rfc4514_string().partition("CN=")[2].partition(",")[0]

    assert seed.native.client_id in text
    assert common_name in text
    assert re.search(r"\b3\b|3\s*件", text)
    for number, digest in enumerate(digests, 1):
        assert digest[:8].hex() in squeezed, "short fingerprints: the first 8 bytes of each hash"
        assert f"Document {number}" in text
    assert bool(JAPANESE.search(text)) is (language == "ja")


@LANGUAGES
def test_pages_are_in_the_language_that_was_asked_for(visiting: Visiting, seed: Seed, language: str) -> None:
    by_header = visiting(language)
    by_header.open({"scope": "service"})
    other = {"en": "ja", "ja": "en"}[language]
    by_parameter = visiting(other)
    by_parameter.open({"scope": "service", "lang": language})

    for visit in (by_header, by_parameter):
        assert (visit.page.locator("html").get_attribute("lang") or "").partition("-")[0] == language
        assert bool(JAPANESE.search(visit.page.locator("main").inner_text())) is (language == "ja")


@LANGUAGES
def test_AU_11_no_page_breaks_its_own_policy_with_script_on(
    visiting: Visiting, seed: Seed, listener: RedirectListener, soonest: Credential, language: str
) -> None:
    visit = visiting(language, script=True)
    to_consent(visit, seed, soonest, digests_of(1, SHA256, "policy"))
    _, refuse = visit.decisions()
    refuse.click()

    assert visit.answer(listener)["error"] == "access_denied"
    visit.assert_no_complaints()


def test_the_reporter_of_broken_policies_reports(visiting: Visiting) -> None:
    """So that an empty list of complaints means something: what a page may not load is seen here."""
    visit = visiting(script=True)
    visit.open({"scope": "service"})
    with visit.page.expect_console_message(lambda message: bool(POLICY_BREACH.search(message.text))):
        visit.page.evaluate("document.body.appendChild(new Image()).src = 'http://127.0.0.1:9/elsewhere.png'")

    assert any(POLICY_BREACH.search(text) for text in visit.complaints)


def test_AU_11_headers_of_pages(visiting: Visiting, seed: Seed, soonest: Credential) -> None:
    visit = visiting()
    headers: list[dict[str, str]] = []
    visit.page.on(
        "response",
        lambda response: headers.append(response.headers) if response.request.is_navigation_request() else None,
    )
    to_consent(visit, seed, soonest, digests_of(1, SHA256, "headers"))
    pages = [h for h in headers if h.get("content-type", "").startswith("text/html") and "location" not in h]

    assert len(pages) == 2
    for page in pages:
        policy = page["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert page["referrer-policy"] == "no-referrer"
        assert "no-store" in page["cache-control"]
        assert page["x-content-type-options"] == "nosniff"


def test_a_wrong_pin_shows_the_page_again_with_the_error_and_without_the_secrets(
    visiting: Visiting, seed: Seed, listener: RedirectListener, soonest: Credential
) -> None:
    visit = visiting()
    to_consent(visit, seed, soonest, digests_of(1, SHA256, "wrong pin"))
    wrong = "".join(reversed(soonest.pin)) + "9"
    visit.fill_evidence(Credential(**{**vars(soonest), "pin": wrong}))
    visit.decisions()[0].click()
    visit.page.wait_for_load_state("load")

    assert listener.is_untouched
    assert visit.page.locator("[role=alert], .error-summary, [aria-invalid=true]").count() > 0
    assert visit.page.locator("input[name*=pin i]").first.input_value() == ""
    assert wrong not in visit.page.content()
    visit.fill_evidence(soonest)
    visit.decisions()[0].click()
    assert "code" in visit.answer(listener)


def test_refusing_is_as_easy_as_approving(visiting: Visiting, seed: Seed, soonest: Credential) -> None:
    visit = visiting()
    to_consent(visit, seed, soonest, digests_of(1, SHA256, "as easy"))
    boxes = [button.bounding_box() for button in visit.decisions()]

    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["height"] == pytest.approx(boxes[1]["height"], abs=1)
    assert min(boxes[0]["height"], boxes[1]["height"]) >= 44
    assert visit.page.locator("button[autofocus]").count() == 0


def test_pages_fit_a_phone(visiting: Visiting, seed: Seed, soonest: Credential) -> None:
    visit = visiting("ja", script=True, viewport=PHONE)
    to_consent(visit, seed, soonest, digests_of(12, SHA256, "phone"))

    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_every_input_has_a_label(visiting: Visiting, seed: Seed, soonest: Credential) -> None:
    visit = visiting(script=True)
    visit.open(rich_request(soonest.credential_id, digests_of(1, SHA256, "labels"), SHA256))
    unlabelled = "[...document.querySelectorAll('input:not([type=hidden])')].filter((i) => !i.labels.length).length"
    inputs = "document.querySelectorAll('input:not([type=hidden])').length"

    assert visit.page.evaluate(inputs) >= 2
    assert visit.page.evaluate(unlabelled) == 0
    visit.login(seed.users[0].username, seed.users[0].password)
    assert visit.page.evaluate(inputs) >= 2
    assert visit.page.evaluate(unlabelled) == 0
