"""authorization_details: what is approved is exactly what was read, or invalid_authorization_details (OA-08)."""

from csc_server.errors import ProblemError
from csc_server.policy.algorithms import HASH_OIDS
from csc_server.web.authorization import details
from csc_server.wire import dump_json
from fuzz.source import Source, encode

DIGEST = encode(bytes(32)) + "="
TEMPLATE = [
    {
        "type": "credential", "credentialID": "a", "numSignatures": 2, "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "documentDigests": [{"hash": DIGEST, "label": "x"}, {"hash": DIGEST, "label": None}],
        "locations": ["https://rs.example"],
    }
]  # fmt: skip
SEEDS = [bytes(60), bytes(range(60)), b"\x00" * 3 + b"\x0d" * 20]
WORDS = [b"signatureQualifier", b"hashes", b"numSignatures", b"https://cloudsignatureconsortium.org/2025/credential"]


def run(data: bytes) -> None:
    text = Source(data).json_text(TEMPLATE).decode("utf-8", "surrogateescape")
    try:
        granted = details.read_details(text, max_hashes=64)
    except ProblemError as problem:
        assert problem.status == 400
        assert problem.error in {"invalid_authorization_details", "invalid_request"}
        return
    transaction = granted.transaction
    length = HASH_OIDS[transaction.hash_algorithm].digest_length
    assert transaction.hashes, "nothing to sign"
    assert {len(digest) for digest in transaction.hashes} == {length}
    assert len(transaction.labels) == len(transaction.hashes) <= transaction.num_signatures
    assert type(transaction.num_signatures) is int
    again = details.read_details(dump_json([granted.echo]).decode(), max_hashes=64)
    assert again.transaction == transaction


def plant() -> None:
    """One signature may be asked for more digests."""
    real = details._number
    details._number = lambda entry, _documents: real(entry, 1)
