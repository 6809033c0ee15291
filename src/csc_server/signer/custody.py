"""Custody of keys: making a credential in the device and binding its certificate (the custody port's core).

Enrolment over the network arrives with a later issue; the development server calls this in process.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.one_time_code import new_otp_factor
from csc_server.signer.identity.pin import PIN_COST, PinCost, new_pin_factor
from csc_server.signer.signing.credential import Credentials, link_mac
from csc_server.storage.ports.signer import CredentialRow, CustodyStore, FactorRow
from csc_server.values import AuthMode, ClientId, CredentialId, CredentialState, KeyType, Scal, SignerId
from csc_server.wire import Json, encode_base64url

Issue = Callable[[bytes], tuple[bytes, ...]]
"""Gets a SubjectPublicKeyInfo (DER), returns the certificate chain (DER), end entity first."""


@dataclass(frozen=True)
class NewCredential:
    """What a credential is to be. `totp_seed` is raw bytes, None for a credential with a PIN alone."""

    credential_id: CredentialId
    signer_id: SignerId
    key_type: KeyType
    auth_mode: AuthMode
    scal: Scal
    multisign: int
    pin: str
    totp_seed: bytes | None = None
    description: str = ""

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
        self._clock = clock
        self._pin_cost = pin_cost
        self._chain = Chain(writer, store.chain_head(writer))

    def create_signer(self, signer_id: SignerId, clients: Sequence[ClientId] = ()) -> None:
        """Register a signer and the clients that may act for him without his login (decision 17)."""
        self._store.insert_signer(signer_id)
        for client_id in clients:
            self._store.link_client(client_id, signer_id)

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
        rows = self._chain.extend(_records(row), self._clock.milliseconds())
        self._store.insert_credential(row, factors, rows)
        self._chain.accept(rows)
        return row

    def _factors(self, new: NewCredential) -> list[FactorRow]:
        factors = [new_pin_factor(self._device, new.credential_id, new.pin, self._pin_cost)]
        if new.totp_seed is not None:
            factors.append(new_otp_factor(self._device, new.credential_id, new.totp_seed))
        return factors


def _records(row: CredentialRow) -> list[Record]:
    fields: dict[str, Json] = {
        "signer_id": row.signer_id,
        "credential_id": row.credential_id,
        "key_fingerprint": encode_base64url(row.key_fingerprint),
    }
    return [Record(event, Outcome.SUCCESS, fields) for event in (Event.KEY_GENERATED, Event.CERTIFICATE_BOUND)]
