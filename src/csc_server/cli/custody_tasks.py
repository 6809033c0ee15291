"""Signers, links, credentials and factors as operators change them, on the signer's side."""

import base64
from collections.abc import Callable

from csc_server.cli.new_secrets import new_seed, random_digits
from csc_server.errors import CscServerError
from csc_server.signer.custody.certificate_requests import read_subject
from csc_server.signer.custody.factors import FactorCustody, unlock_factor
from csc_server.signer.custody.journal import Actor, CustodyJournal
from csc_server.signer.custody.keys import KeyCustody, WantedCredential, disable_credential
from csc_server.signer.custody.signers import SignerCustody
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.ports.custody import CustodyStore, LinkRow
from csc_server.storage.ports.signer import CredentialRow
from csc_server.values import AuthMode, ClientId, CredentialId, FactorKind, KeyType, Scal, SignerId
from csc_server.wire import Json, decode_base64, encode_base64

PIN_DIGITS = 8
"""Of a PIN that is made here; the lock leaves ten tries (AU-06)."""


class CustodyTasks:
    """The operations of the commands on the signer's store and device; the device is opened when needed."""

    def __init__(
        self, store: CustodyStore, open_device: Callable[[], KeyDevice], journal: CustodyJournal, operator: str
    ) -> None:
        self._store = store
        self._open_device = open_device
        self._journal = journal
        self._actor: Actor = {"operator": operator}
        self._signers = SignerCustody(store, journal)

    def add_signer(self, signer_id: str) -> Json:
        """Register a signer; one who is there stays as he is."""
        is_new = signer_id not in self._store.signers()
        if is_new:
            self._signers.create(SignerId(signer_id), self._actor)
        return {"signer_id": signer_id, "new": is_new}

    def list_signers(self) -> Json:
        return {"signers": list(self._store.signers())}

    def link(self, client_id: str, signer_id: str, custody: bool, remove: bool) -> Json:
        """Let a client act for a signer, or no longer."""
        link = LinkRow(ClientId(client_id), SignerId(signer_id), custody)
        (self._signers.unlink if remove else self._signers.link)(link, self._actor)
        return {"client_id": client_id, "signer_id": signer_id, "linked": not remove, "custody": custody}

    def list_links(self, client_id: str) -> Json:
        """Answer the signers that a client is linked to."""
        own = [link for link in self._store.links() if link.client_id == client_id]
        return {"links": [{"signer_id": link.signer_id, "custody": link.custody} for link in own]}

    def add_credential(
        self,
        credential_id: str,
        signer_id: str,
        key_type: KeyType,
        auth_mode: AuthMode,
        scal: Scal,
        multisign: int,
        subject: str,
        description: str,
    ) -> Json:
        """Make a key; answer the request for its certificate (PKCS#10, DER in base64)."""
        wanted = WantedCredential(
            CredentialId(credential_id),
            SignerId(signer_id),
            key_type,
            auth_mode,
            scal,
            multisign,
            read_subject(subject),
            description,
        )
        return {"credential_id": credential_id, "request": encode_base64(self._keys().request(wanted, self._actor))}

    def certify(self, credential_id: str, certificates: tuple[str, ...]) -> Json:
        """Bind a chain (DER in base64, end entity first); the credential becomes active."""
        chain = tuple(decode_base64(text) for text in certificates)
        return _members(self._keys().certify(CredentialId(credential_id), chain, self._actor))

    def list_credentials(self, signer_id: str | None) -> Json:
        rows = [row for row in self._store.all_credentials() if signer_id in (None, row.signer_id)]
        return {"credentials": [self._with_factors(row) for row in rows]}

    def disable(self, credential_id: str) -> Json:
        disable_credential(self._store, self._journal, CredentialId(credential_id), self._actor)
        return {"credential_id": credential_id, "state": "disabled"}

    def destroy(self, credential_id: str) -> Json:
        self._keys().destroy(CredentialId(credential_id), self._actor)
        return {"credential_id": credential_id, "state": "destroyed"}

    def put_factor(self, credential_id: str, kind: FactorKind, secret: str | None, replaces: bool) -> Json:
        """Enrol or replace a factor; answer its secret when it was made here.

        `secret` is the PIN, the seed in base32, the address for codes, or a public key (DER in base64).
        """
        factors = FactorCustody(self._store, self._open_device(), self._journal)
        owner, made = CredentialId(credential_id), {} if secret is not None else {"secret": _new_secret(kind)}
        chosen = made.get("secret") or str(secret)
        match kind:
            case FactorKind.PIN:
                factors.set_pin(owner, chosen, self._actor, replaces=replaces)
            case FactorKind.OTP:
                factors.set_otp(owner, _seed(chosen), self._actor, replaces=replaces)
            case FactorKind.ONLINE_OTP:
                factors.set_address(owner, chosen, self._actor, replaces=replaces)
            case FactorKind.KEY:
                factors.set_key(owner, decode_base64(chosen), self._actor, replaces=replaces)
        return {"credential_id": credential_id, "factor": kind.value, **made}

    def unlock(self, credential_id: str, kind: FactorKind) -> Json:
        """Clear the failures of a factor."""
        unlock_factor(self._store, self._journal, CredentialId(credential_id), kind, self._actor)
        return {"credential_id": credential_id, "factor": kind.value, "locked": False}

    def _keys(self) -> KeyCustody:
        return KeyCustody(self._store, self._open_device(), self._journal)

    def _with_factors(self, row: CredentialRow) -> dict[str, Json]:
        factors = self._store.factors_of(row.credential_id)
        return _members(row) | {"failures": {factor.kind.value: factor.failures for factor in factors}}


def _new_secret(kind: FactorKind) -> str:
    if kind is FactorKind.PIN:
        return random_digits(PIN_DIGITS)
    if kind is FactorKind.OTP:
        return new_seed()
    raise CscServerError(f"{kind.value} is the signer's own.", advice="Name the signer's address, or his public key.")


def _seed(text: str) -> bytes:
    """Return the bytes of a seed in base32 (RFC 4648, 6), as authenticator applications show it."""
    compact = text.replace(" ", "").upper().rstrip("=")
    try:
        return base64.b32decode(compact + "=" * (-len(compact) % 8))
    except ValueError as error:
        raise CscServerError(
            "The seed is not base32.", advice="It has the letters A to Z and the digits 2 to 7."
        ) from error


def _members(row: CredentialRow) -> dict[str, Json]:
    return {
        "credential_id": row.credential_id,
        "signer_id": row.signer_id,
        "key": row.key_type.value,
        "auth_mode": row.auth_mode.value,
        "scal": row.scal.value,
        "multisign": row.multisign,
        "state": row.state.value,
        "factors": list(row.factors),
    }
