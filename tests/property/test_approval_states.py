"""No order of calls makes a pending approval give more than one SAD, or one without its signer's evidence."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from csc_server.activation.messages import Minted
from csc_server.activation.parts import Evidence, Transaction
from csc_server.activation.pending_messages import AnswerPending, CollectApproval, ListPending, RequestApproval
from csc_server.errors import RefusedError
from csc_server.values import AuthMode, ClientId, CredentialId, SignerId
from fakes.signer_inside import PIN, caller, digest, inside_of

WHO = st.sampled_from(
    [caller(), caller(client=ClientId("other")), caller(signer=SignerId("another")), caller(signer=None)]
)
DOCUMENTS = st.sampled_from(["a", "b"])


class Approvals(RuleBasedStateMachine):
    """One credential, whose signer answers on a page; what was approved is written down beside the program."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.inside = inside_of(self.folder)
        self.inside.create("pin", auth_mode=AuthMode.IMPLICIT)
        self.operations = self.inside.pending()
        self.handles = {}
        self.shown = {}
        self.approved = set()
        self.given = []

    @rule(document=DOCUMENTS, joins=st.booleans())
    def ask(self, document, joins):
        transaction = Transaction(CredentialId("pin"), 1, (digest(document),))
        answer = self.operations.request(RequestApproval(caller(), transaction, "", None, joins))
        self._look()
        if isinstance(answer, Minted):
            self.given.append(next(iter(self.approved - self._collected())))
        else:
            self.handles[answer.handle] = answer.handle.partition(".")[0]

    @rule(place=st.integers(0, 5), who=WHO, pin=st.sampled_from([PIN, "wrong-pin", "", None]))
    def answer(self, place, who, pin):
        waiting = self._look()
        if not waiting:
            return
        approval_id = waiting[place % len(waiting)].approval_id
        try:
            self.operations.answer(AnswerPending(who, approval_id, Evidence(pin) if pin is not None else None))
        except RefusedError:
            return
        if pin is not None:
            assert pin == PIN
            assert who == caller()
            self.approved.add(approval_id)

    @rule(place=st.integers(0, 5), who=WHO)
    def collect(self, place, who):
        if not self.handles:
            return
        handle, approval_id = list(self.handles.items())[place % len(self.handles)]
        try:
            answer = self.operations.collect(CollectApproval(who, handle))
        except RefusedError:
            return
        assert who.client_id == "client"
        if isinstance(answer, Minted):
            self.given.append(approval_id)

    @rule(seconds=st.sampled_from([1, 60, 301, 901]))
    def wait(self, seconds):
        self.inside.clock.now += seconds

    @invariant()
    def every_sad_has_an_approval_of_its_own(self):
        assert len(self.given) == len(set(self.given))
        assert set(self.given) <= self.approved

    def _look(self):
        return self.operations.list_pending(ListPending(caller())).approvals

    def _collected(self):
        return set(self.given)

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class TestApprovals(Approvals.TestCase):
    settings = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
