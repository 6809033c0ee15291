"""The style sheet and the icon: the only files the pages load, named after their content and kept for a year."""

import hashlib
from dataclasses import dataclass
from importlib import resources

from flask import Blueprint, Response

A_YEAR = 31_536_000
"""Seconds: RFC 9111, 5.2.2.1 asks for no more; a changed file has another name."""


@dataclass(frozen=True)
class Assets:
    """Paths of the files."""

    style: str
    icon: str


def add_assets(pages: Blueprint) -> Assets:
    """Give the blueprint its files and return where they are."""
    return Assets(
        _add(pages, "pages.css", "text/css; charset=utf-8"),
        _add(pages, "icon.svg", "image/svg+xml"),
    )


def _add(pages: Blueprint, name: str, content_type: str) -> str:
    content = resources.files(__package__).joinpath("static", name).read_bytes()
    stem, _, suffix = name.partition(".")
    path = f"/interaction/static/{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"

    def send() -> Response:
        response = Response(content, content_type=content_type)
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        return response

    pages.add_url_rule(path, f"asset_{stem}", send, methods=["GET"], provide_automatic_options=False)
    return path
