"""The signer's way through login and consent (ARCHITECTURE, life of a signature; AU-06, AU-09, AU-11).

1. Login opens scope service only. 2. For scope credential the signer process opens a transaction, and the page
shows it. 3. The credential's PIN and code go to the signer process, which counts and compares. 4. The record
moves to its end exactly once, and only then is there a code. Refusing needs no evidence.
"""

from dataclasses import replace
from typing import Any

from csc_server.activation.messages import Approve, Begin, VoidApproval
from csc_server.activation.parts import Evidence
from csc_server.audit.events import Event, Outcome
from csc_server.errors import RefusedError
from csc_server.storage.ports.web import SessionRow
from csc_server.values import CredentialId, Refusal
from csc_server.web.authorization.chosen_credential import choose_credential
from csc_server.web.authorization.context import AuthorizationContext, caller
from csc_server.web.authorization.faces import Face
from csc_server.web.authorization.interactions import Step
from csc_server.web.authorization.pushed_requests import use_pushed
from csc_server.web.authorization.responses import code_location, denied_location, error_location
from csc_server.web.authorization.server import Server
from csc_server.web.interaction.visits import PageError, Visit, advance
from csc_server.wire import decode_base64, encode_base64

LOCKED = frozenset({Refusal.PIN_LOCKED, Refusal.OTP_LOCKED})

TRY_AGAIN = {
    Refusal.PIN_MISSING: "pin_missing",
    Refusal.PIN_INVALID: "pin_wrong",
    Refusal.OTP_MISSING: "otp_missing",
    Refusal.OTP_INVALID: "otp_wrong",
    **dict.fromkeys(LOCKED, "locked"),
}
"""Refusals that leave the page open, and the text each shows."""

_PARAMETER_AT_FAULT = {
    Refusal.UNKNOWN_CREDENTIAL: "credentialID",
    Refusal.CREDENTIAL_NOT_OAUTH: "credentialID",
    Refusal.CREDENTIAL_DISABLED: "credentialID",
    Refusal.CERTIFICATE_EXPIRED: "credentialID",
    Refusal.NUM_SIGNATURES_TOO_HIGH: "numSignatures",
    Refusal.NUM_SIGNATURES_INVALID: "numSignatures",
    Refusal.HASHES_REQUIRED: "hashes",
    Refusal.HASH_COUNT_INVALID: "hashes",
    Refusal.DIGEST_LENGTH: "hashes",
    Refusal.HASH_ALGORITHM_MISSING: "hashAlgorithmOID",
    Refusal.HASH_ALGORITHM_INVALID: "hashAlgorithmOID",
}


class Returned(Exception):  # noqa: N818 not a failure of ours
    """The signer process refused the transaction; `location` is where the browser goes, mostly to the client."""

    def __init__(self, location: str) -> None:
        super().__init__("the browser goes elsewhere")
        self.location = location


def enter_consent(context: AuthorizationContext, visit: Visit, session: SessionRow) -> Visit:
    """Move from login to consent in this session; nobody's transaction is carried over."""
    changed = advance(context, visit, step=Step.CONSENT, session_hash=session.session_hash)
    return replace(changed, session=session)


def leave_consent(context: AuthorizationContext, visit: Visit) -> Visit:
    """Go back to login: the session ended or the signer wants another account. What was opened dies."""
    void_transaction(context, visit)
    return advance(context, visit, step=Step.LOGIN, session_hash=b"", approval_id=None, request=_unbegun(visit))


def _unbegun(visit: Visit) -> dict[str, Any]:
    """Return the stored request as it was before a transaction was opened and a credential chosen."""
    return visit.request.with_credential(CredentialId("")).members()


def _reopen(context: AuthorizationContext, visit: Visit) -> str:
    """Forget a transaction that expired and return the page's own address, which opens and shows a new one."""
    advance(context, visit, approval_id=None, request=_unbegun(visit))
    return f"{context.issuer}/interaction/{visit.address}"


def void_transaction(context: AuthorizationContext, visit: Visit) -> None:
    """Tell the signer process that an open transaction is dead."""
    if visit.row.approval_id is not None:
        asking = caller(visit.row.client_id, visit.session.signer_id if visit.session else None)
        context.activation.void_approval(VoidApproval(asking, visit.row.approval_id))


def open_transaction(context: AuthorizationContext, visit: Visit, session: SessionRow) -> Visit:
    """Let the signer process open the transaction of a scope-credential request, once.

    Raises:
        Returned: it refuses, so the client is told by redirect.
        UnavailableError: it does not answer; the page may be loaded again.
    """
    transaction = visit.request.transaction
    if transaction is None or visit.row.approval_id is not None:
        return visit
    request = visit.request
    if request.signature_qualifier:
        chosen = choose_credential(context, request, session.signer_id)
        if chosen is None:
            raise Returned(fail(context, visit, RefusedError(Refusal.UNKNOWN_CREDENTIAL)))
        request = request.with_credential(chosen)
        transaction = request.transaction or transaction
    try:
        begun = context.activation.begin(Begin(caller(visit.row.client_id, session.signer_id), transaction))
    except RefusedError as error:
        raise Returned(fail(context, visit, error)) from error
    shown = {
        "objects": list(begun.credential.objects),
        "expires_at": begun.expires_at,
        "transaction_hash": encode_base64(begun.transaction_hash),
        "certificate": encode_base64(begun.credential.certificates[0]) if begun.credential.certificates else "",
    }
    members = {**visit.row.request, **request.members(), "begun": shown}
    opened = replace(advance(context, visit, approval_id=begun.approval_id, request=members), request=request)
    record(context, opened, session, Event.CONSENT_SHOWN, Outcome.SUCCESS)
    return opened


def shown_certificate(visit: Visit) -> bytes:
    """Return the DER of the certificate that the signer process named, or b""."""
    return decode_base64(visit.row.request["begun"]["certificate"])


def count_evidence(context: AuthorizationContext, visit: Visit, session: SessionRow) -> None:
    """Count a try of the credential's factors before the signer process sees it (IN-21)."""
    asked = visit.request.transaction
    if asked is not None:
        context.limits.evidence(visit.row.client_id, session.signer_id, asked.credential_id)


def approve(server: Server, visit: Visit, session: SessionRow, evidence: Evidence) -> str:
    """Bring the evidence to the signer process and return the redirect with the code.

    Raises:
        RefusedError: a refusal of TRY_AGAIN; the page stays open.
        Returned: any other refusal; a transaction that expired is opened and shown anew.
        PageError: the request was answered in another tab.
    """
    context = server.context
    if visit.row.approval_id is not None:
        try:
            context.activation.approve(
                Approve(caller(visit.row.client_id, session.signer_id), visit.row.approval_id, evidence)
            )
        except RefusedError as error:
            record(context, visit, session, Event.CONSENT_GIVEN, Outcome.FAILURE, reason=error.refusal.value)
            if error.refusal in TRY_AGAIN:
                raise
            if error.refusal is Refusal.APPROVAL_INVALID:
                raise Returned(_reopen(context, visit)) from error
            raise Returned(fail(context, visit, error)) from error
    if not use_pushed(context, visit.request):
        void_transaction(context, visit)
        raise PageError("finished", 410)
    done = advance(context, visit, step=Step.DONE)
    record(context, done, session, Event.CONSENT_GIVEN, Outcome.SUCCESS)
    return code_location(server, done.request, done.row, session.signer_id)


def refuse(context: AuthorizationContext, visit: Visit) -> str:
    """End the interaction and return the redirect that says so (interoperability rule O15)."""
    done = advance(context, visit, step=Step.REFUSED)
    use_pushed(context, visit.request)
    void_transaction(context, visit)
    record(context, done, visit.session, Event.CONSENT_REFUSED, Outcome.SUCCESS)
    return denied_location(context, visit.request)


def fail(context: AuthorizationContext, visit: Visit, error: RefusedError) -> str:
    """End the interaction and return the redirect that names the parameter at fault (CSC 1.0.4.0, 8.3.2)."""
    advance(context, visit, step=Step.FAILED)
    name = _PARAMETER_AT_FAULT.get(error.refusal)
    if name == "credentialID" and visit.request.signature_qualifier:
        name = "signatureQualifier"
    if name == "hashes" and visit.request.face is Face.V1:
        name = "hash"
    if name is None:
        return denied_location(context, visit.request)
    return error_location(context, visit.request, "invalid_request", f"Invalid parameter {name}")


def record(
    context: AuthorizationContext, visit: Visit, session: SessionRow | None, event: Event, outcome: Outcome, **more: str
) -> None:
    """Write what the signer saw or did; the transaction hash stands for all that was shown (AU-02)."""
    transaction, shown = visit.request.transaction, visit.row.request.get("begun") or {}
    fields: dict[str, Any] = {
        "client_id": visit.row.client_id,
        "signer_id": session.signer_id if session else None,
        "scope": visit.request.scope,
        **more,
    }
    if transaction is not None:
        fields |= {
            "credential_id": transaction.credential_id,
            "count": transaction.num_signatures,
            "transaction_hash": shown.get("transaction_hash", ""),
        }
    context.record(event, outcome, **fields)
