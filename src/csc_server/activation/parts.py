"""What messages of the signature activation protocol are made of: who asks, what for, with which evidence."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, StrictInt

from csc_server.errors import MalformedInputError
from csc_server.values import ClientId, CredentialId, SignerId
from csc_server.wire import decode_base64url, encode_base64url


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("not base64url")  # noqa: TRY004 pydantic reads ValueError
    try:
        return decode_base64url(value)
    except MalformedInputError as error:
        raise ValueError("not base64url") from error


Octets = Annotated[bytes, PlainValidator(_bytes), PlainSerializer(encode_base64url)]


class Lane(StrEnum):
    """Which workers serve an operation, so that slow work never stands before a signature."""

    SIGN = "sign"
    REGISTRY = "registry"
    EVIDENCE = "evidence"
    CUSTODY = "custody"


@dataclass(frozen=True)
class Caller:
    """Who asks, as web authenticated it; `signer_id` is None for a token no signer logged in for.

    `request_id` joins web's audit with the signer's; `address` is the peer address, already truncated.
    """

    client_id: ClientId
    signer_id: SignerId | None
    request_id: str
    address: str = ""


@dataclass(frozen=True)
class Evidence:
    """The signer's secrets for one try; never logged, dropped after the try (SA-12).

    `otp` is a generator's code, `online_otp` one that was sent, `response` the answer to a challenge.
    """

    pin: str | None = None
    otp: str | None = None
    online_otp: str | None = None
    response: str | None = None

    def __repr__(self) -> str:
        return "Evidence(...)"


@dataclass(frozen=True)
class Transaction:
    """What a client wants approved: a credential, how many signatures, over which hashes.

    `hashes` may be empty (SCAL 1 only); `labels` run beside them or are empty; `hash_algorithm` is a dotted
    OID or "".
    """

    credential_id: CredentialId
    num_signatures: StrictInt
    hashes: tuple[Octets, ...] = ()
    labels: tuple[str, ...] = ()
    hash_algorithm: str = ""
