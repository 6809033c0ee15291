"""A server of its own for the ring of faults: two workers a side, the device behind a module that can misbehave."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import softhsm
from fault.device_shim import DeviceShim
from fault.load import Signer
from integration.csc_client import CscClient
from integration.service import Service

HERE = Path(__file__).parent
LIMIT = 600
WORKERS = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.fault)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> DeviceShim:
    return DeviceShim(tmp_path_factory.mktemp("shim"), softhsm.module())


@pytest.fixture(scope="session")
def faulty_service(tmp_path_factory: pytest.TempPathFactory, shim: DeviceShim) -> Iterator[Service]:
    arguments = (
        "--workers", str(WORKERS), "--pkcs11-module", str(shim.path), "--limit", "sad_lifetime=300",
        "--limit", "sad_total_lifetime=900",
    )  # fmt: skip
    service = Service(tmp_path_factory.mktemp("faulty") / "data", arguments=arguments).start()
    yield service
    shim.heal()
    service.stop()


@pytest.fixture
def service(faulty_service: Service, shim: DeviceShim) -> Iterator[Service]:
    """The server, whole before the test and with its device healed after it."""
    shim.heal()
    Signer(faulty_service.seed, faulty_service.seed.choose(key="P-256")).sign_until(30)
    yield faulty_service
    shim.heal()


@pytest.fixture
def token(service: Service) -> str:
    return CscClient(service.base_url, "v2").login(service.seed.users[0])
