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
    CODE_SENT = "otp.sent"
    CHALLENGE_GIVEN = "challenge.given"
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
    CREDENTIAL_DESTROYED = "credential.destroyed"
    CERTIFICATE_REQUESTED = "certificate.requested"
    KEY_DESTROYED = "key.destroyed"
    FACTOR_SET = "factor.set"
    FACTOR_RESET = "factor.reset"
    FACTOR_UNLOCKED = "factor.unlocked"
    SIGNER_CREATED = "signer.created"
    CLIENT_LINKED = "client.linked"
    CLIENT_UNLINKED = "client.unlinked"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_DISABLED = "client.disabled"
    CLIENT_SECRET_ROTATED = "client.secret_rotated"  # noqa: S105 the name of an event
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_PASSWORD_SET = "account.password_set"  # noqa: S105 the name of an event
    TIMESTAMP_ISSUED = "timestamp.issued"
    TIMESTAMP_FAILED = "timestamp.failed"
    REFUSED = "refused"
    REQUEST_REFUSED = "request.refused"
    STRANGERS_REFUSED = "strangers.refused"
    RATE_LIMITED = "rate.limited"


class Outcome(StrEnum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"


FIELDS = frozenset(
    {
        "address",
        "approval_id",
        "authentication_methods",
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
        "operator",
        "profile",
        "reason",
        "request_id",
        "sad_id",
        "scal",
        "schema",
        "scope",
        "sign_algorithm",
        "signer_id",
        "transaction_hash",
        "username",
        "worker",
    }
)
"""Names a record may carry; values are strings, integers, lists of strings, or absent."""
