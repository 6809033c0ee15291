"""The processes that the commands start: `python -m csc_server.cli.process web|signer|migrate-...|change-...`.

Each gets the settings of its own side as JSON on standard input and never sees the other's (AR-01). What
one side needs is imported only there: web never loads a PKCS#11 module.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from csc_server.cli.listening import LOOPBACK, Listen
from csc_server.cli.outcome import FAILED, report
from csc_server.errors import CscServerError
from csc_server.memory import settle
from csc_server.settings import CourierSettings, Part, SignerSettings, WebSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PR_SET_PDEATHSIG = 1
"""prctl(2), Linux: no process is left that nobody watches."""

HEADER_TIMEOUT = 5_000
"""Milliseconds a client may take to send its headers (AR-09)."""
STOP_DEADLINE = 16
"""Seconds a web worker may take to finish its requests: one more than a request's own deadline."""
SOCKET_MODE = 0o660
"""The reverse proxy reaches web's socket as a member of its group."""


class Migration(Part):
    """What a migrating process is asked for: the owner's URL, and the role that gets the rights (AR-06)."""

    url: str
    role: str | None = None


def main() -> None:
    """Run one part until SIGTERM or SIGINT; exit 1 with one sentence on standard error when it fails."""
    part = sys.argv[1]
    end_with_parent()
    os.umask(0o077)
    data = sys.stdin.buffer.read()
    try:
        _PARTS[part](data)
    except CscServerError as error:
        report(error)
        sys.exit(FAILED)


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _begin_worker() -> None:
    """Make a forked web worker mortal from its first instruction on.

    granian's handlers, inherited at the fork, only set flags of the parent's copy: a SIGTERM that comes
    before the worker has its own would be lost, and the stop would wait for its deadline.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent()


def serve_web(settings: WebSettings) -> None:
    """Serve the web side under granian, one process a worker."""
    from granian import Granian  # noqa: PLC0415 only this side serves HTTP
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    listen = Listen.read(settings.listen)
    listen.clear()
    os.register_at_fork(after_in_child=_begin_worker)
    Granian(
        "csc_server.web.app",
        address=LOOPBACK,
        port=listen.port,
        uds=listen.path,
        uds_permissions=SOCKET_MODE if listen.path else None,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT),
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=STOP_DEADLINE,
        log_level=LogLevels.error,
    ).serve(target_loader=partial(_load_app, settings), wrap_loader=False)


def _load_app(settings: WebSettings) -> "WSGIApplication":
    """Build the application in a worker; called after the fork."""
    from csc_server.web.app import create_app  # noqa: PLC0415 the master process stays small

    app = create_app(settings)
    settle()
    return whole_answers(app)


def whole_answers(app: "WSGIApplication") -> "WSGIApplication":
    """Return the application with its answers as lists: the server sends those in one piece, others in steps."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        parts = app(environ, start_response)
        try:
            return [b"".join(parts)]
        finally:
            if hasattr(parts, "close"):
                parts.close()

    return answer


def _run_web(data: bytes) -> None:
    serve_web(WebSettings.model_validate_json(data))


def _run_signer(data: bytes) -> None:
    from csc_server.signer.main import run  # noqa: PLC0415 only this side reaches the device

    run(SignerSettings.model_validate_json(data))


def _run_courier(data: bytes) -> None:
    from csc_server.signer.courier.server import run  # noqa: PLC0415 neither device nor database is loaded

    run(CourierSettings.model_validate_json(data))


def _migrate(data: bytes, side: str) -> None:
    from csc_server.storage.migrate import upgrade  # noqa: PLC0415 alembic is needed here alone

    task = Migration.model_validate_json(data)
    upgrade(task.url, side, task.role)


def _check(data: bytes, side: str) -> None:
    from csc_server.storage.migrate import is_current  # noqa: PLC0415 alembic is needed here alone

    if not is_current(data.decode(), side):
        raise CscServerError(f"The tables of {side} are not up to date.", advice="Run `csc-server migrate`.")


def _change_web(data: bytes) -> None:
    from csc_server.cli.web_tasks import run_task  # noqa: PLC0415 only this side's store is opened

    sys.stdout.buffer.write(run_task(data))


def _change_signer(data: bytes) -> None:
    from csc_server.cli.signer_tasks import run_task  # noqa: PLC0415 only this side reaches the device

    sys.stdout.buffer.write(run_task(data))


_PARTS: dict[str, Callable[[bytes], None]] = {
    "web": _run_web,
    "signer": _run_signer,
    "courier": _run_courier,
    "change-web": _change_web,
    "change-signer": _change_signer,
    "migrate-web": partial(_migrate, side="web"),
    "migrate-signer": partial(_migrate, side="signer"),
    "check-python": lambda _: None,
    "check-web": partial(_check, side="web"),
    "check-signer": partial(_check, side="signer"),
}

if __name__ == "__main__":
    main()
