"""The factors of a credential: enrolled, replaced, unlocked. Their kinds stand under the MAC of the link (AU-15)."""

from dataclasses import replace

from csc_server.audit.events import Event
from csc_server.policy.challenge_response import UnusableKeyError
from csc_server.signer.custody.journal import Actor, CustodyJournal, credential_record
from csc_server.signer.custody.keys import CustodyError, conflict_told, known_credential, unchanged_credential
from csc_server.signer.device.port import KeyDevice
from csc_server.signer.identity.one_time_code import new_otp_factor
from csc_server.signer.identity.online_code import new_online_factor
from csc_server.signer.identity.pin import PIN_COST, PinCost, new_pin_factor
from csc_server.signer.identity.response_key import new_key_factor
from csc_server.signer.signing.credential import link_mac
from csc_server.storage.ports.custody import CustodyStore
from csc_server.storage.ports.signer import ConflictError, CredentialRow, FactorRow
from csc_server.values import CredentialId, CredentialState, FactorKind


class FactorCustody:
    """Enrols what signers prove; every change is audited, no secret is."""

    def __init__(
        self, store: CustodyStore, device: KeyDevice, journal: CustodyJournal, pin_cost: PinCost = PIN_COST
    ) -> None:
        self._store = store
        self._device = device
        self._journal = journal
        self._pin_cost = pin_cost

    def set_pin(self, credential_id: CredentialId, pin: str, actor: Actor, *, replaces: bool = False) -> None:
        """Enrol a PIN; raise UnusablePinError for one that may not be chosen."""
        self._put(new_pin_factor(self._device, credential_id, pin, self._pin_cost), actor, replaces=replaces)

    def set_otp(self, credential_id: CredentialId, seed: bytes, actor: Actor, *, replaces: bool = False) -> None:
        """Enrol the seed of one-time codes; raise UnusableSeedError for one that is too short."""
        self._put(new_otp_factor(self._device, credential_id, seed), actor, replaces=replaces)

    def set_address(self, credential_id: CredentialId, address: str, actor: Actor, *, replaces: bool = False) -> None:
        """Enrol where codes are sent; raise UnusableAddressError for what is no address."""
        self._put(new_online_factor(self._device, credential_id, address), actor, replaces=replaces)

    def set_key(self, credential_id: CredentialId, public_key: bytes, actor: Actor, *, replaces: bool = False) -> None:
        """Enrol a key that answers challenges (SubjectPublicKeyInfo, DER); raise CustodyError for another kind."""
        try:
            factor = new_key_factor(self._device, credential_id, public_key)
        except UnusableKeyError as error:
            raise CustodyError(f"The key cannot answer challenges: {error}.") from error
        self._put(factor, actor, replaces=replaces)

    def _put(self, factor: FactorRow, actor: Actor, *, replaces: bool) -> None:
        """Write a factor; one that replaces another also makes every approval that the old one gave void."""
        row = unchanged_credential(self._store, self._device, factor.credential_id)
        kind = factor.kind
        if row.state is CredentialState.DISABLED:
            raise CustodyError(f"The credential {factor.credential_id!r} is disabled.")
        if (kind.value in row.factors) is not replaces:
            refuse = _not_enrolled if replaces else _enrolled_already
            raise refuse(factor.credential_id, kind)
        after = self._with_kind(row, kind)
        event = Event.FACTOR_RESET if replaces else Event.FACTOR_SET
        record = credential_record(event, after, actor, method=kind.value)
        with conflict_told(factor.credential_id):
            self._journal.write(
                [record],
                lambda rows: self._store.change_credential(after, row.version, rows, factor, ends_approvals=replaces),
            )

    def _with_kind(self, row: CredentialRow, kind: FactorKind) -> CredentialRow:
        kinds = {*row.factors, kind.value}
        ordered = tuple(each.value for each in FactorKind if each.value in kinds)
        after = replace(row, factors=ordered, version=row.version + 1)
        return replace(after, link_mac=link_mac(self._device, after))


def unlock_factor(
    store: CustodyStore, journal: CustodyJournal, credential_id: CredentialId, kind: FactorKind, actor: Actor
) -> None:
    """Clear the failures of a factor, so that its signer may try again."""
    row = known_credential(store, credential_id)
    record = credential_record(Event.FACTOR_UNLOCKED, row, actor, method=kind.value)
    try:
        journal.write([record], lambda rows: store.unlock_factor(credential_id, kind, rows))
    except ConflictError as error:
        raise _not_enrolled(credential_id, kind) from error


def _not_enrolled(credential_id: CredentialId, kind: FactorKind) -> CustodyError:
    return CustodyError(
        f"The credential {credential_id!r} has no {kind.value}.", advice="Enrol it with `csc-server factor set`."
    )


def _enrolled_already(credential_id: CredentialId, kind: FactorKind) -> CustodyError:
    return CustodyError(
        f"The credential {credential_id!r} has a {kind.value} already.",
        advice="Replace it with `csc-server factor reset`.",
    )
