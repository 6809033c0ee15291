"""The logo that info names: a PNG of one colour, made here, until an operator has one (CSC 1.0.4.0, 11.1)."""

import struct
import zlib

from flask import Blueprint, Response

SIDE = 64
"""Pixels; the specification allows 256."""

_INK = bytes((0x1F, 0x3A, 0x5F))


def blueprint() -> Blueprint:
    """Return the route `/logo.png`."""
    routes = Blueprint("logo", __name__)
    image = png(SIDE, _INK)

    def logo() -> Response:
        response = Response(image, content_type="image/png")
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response

    routes.add_url_rule("/logo.png", "logo", logo, methods=("GET",), provide_automatic_options=False)
    return routes


def png(side: int, colour: bytes) -> bytes:
    """Return a square PNG, 8-bit RGB (PNG third edition, 11.2)."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + colour * side) * side
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
