"""The processes of a running server, told apart by what they hold and not by their names."""

import contextlib
from pathlib import Path

import psutil

from integration.service import Service


def family(service: Service) -> list[psutil.Process]:
    return psutil.Process(service.pid).children(recursive=True)


def with_device(service: Service) -> list[psutil.Process]:
    """Return the processes into which a PKCS#11 module of SoftHSM is loaded."""
    return [process for process in family(service) if "softhsm" in _maps(process)]


def web_workers(service: Service) -> list[psutil.Process]:
    """Return the processes that listen for HTTP and have no child which does."""
    listening = [process for process in family(service) if _listens(process, service.port)]
    parents = {process.ppid() for process in listening}
    return [process for process in listening if process.pid not in parents]


def _maps(process: psutil.Process) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process.pid}/maps").read_text().lower()
    return ""


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in process.net_connections("tcp")
        )
    return False
