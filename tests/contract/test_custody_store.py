"""The store of signers and their credentials."""

from dataclasses import replace

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import ChainHead
from csc_server.storage.ports.custody import LinkRow
from csc_server.storage.ports.signer import ApprovalState, ConflictError, LockLimits, SadState
from csc_server.values import AuthMode, CredentialId, CredentialState, FactorKind, KeyHandle, KeyType, Scal, SignerId
from stores import CLIENT, CREDENTIAL, NOW, SIGNER, a_credential, a_factor, an_audit_row, digest, keep_sad

_DESTROYED = a_credential(state=CredentialState.DESTROYED, version=2)


def test_signer_is_stored_once(signer_store):
    signer_store.insert_signer(SignerId("signer-2"), [an_audit_row()])
    with pytest.raises(ConflictError):
        signer_store.insert_signer(SIGNER)

    assert signer_store.signers() == [SIGNER, "signer-2"]
    assert signer_store.chain_head("writer-1").sequence == 1


def test_link_is_replaced_and_removed(signer_store):
    signer_store.put_link(LinkRow(CLIENT, SIGNER), [an_audit_row()])
    signer_store.put_link(LinkRow(CLIENT, SIGNER, custody=True))

    assert signer_store.links() == [LinkRow(CLIENT, SIGNER, custody=True)]

    signer_store.delete_link(CLIENT, SIGNER, [an_audit_row(2)])
    with pytest.raises(ConflictError):
        signer_store.delete_link(CLIENT, SIGNER, [an_audit_row(3)])

    assert signer_store.links() == []
    assert signer_store.chain_head("writer-1").sequence == 2


def test_nothing_stands_on_an_unknown_signer(signer_store):
    with pytest.raises(ConflictError):
        signer_store.put_link(LinkRow(CLIENT, SignerId("unknown")))
    with pytest.raises(ConflictError):
        signer_store.insert_credential(a_credential(2, signer_id=SignerId("unknown")), [], [])


def test_credentials_come_back_as_they_were_stored(signer_store):
    other = a_credential(
        2, key_type=KeyType.RSA_4096, certificates=(), auth_mode=AuthMode.OAUTH2CODE, scal=Scal.ONE, description=""
    )
    signer_store.insert_credential(other, [], [])

    assert signer_store.all_credentials() == [a_credential(), other]


def test_credential_comes_with_its_factors_and_audit_or_not_at_all(signer_store):
    lost = a_factor(FactorKind.PIN, CredentialId("another"))
    with pytest.raises(ConflictError):
        signer_store.insert_credential(a_credential(2), [lost], [an_audit_row()])

    assert signer_store.all_credentials() == [a_credential()]
    assert signer_store.chain_head("writer-1") == ChainHead(0, bytes(32))


def test_credential_is_not_stored_without_its_audit_record(signer_store):
    signer_store.insert_credential(a_credential(2), [], [an_audit_row()])
    with pytest.raises(UnavailableError):
        signer_store.insert_credential(a_credential(3), [], [an_audit_row()])

    assert len(signer_store.all_credentials()) == 2
    assert signer_store.chain_head("writer-1") == ChainHead(1, digest("1"))


def test_key_belongs_to_one_credential(signer_store):
    with pytest.raises(ConflictError):
        signer_store.insert_credential(a_credential(2, key_handle=KeyHandle(b"handle-1")), [], [])


def test_change_of_state_raises_the_version_and_is_audited(signer_store):
    signer_store.change_state(CREDENTIAL, CredentialState.SUSPENDED, [an_audit_row()])

    assert signer_store.all_credentials() == [a_credential(state=CredentialState.SUSPENDED, version=2)]
    assert signer_store.chain_head("writer-1").sequence == 1


def test_change_of_an_unknown_credential_is_a_conflict(signer_store):
    with pytest.raises(ConflictError):
        signer_store.change_state(CredentialId("unknown"), CredentialState.DISABLED, [an_audit_row()])

    assert signer_store.chain_head("writer-1").sequence == 0


def test_changed_credential_is_written_once_with_its_factor_and_record(signer_store):
    changed = a_credential(state=CredentialState.SUSPENDED, version=2, certificates=(b"other",), factors=("PIN",))
    new = replace(a_factor(FactorKind.PIN), verifier=b"another")
    signer_store.change_credential(changed, 1, [an_audit_row()], new)
    with pytest.raises(ConflictError):
        signer_store.change_credential(changed, 1, [an_audit_row(2)])

    assert signer_store.credential_row(CREDENTIAL) == changed
    assert signer_store.factors_of(CREDENTIAL) == [a_factor(FactorKind.OTP), new]
    assert signer_store.chain_head("writer-1").sequence == 1


def test_what_identifies_a_credential_is_never_written_again(signer_store):
    other = a_credential(version=2, key_handle=KeyHandle(b"other"), scal=Scal.ONE, multisign=7)
    signer_store.change_credential(other, 1, [])

    assert signer_store.credential_row(CREDENTIAL) == a_credential(version=2)


def test_end_of_a_credential_kills_its_approvals_and_sads(signer_store):
    sad = keep_sad(signer_store)
    signer_store.change_credential(_DESTROYED, 1, [an_audit_row()], ends_approvals=True)

    with signer_store.read() as reading:
        assert reading.sad(sad.sad_hash) == replace(sad, state=SadState.VOID, version=2)
        assert reading.approval(sad.approval_id).state is ApprovalState.VOID


def test_nothing_leaves_the_state_destroyed(signer_store):
    signer_store.change_credential(_DESTROYED, 1, [])
    with pytest.raises(ConflictError):
        signer_store.change_credential(a_credential(version=3), 2, [])


def test_unlocking_a_factor_clears_its_failures_and_nothing_else(signer_store):
    with signer_store.begin() as transaction:
        transaction.begin_try(CREDENTIAL, FactorKind.PIN, NOW, LockLimits(temporary=1))
    signer_store.unlock_factor(CREDENTIAL, FactorKind.PIN, [an_audit_row()])
    with pytest.raises(ConflictError):
        signer_store.unlock_factor(CredentialId("unknown"), FactorKind.PIN, [an_audit_row(2)])

    assert signer_store.factors_of(CREDENTIAL) == [a_factor(FactorKind.OTP), a_factor(FactorKind.PIN)]
    assert signer_store.chain_head("writer-1").sequence == 1


def test_unknown_credential_has_no_row(signer_store):
    assert signer_store.credential_row(CredentialId("unknown")) is None
    assert signer_store.factors_of(CredentialId("unknown")) == []


def test_record_of_its_own_is_appended(signer_store):
    signer_store.append_custody_audit([an_audit_row()])

    assert signer_store.chain_head("writer-1").sequence == 1
