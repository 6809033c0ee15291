"""A throw-away PostgreSQL: made by initdb in a folder of its own, never as root, gone when the tests end.

Three roles: `csc_owner` owns databases and tables, `csc_web` and `csc_signer` have the rights on their
side's tables that `storage.grants` gives them. Nothing in it is worth keeping, so it does not wait for the disk.
"""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

START_LIMIT = 60.0
"""Seconds for the first answer on a busy machine."""
STOP_LIMIT = 20.0
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "250",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


@dataclass
class PostgreSQL:
    """A running server. `socket_dir` holds its socket; it listens on 127.0.0.1 too."""

    binaries: Path
    folder: Path
    port: int
    process: subprocess.Popen
    names: "itertools.count[int]" = field(default_factory=itertools.count)

    def url(self, database: str, role: str) -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self.folder}&port={self.port}"

    def connect(self, database: str = "postgres", role: str = "csc_owner") -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user=role, autocommit=True, connect_timeout=5
        )

    def create_database(self) -> str:
        name = f"database_{next(self.names)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def empty(self, database: str, tables: Iterable[str]) -> None:
        """Delete all rows, those of append-only tables too: the owner of this server may silence triggers."""
        with self.connect(database) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                connection.execute(f"DELETE FROM {table}")

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self) -> None:
        """Fast shutdown; kill only what does not obey."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_LIMIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def find_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, of the newest version installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    folders = [*reversed(versions), *([Path(on_path).parent] if on_path else [])]
    return next((path for path in folders if (path / "initdb").exists() and (path / "postgres").exists()), None)


def start() -> PostgreSQL:
    """Make and start a server, or skip the test; under CI the absence is a failure."""
    binaries = find_binaries()
    if binaries is None:
        sentence = "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or on PATH"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="csc-postgres-"))
    try:
        return _start(binaries, folder, account)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _account() -> pwd.struct_passwd | None:
    """The user the server runs as, None for this one: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("running as root, and there is neither a user postgres nor nobody to start PostgreSQL as")


def _start(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> PostgreSQL:
    as_user = {}
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    data = folder / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "csc_owner", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
        cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, **as_user,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), *options],
        cwd=folder, env=environment, stdout=log, stderr=log, **as_user,
    )  # fmt: skip
    log.close()
    server = PostgreSQL(binaries, folder, port, process)
    _wait(server)
    with server.connect() as connection:
        for role in ("csc_web", "csc_signer"):
            connection.execute(f"CREATE ROLE {role} LOGIN")
    return server


def _wait(server: PostgreSQL) -> None:
    end = time.monotonic() + START_LIMIT
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > end:
                log = (server.folder / "log").read_text("utf-8", "replace")[-2000:]
                server.process.kill()
                server.process.wait()
                raise RuntimeError(f"PostgreSQL did not start:\n{log}") from error
            time.sleep(0.1)  # between two looks at a server that is starting
        else:
            return
