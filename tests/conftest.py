"""What all rings of tests share: their order, their profile of generated examples, and the policy on skips.

A ring is a folder of `tests`. The gate (`make test`, or CI=true) turns a skipped test into a failed one, so
that a missing device, database or browser cannot pass as success. The only way out is the marker `root`:
such a test runs wherever the gate runs as root, and is skipped, by name, elsewhere.
"""

import os
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

RINGS = ("unit", "property", "contract", "fuzz", "integration", "rows", "browser", "attack", "fault")
MINUTES_OF_THE_GATE = 16
_TESTS = Path(__file__).parent
_seconds: defaultdict[str, float] = defaultdict(float)
_counts: defaultdict[str, int] = defaultdict(int)

# Generated examples: the same in every run but the nightly one, so that a red gate means a changed program.
_slow = [HealthCheck.too_slow]
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, suppress_health_check=_slow)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_slow)
settings.register_profile("fuzz", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=_slow)
settings.register_profile("nightly", max_examples=10_000, deadline=None, print_blob=True, suppress_health_check=_slow)
settings.load_profile(os.environ.get("CSC_PROFILE", "ci"))


def skips_are_failures(environment: "os._Environment[str]") -> bool:
    return environment.get("CSC_NO_SKIPS") == "1" or environment.get("CI", "").lower() in {"1", "true"}


def ring_of(path: Path) -> str:
    """The folder below `tests` in which a test stands."""
    parts = path.relative_to(_TESTS).parts if path.is_relative_to(_TESTS) else ()
    return parts[0] if parts and parts[0] in RINGS else "other"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {ring: number for number, ring in enumerate((*RINGS, "other"))}
    items.sort(key=lambda item: order[ring_of(item.path)])
    for item in items:
        ring = ring_of(item.path)
        if ring in {"integration", "browser", "fault"}:
            item.add_marker(ring)
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: it starts processes of two users"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    started = time.monotonic()
    result = yield
    _seconds[ring_of(item.path)] += time.monotonic() - started
    _counts[ring_of(item.path)] += 1
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    may_skip = item.get_closest_marker("root") and os.geteuid() != 0
    if report.skipped and not hasattr(report, "wasxfail") and not may_skip and skips_are_failures(os.environ):
        report.outcome = "failed"
        report.longrepr = f"skipped, which the gate does not accept: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if report.skipped and skips_are_failures(os.environ):
        report.outcome = "failed"
        report.longrepr = f"skipped, which the gate does not accept: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _counts:
        return
    terminalreporter.section("minutes of each ring")
    for ring in (*RINGS, "other"):
        if _counts[ring]:
            terminalreporter.write_line(f"{_seconds[ring] / 60:6.2f} min  {ring:<12} {_counts[ring]:5d} tests")
    total = sum(_seconds.values()) / 60
    remark = f" - more than the {MINUTES_OF_THE_GATE} that the gate may take" if total > MINUTES_OF_THE_GATE else ""
    terminalreporter.write_line(f"{total:6.2f} min  all{remark}")
