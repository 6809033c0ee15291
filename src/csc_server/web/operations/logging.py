"""Logs: one JSON object a line, and no secret in any (AD-08, AD-09)."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_WORDS = frozenset(
    {
        "access_token",
        "assertion",
        "authdata",
        "authorization",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "otp",
        "password",
        "pin",
        "refresh_token",
        "sad",
        "secret",
        "token",
        "totp_secret",
    }
)
"""Names under which a secret could be handed to a log by mistake."""

_CAPPED = ("authlib", "joserfc")
"""Libraries whose debug lines hold tokens."""


def configure_logging(level: str = "info") -> None:
    """Send structured lines of a level and above to standard error, and cap the talkative libraries."""
    for name in _CAPPED:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_secrets,
            structlog.processors.JSONRenderer(separators=(",", ":"), ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(_StandardError()),  # type: ignore[arg-type]  # write and flush
        cache_logger_on_first_use=True,
    )


class _StandardError:
    """Whatever `sys.stderr` is at the time: a cached logger must outlive a redirected one."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def without_secrets(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values whose name says that they are secret: the last net, not the rule."""
    for name in event:
        if name.lower() in _SECRET_WORDS:
            event[name] = "[removed]"
    return event
