"""The page of waiting requests in a real Chromium: without script, in both languages, on a desk and on a phone."""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from integration.code_flow import Application
from integration.csc_client import SHA256, CscClient, Json, base64_of, digests_of
from integration.service import Mode, Seed

LANGUAGES = pytest.mark.parametrize("language", ["en", "ja"])
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=720)
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
LARGE_ENOUGH = 44
"""CSS pixels of a target's height (WCAG 2.1, 2.5.5)."""
Opening = Callable[..., Page]


@pytest.fixture(scope="module")
def application(seed: Seed) -> CscClient:
    return CscClient(seed.base_url, "v2", Application(seed.base_url, "v2", seed.csc2).service_token(seed.users[0]))


@pytest.fixture
def mode(seed: Seed) -> Mode:
    return seed.modes["implicit-pin"]


@pytest.fixture
def description(application: CscClient, mode: Mode) -> str:
    """What a request says that waits for its signer."""
    return requested(application, mode)[0]


def requested(application: CscClient, mode: Mode) -> tuple[str, str]:
    """Ask for an approval; return its description and its handle."""
    text = f"Letter {secrets.token_hex(4)}"
    body: Json = {
        "credentialID": mode.credential_id,
        "numSignatures": 3,
        "hashes": [base64_of(digest) for digest in digests_of(3, SHA256, text)],
        "hashAlgorithmOID": SHA256,
        "description": text,
    }
    answer = application.post("credentials/authorize", body)
    assert answer.status_code == 202, answer.text
    return text, answer.json()["handle"]


@pytest.fixture
def opening(chromium: Browser, seed: Seed) -> Iterator[Opening]:
    """A maker of pages: logged in, on the list, complaining about nothing in the end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "400 (Bad Request)" not in message.text:  # a wrong PIN's page
            complaints.append(message.text)

    def watch(url: str) -> None:
        if urlsplit(url).netloc != urlsplit(seed.base_url).netloc:
            complaints.append(f"foreign: {url}")

    def open_list(language: str = "en", viewport: ViewportSize | None = None) -> Page:
        context = chromium.new_context(java_script_enabled=False, locale=language, viewport=viewport or DESK)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("request", lambda request: watch(request.url))
        page.goto(f"{seed.base_url}/approvals")
        page.locator("input[autocomplete=username]").fill(seed.users[0].username)
        page.locator("input[type=password]").fill(seed.users[0].password)
        page.locator("button.primary").click()
        page.wait_for_load_state("load")
        return page

    yield open_list
    for context in contexts:
        context.close()
    assert complaints == []


def choose(page: Page, description: str) -> None:
    page.locator("li.card", has_text=description).locator("a.button").click()
    page.wait_for_load_state("load")


def keep_picture(page: Page, name: str) -> None:
    folder = os.environ.get("CSC_PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@LANGUAGES
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_signer_approves_without_script(
    opening: Opening, application: CscClient, mode: Mode, language: str, viewport: ViewportSize
) -> None:
    description, handle = requested(application, mode)
    page = opening(language, viewport)
    keep_picture(page, f"list-{language}-{viewport['width']}")
    choose(page, description)
    keep_picture(page, f"one-{language}-{viewport['width']}")
    text = page.locator("main").inner_text()
    page.locator("#pin").fill(mode.pin or "")
    page.locator("button[value=approve]").click()
    page.wait_for_load_state("load")
    keep_picture(page, f"done-{language}-{viewport['width']}")

    assert description in text
    assert bool(JAPANESE.search(text)) is (language == "ja")
    assert page.locator("[role=status]").count() == 1
    assert description not in page.content()
    assert set(application.call("credentials/authorizeCheck", {"handle": handle})) == {"SAD", "expiresIn"}


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_is_cut_off_and_targets_are_large_enough(
    opening: Opening, description: str, viewport: ViewportSize
) -> None:
    page = opening("ja", viewport)
    for _ in range(2):
        boxes = [box for each in page.locator("main button, main a.button").all() if (box := each.bounding_box())]
        assert boxes
        for box in boxes:
            assert box["height"] >= LARGE_ENOUGH
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= viewport["width"]
        if page.locator("a.button").count():
            choose(page, description)


def test_a_wrong_pin_is_told_beside_its_field(opening: Opening, description: str, mode: Mode) -> None:
    page = opening()
    choose(page, description)
    page.locator("#pin").fill(f"{mode.pin}0")
    page.locator("button[value=approve]").click()
    page.wait_for_load_state("load")
    field = page.locator("#pin")

    assert field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == ""
    assert page.locator("[role=alert] a[href='#pin']").count() == 1
    assert "Error" in page.title()
    page.locator("#pin").fill(mode.pin or "")
    page.locator("button[value=approve]").click()
    page.wait_for_load_state("load")
    assert page.locator("[role=status]").count() == 1


def test_refusing_is_as_easy_as_approving(opening: Opening, application: CscClient, mode: Mode) -> None:
    description, handle = requested(application, mode)
    page = opening()
    choose(page, description)
    approve, refuse = (page.locator(f"button[value={name}]").bounding_box() for name in ("approve", "refuse"))
    page.locator("button[value=refuse]").click()
    page.wait_for_load_state("load")

    assert approve
    assert refuse
    assert approve["height"] == refuse["height"]
    assert "Refused." in page.locator("[role=status]").inner_text()
    assert application.post("credentials/authorizeCheck", {"handle": handle}).json()["error"] == "access_denied"


def test_signing_out_leaves_nothing_to_see(opening: Opening, description: str) -> None:
    page = opening()
    choose(page, description)
    address = page.url
    page.go_back()
    page.locator("footer button").click()
    page.wait_for_load_state("load")
    page.goto(address)

    assert page.locator("input[type=password]").count() == 1
    assert description not in page.content()
