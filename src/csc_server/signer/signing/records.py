"""Audit records of the signer: what is written of a signature, an approval and a refusal (AD-01, AD-02)."""

from csc_server.activation.messages import Sign
from csc_server.activation.parts import Caller
from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.errors import RefusedError
from csc_server.policy.algorithms import SignatureMechanism
from csc_server.signer.identity.evidence import FactorLockedError, evidence_digest
from csc_server.signer.signing.transaction import hash_list_digest
from csc_server.storage.ports.signer import ApprovalRow, CredentialRow, OpenIntent, SadRow, Spend
from csc_server.values import CredentialId, Refusal
from csc_server.wire import Json, encode_base64url, parse_object


def sign_intent(request: Sign, row: CredentialRow, spend: Spend, mechanism: SignatureMechanism) -> Record:
    """Return the record that stands before the device is called (SA-02)."""
    return Record(
        Event.SIGN_INTENT,
        Outcome.SUCCESS,
        {
            **_request(request),
            "signer_id": row.signer_id,
            "key_fingerprint": encode_base64url(row.key_fingerprint),
            "sad_id": spend.sad_id,
            "intent_id": spend.intent_id,
            "hashes": [encode_base64url(digest) for digest in request.hashes],
            "hash_algorithm": mechanism.hash_algorithm.value,
            "sign_algorithm": mechanism.scheme.value,
        },
    )


def sign_refused(request: Sign, refusal: RefusedError) -> Record:
    """Return the record of a request that spent nothing (decision 14)."""
    fields = {**_request(request), "signer_id": request.caller.signer_id, "reason": refusal.refusal.value}
    return Record(Event.SIGN_REFUSED, Outcome.REFUSED, fields)


def sign_settled(request: Sign, spend: Spend, event: Event) -> Record:
    """Return the record of an outcome: done, failed, or fault for a signature that did not verify."""
    outcome = Outcome.SUCCESS if event is Event.SIGN_DONE else Outcome.FAILURE
    return Record(event, outcome, {**_request(request), "sad_id": spend.sad_id, "intent_id": spend.intent_id})


def sign_indeterminate(intent: OpenIntent) -> Record:
    """Return the record of an intent that a dead worker left open (SA-04)."""
    fields: dict[str, Json] = {"intent_id": intent.intent_id, "sad_id": intent.sad_id, "epoch": intent.epoch}
    return Record(Event.SIGN_INDETERMINATE, Outcome.FAILURE, fields)


def approval_record(event: Event, caller: Caller, approval: ApprovalRow) -> Record:
    """Return the record of a step of an approval: opened, approved, void."""
    fields: dict[str, Json] = {
        **_caller(caller),
        "signer_id": approval.signer_id,
        "credential_id": approval.credential_id,
        "key_fingerprint": encode_base64url(approval.key_fingerprint),
        "approval_id": approval.approval_id,
        "transaction_hash": encode_base64url(approval.transaction_hash),
        "hash_list_digest": encode_base64url(hash_list_digest(approval.hashes)),
        "count": approval.num_signatures,
        "scal": approval.scal.value,
    }
    return Record(event, Outcome.SUCCESS, fields | _evidence(approval.evidence))


def sad_record(event: Event, caller: Caller, sad: SadRow, approval: ApprovalRow) -> Record:
    """Return the record of a SAD that was minted, extended or made void, with how its approval was proved."""
    fields: dict[str, Json] = {
        **_caller(caller),
        "signer_id": sad.signer_id,
        "credential_id": sad.credential_id,
        "approval_id": sad.approval_id,
        "sad_id": sad.sad_id,
        "key_fingerprint": encode_base64url(sad.key_fingerprint),
        "count": sad.authorised,
        "scal": sad.scal.value,
    }
    return Record(event, Outcome.SUCCESS, fields | _evidence(approval.evidence))


def refusal_record(caller: Caller, operation: str, credential_id: CredentialId | None, refusal: Refusal) -> Record:
    """Return the record of an operation that the signer refused (decision 14)."""
    fields: dict[str, Json] = {**_caller(caller), "operation": operation, "reason": refusal.value}
    if credential_id is not None:
        fields["credential_id"] = credential_id
    return Record(Event.REFUSED, Outcome.REFUSED, fields)


def factor_locked(caller: Caller, lock: FactorLockedError) -> Record:
    """Return the record of the failure that locked a factor; `count` tells a lock for good from one for a while."""
    fields: dict[str, Json] = {
        **_caller(caller),
        "credential_id": lock.credential_id,
        "method": lock.kind.value,
        "count": lock.failures,
    }
    return Record(Event.FACTOR_LOCKED, Outcome.FAILURE, fields)


def _evidence(description: bytes) -> dict[str, Json]:
    """Return the authentication methods and the digest of what a signer proved; nothing before that (AD-02)."""
    if not description:
        return {}
    methods = parse_object(description).get("amr")
    return {"evidence_digest": evidence_digest(description), "authentication_methods": methods}


def _caller(caller: Caller) -> dict[str, Json]:
    return {"request_id": caller.request_id, "client_id": caller.client_id, "address": caller.address}


def _request(request: Sign) -> dict[str, Json]:
    return {
        **_caller(request.caller),
        "credential_id": request.credential_id,
        "count": len(request.hashes),
        "hash_list_digest": encode_base64url(hash_list_digest(request.hashes)),
    }
