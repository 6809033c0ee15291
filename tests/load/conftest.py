"""Fixtures of the load ring: the server behind nginx, with the configuration that is shipped."""

from collections.abc import Iterator

import pytest

from integration.service import Seed, Service, shared_tls_service


@pytest.fixture(scope="session")
def tls_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield shared_tls_service.acquire(tmp_path_factory.mktemp("load"))
    shared_tls_service.release()


@pytest.fixture(scope="session")
def tls_seed(tls_service: Service) -> Seed:
    return tls_service.seed
