"""How the errors of hashes, SADs, asynchronous requests and time stamps are brought about."""

from typing import Any

from rows.answers import Answer
from rows.api_errors import AUTHORIZE, EXTEND, SIGN_HASH, changed, pin_members, way
from rows.bodies import DIGEST, asynchronous, body_of, new_request_id
from rows.desk import HASH, HASH_ALGORITHM, Desk, base64_of, digest, hashes, unknown_secret

PUBLIC_KEY = "1.2.840.113549.1.1.1"


# Hashes


@way("hashes empty")
def _no_hashes(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH[face]: []})


@way("hash no base64")
def _hash_no_base64(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH[face]: ["*"]})


@way("hashes missing", SIGN_HASH)
def _hashes_missing(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH[face]: None})


@way("hashes missing", AUTHORIZE)
def _hashes_missing_for_scal_2(desk: Desk, face: str, method: str) -> Answer:
    credential = desk.credential("P-256", scal="2")
    body = {"credentialID": credential.credential_id, "numSignatures": 1}
    return desk.post(face, method, body | pin_members(face, credential.pin))


@way("hash algorithm missing", AUTHORIZE)
def _algorithm_missing(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH_ALGORITHM[face]: None})


@way("hash algorithm missing", SIGN_HASH)
def _algorithm_missing_for_key(desk: Desk, face: str, method: str) -> Answer:
    body = body_of(desk, face, method) | {"signAlgo": PUBLIC_KEY, HASH_ALGORITHM[face]: None}
    return desk.post(face, method, body)


@way("hash algorithm invalid")
def _algorithm_invalid(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH_ALGORITHM[face]: "1.3.14.3.2.26"})


@way("digest length", SIGN_HASH)
def _digest_length(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH[face]: [base64_of(DIGEST[:20])]})


@way("too many hashes", SIGN_HASH)
def _too_many_hashes(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {HASH[face]: [base64_of(DIGEST)] * 1001})


@way("hash not authorized", SIGN_HASH, EXTEND)
def _not_authorized(desk: Desk, face: str, method: str) -> Answer:
    credential = desk.credential()
    sad = desk.new_sad(face, credential, 1, **hashes(face, DIGEST))
    return desk.post(face, method, body_of(desk, face, method) | {"SAD": sad} | hashes(face, digest("another")))


# SADs


@way("SAD used up", SIGN_HASH)
def _used_up(desk: Desk, face: str, method: str) -> Answer:
    body = body_of(desk, face, method) | {"SAD": desk.new_sad(face, desk.credential(), 1)}
    return desk.post(face, method, body | {HASH[face]: [base64_of(DIGEST)] * 2})


@way("SAD expired", SIGN_HASH, EXTEND)
def _sad_expired(desk: Desk, face: str, method: str) -> Answer:
    return desk.post(face, method, body_of(desk, face, method) | {"SAD": desk.old_sad(face)})


# Asynchronous requests


def in_mode_a(case: str, **members: Any) -> None:
    """Register a request of mode A with these members changed."""
    way(case, SIGN_HASH)(lambda desk, face, method: desk.post(face, method, asynchronous(desk, face) | members))


in_mode_a("validity period invalid", validity_period="long")
in_mode_a("validity period too long", validity_period=10**12)
in_mode_a("response address invalid", response_uri="https://elsewhere.example/")
changed("request id missing", requestID=None)
changed("request id unknown", requestID=unknown_secret())


@way("result not ready")
def _not_ready(desk: Desk, face: str, method: str) -> Answer:
    """Many slow signatures are not made while the next request arrives."""
    request_id = new_request_id(desk, face, desk.credential("RSA-4096"), 60)
    return desk.post(face, method, {"requestID": request_id})


# Time stamps

changed("hash missing", "signatures/timestamp", hash=None)
changed("hash empty", "signatures/timestamp", hash="")
changed("hash no base64", "signatures/timestamp", hash="*")
changed("hash algorithm invalid", "signatures/timestamp", hashAlgo="1.3.14.3.2.26")
changed("digest length", "signatures/timestamp", hash=base64_of(DIGEST[:20]))
changed("nonce invalid", "signatures/timestamp", nonce="xyz")
