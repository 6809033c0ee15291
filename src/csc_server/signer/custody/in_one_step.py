"""A credential in one step, with key, certificate and factors: how the development server makes its own.

An operator's way, and that of the API, has a request for the certificate between its two steps: `keys`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from csc_server.audit.events import Event
from csc_server.clock import Clock
from csc_server.signer.custody.journal import CustodyJournal, credential_record
from csc_server.signer.custody.signers import SignerCustody
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.one_time_code import new_otp_factor
from csc_server.signer.identity.online_code import new_online_factor
from csc_server.signer.identity.pin import PIN_COST, PinCost, new_pin_factor
from csc_server.signer.identity.response_key import new_key_factor
from csc_server.signer.signing.credential import Credentials, link_mac
from csc_server.storage.ports.custody import CustodyStore, LinkRow
from csc_server.storage.ports.signer import CredentialRow, FactorRow
from csc_server.values import AuthMode, ClientId, CredentialId, CredentialState, KeyType, Scal, SignerId

Issue = Callable[[bytes], tuple[bytes, ...]]
"""Gets a SubjectPublicKeyInfo (DER), returns the certificate chain (DER), end entity first."""


@dataclass(frozen=True)
class NewCredential:
    """What a credential is to be, and its factors, each absent where it is None.

    `totp_seed` is raw bytes, `address` where codes are sent, `response_key` a SubjectPublicKeyInfo (DER).
    """

    credential_id: CredentialId
    signer_id: SignerId
    key_type: KeyType
    auth_mode: AuthMode
    scal: Scal
    multisign: int
    pin: str | None
    totp_seed: bytes | None = None
    description: str = ""
    address: str | None = None
    response_key: bytes | None = None

    def __repr__(self) -> str:
        return f"NewCredential({self.credential_id!r}, ...)"


class Custody:
    """Creates signers and credentials; every creation is audited."""

    def __init__(
        self,
        store: CustodyStore,
        device: KeyDevice,
        clock: Clock,
        writer: str = "custody",
        pin_cost: PinCost = PIN_COST,
    ) -> None:
        self._store = store
        self._device = device
        self._pin_cost = pin_cost
        self._journal = CustodyJournal(store, clock, writer)

    def create_signer(
        self, signer_id: SignerId, clients: Sequence[ClientId] = (), custodians: Sequence[ClientId] = ()
    ) -> None:
        """Register a signer and the clients that may act for him without his login (decision 17).

        `custodians` are those of them that may also have credentials made and destroyed.
        """
        signers = SignerCustody(self._store, self._journal)
        signers.create(signer_id, {})
        for client_id in clients:
            signers.link(LinkRow(client_id, signer_id, custody=client_id in custodians), {})

    def create(self, new: NewCredential, issue: Issue) -> CredentialRow:
        """Generate a key, have its certificate issued, enrol the factors and store the credential, active.

        Raises UnusableCredentialError when the certificate may not stand behind a signature.
        """
        factors = self._factors(new)
        facts = self._device.generate_key(new.key_type)
        row = CredentialRow(
            credential_id=new.credential_id,
            signer_id=new.signer_id,
            key_handle=facts.handle,
            key_type=new.key_type,
            key_fingerprint=hashlib.sha256(facts.public_key).digest(),
            certificates=issue(facts.public_key),
            auth_mode=new.auth_mode,
            scal=new.scal,
            multisign=new.multisign,
            state=CredentialState.ACTIVE,
            version=1,
            link_mac=b"",
            description=new.description,
            factors=tuple(factor.kind.value for factor in factors),
        )
        row = replace(row, link_mac=link_mac(self._device, row))
        Credentials(self._device, [facts]).prove(row)
        records = [credential_record(event, row, {}) for event in (Event.KEY_GENERATED, Event.CERTIFICATE_BOUND)]
        self._journal.write(records, lambda rows: self._store.insert_credential(row, factors, rows))
        return row

    def _factors(self, new: NewCredential) -> list[FactorRow]:
        device, name = self._device, new.credential_id
        factors = []
        if new.pin is not None:
            factors.append(new_pin_factor(device, name, new.pin, self._pin_cost))
        if new.totp_seed is not None:
            factors.append(new_otp_factor(device, name, new.totp_seed))
        if new.address is not None:
            factors.append(new_online_factor(device, name, new.address))
        if new.response_key is not None:
            factors.append(new_key_factor(device, name, new.response_key))
        return factors
