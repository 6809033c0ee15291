"""`authorization_details` of type `credential` (RFC 9396, 2 and 5; CSC 2.0.0.2, 8.4.2; 2.2's URI spelling).

Strict JSON; exactly one entry, since a transaction has one credential; unknown members are ignored unless
they would change credential, hashes, number or algorithm (decision 24; OA-08).
"""

from dataclasses import dataclass
from typing import Any

from csc_server.activation.parts import Transaction
from csc_server.errors import MalformedInputError, ProblemError
from csc_server.policy.algorithms import HASH_OIDS, HashAlgorithm
from csc_server.values import CredentialId
from csc_server.web.authorization.custody_details import Custody, read_custody_entry
from csc_server.web.authorization.transactions import MAX_CREDENTIAL_ID, MAX_SIGNATURES, is_qualifier
from csc_server.wire import decode_base64_any, encode_base64, parse_json

TYPES = frozenset({"credential", "https://cloudsignatureconsortium.org/2025/credential"})
"""The type of 2.0 and of 2.2 (interoperability rule O9); the answer keeps the client's spelling."""

HASH_TYPES = frozenset({"sdr", "dtbsr", "sodr"})
"""CSC 2.2.0.0, 8.2.2; some clients write them in capitals."""

MAX_LABEL = 500
"""As long as the `description` of CSC 2.0.0.2, 8.4.2."""

_CHANGES_MEANING = frozenset({"hash", "hashes", "hashAlgo", "signAlgo", "signAlgoParams", "documents", "credentialIDs"})
"""Names that elsewhere in CSC mean credential, hashes or algorithm: ignoring one here would widen an approval."""


@dataclass(frozen=True)
class GrantedDetails:
    """One parsed entry: what is to be approved, and the entry as it is stored and echoed (rule O11).

    There is either a transaction or `custody`.
    """

    transaction: Transaction | None
    echo: dict[str, Any]
    custody: Custody | None = None


def refuse(reason: str) -> ProblemError:
    return ProblemError(400, "invalid_authorization_details", reason)


def read_details(text: str, *, max_hashes: int) -> GrantedDetails:
    """Return the one entry of an `authorization_details` parameter.

    Raises:
        ProblemError: `invalid_authorization_details` (RFC 9396, 5).
    """
    entry = _only_entry(text)
    custody = read_custody_entry(entry)
    if custody is not None and custody.echo is not None:
        return GrantedDetails(None, custody.echo, custody)
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
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
    """Return the credential, "" where the kind of signature stands in its place (CSC 2.0.0.2, 8.4.2)."""
    value = entry.get("credentialID")
    qualifier = entry.get("signatureQualifier")
    if qualifier is not None:
        if value is not None or not isinstance(qualifier, str) or not is_qualifier(qualifier):
            raise refuse("The signatureQualifier of an entry is invalid")
        return CredentialId("")
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
    for document in documents:
        _check_hash_type(document)
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


def _check_hash_type(document: dict[str, Any]) -> None:
    """Read `hashType`: whatever was hashed, the bytes are what is approved and compared at signing (rule O9)."""
    kind = document.get("hashType")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in HASH_TYPES):
        raise refuse("The hashType of an entry of documentDigests is invalid")


def _echo(entry: dict[str, Any], transaction: Transaction) -> dict[str, Any]:
    pairs = zip(transaction.hashes, transaction.labels, strict=True)
    echo: dict[str, Any] = {
        "type": entry["type"],
        **_credential_members(entry),
        "numSignatures": transaction.num_signatures,
        "documentDigests": [{"hash": encode_base64(digest), "label": label} for digest, label in pairs],
        "hashAlgorithmOID": transaction.hash_algorithm,
    }
    return echo


def _credential_members(entry: dict[str, Any]) -> dict[str, Any]:
    name = "signatureQualifier" if entry.get("signatureQualifier") is not None else "credentialID"
    return {name: entry[name]}
