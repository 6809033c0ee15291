"""Each fuzz target first proves that it finds a planted bug, then finds nothing in the program as it is (RL-08).

`make fuzz` gives each target a minute; the gate a few seconds.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.engine import TARGETS

TESTS = Path(__file__).resolve().parents[1]
SECONDS = int(os.environ.get("CSC_FUZZ_SECONDS", "2"))
BUDGET = 45
"""Seconds for a planted bug: most are found within two, all within fifteen on a busy machine."""
START = 60
"""Seconds for the start of a run on a busy machine."""


def fuzz(target, seconds, *options):
    command = [sys.executable, "-m", "fuzz.engine", target, "--seconds", str(seconds), *options]
    return subprocess.run(
        command, cwd=TESTS, capture_output=True, text=True, errors="replace", timeout=seconds + START, check=False
    )


@pytest.mark.timeout(BUDGET + START)
@pytest.mark.parametrize("target", TARGETS)
def test_RL_08_the_target_finds_a_planted_bug(target):
    found = fuzz(target, BUDGET, "--planted")

    assert found.returncode == 1, found.stderr[-2000:]
    assert "FOUND with" in found.stdout


@pytest.mark.timeout(SECONDS + START)
@pytest.mark.parametrize("target", TARGETS)
def test_RL_08_the_target_finds_nothing(target):
    found = fuzz(target, SECONDS)

    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-4000:]


def test_RL_08_machines_without_coverage_guidance_fuzz_too():
    assert fuzz("wire_json", BUDGET, "--planted", "--random").returncode == 1
    assert fuzz("wire_json", 1, "--random").returncode == 0
