"""What the custody lane serves: credentials made and destroyed for entitled clients (CSC 2.2, 11.4 and 11.5).

Web's word is not enough: the client must be linked to the signer, with custody, in the signer's own store; the
certificate must come from an authority that the signer's settings name; and what was made signs nothing before its
signer has factors, which no message of this lane can enrol.
"""

import secrets
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from csc_server.activation.custody_messages import (
    BindCertificate,
    CertificateRequested,
    CheckCustody,
    DestroyCredential,
    RequestCredential,
)
from csc_server.activation.messages import Answer, CredentialDescription, Done
from csc_server.activation.parts import Caller
from csc_server.clock import Clock
from csc_server.errors import ConfigurationError, RefusedError
from csc_server.settings import CustodySettings
from csc_server.signer.custody.certificate_requests import common_name
from csc_server.signer.custody.journal import Actor, CustodyJournal
from csc_server.signer.custody.keys import CustodyError, KeyCustody, WantedCredential
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.service import description
from csc_server.signer.signing.credential import UnusableCredentialError
from csc_server.storage.ports.custody import CustodyStore, LinkRow
from csc_server.storage.ports.signer import CredentialRow
from csc_server.values import CredentialId, CredentialState, Refusal, SignerId

ID_BYTES = 12
"""Of a credential's new id: 96 random bits never meet."""


def open_custody(
    store: CustodyStore, device: KeyDevice, clock: Clock, node: str, settings: CustodySettings
) -> dict[type[Any], Callable[[Any], Answer]]:
    """Return the handlers of the custody lane; keys that a crash has left over are destroyed first."""
    journal = CustodyJournal(store, clock, f"{node}/custody")
    keys = KeyCustody(store, device, journal, _trusted(settings))
    keys.finish()
    service = CustodyService(store, keys, settings)
    return {
        RequestCredential: service.request,
        BindCertificate: service.bind,
        CheckCustody: service.check,
        DestroyCredential: service.destroy,
    }


def _trusted(settings: CustodySettings) -> list[bytes]:
    try:
        certificates = x509.load_pem_x509_certificates(settings.trust.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"signer.custody.trust: {settings.trust} holds no certificate in PEM."]) from error
    return [each.public_bytes(Encoding.DER) for each in certificates]


class CustodyService:
    """Answers the requests of the custody lane."""

    def __init__(self, store: CustodyStore, keys: KeyCustody, settings: CustodySettings) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings

    def request(self, request: RequestCredential) -> CertificateRequested:
        """Make a key and its request, with the subject that the signer has elsewhere, else his id as common name."""
        signer_id = request.signer_id
        self._check_entitled(request.caller, signer_id)
        own = [row for row in self._store.all_credentials() if row.signer_id == signer_id]
        if sum(row.state is not CredentialState.DESTROYED for row in own) >= self._settings.credentials_per_signer:
            raise RefusedError(Refusal.CREDENTIAL_LIMIT)
        credential_id = CredentialId(secrets.token_urlsafe(ID_BYTES))
        wanted = WantedCredential(
            credential_id,
            signer_id,
            self._settings.key,
            self._settings.auth_mode,
            self._settings.scal,
            self._settings.multisign,
            _subject(signer_id, own),
        )
        return CertificateRequested(credential_id, self._keys.request(wanted, _actor(request.caller)))

    def bind(self, request: BindCertificate) -> CredentialDescription:
        """Bind the certificate of a requested credential, which becomes active and still has no factor."""
        self._row(request.caller, request.credential_id)
        try:
            row = self._keys.certify(request.credential_id, request.certificates, _actor(request.caller))
        except (CustodyError, UnusableCredentialError) as error:
            raise RefusedError(Refusal.CERTIFICATE_REFUSED, error.message) from error
        return description(row, ())

    def check(self, request: CheckCustody) -> CredentialDescription:
        """Describe a credential that the client has custody of, whatever its state."""
        return description(self._row(request.caller, request.credential_id), ())

    def destroy(self, request: DestroyCredential) -> Done:
        """Destroy a credential of a signer that the client has custody for."""
        self._row(request.caller, request.credential_id)
        try:
            self._keys.destroy(request.credential_id, _actor(request.caller), request.reason)
        except CustodyError as error:
            raise RefusedError(Refusal.UNKNOWN_CREDENTIAL, error.message) from error
        return Done()

    def _row(self, caller: Caller, credential_id: CredentialId) -> CredentialRow:
        """Return a credential of the caller's, else refuse it as unknown: another's is told no differently (AU-12)."""
        row = self._store.credential_row(credential_id)
        if row is None or row.state is CredentialState.DESTROYED or not self._is_entitled(caller, row.signer_id):
            raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
        return row

    def _check_entitled(self, caller: Caller, signer_id: SignerId) -> None:
        if not self._is_entitled(caller, signer_id):
            raise RefusedError(Refusal.CUSTODY_REFUSED)

    def _is_entitled(self, caller: Caller, signer_id: SignerId) -> bool:
        """Whether an operator let the client have custody for a signer; a login of another signer doesn't help."""
        if caller.signer_id not in (None, signer_id):
            return False
        return LinkRow(caller.client_id, signer_id, custody=True) in self._store.links()


def _subject(signer_id: SignerId, own: list[CredentialRow]) -> bytes:
    """Return the subject to ask for: what an authority has certified of the signer before, never what a client says."""
    certified = [row.certificates[0] for row in own if row.certificates]
    if certified:
        return x509.load_der_x509_certificate(certified[-1]).subject.public_bytes()
    return common_name(signer_id)


def _actor(caller: Caller) -> Actor:
    return {"request_id": caller.request_id, "client_id": caller.client_id, "address": caller.address}
