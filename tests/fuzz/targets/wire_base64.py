"""The three readers of base64: one text for each value (IN-02)."""

import base64
import binascii

from csc_server import wire
from csc_server.errors import MalformedInputError
from fuzz.source import Source

SEEDS = [b"\x00AA==", b"\x00AB==", b"\x01AA", b"\x02\x20" + bytes(range(200, 232)), b"\x00\xd9\xa1"]
WORDS = [b"==", b"=", b"-_", b"+/", b"\n"]


def run(data: bytes) -> None:
    source = Source(data)
    kind = source.below(3)
    if kind == 0:
        text = source.text(60)
    else:
        octets = source.octets(40)
        text = (base64.b64encode if kind == 1 else base64.urlsafe_b64encode)(octets).decode()
        text = source.changed([text])
        text = "".join(each for each in text if isinstance(each, str)) if isinstance(text, list) else ""
    _check(wire.decode_base64, text, text)
    _check(wire.decode_base64url, text, text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    bare = text.rstrip("=")
    _check(wire.decode_base64_any, text, bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4))


def plant() -> None:
    """Spare bits that are not zero pass."""

    def loose(text):
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise MalformedInputError("not base64") from error

    wire._canonical = loose


def _check(decode, text: str, standard: str) -> None:
    try:
        octets = decode(text)
    except MalformedInputError:
        return
    assert base64.b64encode(octets).decode() == standard
