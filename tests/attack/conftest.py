"""Fixtures of the attack ring: the server all rings share, and one of its own for tests that lock things."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.code_flow import Application
from integration.csc_client import CscClient
from integration.service import Seed, Service, shared_service

HERE = Path(__file__).parent
SLOW_START = 400
"""Seconds: the first test of a run also pays for the start of the server and its keys."""
SHORT_SAD = 15
"""Seconds a SAD lives on the server of its own: long enough to be used, short enough to be waited for."""


MANY_CASES = "test_compromised_web.py"
EACH = 3
"""The gate runs every third case of a long list, and the lists whole at night."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    cases: Counter[str] = Counter()
    for item in items:
        if item.path.name == MANY_CASES and isinstance(item, pytest.Function):
            cases[item.originalname] += 1
            if cases[item.originalname] % EACH != 1:
                item.add_marker(pytest.mark.nightly)
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
def token(seed: Seed) -> str:
    """A service token of the first user, from auth/login."""
    return CscClient(seed.base_url, "v1").login(seed.users[0])


@pytest.fixture(params=["v1", "v2"])
def client(request: pytest.FixtureRequest, seed: Seed, token: str) -> CscClient:
    """The first user's client, once in each version."""
    return CscClient(seed.base_url, request.param, token)


@pytest.fixture(scope="session")
def tokens_of_clients(seed: Seed) -> dict[str, str]:
    """Service tokens of the first user, one from each OAuth client of the seed, by client_id."""
    return {
        client.client_id: Application(seed.base_url, "v2", client).service_token(seed.users[0])
        for client in (seed.csc1, seed.csc2)
    }


@pytest.fixture(scope="session")
def second_token(seed: Seed) -> str:
    """A service token of another user, who logs in with a one-time code."""
    return Application(seed.base_url, "v2", seed.csc2).service_token(seed.users[1])


@pytest.fixture(scope="session")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server whose credentials may be locked and whose SADs expire soon."""
    folder = tmp_path_factory.mktemp("own") / "data"
    service = Service(folder, arguments=("--limit", f"sad_lifetime={SHORT_SAD}")).start()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def own_seed(own_service: Service) -> Seed:
    return own_service.seed


@pytest.fixture(scope="session")
def own_token(own_seed: Seed) -> str:
    return CscClient(own_seed.base_url, "v1").login(own_seed.users[0])
