"""Web processes beside the server under test, on the same data but with another setting each."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import requests

from integration.service import clean_environment, free_port

Settings = dict[str, Any]
START_LIMIT = 60.0


class OtherServers:
    """Starts a server when its name is first asked for and stops all at the end."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()

    def base_url(self, name: str) -> str:
        """Return where the server of this name listens."""
        if name not in self._urls:
            self._urls[name] = self._start(name)
        return self._urls[name]

    def _start(self, name: str) -> str:
        settings: Settings = json.loads((self._data_dir / "settings.json").read_text("utf-8"))["web"]
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        settings |= {"listen": f"127.0.0.1:{port}", "workers": 1, "threads": 2}
        CHANGES[name](settings, self._data_dir)
        process = subprocess.Popen(
            [sys.executable, "-m", "csc_server.cli.process", "web"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment(), start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings).encode())
        process.stdin.close()
        self._processes[name] = process
        _wait_until_it_listens(url, process)
        return url


def _wait_until_it_listens(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_LIMIT
    with requests.Session() as http:
        http.trust_env = False
        while time.monotonic() < deadline:
            assert process.poll() is None, f"the other server ended with {process.returncode}"
            with contextlib.suppress(requests.ConnectionError):
                http.get(f"{url}/healthz", timeout=5)
                return
            time.sleep(0.05)
    raise AssertionError("the other server does not answer")


def _without_signer(settings: Settings, folder: Path) -> None:
    """Every call of the signer process fails: there is no socket."""
    empty = folder / "empty"
    empty.mkdir(mode=0o700, exist_ok=True)
    settings |= {"socket_dir": str(empty), "base_url": f"http://{settings['listen']}"}


def _damaged(settings: Settings, folder: Path) -> None:
    """A database in which rows say what the program never writes."""
    _change(settings, folder, "UPDATE tokens SET kind = 'neither'", "UPDATE clients SET account_token_key = 5")


def _without_interactions(settings: Settings, folder: Path) -> None:
    """A database in which no signer's visit can be begun."""
    _change(settings, folder, "DROP TABLE interactions")


def _change(settings: Settings, folder: Path, *statements: str) -> None:
    """Give the server a copy of the database, as it is now, with these changes."""
    copy = folder / f"copy-{len(list(folder.glob('copy-*')))}.sqlite3"
    _copy(folder / "web" / "web.sqlite3", copy)
    with contextlib.closing(sqlite3.connect(copy)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    settings["database_url"] = f"sqlite:///{copy}"


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as database, contextlib.closing(sqlite3.connect(target)) as copy:
        database.backup(copy)
    shutil.copymode(source, target)


def _narrow(settings: Settings, folder: Path) -> None:
    """One login a minute."""
    settings["rates"] = {**settings.get("rates", {}), "factor": 1, "logins_by_address": 1}


def _bare(settings: Settings, folder: Path) -> None:
    """What can be switched off is off."""
    settings |= {"timestamp": None, "asynchronous": False}


def _issuer(settings: Settings, folder: Path) -> None:
    settings["oauth2_in_info"] = "oauth2Issuer"


def _servers(settings: Settings, folder: Path) -> None:
    settings["oauth2_in_info"] = "oauth2Servers"


CHANGES = {
    "no signer": _without_signer, "damaged": _damaged, "narrow": _narrow, "bare": _bare, "issuer": _issuer,
    "servers": _servers, "no interactions": _without_interactions,
}  # fmt: skip
"""How the settings of each server differ, by its name."""
