"""Fixtures for tests against a real `csc-server dev`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.csc_client import CscClient
from integration.one_time_codes import OneTimeCodes, codes_of_this_run
from integration.service import Seed, Service, shared_service, shared_tls_service

HERE = Path(__file__).parent
SLOW_START = 400
"""Seconds: the first test of a run also pays for the start of the server and its keys."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_START))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield shared_service.acquire(tmp_path_factory.mktemp("service"))
    shared_service.release()


@pytest.fixture(scope="session")
def seed(service: Service) -> Seed:
    return service.seed


@pytest.fixture(scope="session")
def tls_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server behind nginx: TLS 1.3 and client certificates."""
    yield shared_tls_service.acquire(tmp_path_factory.mktemp("tls"))
    shared_tls_service.release()


@pytest.fixture(scope="session")
def tls_seed(tls_service: Service) -> Seed:
    return tls_service.seed


@pytest.fixture(scope="session")
def codes() -> OneTimeCodes:
    return codes_of_this_run


@pytest.fixture(scope="session")
def login_token(seed: Seed) -> str:
    """A service token of the first user, from auth/login."""
    return CscClient(seed.base_url, "v1").login(seed.users[0])
