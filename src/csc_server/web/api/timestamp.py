"""signatures/timestamp: a time-stamp token of the configured authority (CSC 1.0.4.0, 11.10; RFC 3161).

Only a digest leaves. What comes back is checked before it is passed on, so that no client stores for years
what nobody will believe.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from csc_server.audit.events import Event, Outcome
from csc_server.errors import MalformedInputError, ProblemError, UnavailableError
from csc_server.policy.algorithms import HASH_OIDS
from csc_server.policy.timestamps import TimestampError, read_nonce
from csc_server.web.api.call import Call
from csc_server.web.fetch import FetchError
from csc_server.web.http.params import MAX_HASH_TEXT, MAX_IDENTIFIER, invalid, missing
from csc_server.web.http.problems import invalid_request
from csc_server.wire import decode_base64_any, encode_base64, encode_base64url

NONCE_BITS = 64
"""RFC 3161, 2.4.1: at least 64."""
RETRY_AFTER = 10
"""Seconds, for an authority that is away."""


@dataclass(frozen=True, slots=True)
class TimestampArguments:
    """Checked parameters of signatures/timestamp; `nonce` is None where the client names none."""

    digest: bytes
    hash_algorithm: str
    nonce: int | None
    client_data: str


def digest(call: Call) -> bytes:
    """Return `hash`, one digest in base64 or base64url (decision 2)."""
    value = call.parameters.value(("hash",))
    if not isinstance(value, str):
        raise invalid_request(missing("string", "hash"))
    if not value:
        raise invalid_request("Empty hash parameter")
    if len(value) > MAX_HASH_TEXT:
        raise invalid_request("Invalid digest value length")
    try:
        return decode_base64_any(value)
    except MalformedInputError as error:
        raise invalid_request("Invalid Base64 hash string parameter") from error


def hash_algorithm(call: Call) -> str:
    """Return `hashAlgo`, so named on both versions; the tables have one text for all that is wrong with it."""
    value = call.parameters.value(("hashAlgo",))
    if not isinstance(value, str) or value not in HASH_OIDS:
        raise invalid_request(invalid("hashAlgo"))
    return value


def nonce(call: Call) -> int | None:
    text = call.parameters.optional_string("nonce", maximum=MAX_IDENTIFIER)
    if text is None:
        return None
    number = read_nonce(text)
    if number is None:
        raise invalid_request(invalid("nonce"))
    return number


def timestamp(call: Call, arguments: TimestampArguments) -> dict[str, Any]:
    """Return a time-stamp token for a digest; without the client's nonce the request has one of ours."""
    if len(arguments.digest) != HASH_OIDS[arguments.hash_algorithm].digest_length:
        raise invalid_request("Invalid digest value length")
    authority = call.services.timestamps
    if authority is None:
        raise ProblemError(501, "not_implemented")
    number = secrets.randbits(NONCE_BITS) if arguments.nonce is None else arguments.nonce
    try:
        token = authority.stamp(arguments.digest, arguments.hash_algorithm, number)
    except (FetchError, TimestampError) as error:
        _record(call, Event.TIMESTAMP_FAILED, Outcome.FAILURE, arguments, error.fault.value)
        raise UnavailableError("timestamp", retry_after=RETRY_AFTER) from error
    _record(call, Event.TIMESTAMP_ISSUED, Outcome.SUCCESS, arguments, None)
    return {"timestamp": encode_base64(token)}


def _record(call: Call, event: Event, outcome: Outcome, arguments: TimestampArguments, reason: str | None) -> None:
    token = call.authorized.token
    call.services.authorization.record(
        event,
        outcome,
        client_id=token.client_id,
        signer_id=token.signer_id,
        hash_algorithm=arguments.hash_algorithm,
        hashes=[encode_base64url(arguments.digest)],
        reason=reason,
    )
