"""One server for all rows, what each row was found to be, and the coverage that the run writes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.service import Seed, Service
from rows.coverage import Found
from rows.desk import Desk
from rows.judge import Judge
from rows.other_servers import OtherServers

HERE = Path(__file__).parent
LIMITS = ("--limit", "sad_lifetime=10", "--limit", "refresh_token_lifetime=60")
"""Lifetimes as short as the settings allow, so that a run sees things expire."""
SLOW_START = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SLOW_START))


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """The judge of the server under test: the one whose seed file CSC_ROWS_SEED names, else one of this run's own."""
    named = os.environ.get("CSC_ROWS_SEED")
    if named:
        yield from _judge(Seed.read(Path(named)))
        return
    service = Service(tmp_path_factory.mktemp("rows") / "data", arguments=LIMITS).start()
    yield from _judge(service.seed)
    service.stop()


@pytest.fixture(scope="session")
def found() -> Found:
    return Found()


def _judge(seed: Seed) -> Iterator[Judge]:
    """Yield the judge; other settings can be tried where the server's data folder is on this machine."""
    folder = seed.trust_root.parents[1]
    with OtherServers(folder) as others:
        desk = Desk(seed, others.base_url if (folder / "settings.json").exists() else None)
        desk.prepare()
        yield Judge(desk)
