"""The Authorization header of methods, of auth/login and of clients: one form, never a 500 (IN-07, OA-23)."""

import base64
import re

from csc_server.web.api import access
from fakes.web_application import PASSWORD
from fuzz.application import Web
from fuzz.source import Source

BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
SEEDS = [bytes([number]) + bytes(20) for number in range(6)] + [b"\x03\x00Basic\xa0YTpi", b"\x02\x01,Bearer x"]
WORDS = [b"Bearer ", b"Basic ", b"DPoP ", b", Bearer", b"\t", b"\xff", b"=", b"%00"]
web = Web()


def run(data: bytes) -> None:
    source = Source(data)
    method, header = source.choice(
        [
            ("credentials/list", "Bearer " + web.fake.tokens["service"]),
            ("auth/login", "Basic " + BASIC),
            ("oauth2/token", "Basic " + base64.b64encode(b"modern:secret").decode()),
        ]
    )
    header = source.text(60) if source.chance(4) else _changed(source, header)
    response = web.post(method, source.choice(["v1", "v2"]), b"{}", {"HTTP_AUTHORIZATION": header})
    assert response.status_code in {200, 400, 401}, response.status_code
    body = response.get_json()
    if response.status_code == 200:
        kind = (
            rf"bearer +{re.escape(web.fake.tokens['service'])}" if method == "credentials/list" else r"basic +[\w+/]+=*"
        )
        assert re.fullmatch(kind, header, re.IGNORECASE | re.ASCII), header
    else:
        assert isinstance(body["error"], str)


def plant() -> None:
    """What follows the token is not looked at."""
    access._AUTHORIZATION = re.compile(access._AUTHORIZATION.pattern + r"(?:[, \t].*)?")


def _changed(source: Source, header: str) -> str:
    if source.chance(2):
        return header
    at = source.below(len(header) + 1) if source.chance(2) else len(header)
    return header[:at] + source.text(8) + header[at + source.below(2) :]
