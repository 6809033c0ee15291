"""Response headers of the pages (AU-11; CSP Level 3; RFC 9700, 4.16)."""

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Response

_SOURCE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+|[A-Za-z][A-Za-z0-9+.\-]*:")


def protect(response: Response, redirect_uri: str = "") -> Response:
    """Add the headers of a page.

    Chromium applies `form-action` also to where a form's answer redirects (CSP Level 3, 6.4.1), so the
    client's origin stands there on pages whose forms lead back to it.
    """
    targets = " ".join(["'self'", *_source(redirect_uri)])
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


def see_other(location: str) -> Response:
    """Redirect after a post with 303, never with a status that repeats the form elsewhere (OA-20)."""
    response = Response(status=HTTPStatus.SEE_OTHER.value)
    response.headers["Location"] = location
    return protect(response)


def _source(redirect_uri: str) -> list[str]:
    """Return the redirect URI's origin, or its scheme if private, as a CSP source; checked before it is set (IN-08)."""
    parts = urlsplit(redirect_uri)
    if parts.scheme in {"http", "https"}:
        source = f"{parts.scheme}://{parts.netloc}"
    else:
        source = f"{parts.scheme}:" if parts.scheme else ""
    return [source] if _SOURCE.fullmatch(source) else []
