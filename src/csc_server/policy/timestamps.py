"""Time-stamp requests, and the checks that an answer passes before anybody may rely on it (RFC 3161, RFC 5816).

In this order: the status; the form; that the token is for our digest, nonce and policy, and made now; who
signed it (`timestamp_signers`); the signature.
"""

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from asn1crypto import cms, tsp
from asn1crypto.core import Sequence
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from csc_server.errors import CscServerError
from csc_server.policy.algorithms import HASH_OIDS
from csc_server.policy.timestamp_signers import Trust, UntrustedSignerError, check_signer

MAX_NONCE = 64
"""Hexadecimal digits: 256 bits, more than any authority asks for (RFC 3161, 2.4.1, wants at least 64)."""

_GRANTED = ("granted", "granted_with_mods")
_NONCE = re.compile(r"[0-9A-Fa-f]{1,64}")
_UNREADABLE = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError),
    *(UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""What reading bytes of a stranger as ASN.1, and then as certificates, raises."""


class Response(Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """TimeStampResp (RFC 3161, 2.4.2). In asn1crypto's own a refusal, which has no token, cannot be read."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]


class TimestampFault(StrEnum):
    """Why an authority's answer is of no use."""

    REFUSED = "refused"
    MALFORMED = "malformed"
    OTHER_DIGEST = "other_digest"
    OTHER_NONCE = "other_nonce"
    OTHER_POLICY = "other_policy"
    OTHER_TIME = "other_time"
    UNTRUSTED = "tsa_untrusted"


class TimestampError(CscServerError):
    """An answer that is not passed on; `fault` says why and holds nothing of the answer."""

    def __init__(self, fault: TimestampFault) -> None:
        super().__init__(f"The time-stamping authority's answer is of no use: {fault.value}")
        self.fault = fault


@dataclass(frozen=True)
class Wanted:
    """What is to be stamped: a digest under the dotted OID of its algorithm; `policy` "" leaves it to the authority."""

    digest: bytes
    hash_algorithm: str
    nonce: int
    policy: str = ""


def read_nonce(text: str) -> int | None:
    """Return the number of a hexadecimal text, None for another text."""
    return int(text, 16) if len(text) <= MAX_NONCE and _NONCE.fullmatch(text) else None


def make_request(wanted: Wanted) -> bytes:
    """Return a TimeStampReq in DER that asks for the authority's certificate too (RFC 3161, 2.4.1)."""
    fields: dict[str, Any] = {
        "version": "v1",
        "message_imprint": {
            "hash_algorithm": {"algorithm": HASH_OIDS[wanted.hash_algorithm].value},
            "hashed_message": wanted.digest,
        },
        "nonce": wanted.nonce,
        "cert_req": True,
    }
    if wanted.policy:
        fields["req_policy"] = wanted.policy
    request: bytes = tsp.TimeStampReq(fields).dump()
    return request


def read_answer(data: bytes, wanted: Wanted, trust: Trust, now: dt.datetime, skew: dt.timedelta) -> bytes:
    """Return the TimeStampToken in DER of a TimeStampResp that is what was wanted, else raise TimestampError.

    Args:
        data: the answer, DER.
        wanted: what was asked for.
        trust: certificates of authorities that are believed.
        now: the time of our clock.
        skew: how far the token's time may be from it.
    """
    try:
        answer = Response.load(data, strict=True)
        if answer["status"]["status"].native not in _GRANTED:
            raise TimestampError(TimestampFault.REFUSED)
        token = answer["time_stamp_token"]
        signed = _signed_data(token)
        _check_content(signed["encap_content_info"]["content"].parsed, wanted, now, skew)
        check_signer(signed, trust, now)
        result: bytes = token.dump()
    except UntrustedSignerError as error:
        raise TimestampError(TimestampFault.UNTRUSTED) from error
    except _UNREADABLE as error:
        raise TimestampError(TimestampFault.MALFORMED) from error
    return result


def _signed_data(token: cms.ContentInfo) -> cms.SignedData:
    signed = token["content"]
    if token["content_type"].native != "signed_data" or not isinstance(signed, cms.SignedData):
        raise TimestampError(TimestampFault.MALFORMED)
    if signed["encap_content_info"]["content_type"].native != "tst_info":
        raise TimestampError(TimestampFault.MALFORMED)
    return signed


def _check_content(info: object, wanted: Wanted, now: dt.datetime, skew: dt.timedelta) -> None:
    """Check TSTInfo (RFC 3161, 2.4.2); an extension that must be understood is not."""
    if not isinstance(info, tsp.TSTInfo) or info["version"].native != "v1":
        raise TimestampError(TimestampFault.MALFORMED)
    if any(extension["critical"].native for extension in info["extensions"] or ()):
        raise TimestampError(TimestampFault.MALFORMED)
    imprint = info["message_imprint"]
    named = imprint["hash_algorithm"]["algorithm"].dotted
    if (named, imprint["hashed_message"].native) != (wanted.hash_algorithm, wanted.digest):
        raise TimestampError(TimestampFault.OTHER_DIGEST)
    if info["nonce"].native != wanted.nonce:
        raise TimestampError(TimestampFault.OTHER_NONCE)
    if wanted.policy and info["policy"].dotted != wanted.policy:
        raise TimestampError(TimestampFault.OTHER_POLICY)
    if abs(info["gen_time"].native - now) > skew:
        raise TimestampError(TimestampFault.OTHER_TIME)
