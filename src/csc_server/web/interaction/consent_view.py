"""What the consent page shows, as plain values: who asks, what for, with which certificate, until when.

AU-11; ETSI TS 119 431-1, SIG-6.3.1-15 and -16.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from csc_server.activation.parts import Transaction
from csc_server.values import CredentialId, FactorKind
from csc_server.web.authorization.authorization_request import AuthorizationRequest
from csc_server.web.interaction.certificate_view import CertificateView
from csc_server.web.interaction.texts import Language, Texts

FINGERPRINT_BYTES = 8
"""64 bits of the hash: short enough to compare by eye, and the signer process binds the whole hash anyway."""

OPEN_DOCUMENTS = 10
"""More stand behind a disclosure, so that the buttons stay near."""

JAPAN = timezone(timedelta(hours=9), "JST")
"""Japan has had no daylight saving time since 1951."""


@dataclass(frozen=True)
class DocumentView:
    """One document: its label, or its number in order, and the start of its hash."""

    label: str
    fingerprint: str


@dataclass(frozen=True)
class SigningView:
    """The part of the page about a signature."""

    documents: tuple[DocumentView, ...]
    num_signatures: int
    unbound: int
    credential_id: str
    certificate: CertificateView | None
    valid_to: str
    asks_pin: bool
    asks_otp: bool
    decide_by: str
    use_minutes: int

    @property
    def first_documents(self) -> tuple[DocumentView, ...]:
        return self.documents[:OPEN_DOCUMENTS]

    @property
    def more_documents(self) -> tuple[DocumentView, ...]:
        return self.documents[OPEN_DOCUMENTS:]


def fingerprint(digest: bytes) -> str:
    """Return the first octets of a hash as groups of four hexadecimal digits."""
    digits = digest[:FINGERPRINT_BYTES].hex()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def view_signing(
    request: AuthorizationRequest,
    objects: tuple[str, ...],
    certificate: CertificateView | None,
    decide_by: int,
    use_seconds: int,
    texts: Texts,
) -> SigningView:
    """Return the view of the transaction of an authorization request; see `view_transaction`."""
    transaction = request.transaction or Transaction(CredentialId(""), 0)
    return view_transaction(transaction, objects, certificate, decide_by, use_seconds, texts)


def view_transaction(
    transaction: Transaction,
    objects: tuple[str, ...],
    certificate: CertificateView | None,
    decide_by: int,
    use_seconds: int,
    texts: Texts,
) -> SigningView:
    """Return the view of an open transaction.

    Args:
        transaction: what is asked.
        objects: which factors the signer process asks for.
        certificate: of the credential.
        decide_by: until when it waits for evidence, seconds since the epoch.
        use_seconds: the longest time signatures can be made after approval.
        texts: of the page's language.
    """
    hashes = transaction.hashes
    labels = transaction.labels or ("",) * len(hashes)
    documents = tuple(
        DocumentView(label or texts("document", number=number), fingerprint(digest))
        for number, (digest, label) in enumerate(zip(hashes, labels, strict=True), 1)
    )
    number = transaction.num_signatures
    return SigningView(
        documents=documents,
        num_signatures=number,
        unbound=max(0, number - len(hashes)),
        credential_id=transaction.credential_id,
        certificate=certificate,
        valid_to=moment(certificate.valid_to, texts.language) if certificate else "",
        asks_pin=FactorKind.PIN in objects,
        asks_otp=FactorKind.OTP in objects,
        decide_by=moment_of(decide_by, texts.language),
        use_minutes=-(-use_seconds // 60),
    )


def moment_of(seconds: int, language: Language) -> str:
    """Return a time given in seconds since the epoch."""
    return moment(datetime.fromtimestamp(seconds, UTC), language)


def moment(at: datetime, language: Language) -> str:
    """Return a time as the language writes it: Japan's zone in Japanese, UTC in English."""
    if language is Language.JAPANESE:
        local = at.astimezone(JAPAN)
        return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}（日本時間）"  # noqa: RUF001 Japanese punctuation
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
