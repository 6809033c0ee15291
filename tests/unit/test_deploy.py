"""The examples for operators: units that systemd understands, and that keep the two sides apart."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from integration.units import UNITS, read_unit

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name, tmp_path):
    if not shutil.which("systemd-analyze"):
        text = (DEPLOY / "systemd" / name).read_text()
        assert re.findall(r"^\[(\w+)\]$", text, re.MULTILINE) == ["Unit", "Service", "Install"]
        return
    for unit in UNITS:
        text = (DEPLOY / "systemd" / unit).read_text()
        (tmp_path / unit).write_text(text.replace("/opt/csc-server/bin/csc-server", "/bin/true"))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / name], capture_output=True, text=True, check=False
    )

    assert name not in result.stderr.replace(str(tmp_path), "")


def test_AR_01_each_side_is_a_user_of_its_own_without_a_right_to_become_another():
    units = [read_unit(name) for name in UNITS]

    assert len({unit["User"] for unit in units}) == len(UNITS)
    for unit in units:
        assert (unit["NoNewPrivileges"], unit["CapabilityBoundingSet"], unit["UMask"]) == ("yes", "", "0077")
        assert unit["ProtectSystem"] == "strict"


def test_AR_05_the_signers_unit_has_no_network():
    signer = read_unit("csc-server-signer.service")

    assert signer["PrivateNetwork"] == "yes"
    assert signer["RestrictAddressFamilies"] == "AF_UNIX"


def test_container_runs_as_nobody_and_installs_by_hash():
    text = (DEPLOY / "Containerfile").read_text()
    commands = [line for line in text.splitlines() if not line.startswith("#")]

    assert "USER nobody" in commands
    for line in commands:
        if "pip install" in line and "/source/requirements" in line:
            assert "--require-hashes" in line


@pytest.mark.parametrize(
    "name", ["csc-server.toml", *(f"systemd/{unit}" for unit in UNITS), "Containerfile", "nginx.conf"]
)
def test_every_example_is_listed(name):
    listed = (DEPLOY / "README.md").read_text()

    assert f"({name.partition('/')[0]}" in listed
