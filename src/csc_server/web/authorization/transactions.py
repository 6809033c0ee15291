"""What an authorization request of scope `credential` asks for, as typed values.

Two dialects, one result: the parameters of CSC 1.0.4.0, 8.3.2 and 2.x, 8.4.2, and `authorization_details`
of type `credential` (RFC 9396; CSC 2.x). Hashes are decoded here and travel as bytes from then on
(decisions 1 and 2); everything is checked again by the signer.
"""

import re
from collections.abc import Mapping
from typing import Any

from csc_server.activation.parts import Transaction
from csc_server.errors import MalformedInputError
from csc_server.policy.algorithms import DIGEST_LENGTHS, HASH_OIDS
from csc_server.values import CredentialId
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.parameters import invalid, missing
from csc_server.wire import decode_base64_any, encode_base64

MAX_SIGNATURES = 1000
"""More than any credential's `multisign`; the signer knows the real limit."""

MAX_CREDENTIAL_ID = 255
MAX_DIGITS = 4

_QUALIFIER = re.compile(r"[A-Za-z]{2}_[A-Za-z0-9_]{1,61}")


def read_transaction(parameters: Mapping[str, str], face: Face, *, lenient: bool, max_hashes: int) -> Transaction:
    """Return the transaction that separate parameters describe.

    Args:
        parameters: of the authorization request, empty ones left out (interoperability rule O8).
        face: the API version whose names apply.
        lenient: the client may use the other version's names too (rule R14).
        max_hashes: cap from the settings.

    Raises:
        ProblemError: `invalid_request`, with the name of the parameter.
    """
    credential_id = parameters.get("credentialID", "")
    if not credential_id and not read_qualifier(parameters, face):
        raise missing("credentialID")
    if len(credential_id) > MAX_CREDENTIAL_ID:
        raise invalid("credentialID")
    name, text = _hashes_parameter(parameters, face, lenient=lenient)
    hashes = tuple(_read_hash(part, name) for part in text.split(",")) if text else ()
    if len(hashes) > max_hashes:
        raise invalid(name)
    algorithm = _hash_algorithm(parameters, face, hashes, lenient=lenient)
    return Transaction(CredentialId(credential_id), _number(parameters), hashes, (), algorithm)


def read_qualifier(parameters: Mapping[str, str], face: Face) -> str:
    """Return the kind of signature by which the server chooses the credential, or "" (CSC 2.0.0.2, 8.4.2).

    Raises:
        ProblemError: it stands beside a credential, or is no name of a kind.
    """
    qualifier = parameters.get("signatureQualifier", "") if face is not Face.V1 else ""
    if qualifier and ("credentialID" in parameters or not is_qualifier(qualifier)):
        raise invalid("signatureQualifier")
    return qualifier


def is_qualifier(text: str) -> bool:
    """Tell whether a text has the form of a kind of signature: country, law, type."""
    return _QUALIFIER.fullmatch(text) is not None


def _hashes_parameter(parameters: Mapping[str, str], face: Face, *, lenient: bool) -> tuple[str, str]:
    """Find the list of hashes; a list under the other version's name is never ignored, since it limits the approval."""
    own, other = ("hash", "hashes") if face is Face.V1 else ("hashes", "hash")
    if other not in parameters:
        return own, parameters.get(own, "")
    if own in parameters:
        raise invalid(other)
    if not lenient:
        raise missing(own)
    return other, parameters[other]


def _read_hash(text: str, name: str) -> bytes:
    # A "+" that a client forgot to escape arrives as a blank; no base64 alphabet has one (interop, fault 2).
    try:
        digest = decode_base64_any(text.replace(" ", "+"))
    except MalformedInputError as error:
        raise invalid(name) from error
    if len(digest) not in DIGEST_LENGTHS:
        raise invalid(name)
    return digest


def _hash_algorithm(parameters: Mapping[str, str], face: Face, hashes: tuple[bytes, ...], *, lenient: bool) -> str:
    """Return `hashAlgorithmOID`, which 2.x demands beside `hashes`; 1.0.4.0 names the algorithm at signHash only."""
    oid = parameters.get("hashAlgorithmOID", "")
    if oid:
        algorithm = HASH_OIDS.get(oid)
        if algorithm is None or any(len(digest) != algorithm.digest_length for digest in hashes):
            raise invalid("hashAlgorithmOID")
    elif hashes and face is not Face.V1 and not lenient:
        raise missing("hashAlgorithmOID")
    return oid


def _number(parameters: Mapping[str, str]) -> int:
    text = parameters.get("numSignatures", "")
    if not text:
        raise missing("numSignatures")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and 1 <= int(text) <= MAX_SIGNATURES):
        raise invalid("numSignatures")
    return int(text)


def transaction_members(transaction: Transaction) -> dict[str, Any]:
    """Return the JSON members under which a transaction is stored with its interaction."""
    return {
        "credential_id": transaction.credential_id,
        "num_signatures": transaction.num_signatures,
        "hashes": [encode_base64(digest) for digest in transaction.hashes],
        "labels": list(transaction.labels),
        "hash_algorithm": transaction.hash_algorithm,
    }


def stored_transaction(members: Mapping[str, Any]) -> Transaction:
    """Return the transaction that `transaction_members` stored."""
    return Transaction(
        CredentialId(members["credential_id"]),
        members["num_signatures"],
        tuple(decode_base64_any(text) for text in members["hashes"]),
        tuple(members["labels"]),
        members["hash_algorithm"],
    )
