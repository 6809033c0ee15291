"""The data folder of a development server: where everything stands, who may read it, and its marker.

All of it is mode 0700 and belongs to the one user that runs the server. `serve` refuses a folder that
carries the marker.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from csc_server.cli.marker import MARKER
from csc_server.errors import CscServerError

_LONGEST_SOCKET = "evidence-15.sock"
_SOCKET_PATH_LIMIT = 100
"""Bytes: sun_path holds 104 on macOS and 108 on Linux, the closing zero included (unix(7))."""


def default_folder() -> Path:
    """Return the folder used when none is named: XDG Base Directory Specification 0.8, data home."""
    home = os.environ.get("XDG_DATA_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share"
    return base / "csc-server" / "dev"


@dataclass(frozen=True)
class DataFolder:
    """The paths inside one data folder."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def seed(self) -> Path:
        return self.root / "seed.json"

    @property
    def settings(self) -> Path:
        """The settings of both sides as the last start used them, for `doctor`."""
        return self.root / "settings.json"

    @property
    def token_conf(self) -> Path:
        return self.root / "softhsm2.conf"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def web_key(self) -> Path:
        return self.root / "web" / "key"

    @property
    def user_pin(self) -> Path:
        return self.root / "signer" / "device-pin"

    @property
    def so_pin(self) -> Path:
        return self.root / "signer" / "device-so-pin"

    @property
    def authority(self) -> Path:
        return self.root / "ca"

    @property
    def trust_root(self) -> Path:
        """The root certificate (PEM) that verifiers trust."""
        return self.authority / "root.pem"

    @property
    def clients(self) -> Path:
        """Keys and certificates of the clients that hold some."""
        return self.root / "clients"

    @property
    def tls(self) -> Path:
        """Key and certificate of the TLS proxy, and what it writes."""
        return self.root / "tls"

    @property
    def counterparts(self) -> Path:
        """Key and certificate of the foreign services that the server talks to."""
        return self.root / "counterparts"

    @property
    def examples(self) -> Path:
        """Files that the example lines of the banner read, so that the lines show no secret."""
        return self.root / "examples"

    @property
    def outbox(self) -> Path:
        """Where one-time codes arrive that a production service sends by mail."""
        return self.root / "outbox"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    def database_url(self, side: str) -> str:
        """Return the SQLAlchemy URL of a side's database."""
        return f"sqlite:///{self.root / side / side}.sqlite3"

    def prepare(self) -> None:
        """Make the folder and mark it; raise CscServerError for a folder that holds something else."""
        if self.root.is_dir() and not self.marker.exists() and any(self.root.iterdir()):
            raise CscServerError(
                f"{self.root} is not empty and was not made by `csc-server dev`.",
                advice="Name a new or empty folder with --data-dir.",
            )
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)
        self.marker.touch(mode=0o600)
        for name in self._parts():
            name.mkdir(mode=0o700, exist_ok=True)

    def clear(self) -> None:
        """Remove what a first start that was broken off has left; the marker stays."""
        for name in self._parts():
            shutil.rmtree(name, ignore_errors=True)
        self.prepare()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one server; raise CscServerError when another one has it."""
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CscServerError(
                    f"A development server already uses {self.root}.",
                    advice="Stop it, or name another folder with --data-dir.",
                ) from error
            yield

    @contextlib.contextmanager
    def socket_folder(self) -> Iterator[Path]:
        """Yield an empty folder, mode 0700, whose path is short enough for UNIX sockets."""
        inside = self.root / "run"
        if len(os.fsencode(inside / _LONGEST_SOCKET)) <= _SOCKET_PATH_LIMIT:
            shutil.rmtree(inside, ignore_errors=True)
            inside.mkdir(mode=0o700)
            yield inside
            return
        with tempfile.TemporaryDirectory(prefix="csc-dev-", ignore_cleanup_errors=True) as outside:
            yield Path(outside)

    def _parts(self) -> tuple[Path, ...]:
        sides = (self.root / "web", self.root / "signer")
        own = (self.token, self.authority, self.clients, self.tls, self.counterparts, self.examples)
        return (*sides, *own, self.outbox, self.logs)


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file of mode 0600 in one step, whatever stood there before."""
    data = content.encode() if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
