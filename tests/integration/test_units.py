"""The systemd units' own command lines, started as their users in their folders, without systemd as process 1."""

import contextlib
import pwd
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from csc_server.cli.dev.token import find_module
from integration.installation import MAIN, SIGNER, STOP_LIMIT, WEB, Installation
from integration.units import UNITS, read_unit

pytestmark = [pytest.mark.root, pytest.mark.integration]

USERS = {"csc-signer": SIGNER, "csc-web": WEB}
"""Users that every Debian has stand in for those of the units."""
PROGRAM, SETTINGS = "/opt/csc-server/bin/csc-server", "/etc/csc-server/csc-server.toml"


@pytest.fixture
def installation():
    with tempfile.TemporaryDirectory(prefix="csc-units-") as folder:
        made = Installation(Path(folder), find_module())
        text = made.settings.read_text(encoding="utf-8")
        text = text.replace(f"{folder}/run", f"{folder}/csc-server").replace(
            f"{folder}/listen", f"{folder}/csc-server-web"
        )
        made.settings.write_text(text, encoding="utf-8")
        made.socket = Path(folder) / "csc-server-web" / "web.sock"
        made.done("setup", "--initialise-token")
        yield made


def start(installation, unit, log):
    """Do what systemd does for the service: its folder, its user, its command, its mask."""
    account = pwd.getpwnam(USERS[unit["User"]])
    folder = installation.folder / unit["RuntimeDirectory"]
    folder.mkdir()
    folder.chmod(int(unit["RuntimeDirectoryMode"], 8))
    shutil.chown(folder, account.pw_uid)
    program, *arguments = shlex.split(unit["ExecStart"])
    assert program == PROGRAM
    assert SETTINGS in arguments
    named = [str(installation.settings) if each == SETTINGS else each for each in arguments]
    return subprocess.Popen(
        [installation.python, "-c", MAIN, *named], user=account.pw_uid, group=account.pw_gid, extra_groups=[],
        env=installation.environment, umask=int(unit["UMask"], 8), stdout=log, stderr=log,
    )  # fmt: skip


def test_AR_01_both_units_start_as_their_users_and_answer(installation):
    processes = []
    with (installation.folder / "log").open("wb") as log:
        try:
            for name in UNITS:
                processes.append(start(installation, read_unit(name), log))
            installation.wait(*processes)
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                codes = [process.wait(STOP_LIMIT) for process in processes]

    assert codes == [0, 0], installation.log()
