"""Starts the signer and web as processes of their own, watches both and stops both.

When one ends, the other is stopped: a service without its signer only confuses its callers, and the
system's service manager starts the pair again.
"""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Self

from csc_server.errors import CscServerError
from csc_server.settings import Part

POLL = 0.05
"""Seconds between two looks at the processes."""
STOP_DEADLINE = 20.0
"""Seconds after SIGTERM before SIGKILL: longer than a web worker's own deadline."""
_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Account:
    """The system user a process runs as, with its own groups and none of the parent's."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @classmethod
    def named(cls, name: str) -> Self:
        """Return a user of this machine; KeyError when there is none of the name."""
        user = pwd.getpwnam(name)
        return cls(user.pw_uid, user.pw_gid, tuple(os.getgrouplist(name, user.pw_gid)))


@dataclass
class Stop:
    """Whether a signal asked this command to end."""

    asked: bool = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Collect SIGINT, SIGTERM and SIGHUP instead of dying of them."""
    stop = Stop()
    before = {number: signal.signal(number, stop) for number in _STOPPING_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Processes:
    """The running parts, in the order they were started."""

    stop: Stop
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)

    def start(self, part: str, settings: Part, account: Account | None = None, log: Path | None = None) -> None:
        """Start a part with its settings; `account` drops root, `log` takes what it prints."""
        if log is not None:
            self.logs[part] = log
        self.running[part] = start_process(part, settings.model_dump_json().encode(), account, log)

    def check(self) -> None:
        """Raise CscServerError when a part has ended."""
        for part, process in self.running.items():
            code = process.poll()
            if code is not None:
                raise CscServerError(f"The {part} process has ended {_how(code)}.", advice=self._where(part))

    def _where(self, part: str) -> str:
        return f"Read why in {self.logs[part]}." if part in self.logs else "Its last messages say why."

    def wait(self) -> None:
        """Block until a signal asks to stop; raise CscServerError when a part ends before."""
        while not self.stop.asked:
            self.check()
            time.sleep(POLL)

    def wait_until(self, ready: Callable[[], bool], deadline: float) -> bool:
        """Block until `ready` holds or a signal came; False in the second case.

        Raises:
            CscServerError: a part ended, or `deadline` seconds have passed.
        """
        end = time.monotonic() + deadline
        while not self.stop.asked:
            self.check()
            if ready():
                return True
            if time.monotonic() > end:
                raise CscServerError(f"The service did not answer within {deadline:.0f} seconds.")
            time.sleep(POLL)
        return False

    def end(self) -> None:
        """Stop what runs, last started first, so that web has no request left when the signer goes."""
        for process in reversed(self.running.values()):
            process.terminate()
            try:
                process.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_process(
    part: str, data: bytes, account: Account | None = None, log: Path | None = None, *, quiet: bool = False
) -> subprocess.Popen[bytes]:
    """Start a part of `csc_server.cli.process`, or a module, with data on its standard input.

    In a session of its own, so that Ctrl-C at the terminal reaches this process alone, which stops the parts
    in order.
    """
    module = [part] if "." in part else ["csc_server.cli.process", part]
    command = [sys.executable, "-m", *module]
    with _output(log, quiet=quiet) as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=_environment(part),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=account.groups if account else None,
        )
    with contextlib.suppress(BrokenPipeError):  # it has ended already: whoever waits for it says so
        _send(process, data)
    return process


def _environment(part: str) -> dict[str, str]:
    """Return what a process inherits: no settings, which it gets in its own way, and for web no word of a device."""
    left_out = ("CSC_SERVER_", "SOFTHSM") if part == "web" else ("CSC_SERVER_",)
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


@contextlib.contextmanager
def _output(log: Path | None, *, quiet: bool) -> Iterator[BinaryIO | None]:
    """Open where a process prints: a log, nowhere, or None for this process's own output."""
    path = Path(os.devnull) if quiet else log
    if path is None:
        yield None
        return
    with path.open("ab") as file:
        yield file


def run_process(part: str, data: bytes, account: Account | None = None, stop: Stop | None = None) -> None:
    """Run a part that ends by itself, or until `stop` is asked; raise CscServerError when it fails."""
    process = start_process(part, data, account)
    while process.poll() is None:
        if stop is not None and stop.asked:
            process.terminate()
            process.wait()
            return
        time.sleep(POLL)
    code = process.returncode
    if code:
        raise CscServerError(f"`{part}` has ended {_how(code)}.", advice="Its message stands above.")


def ask_process(part: str, data: bytes, account: Account | None = None) -> bytes:
    """Run a part that ends by itself and return what it printed; raise CscServerError when it fails."""
    process = subprocess.run(
        [sys.executable, "-m", "csc_server.cli.process", part],
        input=data,
        stdout=subprocess.PIPE,
        env=_environment(part.partition("-")[2]),
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=account.groups if account else None,
    )
    if process.returncode:
        raise CscServerError(f"`{part}` has ended {_how(process.returncode)}.", advice="Its message stands above.")
    return process.stdout


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    if process.stdin is not None:
        process.stdin.write(data)
        process.stdin.close()


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
