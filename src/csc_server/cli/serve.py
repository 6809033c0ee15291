"""`csc-server serve`: the production verb. It runs nothing that `safety` has a fault for."""

import os
from pathlib import Path

import click

from csc_server.cli.processes import Account, Processes, stop_signals
from csc_server.cli.safety import COURIER, faults
from csc_server.cli.settings_file import ADVICE, Reading, read_settings
from csc_server.cli.sides import account, only_option, settings_option, situation
from csc_server.errors import ConfigurationError
from csc_server.settings import Settings

SOCKET_DIR_MODE = 0o711
"""Web may reach the signer's sockets by name; nobody else may list them."""
LISTEN_MODE = 0o750
"""The reverse proxy reaches web's socket as a member of web's group."""


@click.command()
@settings_option
@only_option
def serve(path: Path, only: str | None) -> None:
    """Serve for others, behind a TLS proxy.

    \b
    Both sides, as root; each drops to its own user:
      csc-server serve --settings /etc/csc-server/csc-server.toml
    One side a unit, each as its own user:
      csc-server serve --only signer --settings /etc/csc-server/signer.toml
      csc-server serve --only web --settings /etc/csc-server/web.toml

    Unsafe settings are refused, and every fault is listed at once.
    """  # noqa: D301 click wants the character itself
    reading = read_settings(path)
    found = faults(situation(reading, only))
    if found or reading.settings is None:
        raise ConfigurationError(found, advice=ADVICE)
    with stop_signals() as stop:
        processes = Processes(stop)
        try:
            _start(processes, reading, reading.settings, only)
            processes.wait()
        finally:
            processes.end()


def _start(processes: Processes, reading: Reading, settings: Settings, only: str | None) -> None:
    """Start the signer first: web has nothing to ask before."""
    if settings.signer is not None and only in (None, "signer"):
        user = account(reading, "signer")
        _make_folder(settings.socket_dir, user, SOCKET_DIR_MODE)
        processes.start("signer", settings.signer, user)
    if settings.courier is not None and only in (None, COURIER):
        user = account(reading, COURIER)
        _make_folder(settings.courier.socket.parent, user, SOCKET_DIR_MODE)
        processes.start(COURIER, settings.courier, user)
    if settings.web is not None and only in (None, "web"):
        user = account(reading, "web")
        _make_folder(Path(settings.web.listen.removeprefix("unix:")).parent, user, LISTEN_MODE)
        processes.start("web", settings.web, user)


def _make_folder(path: Path, user: Account | None, mode: int) -> None:
    """Make a folder for a user that may not make it itself, as below /run; one that is there stays as it is."""
    if user is None or path.exists():
        return
    path.mkdir(mode=mode, parents=True)
    path.chmod(mode)
    os.chown(path, user.uid, user.gid)
