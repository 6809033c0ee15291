"""What a signer holds beside an application: a mailbox, a device with a key, a browser on the page of requests."""

import hashlib
import html
import json
import re
import time
from pathlib import Path
from urllib.parse import urljoin

import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from integration.csc_client import TIMEOUT, base64url_of
from integration.one_time_codes import codes_of_this_run
from integration.service import Mode, User

ARRIVAL = 15.0
"""Seconds until a code must have arrived."""


class Mailbox:
    """The outbox of the development server, from now on."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox
        self._seen = self._names()

    def code(self, credential_id: str) -> str:
        """Return the next code that arrives for a credential."""
        deadline = time.monotonic() + ARRIVAL
        while time.monotonic() < deadline:
            for name in sorted(self._names() - self._seen):
                members = json.loads((self._outbox / name).read_text("utf-8"))
                if members["credentialID"] == credential_id:
                    self._seen.add(name)
                    code: str = members["code"]
                    return code
            time.sleep(0.02)
        raise AssertionError(f"no code for {credential_id} arrived")

    def is_empty(self) -> bool:
        return self._names() == self._seen

    def _names(self) -> set[str]:
        return {path.name for path in self._outbox.glob("*.json")}


def respond(
    mode: Mode, client_id: str, challenge: str, digests: list[bytes], digest_oid: str = "", number: int = 0
) -> str:
    """Answer a challenge as the signer's device does, written from README.md alone."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(8, "big") + data

    assert mode.response_key is not None
    covered = hashlib.sha256(b"".join(field(digest) for digest in digests)).digest()
    parts = [
        challenge.encode(),
        client_id.encode(),
        mode.credential_id.encode(),
        (number or len(digests)).to_bytes(8, "big"),
        digest_oid.encode(),
        covered,
    ]
    key = load_pem_private_key(mode.response_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    data = b"csc-server/response/1" + b"".join(field(part) for part in parts)
    return f"{challenge}.{base64url_of(key.sign(data, ec.ECDSA(hashes.SHA256())))}"


class SignerPage:
    """A browser of a signer, logged in on the page of requests that wait."""

    def __init__(self, base_url: str, user: User) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        self._base_url = base_url
        values = {"username": user.username, "password": user.password}
        if user.totp_secret:
            values["one_time_code"] = codes_of_this_run.next(user.totp_secret)
        page = self.post("/approvals/login", self.get("/approvals"), values)
        assert "password" not in page.text

    def get(self, path: str) -> requests.Response:
        return self._http.get(urljoin(self._base_url, path), timeout=TIMEOUT)

    def post(self, path: str, page: requests.Response, values: dict[str, str]) -> requests.Response:
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token, page.text
        url = urljoin(self._base_url, path)
        return self._http.post(url, data=values | {"csrf_token": token[1]}, timeout=TIMEOUT)

    def waiting(self) -> list[str]:
        """Return the paths of the requests that wait."""
        found = re.findall(r'href="[^"]*(/approvals/[\w-]+)"', self.get("/approvals").text)
        return list(dict.fromkeys(found))

    def find(self, description: str) -> tuple[str, requests.Response]:
        """Return the request with this description; it may be on its way yet."""
        deadline = time.monotonic() + ARRIVAL
        while time.monotonic() < deadline:
            for path in self.waiting():
                page = self.get(path)
                if description in html.unescape(page.text):
                    return path, page
            time.sleep(0.05)
        raise AssertionError(f"no request says {description!r}")

    def approve(self, description: str, mode: Mode) -> requests.Response:
        path, page = self.find(description)
        values = {"decision": "approve", "pin": mode.pin or ""}
        if mode.totp_secret:
            values["one_time_code"] = codes_of_this_run.next(mode.totp_secret)
        return self.post(path, page, values)

    def refuse(self, description: str) -> requests.Response:
        path, page = self.find(description)
        return self.post(path, page, {"decision": "refuse"})
