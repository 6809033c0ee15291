"""A real Chromium beside a real server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.redirect_listener import RedirectListener
from integration.service import Seed, Service, shared_service

HERE = Path(__file__).parent
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
SLOW_START = 400
"""Seconds: the first test of a run also pays for the start of the server and its keys."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SLOW_START))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield shared_service.acquire(tmp_path_factory.mktemp("service"))
    shared_service.release()


@pytest.fixture(scope="session")
def seed(service: Service) -> Seed:
    return service.seed


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next((path for path in CHROMIUM if Path(path).exists()), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    arguments = ["--disable-gpu", "--disable-background-networking", "--no-proxy-server", "--disable-dev-shm-usage"]
    # Chromium has no sandbox for root; everyone else keeps it.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=arguments, chromium_sandbox=os.geteuid() != 0, headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def listener() -> Iterator[RedirectListener]:
    with RedirectListener() as running:
        yield running
