"""The courier's unit: its own command line, as a user of its own, between the signer's user and an operator's webhook."""

import contextlib
import http.server
import json
import pwd
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from csc_server.cli.dev.token import find_module
from integration.installation import MAIN, SIGNER, STOP_LIMIT, STRANGER, WEB, Installation
from integration.units import read_unit

pytestmark = [pytest.mark.root, pytest.mark.integration]

UNIT = "csc-server-courier.service"
DELIVER = """
import sys
from pathlib import Path
from csc_server.errors import UnavailableError
from csc_server.signer.courier.client import CourierClient
from csc_server.signer.courier.port import Delivery
try:
    CourierClient(Path(sys.argv[1]), int(sys.argv[2])).deliver(Delivery("alice@mail.example", sys.argv[3], "c", 300))
except UnavailableError:
    sys.exit(3)
"""


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.codes.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["code"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Keep the test's output quiet."""


@pytest.fixture
def hook():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.codes = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def installation(hook):
    with tempfile.TemporaryDirectory(prefix="csc-courier-") as folder:
        made = Installation(Path(folder), find_module())
        text = made.settings.read_text(encoding="utf-8")
        text = text.replace("[web]", f'courier = "{STRANGER}"\n[web]')
        text += f'[courier]\n[courier.webhook]\nurl = "http://127.0.0.1:{hook.server_address[1]}/"\n'
        made.settings.write_text(text, encoding="utf-8")
        yield made


@contextlib.contextmanager
def running(installation):
    """Do what systemd does for the unit; yield its socket."""
    unit, account = read_unit(UNIT), pwd.getpwnam(STRANGER)
    folder = installation.folder / "run-courier"
    folder.mkdir()
    folder.chmod(int(unit["RuntimeDirectoryMode"], 8))
    shutil.chown(folder, account.pw_uid)
    _, *arguments = shlex.split(unit["ExecStart"])
    named = [str(installation.settings) if each.startswith("/etc/") else each for each in arguments]
    with (installation.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [installation.python, "-c", MAIN, *named], user=account.pw_uid, group=account.pw_gid, extra_groups=[],
            env=installation.environment, umask=int(unit["UMask"], 8), stdout=log, stderr=log,
        )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (folder / "courier.sock").exists():
        assert process.poll() is None, (installation.folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield folder / "courier.sock"
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_LIMIT) == 0, (installation.folder / "log").read_text()


def deliver(installation, path, user, code):
    account, courier = pwd.getpwnam(user), pwd.getpwnam(STRANGER).pw_uid
    command = [installation.python, "-c", DELIVER, str(path), str(courier), code]
    done = subprocess.run(
        command, user=account.pw_uid, group=account.pw_gid, extra_groups=[], env=installation.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_AR_03_the_courier_serves_the_signers_user_and_nobody_else(installation, hook):
    with running(installation) as path:
        assert deliver(installation, path, SIGNER, "31415926") == (0, "")
        assert deliver(installation, path, WEB, "27182818") == (3, "")
        assert deliver(installation, path, STRANGER, "27182818") == (3, "")

    assert hook.codes == ["31415926"]


def test_AR_05_the_couriers_unit_reaches_no_data_of_the_service():
    unit = read_unit(UNIT)

    assert unit["User"] == "csc-courier"
    assert unit["InaccessiblePaths"] == "-/var/lib/csc-server"
    assert (unit["NoNewPrivileges"], unit["CapabilityBoundingSet"]) == ("yes", "")
    assert unit["PrivateDevices"] == "yes"
