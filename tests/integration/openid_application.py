"""Drives `openid_client/client.mjs`: the npm package openid-client as an application of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from integration.service import KeyClient, clean_environment

FOLDER = Path(__file__).parent / "openid_client"
OLDEST_NODE = 20


class RefusedByClientError(AssertionError):
    """openid-client did not take what came; `error` says why: its own code, or what the server answered."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error
        self.code = error.get("code", "")
        self.answered = error.get("answered", "")


class OpenidApplication:
    """One process of Node.js; use it as a context."""

    def __init__(self, issuer: str, trust_root: Path) -> None:
        self._issuer = issuer
        self._trust_root = trust_root

    def __enter__(self) -> Self:
        assert (FOLDER / "node_modules" / "openid-client").is_dir(), (
            "run tools/setup.sh test: it installs openid-client"
        )
        self._process = subprocess.Popen(
            [find_node(), "client.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=clean_environment(),
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ask(self, command: str, **arguments: Any) -> Any:
        """Return what a command answered; raise RefusedByClientError when it refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the application has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise RefusedByClientError(answer["error"])
        return answer["value"]

    def become(self, client: KeyClient) -> dict[str, Any]:
        """Read the metadata and act as this client; return the metadata."""
        members = {
            "client_id": client.client_id,
            "auth_method": client.auth_method,
            "key": str(client.key),
            "certificate": str(client.certificate) if client.certificate else None,
        }
        metadata = self.ask("discover", issuer=self._issuer, trust=str(self._trust_root), client=members)
        assert isinstance(metadata, dict)
        return metadata


def find_node() -> str:
    """Return Node.js 20 or newer: the system's, or the one that tools/setup.sh put beside this Python."""
    beside = Path(sys.executable).with_name("node")
    for candidate in (shutil.which("node"), str(beside) if beside.exists() else None):
        if candidate and _major(candidate) >= OLDEST_NODE:
            return candidate
    raise AssertionError("no Node.js 20 or newer: run tools/setup.sh test")


def _major(node: str) -> int:
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(shown.removeprefix("v").partition(".")[0])
