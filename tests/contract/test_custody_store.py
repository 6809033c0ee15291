"""The store of signers and their credentials."""

import pytest

from csc_server.errors import UnavailableError
from csc_server.storage.ports.audit import ChainHead
from csc_server.storage.ports.signer import ConflictError
from csc_server.values import AuthMode, CredentialId, CredentialState, FactorKind, KeyHandle, KeyType, Scal, SignerId
from stores import CLIENT, CREDENTIAL, SIGNER, a_credential, a_factor, an_audit_row, digest


def test_signer_and_link_are_stored_once(signer_store):
    signer_store.link_client(CLIENT, SIGNER)
    with pytest.raises(ConflictError):
        signer_store.insert_signer(SIGNER)
    with pytest.raises(ConflictError):
        signer_store.link_client(CLIENT, SIGNER)


def test_nothing_stands_on_an_unknown_signer(signer_store):
    with pytest.raises(ConflictError):
        signer_store.link_client(CLIENT, SignerId("unknown"))
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
