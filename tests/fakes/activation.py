"""A signer process that answers what a test tells it to, and remembers what it was asked."""

from dataclasses import replace

from csc_server.activation.custody_messages import CertificateRequested
from csc_server.activation.messages import (
    Activated,
    Begun,
    Challenge,
    CredentialDescriptions,
    Done,
    Health,
    Minted,
    PendingApprovals,
    Signed,
)
from csc_server.errors import RefusedError
from csc_server.values import Refusal


class FakeActivation:
    """Implements Activation. `refusal` or `failure`, when set, is what the next operations raise;
    `held`, an event, is what sign waits for first."""

    def __init__(self, credentials=()):
        self.credentials = {each.credential_id: each for each in credentials}
        self.requests = []
        self.refusal = None
        self.pending = []
        self.pending_signer = None
        self.pending_answer = None
        self.failure = None
        self.held = None
        self.states = [Health("sign-0", 1, "ok", "ok", "ok", "ok")]

    def _take(self, request):
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        if self.refusal is not None:
            raise RefusedError(self.refusal)

    def describe(self, request):
        self.requests.append(request)
        found = self.credentials.get(request.credential_id)
        if found is None or request.caller.signer_id not in (None, found.signer_id):
            raise RefusedError(Refusal.UNKNOWN_CREDENTIAL)
        return found

    def list_credentials(self, request):
        self._take(request)
        own = [each for each in self.credentials.values() if each.signer_id == request.signer_id]
        return CredentialDescriptions(tuple(sorted(own, key=lambda each: each.credential_id)))

    def begin(self, request):
        self._take(request)
        credential = self.credentials[request.transaction.credential_id]
        return Begun("approval", credential, bytes(32), 2_000_000_000)

    def approve(self, request):
        self._take(request)

    def activate(self, request):
        self._take(request)
        return Activated(next(iter(self.credentials)), 120)

    def void_approval(self, request):
        self._take(request)

    def authorize(self, request):
        self._take(request)
        return Minted("minted.sad.value", 120)

    def extend(self, request):
        self._take(request)
        return Minted("next.sad.value", 100)

    def sign(self, request):
        if self.held is not None:
            assert self.held.wait(20)
        self._take(request)
        return Signed(tuple(b"signature" + bytes([number]) for number, _ in enumerate(request.hashes)))

    def send_code(self, request):
        self._take(request)

    def get_challenge(self, request):
        self._take(request)
        return Done() if request.object_id == "ONLINE_OTP" else Challenge("challenge")

    def request_approval(self, request):
        self._take(request)
        return self.pending_answer or Minted("minted.sad.value", 120)

    def collect_approval(self, request):
        self._take(request)
        return self.pending_answer or Minted("minted.sad.value", 120)

    def list_pending(self, request):
        self._take(request)
        own = [each for each in self.pending if request.caller.signer_id == self.pending_signer]
        return PendingApprovals(tuple(own))

    def answer_pending(self, request):
        self._take(request)

    def request_credential(self, request):
        self._take(request)
        return CertificateRequested("new-credential", b"request")

    def bind_certificate(self, request):
        self._take(request)
        return replace(next(iter(self.credentials.values())), credential_id=request.credential_id)

    def check_custody(self, request):
        self._take(request)
        return self.credentials[request.credential_id]

    def destroy_credential(self, request):
        self._take(request)

    def health(self):
        return self.states
