"""nginx before a development server: the shipped configuration with this server's addresses and files in it.

`python -m csc_server.cli.dev.proxy` becomes nginx, so that what watches the other processes watches it too.
"""

import os
import pwd
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from csc_server.cli.dev.folder import write_private
from csc_server.cli.listening import LOOPBACK
from csc_server.cli.outcome import FAILED, report
from csc_server.cli.process import end_with_parent
from csc_server.errors import CscServerError
from csc_server.settings import Part

PART = "csc_server.cli.dev.proxy"

_ADVICE = "Name the nginx.conf of the folder `deploy`."


class Proxy(Part):
    """What nginx is started with: its configuration, and the folder that it writes to."""

    configuration: Path
    folder: Path


def find_nginx(folders: Sequence[str] | None = None) -> str:
    """Return the program; raise CscServerError when it is not installed.

    Args:
        folders: to look in; the path, and where Debian keeps it outside of users' paths, when None.
    """
    places = (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin") if folders is None else folders
    found = shutil.which("nginx", path=os.pathsep.join(places))
    if found is None:
        raise CscServerError("nginx is not installed.", advice="Install it: apt-get install nginx-light.")
    return found


def write_configuration(shipped: Path, folder: Path, port: int, socket: Path) -> Proxy:
    """Write a configuration for this server and return how to start nginx with it.

    Args:
        shipped: `deploy/nginx.conf`; what a site has to change in it is changed, and nothing else.
        folder: with `server.key`, `server.pem` and `clients.pem`; nginx writes there too.
        port: of loopback.
        socket: where web listens.

    Raises:
        CscServerError: the file is not the one that is shipped.
    """
    try:
        text = shipped.read_text("utf-8")
    except OSError as error:
        raise CscServerError(f"{shipped} cannot be read.", advice=_ADVICE) from error
    changes = {
        "/etc/csc-server/tls/": f"{folder}/",
        "unix:/run/csc-server-web/web.sock": f"unix:{socket}",
        "listen 443 ": f"listen {LOOPBACK}:{port} ",
        "server_name sign.example.org;": f"server_name {LOOPBACK};",
    }
    for shipped_text, own in changes.items():
        if shipped_text not in text:
            raise CscServerError(f"{shipped} has no {shipped_text!r}.", advice=_ADVICE)
        text = text.replace(shipped_text, own)
    configuration = folder / "nginx.conf"
    write_private(configuration, text)
    return Proxy(configuration=configuration, folder=folder)


def main() -> None:
    """Become nginx; exit 1 with one sentence when there is none."""
    end_with_parent()
    proxy = Proxy.model_validate_json(sys.stdin.buffer.read())
    try:
        program = find_nginx()
    except CscServerError as error:
        report(error)
        sys.exit(FAILED)
    directives = "daemon off;"
    if os.geteuid() == 0:
        # Its workers would become `nobody`, who may not enter a data folder of mode 0700.
        directives += f" user {pwd.getpwuid(0).pw_name};"
    arguments = ["-c", str(proxy.configuration), "-p", str(proxy.folder), "-e", "stderr", "-g", directives]
    os.execv(program, [program, *arguments])  # noqa: S606 the point is that no shell stands between


if __name__ == "__main__":
    main()
