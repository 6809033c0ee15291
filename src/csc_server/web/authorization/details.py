"""`authorization_details` of type `credential` (RFC 9396, 2 and 5; CSC 2.0.0.2, 8.4.2; 2.2's URI spelling).

Strict JSON; exactly one entry, since a transaction has one credential; unknown members are ignored unless
they would change credential, hashes, number or algorithm (decision 24; OA-08).
"""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.messages import Transaction
from csc_server.errors import MalformedInputError, ProblemError
from csc_server.policy.algorithms import HASH_OIDS, HashAlgorithm
from csc_server.values import CredentialId
from csc_server.web.authorization.transactions import MAX_CREDENTIAL_ID, MAX_SIGNATURES
from csc_server.wire import decode_base64_any, encode_base64, parse_json

TYPES = frozenset({"credential", "https://cloudsignatureconsortium.org/2025/credential"})
"""The type of 2.0 and of 2.2 (interoperability rule O9); the answer keeps the client's spelling."""

MAX_LABEL = 500
"""As long as the `description` of CSC 2.0.0.2, 8.4.2."""

_CHANGES_MEANING = frozenset(
    {"signatureQualifier", "hash", "hashes", "hashAlgo", "signAlgo", "signAlgoParams", "documents", "credentialIDs"}
)
"""Names that elsewhere in CSC mean credential, hashes or algorithm: ignoring one here would widen an approval."""


@dataclass(frozen=True)
class GrantedDetails:
    """One parsed entry: what is to be approved, and the entry as it is stored and echoed (rule O11)."""

    transaction: Transaction
    echo: dict[str, Any]


def refuse(reason: str) -> ProblemError:
    return ProblemError(400, "invalid_authorization_details", reason)


def read_details(text: str, *, max_hashes: int) -> GrantedDetails:
    """Return the one entry of an `authorization_details` parameter.

    Raises:
        ProblemError: `invalid_authorization_details` (RFC 9396, 5).
    """
    entry = _only_entry(text)
    if entry.get("type") not in TYPES:
        raise refuse("The type of an entry is missing or unknown")
    if not _CHANGES_MEANING.isdisjoint(entry):
        raise refuse("An entry has a member that is not supported")
    algorithm = _algorithm(entry)
    digests, labels = _documents(entry, algorithm, max_hashes)
    transaction = Transaction(
        _credential_id(entry), _number(entry, len(digests)), digests, labels, str(entry["hashAlgorithmOID"])
    )
    return GrantedDetails(transaction, _echo(entry, transaction))


def _only_entry(text: str) -> dict[str, Any]:
    try:
        value = parse_json(text.encode("utf-8"))
    except (MalformedInputError, UnicodeEncodeError) as error:
        raise refuse("The parameter is not a JSON array") from error
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise refuse("The parameter is not a JSON array of one object")
    entry: dict[str, Any] = {name: member for name, member in value[0].items() if member is not None}
    return entry


def _credential_id(entry: dict[str, Any]) -> CredentialId:
    value = entry.get("credentialID")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_CREDENTIAL_ID:
        raise refuse("The credentialID of an entry is missing or invalid")
    return CredentialId(value)


def _algorithm(entry: dict[str, Any]) -> HashAlgorithm:
    oid = entry.get("hashAlgorithmOID")
    if not isinstance(oid, str) or oid not in HASH_OIDS:
        raise refuse("The hashAlgorithmOID of an entry is missing or invalid")
    return HASH_OIDS[oid]


def _number(entry: dict[str, Any], documents: int) -> int:
    """Return `numSignatures`, by default one for each digest (2.0 has no such member; rule O9)."""
    value = entry.get("numSignatures", documents)
    if type(value) is not int or not documents <= value <= MAX_SIGNATURES:
        raise refuse("The numSignatures of an entry is invalid")
    return value


def _documents(
    entry: dict[str, Any], algorithm: HashAlgorithm, max_hashes: int
) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    documents = entry.get("documentDigests")
    if not isinstance(documents, list) or not 1 <= len(documents) <= max_hashes:
        raise refuse("The documentDigests of an entry is missing or invalid")
    pairs = [_document(document, algorithm) for document in documents]
    return tuple(digest for digest, _ in pairs), tuple(label for _, label in pairs)


def _document(document: object, algorithm: HashAlgorithm) -> tuple[bytes, str]:
    if not isinstance(document, dict):
        raise refuse("An entry of documentDigests is not an object")
    text, label = document.get("hash"), document.get("label") or ""
    if not isinstance(text, str) or not isinstance(label, str) or len(label) > MAX_LABEL:
        raise refuse("An entry of documentDigests is invalid")
    try:
        digest = decode_base64_any(text)
    except MalformedInputError as error:
        raise refuse("A hash of documentDigests is not base64") from error
    if len(digest) != algorithm.digest_length:
        raise refuse("A hash of documentDigests has the wrong length")
    return digest, label


def _echo(entry: dict[str, Any], transaction: Transaction) -> dict[str, Any]:
    pairs = zip(transaction.hashes, transaction.labels, strict=True)
    echo: dict[str, Any] = {
        "type": entry["type"],
        "credentialID": transaction.credential_id,
        "numSignatures": transaction.num_signatures,
        "documentDigests": [{"hash": encode_base64(digest), "label": label} for digest, label in pairs],
        "hashAlgorithmOID": transaction.hash_algorithm,
    }
    return echo
