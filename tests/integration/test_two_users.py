"""`csc-server serve` as root: two users, and what one of them can't reach of the other (AR-01, AR-03)."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from csc_server.cli.dev.token import find_module
from csc_server.cli.probe import Place
from integration.installation import MAIN, SIGNER, START_LIMIT, STOP_LIMIT, STRANGER, WEB, program

pytestmark = [pytest.mark.root, pytest.mark.integration]

PROVISIONING = """
import sys
from pathlib import Path
from csc_server.settings import DeviceSettings
from csc_server.signer.device.provisioning import create_module_keys, initialise_token
module, pin_file = (Path(each) for each in sys.argv[1:])
initialise_token(module, "two-users", "97153864", pin_file.read_text())
create_module_keys(DeviceSettings(module=module, token_label="two-users", pin_file=pin_file))
"""
SETTINGS = """
environment = "test"
revocation = "none"
socket_dir = "{folder}/run"
[users]
web = "{web}"
signer = "{signer}"
[web]
base_url = "https://sign.example.org"
listen = "unix:{folder}/web/web.sock"
database_url = "sqlite:///{folder}/web/web.sqlite3"
[signer]
database_url = "sqlite:///{folder}/signer/signer.sqlite3"
[signer.device]
module = "{module}"
token_label = "two-users"
pin_file = "{folder}/signer/pin"
"""


class Site:
    """Folders, token and settings of a production server for two users."""

    def __init__(self, folder, module):
        self.folder = folder
        self.python, self.environment = program()
        self.environment["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        self.settings = folder / "settings.toml"
        self._make_folders()
        text = SETTINGS.format(folder=folder, web=WEB, signer=SIGNER, module=module)
        self.settings.write_text(text, encoding="utf-8")
        script = [self.python, "-c", PROVISIONING, str(module), str(folder / "signer" / "pin")]
        subprocess.run(script, user=SIGNER, group=0, extra_groups=[], env=self.environment, check=True)

    def _make_folders(self):
        self.folder.chmod(0o755)
        for side, user in (("web", WEB), ("signer", SIGNER), ("signer/token", SIGNER)):
            path = self.folder / side
            path.mkdir(mode=0o700)
            shutil.chown(path, user)
        pin = self.folder / "signer" / "pin"
        pin.write_text("5172839460", encoding="utf-8")
        pin.chmod(0o600)
        shutil.chown(pin, SIGNER)
        token = f"directories.tokendir = {self.folder / 'signer' / 'token'}\nobjectstore.backend = file\n"
        (self.folder / "softhsm2.conf").write_text(token, encoding="utf-8")

    def run(self, *arguments):
        command = [self.python, "-c", MAIN, *arguments, "--settings", str(self.settings)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)

    @contextlib.contextmanager
    def serving(self):
        command = [self.python, "-c", MAIN, "serve", "--settings", str(self.settings)]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            self._wait(process)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_LIMIT) == 0

    def _wait(self, process):
        place = Place(f"unix:{self.folder}/web/web.sock", "https://sign.example.org")
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            assert process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")
            with contextlib.suppress(OSError):
                if place.get("/readyz")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site():
    with tempfile.TemporaryDirectory(prefix="csc-two-users-") as folder:
        site = Site(Path(folder), find_module())
        migrated = site.run("migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield site


@pytest.fixture(scope="module")
def server(site):
    with site.serving() as process:
        yield process


def parts(server, name):
    return [each for each in server.children(recursive=True) if each.cmdline()[-1] == name]


def as_user(name, code, *arguments):
    """Run a few lines as another user and return what they print."""
    python, environment = program()
    command = [python, "-c", code, *map(str, arguments)]
    account = pwd.getpwnam(name)
    return subprocess.run(
        command,
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_AR_01_each_side_runs_as_its_own_user_without_roots_groups(server):
    for name, user in (("web", WEB), ("signer", SIGNER)):
        account = pwd.getpwnam(user)
        processes = parts(server, name)

        assert len(processes) > 2
        assert {each.uids() for each in processes} == {(account.pw_uid,) * 3}
        assert {each.gids() for each in processes} == {(account.pw_gid,) * 3}
        groups = {group for each in processes for group in groups_of(each)}
        assert groups <= set(os.getgrouplist(user, account.pw_gid))


def groups_of(process):
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("Groups:")]
    return [int(each) for each in line.split()[1:]]


def test_AR_01_web_has_no_module_and_no_word_of_it(server):
    module = find_module().name

    for each in parts(server, "web"):
        assert not any(module in mapping.path for mapping in each.memory_maps())
        assert not any("SOFTHSM" in name for name in each.environ())
    assert any(module in mapping.path for each in parts(server, "signer") for mapping in each.memory_maps())


OPEN = "import sys\ntry:\n open(sys.argv[1], 'rb').read(1); print('read')\nexcept PermissionError: print('refused')"


@pytest.mark.parametrize("name", ["signer/pin", "signer/signer.sqlite3", "signer/token"])
def test_AR_01_web_cannot_read_what_is_the_signers(server, site, name):
    assert as_user(WEB, OPEN, site.folder / name) == "refused"


def test_AR_01_the_signer_cannot_read_what_is_webs(server, site):
    assert as_user(SIGNER, OPEN, site.folder / "web" / "web.sqlite3") == "refused"


TALK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as peer:
    peer.settimeout(10)
    peer.connect(sys.argv[1])
    try:
        peer.sendall(bytes.fromhex(sys.argv[2]))
        print('answered' if peer.recv(4) else 'closed')
    except ConnectionError:
        print('closed')
"""


def test_AR_03_only_webs_uid_is_answered_at_the_signers_sockets(server, site):
    from csc_server.activation.framing import frame
    from csc_server.activation.messages import Ping, encode

    path = site.folder / "run" / "registry-0.sock"
    ping = frame(encode(Ping())).hex()

    assert as_user(WEB, TALK, path, ping) == "answered"
    assert as_user(STRANGER, TALK, path, ping) == "closed"


def test_files_of_both_sides_are_private(server, site):
    files = [path for side in ("web", "signer") for path in (site.folder / side).glob("*.sqlite3*")]

    assert len(files) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_doctor_finds_nothing_wrong(server, site):
    result = site.run("doctor", "--json")

    assert result.returncode == 0, result.stdout
    assert json.loads(result.stdout)["status"] == "ok"


def test_a_second_migration_changes_nothing(site):
    assert site.run("migrate").stdout == "web: up to date\nsigner: up to date\n"


def test_AR_01_one_user_for_both_sides_is_refused(site):
    text = site.settings.read_text(encoding="utf-8")
    try:
        site.settings.write_text(text.replace(f'signer = "{SIGNER}"', f'signer = "{WEB}"'), encoding="utf-8")
        result = site.run("serve")
    finally:
        site.settings.write_text(text, encoding="utf-8")

    assert result.returncode == 3
    assert "are one user" in result.stderr
