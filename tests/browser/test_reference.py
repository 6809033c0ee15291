"""The reference page in a real Chromium: in both languages, without script, within its own policy."""

import pytest
from playwright.sync_api import Browser, ViewportSize

from browser.test_pages import DESK, JAPANESE, PHONE, POLICY_BREACH, REPORTER
from integration.service import Seed

METHODS = {"v1": 13, "v2": 20}


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("version", METHODS)
def test_AU_11_the_reference_page_keeps_its_policy_and_fits_its_window(
    chromium: Browser, seed: Seed, version: str, language: str, size: ViewportSize
) -> None:
    context = chromium.new_context(viewport=size)
    context.add_init_script(REPORTER)
    page = context.new_page()
    complaints: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url))
    page.goto(f"{seed.base_url}/reference/{version}?lang={language}", wait_until="load")

    assert not [text for text in complaints if POLICY_BREACH.search(text)], complaints
    assert not [url for url in foreign if not url.startswith(seed.base_url)]
    assert page.locator("html").get_attribute("lang") == language
    assert bool(JAPANESE.search(page.locator("h2").all_inner_texts()[0])) == (language == "ja")
    assert page.locator("section.method").count() == METHODS[version]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    errors = page.locator("section.method details").first
    assert not errors.locator("table").is_visible()
    errors.locator("summary").click()
    assert errors.locator("table").is_visible()
    page.locator(".contents a").last.click()
    assert page.locator("section.method").last.is_visible()
    context.close()
