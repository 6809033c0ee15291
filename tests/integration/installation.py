"""A production installation in a folder, made and run with the commands alone, each side as a user of its own."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import psutil

from csc_server.cli.probe import Place, UnixConnection

WEB, SIGNER, STRANGER = "daemon", "bin", "nobody"
HOST = "sign.example.org"
START_LIMIT = 60.0
STOP_LIMIT = 30.0
MAIN = "from csc_server.cli.main import main; main()"
SETTINGS = """
environment = "test"
revocation = "none"
socket_dir = "{folder}/run"
[users]
web = "{web}"
signer = "{signer}"
[web]
base_url = "https://{host}"
listen = "unix:{folder}/listen/web.sock"
database_url = "{web_url}"
key_file = "{folder}/web/key"
[signer]
database_url = "{signer_url}"
[signer.device]
module = "{module}"
token_label = "production"
pin_file = "{folder}/signer/pin"
"""


def program():
    """Return a Python that every user may run, and the environment in which it finds what this one has.

    An interpreter below another user's home is out of reach; the system's of the same version will do.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path = f"{Path(__file__).parents[2] / 'src'}:{sysconfig.get_paths()['purelib']}"
    environment = {**os.environ, "PYTHONPATH": path}
    for python in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        with contextlib.suppress(OSError):
            if not subprocess.run([python, "-c", ""], user=STRANGER, env=environment, check=False).returncode:
                return python, environment
    raise AssertionError(f"no Python {version} that the user {STRANGER} may run")


class Installation:
    """What an operator has: a folder, a settings file, the commands. Nothing else is made for it."""

    def __init__(self, folder, module, web_url=None, signer_url=None):
        self.folder = folder
        folder.chmod(0o755)
        self.python, self.environment = program()
        self.environment["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        tokens = f"directories.tokendir = {folder / 'signer'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        (folder / "softhsm2.conf").write_text(tokens, encoding="utf-8")
        self.settings = folder / "settings.toml"
        self.socket = folder / "listen" / "web.sock"
        text = SETTINGS.format(
            folder=folder,
            web=WEB,
            signer=SIGNER,
            host=HOST,
            module=module,
            web_url=web_url or f"sqlite:///{folder}/web/web.sqlite3",
            signer_url=signer_url or f"sqlite:///{folder}/signer/signer.sqlite3",
        )
        self.settings.write_text(text, encoding="utf-8")

    def run(self, *arguments, text=None, user=None):
        account = pwd.getpwnam(user) if user else None
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        command = [self.python, "-c", MAIN, *map(str, arguments), "--settings", str(self.settings)]
        return subprocess.run(
            command, env=self.environment, input=text, capture_output=True, text=True, check=False, timeout=120, **who
        )

    def done(self, *arguments, text=None):
        """Run a command that must succeed; return its JSON, or its text."""
        result = self.run(*arguments, text=text)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def secret(self, name, value):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(f"{value}\n", encoding="utf-8")
        return path

    @contextlib.contextmanager
    def serving(self, command=None):
        """Run `serve`, or another command line in its place, until the block ends."""
        command = command or [self.python, "-c", MAIN, "serve", "--settings", str(self.settings)]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            self.wait(process)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_LIMIT) == 0, self.log()

    def wait(self, *processes):
        place = Place(f"unix:{self.socket}", f"https://{HOST}")
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            assert all(process.poll() is None for process in processes), self.log()
            with contextlib.suppress(OSError):
                if place.get("/readyz")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(self.log())

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8")[-4000:]

    def post(self, path, body, authorization):
        """Call the running service over web's socket, as a proxy would."""
        connection = UnixConnection(str(self.socket))
        connection.timeout = 30
        headers = {"Host": HOST, "Content-Type": "application/json", "Authorization": authorization}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()
