"""Tokens that only the holder of a key can use: what they are bound to, and the check at each use.

RFC 9449, 5 to 7 (DPoP); RFC 8705, 3 (the client's certificate); RFC 7800 for the names in `cnf`; OA-12.
"""

import hmac

from flask import request

from csc_server.errors import MalformedInputError, ProblemError
from csc_server.storage.ports.web import TokenRow
from csc_server.values import ClientProfile, TokenBinding
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.proof_of_possession import check_proof, present_proof
from csc_server.web.authorization.secret_values import is_secret, secret_hash
from csc_server.web.authorization.signed_tokens import ALGORITHMS
from csc_server.web.http.client_certificate import client_certificate

JWK_THUMBPRINT = "jkt"
"""RFC 9449, 6.1."""
CERTIFICATE_THUMBPRINT = "x5t#S256"
"""RFC 8705, 3.1."""

BEARER = "Bearer"
DPOP = "DPoP"

INVALID_PROOF = "Invalid DPoP proof"


def confirmation_for(context: AuthorizationContext, client: RegisteredClient) -> str:
    """Return what the tokens of this token request will be bound to, "" for bearer tokens.

    A client may ask for the binding by a proof; one of profile fapi2, or registered for it, cannot do without.
    Call it after the client was authenticated: it stores the proof's identifier.

    Raises:
        ProblemError: 400 `invalid_dpop_proof` (RFC 9449, 5), or `invalid_request` without the certificate.
    """
    binding = client.row.token_binding
    proof = present_proof(request.environ)
    if binding is TokenBinding.TLS and proof is not None:
        raise _bad_proof("the tokens of this client are bound to its certificate")
    if proof is not None:
        return f"{JWK_THUMBPRINT}:{proven_key(context, proof)}"
    is_fapi = client.row.profile is ClientProfile.FAPI2
    if binding is TokenBinding.TLS or (is_fapi and binding is TokenBinding.NONE):
        certificate = client_certificate()
        if certificate is not None:
            return f"{CERTIFICATE_THUMBPRINT}:{certificate.thumbprint}"
    if binding is TokenBinding.TLS:
        raise ProblemError(400, "invalid_request", "A client certificate is required")
    if is_fapi or binding is TokenBinding.DPOP:
        raise _bad_proof("missing")
    return ""


def proven_key(context: AuthorizationContext, proof: str) -> str:
    """Return the thumbprint of the key behind the DPoP proof of a request to the authorization server.

    Raises:
        ProblemError: 400 `invalid_dpop_proof`.
    """
    try:
        return check_proof(context, proof, request.method, request.path)
    except MalformedInputError as error:
        raise _bad_proof(_reason(error)) from error


def pushed_key(context: AuthorizationContext, dpop_jkt: str) -> str:
    """Return the thumbprint that a pushed request binds its code to, "" for none (RFC 9449, 10.1).

    Args:
        context: for the proof.
        dpop_jkt: the parameter of that name, "" when absent.

    Raises:
        ProblemError: 400 `invalid_dpop_proof`; also when parameter and proof name different keys.
    """
    proof = present_proof(request.environ)
    if proof is None:
        return dpop_jkt
    thumbprint = proven_key(context, proof)
    if dpop_jkt and not _same(dpop_jkt, thumbprint):
        raise _bad_proof("dpop_jkt")
    return thumbprint


def require_key_of_code(dpop_jkt: str, confirmation: str) -> None:
    """Refuse to redeem a code without the key it was bound to (RFC 9449, 10).

    Raises:
        ProblemError: 400 `invalid_grant`.
    """
    if dpop_jkt and not _same(confirmation, f"{JWK_THUMBPRINT}:{dpop_jkt}"):
        raise ProblemError(400, "invalid_grant", "The code is bound to another key")


def require_key_of_refresh_token(row: TokenRow, confirmation: str) -> None:
    """Refuse a refresh token without the key that it was given to (OA-13).

    Raises:
        ProblemError: 400 `invalid_grant`.
    """
    if row.confirmation and not _same(row.confirmation, confirmation):
        raise ProblemError(400, "invalid_grant", "The refresh token is bound to another key")


def check_possession(context: AuthorizationContext, row: TokenRow, token: str, scheme: str) -> None:
    """Let an access token pass that came with the scheme and the proof that its binding demands.

    Args:
        context: for the proof.
        row: of the token, live.
        token: as it came.
        scheme: of the Authorization header, in lower case.

    Raises:
        ProblemError: 401 (RFC 9449, 7.1; RFC 8705, 3).
    """
    method, _, thumbprint = row.confirmation.partition(":")
    if not thumbprint:  # nothing to compare with: any key would do
        method = ""
    if method != JWK_THUMBPRINT and scheme != BEARER.lower():
        raise _bad_token("The token is not bound to a DPoP key")
    if method == CERTIFICATE_THUMBPRINT:
        certificate = client_certificate()
        if certificate is None or not _same(certificate.thumbprint, thumbprint):
            raise _bad_token("The token is bound to another client certificate", BEARER)
    elif method == JWK_THUMBPRINT:
        if scheme != DPOP.lower():
            raise _bad_token("The token is bound to a DPoP key")
        _check_proof_of_token(context, token, thumbprint)
    elif row.confirmation:
        raise _bad_token("The token is bound in a way that is not known here", BEARER)


def may_stand_beside(context: AuthorizationContext, token: str, bearer: TokenRow) -> bool:
    """Whether a token that stands in a body is not revoked, and free or bound to the key that the bearer has shown.

    Whatever revokes a token here, the SAD behind it may be alive in the signer process. Anything that has not the form
    of our tokens costs no look at the store.
    """
    row = context.store.token(secret_hash(token)) if is_secret(token) else None
    if row is None:
        return True
    return not row.revoked_at and (not row.confirmation or _same(row.confirmation, bearer.confirmation))


def _check_proof_of_token(context: AuthorizationContext, token: str, thumbprint: str) -> None:
    try:
        check_proof(context, _needed_proof(), request.method, request.path, token, thumbprint)
    except MalformedInputError as error:
        problem = _bad_proof(_reason(error))
        challenge = f'DPoP error="{problem.error}", algs="{" ".join(ALGORITHMS)}"'
        raise ProblemError(401, problem.error, problem.description, {"WWW-Authenticate": challenge}) from error


def _needed_proof() -> str:
    proof = present_proof(request.environ)
    if proof is None:
        raise MalformedInputError("missing")
    return proof


def _bad_token(description: str, scheme: str = DPOP) -> ProblemError:
    algorithms = f', algs="{" ".join(ALGORITHMS)}"' if scheme == DPOP else ""
    headers = {"WWW-Authenticate": f'{scheme} error="invalid_token"{algorithms}'}
    return ProblemError(401, "invalid_token", description, headers)


def _bad_proof(reason: str) -> ProblemError:
    return ProblemError(400, "invalid_dpop_proof", f"{INVALID_PROOF}: {reason}" if reason else INVALID_PROOF)


_PARTS = frozenset({"typ", "jwk", "htm", "htu", "ath", "iat", "jti", "missing"})


def _reason(error: MalformedInputError) -> str:
    """Return the part of a proof that is wrong; other reasons are of its form."""
    return error.message if error.message in _PARTS else ""


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
