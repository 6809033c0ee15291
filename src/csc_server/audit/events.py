"""The closed sets of the audit: events, outcomes and the fields a record may have (AD-01, AD-02).

Formats only grow: names are never reused or renamed. A field outside the list cannot be written, so a
secret cannot slip in under a name of its own (AD-08).
"""

from enum import StrEnum


class Event(StrEnum):
    """What happened (ETSI TS 119 431-1 OVR-6.4.5-02, EN 319 401 REQ-7.10-05)."""

    STARTED = "started"
    STOPPED = "stopped"
    LOGIN = "login"
    CONSENT_SHOWN = "consent.shown"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CODE_ISSUED = "code.issued"
    CODE_REUSED = "code.reused"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 the name of an event
    TOKEN_REFRESHED = "token.refreshed"  # noqa: S105 the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 the name of an event
    REFRESH_REUSED = "refresh.reused"
    APPROVAL_OPENED = "approval.opened"
    APPROVAL_GIVEN = "approval.given"
    APPROVAL_VOID = "approval.void"
    FACTOR_LOCKED = "factor.locked"
    SAD_MINTED = "sad.minted"
    SAD_EXTENDED = "sad.extended"
    SAD_VOID = "sad.void"
    SIGN_INTENT = "sign.intent"
    SIGN_DONE = "sign.done"
    SIGN_FAILED = "sign.failed"
    SIGN_FAULT = "sign.fault"
    SIGN_INDETERMINATE = "sign.indeterminate"
    SIGN_REFUSED = "sign.refused"
    KEY_GENERATED = "key.generated"
    CERTIFICATE_BOUND = "certificate.bound"
    CREDENTIAL_DISABLED = "credential.disabled"
    REFUSED = "refused"
    REQUEST_REFUSED = "request.refused"
    STRANGERS_REFUSED = "strangers.refused"


class Outcome(StrEnum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"


FIELDS = frozenset(
    {
        "address",
        "approval_id",
        "client_id",
        "count",
        "credential_id",
        "epoch",
        "error",
        "evidence_digest",
        "face",
        "hash_algorithm",
        "hash_list_digest",
        "hashes",
        "intent_id",
        "key_fingerprint",
        "method",
        "minute",
        "operation",
        "reason",
        "request_id",
        "sad_id",
        "scal",
        "scope",
        "sign_algorithm",
        "signer_id",
        "transaction_hash",
        "worker",
    }
)
"""Names a record may carry; values are strings, integers, lists of strings, or absent."""
