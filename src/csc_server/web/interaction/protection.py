"""What keeps a form from being posted by anyone but the page we sent (AU-10; RFC 9700, 4.7).

The browser holds a random secret in a cookie. The token of a form is a MAC under that secret over the
interaction, its step and the session, so nothing has to be stored for it.
"""

import hashlib
import hmac

from flask import Request

from csc_server.storage.ports.web import InteractionRow, SessionRow
from csc_server.wire import encode_base64url


def csrf_token(browser_secret: str, interaction: InteractionRow, session: SessionRow | None) -> str:
    """Return the token for the forms of one step of one interaction in one session."""
    session_part = session.csrf if session else ""
    message = f"csrf\n{interaction.interaction_id}\n{interaction.step}\n{session_part}"
    return encode_base64url(hmac.digest(browser_secret.encode(), message.encode(), hashlib.sha256))


def form_token(browser_secret: str, place: str, session: SessionRow | None) -> str:
    """Return the token for a form that belongs to no interaction; `place` names the page and what it is about."""
    session_part = session.csrf if session else ""
    message = f"form\n{place}\n{session_part}"
    return encode_base64url(hmac.digest(browser_secret.encode(), message.encode(), hashlib.sha256))


def is_token(expected: str, given: str) -> bool:
    """Compare in constant time (IN-11)."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))


def is_same_origin(request: Request, issuer_origin: str) -> bool:
    """Tell whether the request's own headers allow that it came from our page.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` even to the own site (Fetch, 3.1), so
    there the fetch metadata decide; a program without either header has no cookies to abuse.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return True
    return origin == issuer_origin or (origin == "null" and site == "same-origin")
