"""A real `csc-server dev`, started as its own process, and the seed it writes for applications.

Nothing here knows the server's code: only its command line, its seed file and its HTTP interface.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

START_LIMIT = 240.0
"""Seconds for a first start: it makes some fifteen key pairs, RSA-4096 among them, on a busy machine."""
STOP_LIMIT = 20.0


@dataclass(frozen=True)
class Client:
    client_id: str
    client_secret: str | None
    profile: str
    redirect_uris: tuple[str, ...]

    @property
    def is_public(self) -> bool:
        return not self.client_secret


@dataclass(frozen=True)
class KeyClient:
    """A client that shares no secret; `key` is a private JWK for private_key_jwt, else PEM beside `certificate`."""

    client_id: str
    profile: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    key: Path
    certificate: Path | None


@dataclass(frozen=True)
class User:
    username: str
    password: str
    totp_secret: str | None


@dataclass(frozen=True)
class Credential:
    credential_id: str
    username: str
    key: str
    auth_mode: str
    scal: str
    pin: str
    totp_secret: str | None


@dataclass(frozen=True)
class Mode:
    """A credential of another mode of authorization; what its signer does not have is None."""

    credential_id: str
    username: str
    key: str
    scal: str
    pin: str | None
    totp_secret: str | None
    response_key: Path | None


@dataclass(frozen=True)
class Seed:
    base_url: str
    trust_root: Path
    clients: tuple[Client, ...]
    users: tuple[User, ...]
    credentials: tuple[Credential, ...]
    key_clients: tuple[KeyClient, ...] = ()
    modes: dict[str, Mode] = field(default_factory=dict)
    """Credentials of other modes of authorization, by the name of the mode."""
    account_client: Client | None = None
    """Its authorization requests name their account in an account_token."""
    outbox: Path = Path()
    """Gets a file for each one-time code that is sent."""
    response_uri: str = ""
    """Where the development server itself takes what asynchronous requests end in."""

    @classmethod
    def read(cls, path: Path) -> "Seed":
        value: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return cls(
            base_url=value["base_url"].rstrip("/"),
            trust_root=Path(value["trust_root"]),
            clients=tuple(map(_client, value["clients"])),
            account_client=_client(value["account_client"]) if value.get("account_client") else None,
            users=tuple(User(u["username"], u["password"], u["totp_secret"]) for u in value["users"]),
            credentials=tuple(
                Credential(
                    c["credential_id"],
                    c["username"],
                    c["key"],
                    c["auth_mode"],
                    str(c["scal"]),
                    c["pin"],
                    c["totp_secret"],
                )
                for c in value["credentials"]
            ),
            response_uri=value.get("response_uri", ""),
            modes={
                name: Mode(
                    m["credential_id"],
                    m["username"],
                    m["key"],
                    str(m["scal"]),
                    m["pin"],
                    m["totp_secret"],
                    Path(m["response_key"]) if m["response_key"] else None,
                )
                for name, m in value.get("modes", {}).items()
            },
            outbox=Path(value.get("outbox", "")),
            key_clients=tuple(
                KeyClient(
                    c["client_id"],
                    c["profile"],
                    tuple(c["redirect_uris"]),
                    c["auth_method"],
                    Path(c["key"]),
                    Path(c["certificate"]) if c["certificate"] else None,
                )
                for c in value.get("key_clients", ())
            ),
        )

    @property
    def csc1(self) -> Client:
        return next(client for client in self.clients if client.profile == "csc1")

    @property
    def csc2(self) -> Client:
        return next(client for client in self.clients if client.profile == "csc2" and not client.is_public)

    @property
    def native(self) -> Client:
        return next(client for client in self.clients if client.is_public)

    def key_client(self, auth_method: str) -> KeyClient:
        return next(client for client in self.key_clients if client.auth_method == auth_method)

    def user(self, username: str) -> User:
        return next(user for user in self.users if user.username == username)

    def choose(self, *, key: str, auth_mode: str = "explicit", scal: str = "1") -> Credential:
        """Return the first user's credential of this kind; its absence is a fault of the server."""
        for credential in self.credentials:
            if credential.username == self.users[0].username and (
                credential.key,
                credential.auth_mode,
                credential.scal,
            ) == (key, auth_mode, scal):
                return credential
        raise AssertionError(f"the seed has no {key} credential with {auth_mode}, SCAL {scal}, for its first user")

    def of_kind(self, auth_mode: str, scal: str) -> list[Credential]:
        """Return the first user's credentials of this kind, of any key type."""
        return [
            credential
            for credential in self.credentials
            if credential.username == self.users[0].username
            and (credential.auth_mode, credential.scal) == (auth_mode, scal)
        ]


def _client(c: dict[str, Any]) -> Client:
    return Client(c["client_id"], c.get("client_secret"), c["profile"], tuple(c["redirect_uris"]))


class Service:
    """One `csc-server dev` on a data folder: start, stop, start again."""

    def __init__(self, data_dir: Path, *, port: int | None = None, arguments: tuple[str, ...] = ()) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.arguments = arguments
        self.seed_file = data_dir.with_name(data_dir.name + f"-seed-{self.port}.json")
        self.log = data_dir.with_name(data_dir.name + f"-log-{self.port}.txt")
        self._process: subprocess.Popen[bytes] | None = None
        self._seed: Seed | None = None

    @property
    def seed(self) -> Seed:
        assert self._seed is not None, "the service was not started"
        return self._seed

    @property
    def base_url(self) -> str:
        return self.seed.base_url

    def seed_values(self) -> dict[str, Any]:
        """Return the whole seed file."""
        value: dict[str, Any] = json.loads(self.seed_file.read_text("utf-8"))
        return value

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Service":
        """Start the server and return when it has written the seed file, which it does when it answers."""
        self.seed_file.unlink(missing_ok=True)
        command = [
            *console_script(), "dev", "--data-dir", str(self.data_dir), "--port", str(self.port),
            "--seed-file", str(self.seed_file), *self.arguments,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment(),
                start_new_session=True, cwd=self.data_dir.parent,
            )  # fmt: skip
        deadline = time.monotonic() + START_LIMIT
        while not self._is_seeded():
            if self._process.poll() is not None:
                raise AssertionError(f"csc-server dev ended with {self._process.returncode}:\n{self.output()[-4000:]}")
            if time.monotonic() > deadline:
                self._kill()
                raise AssertionError(f"csc-server dev wrote no seed in {START_LIMIT:.0f} s:\n{self.output()[-4000:]}")
            time.sleep(0.05)
        self._seed = Seed.read(self.seed_file)
        self._wait_until_it_answers(deadline)
        return self

    def stop(self) -> int:
        """Ask the server to stop as a supervisor would and return its exit status; all its processes must go."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired as error:
            self._kill()
            raise AssertionError(f"csc-server dev did not stop within {STOP_LIMIT:.0f} s") from error
        left = self._wait_for_group()
        self._kill()
        assert not left, f"csc-server dev left processes of its group behind:\n{self.output()[-2000:]}"
        return status

    def output(self) -> str:
        """Return what the server has printed so far."""
        return self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""

    def _is_seeded(self) -> bool:
        try:
            json.loads(self.seed_file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return True

    def _wait_until_it_answers(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    session.verify = str(self.seed.trust_root)
                    if session.post(f"{self.base_url}/csc/v1/info", json={}, timeout=5).status_code == 200:
                        return
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError("the seed was written, and the service does not answer")

    def _wait_for_group(self) -> bool:
        """Return whether a process of the server's group is still there after a bound."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return False
            time.sleep(0.02)
        return True

    def _kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


class SharedService:
    """One server for all test folders of a run: the first user starts it, the last one stops it."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._service: Service | None = None
        self._users = 0

    def acquire(self, folder: Path) -> Service:
        if self._service is None:
            self._service = Service(folder / "data", arguments=self._arguments).start()
        self._users += 1
        return self._service

    def release(self) -> None:
        self._users -= 1
        if self._users == 0 and self._service is not None:
            service, self._service = self._service, None
            service.stop()


shared_service = SharedService()

NGINX_CONF = Path(__file__).parents[2] / "deploy" / "nginx.conf"
shared_tls_service = SharedService("--tls-proxy", str(NGINX_CONF))
"""Another one, behind nginx with the configuration that is shipped."""


def console_script() -> list[str]:
    """Return the command that an installation offers beside its Python."""
    script = Path(sys.executable).with_name("csc-server")
    assert script.exists(), "csc-server is not installed in this environment"
    return [str(script)]


def clean_environment() -> dict[str, str]:
    """Return our environment without what would send loopback traffic elsewhere or name another token."""
    dropped = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "softhsm2_conf"}
    return {name: value for name, value in os.environ.items() if name.lower() not in dropped}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
