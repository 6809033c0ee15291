"""A credential's life around its signatures: key and request, certificate in, disabled, destroyed.

A key is made in the device and waits for its certificate (requested); with a certificate that may stand behind a
signature it becomes active; what is disabled signs nothing any more; what is destroyed has no key. Factors come by
`factors`: a credential without enough of them is refused like a disabled one.
"""

import hashlib
import hmac
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from csc_server.audit.events import Event
from csc_server.errors import CscServerError
from csc_server.policy.certificates import UNREADABLE
from csc_server.policy.key_usage import may_issue
from csc_server.signer.custody.certificate_requests import certificate_request
from csc_server.signer.custody.journal import Actor, CustodyJournal, credential_record
from csc_server.signer.device.port import KeyDevice, KeyFacts
from csc_server.signer.signing.credential import Credentials, link_mac
from csc_server.storage.ports.custody import CustodyStore
from csc_server.storage.ports.signer import ConflictError, CredentialRow
from csc_server.values import AuthMode, CredentialId, CredentialState, KeyType, Scal, SignerId

MAX_CHAIN = 8
"""Certificates, end entity first."""


class CustodyError(CscServerError):
    """What cannot be done to a signer, a credential or a factor, and why."""


@dataclass(frozen=True)
class WantedCredential:
    """What a credential is to be; `subject` is the DER of its certificate's subject."""

    credential_id: CredentialId
    signer_id: SignerId
    key_type: KeyType
    auth_mode: AuthMode
    scal: Scal
    multisign: int
    subject: bytes
    description: str = ""


class KeyCustody:
    """Makes, certifies, disables and destroys credentials; every step is audited.

    Args:
        trusted: certificates (DER) of the authorities whose chains may be bound; none means that the caller
            answers for the chain, as an operator at the command line does.
    """

    def __init__(
        self, store: CustodyStore, device: KeyDevice, journal: CustodyJournal, trusted: Sequence[bytes] = ()
    ) -> None:
        self._store = store
        self._device = device
        self._journal = journal
        self._trusted = [x509.load_der_x509_certificate(der) for der in trusted]

    def request(self, wanted: WantedCredential, actor: Actor) -> bytes:
        """Make a key and store its credential, without certificate and factors; return the PKCS#10 request (DER).

        A key whose credential could not be stored is destroyed again. Raises CustodyError for an id that is taken,
        or a signer who is not known.
        """
        facts = self._device.generate_key(wanted.key_type)
        try:
            row = self._requested_row(wanted, facts)
            request = certificate_request(self._device, facts, wanted.subject)
            records = [credential_record(event, row, actor) for event in _REQUESTED]
            self._journal.write(records, lambda rows: self._store.insert_credential(row, [], rows))
        except BaseException as error:
            self._device.destroy_key(facts.handle)
            if isinstance(error, ConflictError):
                raise CustodyError(
                    f"There is a credential {wanted.credential_id!r} already, or no signer {wanted.signer_id!r}.",
                    advice="Look at `csc-server credential list`.",
                ) from error
            raise
        return request

    def certify(self, credential_id: CredentialId, chain: tuple[bytes, ...], actor: Actor) -> CredentialRow:
        """Bind a certificate chain (DER, end entity first) to a requested credential, which becomes active.

        Raises:
            CustodyError: unknown, certified already, or the chain is not one of a trusted authority.
            UnusableCredentialError: the certificate is for another key, or may not stand behind a signature.
        """
        row = unchanged_credential(self._store, self._device, credential_id)
        if row.state is not CredentialState.REQUESTED:
            raise CustodyError(f"The credential {credential_id!r} waits for no certificate: it is {row.state.value}.")
        check_chain(chain, self._trusted)
        after = replace(row, certificates=chain, state=CredentialState.ACTIVE, version=row.version + 1)
        after = replace(after, link_mac=link_mac(self._device, after))
        Credentials(self._device, []).prove(after)
        with conflict_told(credential_id):
            self._journal.write(
                [credential_record(Event.CERTIFICATE_BOUND, after, actor)],
                lambda rows: self._store.change_credential(after, row.version, rows),
            )
        return after

    def destroy(self, credential_id: CredentialId, actor: Actor, reason: str = "") -> None:
        """Destroy the key in the device: first the state and its record, then the key, then its record.

        A crash in between leaves a destroyed credential whose key is still there; `finish` removes it.
        """
        record = (Event.CREDENTIAL_DESTROYED, reason)
        row = _end(self._store, self._journal, credential_id, CredentialState.DESTROYED, record, actor)
        self._destroy_key(row, actor)

    def finish(self) -> None:
        """Destroy the keys of destroyed credentials that a crash has left in the device."""
        left = {facts.handle for facts in self._device.keys()}  # noqa: SIM118 no dictionary
        for row in self._store.all_credentials():
            if row.state is CredentialState.DESTROYED and row.key_handle in left:
                self._destroy_key(row, {})

    def _destroy_key(self, row: CredentialRow, actor: Actor) -> None:
        self._device.destroy_key(row.key_handle)
        self._journal.note(credential_record(Event.KEY_DESTROYED, row, actor))

    def _requested_row(self, wanted: WantedCredential, facts: KeyFacts) -> CredentialRow:
        row = CredentialRow(
            credential_id=wanted.credential_id,
            signer_id=wanted.signer_id,
            key_handle=facts.handle,
            key_type=wanted.key_type,
            key_fingerprint=hashlib.sha256(facts.public_key).digest(),
            certificates=(),
            auth_mode=wanted.auth_mode,
            scal=wanted.scal,
            multisign=wanted.multisign,
            state=CredentialState.REQUESTED,
            version=1,
            link_mac=b"",
            description=wanted.description,
        )
        return replace(row, link_mac=link_mac(self._device, row))


def disable_credential(store: CustodyStore, journal: CustodyJournal, credential_id: CredentialId, actor: Actor) -> None:
    """Stop a credential for good: approvals and SADs on it are void at once; its key stays, the device may be away."""
    _end(store, journal, credential_id, CredentialState.DISABLED, (Event.CREDENTIAL_DISABLED, ""), actor)


def _end(
    store: CustodyStore,
    journal: CustodyJournal,
    credential_id: CredentialId,
    state: CredentialState,
    record: tuple[Event, str],
    actor: Actor,
) -> CredentialRow:
    row = known_credential(store, credential_id)
    after = replace(row, state=state, version=row.version + 1)
    event, reason = record
    with conflict_told(credential_id):
        journal.write(
            [credential_record(event, after, actor, reason=reason)],
            lambda rows: store.change_credential(after, row.version, rows, ends_approvals=True),
        )
    return after


def known_credential(store: CustodyStore, credential_id: CredentialId) -> CredentialRow:
    """Return a credential that is not destroyed, else raise CustodyError."""
    row = store.credential_row(credential_id)
    if row is None or row.state is CredentialState.DESTROYED:
        raise CustodyError(f"There is no credential {credential_id!r}.", advice="Look at `csc-server credential list`.")
    return row


def unchanged_credential(store: CustodyStore, device: KeyDevice, credential_id: CredentialId) -> CredentialRow:
    """Return a known credential whose row is as the signer wrote it: a new MAC must not cover a forged one (AU-15)."""
    row = known_credential(store, credential_id)
    if not hmac.compare_digest(link_mac(device, row), row.link_mac):
        raise CustodyError(
            f"The row of {credential_id!r} was changed by something else than this program.",
            advice="Look who can write to the signer's database; then disable the credential.",
        )
    return row


@contextmanager
def conflict_told(credential_id: CredentialId) -> Iterator[None]:
    """Raise CustodyError where the store tells of a conflict: the credential moved meanwhile."""
    try:
        yield
    except ConflictError as error:
        raise CustodyError(
            f"The credential {credential_id!r} was changed by somebody else at this moment.", advice="Try again."
        ) from error


def check_chain(chain: Sequence[bytes], trusted: Sequence[x509.Certificate]) -> None:
    """Raise CustodyError unless each certificate is issued by the next and, with `trusted`, the last by one of these.

    All but the first are authorities': a signer's own key issues nothing, whoever issued its certificate. Dates and
    revocation are checked when the credential signs (RFC 5280, 6.1 has the rest).
    """
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise CustodyError(f"A chain has 1 to {MAX_CHAIN} certificates, end entity first.")
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        for one, issuer in itertools.pairwise(certificates):
            one.verify_directly_issued_by(issuer)
        are_authorities = all(may_issue(issuer, below) for below, issuer in enumerate(certificates[1:]))
    except (TypeError, InvalidSignature, *UNREADABLE) as error:
        raise CustodyError("The certificates are no chain, end entity first.") from error
    if not are_authorities:
        raise CustodyError("A certificate of the chain is issued by one that is no authority's.")
    if trusted and not any(_leads_to(certificates[-1], authority) for authority in trusted):
        raise CustodyError("The chain is not one of an authority that this service trusts.")


def _leads_to(last: x509.Certificate, authority: x509.Certificate) -> bool:
    if last == authority:
        return True
    try:
        last.verify_directly_issued_by(authority)
    except (TypeError, InvalidSignature, *UNREADABLE):
        return False
    return True


_REQUESTED = (Event.KEY_GENERATED, Event.CERTIFICATE_REQUESTED)
