"""Where web listens: a port of loopback, or a UNIX socket that a crash may have left behind."""

import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from csc_server.errors import CscServerError

LOOPBACK = "127.0.0.1"
TIMEOUT = 2.0


@dataclass(frozen=True)
class Listen:
    """A listening place as `WebSettings.listen` names it: `unix:/path` or `127.0.0.1:port`."""

    path: Path | None
    port: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place; raise CscServerError for anything but a socket or a port of loopback."""
        kind, _, place = text.rpartition(":")
        if kind == "unix":
            return cls(Path(place), 0)
        if kind != LOOPBACK or not place.isdecimal():
            raise CscServerError(f"{text} is no place to listen.", advice="Name unix:/path, behind a TLS proxy.")
        return cls(None, int(place))

    def clear(self) -> None:
        """Remove a socket that nobody serves; raise CscServerError when somebody does, or for another file."""
        if self.path is None or not self.path.exists():
            return
        if not stat.S_ISSOCK(self.path.stat().st_mode):
            raise CscServerError(f"{self.path} is no socket.", advice="Remove it, or name another path in web.listen.")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(TIMEOUT)
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:
                self.path.unlink()
                return
        raise CscServerError(f"Another server listens at {self.path}.", advice="Stop it first.")
