"""PKCE with S256 and nothing else (RFC 7636, 4; OA-02).

Authlib's extension also knows `plain`, takes challenges of other lengths and compares with `==`.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

from csc_server.errors import ProblemError
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.wire import encode_base64url

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def read_challenge(parameters: Mapping[str, str], client: RegisteredClient, face: Face) -> str:
    """Return the code challenge, or "" where the client's profile lets it be absent and the face is one of CSC's.

    Raises:
        ProblemError: `invalid_request` (RFC 7636, 4.4.1): absent, not 43 characters of base64url, or a method
            other than S256; an absent method means `plain` (4.3) and is refused like it.
    """
    challenge = parameters.get("code_challenge", "")
    method = parameters.get("code_challenge_method", "")
    if not challenge and not method and client.may_omit_pkce and face is not Face.RFC:
        return ""
    if not challenge:
        raise missing("code_challenge")
    if method != "S256":
        raise invalid("code_challenge_method")
    if not _CHALLENGE.fullmatch(challenge):
        raise invalid("code_challenge")
    return challenge


def check_verifier(challenge: str, verifier: str) -> None:
    """Compare a verifier with the challenge of its code; one without the other is refused too (RFC 9700, 4.8.2).

    Raises:
        ProblemError: `invalid_grant` (RFC 7636, 4.6).
    """
    if not challenge and not verifier:
        return
    well_formed = _VERIFIER.fullmatch(verifier) is not None
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    if not (hmac.compare_digest(encode_base64url(digest).encode(), challenge.encode()) and well_formed):
        raise ProblemError(400, "invalid_grant", "Invalid parameter code_verifier")
