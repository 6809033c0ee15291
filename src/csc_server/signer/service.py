"""The operations of the protocol, as one worker serves them: requests in, answers out, refusals audited."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from csc_server.activation.messages import (
    OK,
    Activate,
    Answer,
    Approve,
    Authorize,
    Begin,
    Begun,
    CredentialDescription,
    CredentialDescriptions,
    DescribeCredential,
    Done,
    Extend,
    Health,
    ListCredentials,
    Ping,
    Refused,
    Request,
    Sign,
    Unavailable,
    VoidApproval,
)
from csc_server.activation.pending_messages import (
    AnswerPending,
    CollectApproval,
    GetChallenge,
    ListPending,
    RequestApproval,
    SendCode,
)
from csc_server.errors import RefusedError, UnavailableError
from csc_server.signer.identity.evidence import FactorLockedError
from csc_server.signer.signing.activation import ActivationOperations, Journal
from csc_server.signer.signing.challenging import ChallengeOperations
from csc_server.signer.signing.pending import PendingOperations
from csc_server.signer.signing.records import factor_locked, refusal_record
from csc_server.signer.signing.sign import RETRY_AFTER, Signing
from csc_server.storage.ports.signer import CommitUnknownError, CredentialRow
from csc_server.values import CredentialId, FactorKind

NOT_TRUSTED = frozenset({"device", "audit"})
"""What a worker does not go on with after a failure: its device, and its chain when another has its place there."""
ENDS_ACTIVATION = NOT_TRUSTED | {"clock"}
"""A steady clock that was set back stays behind: the successor starts with the time as it is, where that may be."""

DEVICE_AWAY = Unavailable("device", RETRY_AFTER)


class Handler(Protocol):
    """What answers requests, in their order; answers may come with a later call than their requests."""

    @property
    def owes(self) -> bool:
        """Whether answers are still to come, which another call of `answer` brings."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Take a group of requests, which may be empty, and return the answers that are due."""

    def work(self) -> None:
        """Do for the requests taken what takes long; called when the answers that were due have been sent."""


class Service(Handler, Protocol):
    """What the worker loop needs: a handler, and whether the process must end after what it owes."""

    @property
    def must_end(self) -> bool: ...

    def health(self) -> Health: ...

    def stop(self) -> None:
        """Write the worker's last record (AD-01)."""


class SigningService:
    """Serves the sign lane: whole groups, whose answers come when the next group is taken."""

    def __init__(self, signing: Signing, health: Callable[[], Health], stop: Callable[[], None]) -> None:
        self._signing = signing
        self._health = health
        self.stop = stop
        self._lost = False
        self._at_hand: list[Answer | None] = []
        """The answers of the group at hand; None for a signature that is still to be made or settled."""

    @property
    def must_end(self) -> bool:
        return self._signing.must_end or self._lost

    @property
    def owes(self) -> bool:
        return bool(self._at_hand)

    def health(self) -> Health:
        """Return the worker's state; a device that failed the probe is not used again."""
        health = self._health()
        self._lost = self._lost or health.device != OK
        return health

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Take a group and answer the one before; a request of another lane is refused as unavailable here."""
        before, self._at_hand = self._at_hand, [self._at_once(request) for request in requests]
        signs = [request for request in requests if isinstance(request, Sign)]
        if self.must_end:  # found with this very group: it must not spend what cannot be signed
            signs, self._at_hand = [], [DEVICE_AWAY if answer is None else answer for answer in self._at_hand]
        try:
            settled = iter(self._signing.exchange(signs))
        except CommitUnknownError:
            raise
        except UnavailableError as error:
            self._lost = self._lost or error.component in NOT_TRUSTED
            away = Unavailable(error.component, error.retry_after)
            both, self._at_hand = [*before, *self._at_hand], []
            return [away if answer is None else answer for answer in both]
        due = [next(settled) if answer is None else answer for answer in before]
        while self._at_hand and (first := self._at_hand[0]) is not None:
            due.append(first)
            del self._at_hand[0]
        return due

    def work(self) -> None:
        """Make the signatures of the group at hand."""
        self._signing.make()

    def _at_once(self, request: Request) -> Answer | None:
        if isinstance(request, Sign):
            return None
        return self.health() if isinstance(request, Ping) else Unavailable("signer", 1)


class ActivationService:
    """Serves every lane but sign: one request after the other.

    Args:
        operations: what it does with approvals and SADs.
        journal: takes the refusals.
        health: of the worker.
        stop: writes the worker's last record.
        others: further kinds of request with what answers them.
    """

    def __init__(
        self,
        operations: ActivationOperations,
        journal: Journal,
        health: Callable[[], Health],
        stop: Callable[[], None],
        others: Mapping[type[Any], Callable[[Any], Answer]] | None = None,
    ) -> None:
        self._operations = operations
        self._journal = journal
        self._health = health
        self.stop = stop
        self._handlers: dict[type[Any], Callable[[Any], Answer]] = {
            DescribeCredential: self._describe,
            ListCredentials: self._list,
            Begin: self._begin,
            Approve: self._approve,
            Activate: operations.activate,
            Authorize: operations.authorize,
            Extend: operations.extend,
            VoidApproval: self._void,
            **(others or {}),
        }
        self.must_end = False
        self.owes = False

    def work(self) -> None:
        """Nothing: every request is answered at once."""

    def health(self) -> Health:
        """Return the worker's state; a device that failed the probe is not used again."""
        health = self._health()
        self.must_end = self.must_end or health.device != OK
        return health

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests one by one; a failed device ends the worker after its answers."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Answer:
        if isinstance(request, Ping):
            return self.health()
        handler = self._handlers.get(type(request))
        if handler is None:
            return Unavailable("signer", 1)
        try:
            return self._audited(request, handler)
        except CommitUnknownError:
            raise
        except UnavailableError as error:
            self.must_end = self.must_end or error.component in ENDS_ACTIVATION
            return Unavailable(error.component, error.retry_after)

    def _audited(self, request: Any, handler: Callable[[Any], Answer]) -> Answer:  # noqa: ANN401 its handler knows it
        try:
            return handler(request)
        except RefusedError as refusal:
            credential_id = _credential_of(request)
            records = [refusal_record(request.caller, type(request).__name__, credential_id, refusal.refusal)]
            if isinstance(refusal, FactorLockedError):
                records.append(factor_locked(request.caller, refusal))
            self._journal.write(*records)
            return Refused(refusal.refusal.value, refusal.message)

    def _describe(self, request: DescribeCredential) -> Answer:
        return description(*self._operations.find(request.caller, request.credential_id))

    def _list(self, request: ListCredentials) -> Answer:
        found = self._operations.find_all(request.caller, request.signer_id)
        return CredentialDescriptions(tuple(description(row, kinds) for row, kinds in found))

    def _begin(self, request: Begin) -> Answer:
        approval, row, kinds = self._operations.begin(request)
        return Begun(approval.approval_id, description(row, kinds), approval.transaction_hash, approval.expires_at)

    def _approve(self, request: Approve) -> Answer:
        self._operations.approve(request)
        return Done()

    def _void(self, request: VoidApproval) -> Answer:
        self._operations.void(request)
        return Done()


def pending_handlers(
    pending: PendingOperations, challenges: ChallengeOperations
) -> dict[type[Any], Callable[[Any], Answer]]:
    """Return what serves approvals on a page, and codes and challenges."""

    def answer(request: AnswerPending) -> Answer:
        pending.answer(request)
        return Done()

    return {
        RequestApproval: pending.request,
        CollectApproval: pending.collect,
        ListPending: pending.list_pending,
        AnswerPending: answer,
        SendCode: challenges.send_code,
        GetChallenge: challenges.get_challenge,
    }


def description(row: CredentialRow, kinds: Sequence[FactorKind]) -> CredentialDescription:
    """Return what clients may see of a credential."""
    return CredentialDescription(
        credential_id=row.credential_id,
        signer_id=row.signer_id,
        key_type=row.key_type,
        certificates=row.certificates,
        auth_mode=row.auth_mode,
        scal=row.scal,
        multisign=row.multisign,
        state=row.state,
        objects=tuple(kind.value for kind in kinds),
        description=row.description,
    )


def _credential_of(request: Any) -> CredentialId | None:  # noqa: ANN401 any request of the protocol
    transaction = getattr(request, "transaction", request)
    found: CredentialId | None = getattr(transaction, "credential_id", None)
    return found
