"""The life of an asynchronous signature request, operationMode "A" (CSC 2.0.0.2, 11.10 and 11.12).

Accepted, it is a row that is durable before its responseID leaves, and a task in the memory of this process,
which alone holds the SAD. The task asks the signer as a synchronous request would, once. A process that dies
takes its tasks along: their rows count as failed from a moment on that was set when they were accepted, after
which nothing can end them otherwise. What was signed stands sealed under a key that only the responseID gives.
"""

import secrets
import threading
from dataclasses import dataclass, field, replace

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from csc_server.activation.client import LONGEST
from csc_server.activation.messages import Sign
from csc_server.activation.port import Activation
from csc_server.clock import Clock
from csc_server.errors import ProblemError, RefusedError, UnavailableError
from csc_server.storage.ports.jobs import JobState, SignatureJobRow, SignatureJobStore
from csc_server.values import ApiVersion, ClientId, FetchPurpose, SignerId
from csc_server.web.api.refusals import refusal_problem
from csc_server.web.api.tasks import Tasks
from csc_server.web.authorization.secret_values import new_secret, secret_hash
from csc_server.web.fetch import Content, Expected, Fetcher, FetchError
from csc_server.wire import dump_json, encode_base64, parse_object

AT_ONCE = 2
"""Asynchronous requests that one process has at the signer: few, for they are the ones that can wait."""
WAITING = 64
"""Requests, and notifications, that may wait for a thread."""
GRACE = 0.25
"""Seconds that an accepted request is waited for: what is refused is refused at once, as in mode "S"."""
WAITING_TIME = 30
"""Seconds until a request that found no thread counts as failed, beside the time that signing may take."""
NOTIFIED = Expected(statuses=frozenset({200, 202, 204}))

FAILED = ("signature_failed", "The signature request has failed; what its authorization allowed may be spent")
"""No row has this case: 400, since asking again cannot help."""

_KEY_INFO = b"csc-server/1/result of an asynchronous signature request"
_NONCE_BYTES = 12
_log = structlog.get_logger("csc_server.web")


@dataclass(frozen=True, slots=True)
class Asynchronous:
    """What a request in mode "A" adds: how many seconds its result is kept, and where its end is told."""

    validity: int
    response_uri: str = ""


@dataclass(eq=False)
class _Job:
    """An accepted request in this process; `response_id` opens its result."""

    response_id: str = field(repr=False)
    row: SignatureJobRow
    request: Sign
    response_uri: str
    ended: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    """The client has its responseID and will ask."""
    refused: RefusedError | UnavailableError | None = None


class SignatureJobs:
    """Accepts signature requests and answers what became of them; safe to share between threads."""

    def __init__(self, store: SignatureJobStore, activation: Activation, clock: Clock, fetcher: Fetcher) -> None:
        self._store = store
        self._activation = activation
        self._clock = clock
        self._fetcher = fetcher
        self._signing = Tasks("signing", threads=AT_ONCE, waiting=WAITING)
        self._telling = Tasks("telling", threads=1, waiting=WAITING)

    def accept(self, request: Sign, order: Asynchronous) -> str:
        """Accept a request and return its responseID.

        Raises:
            RefusedError: the signer has refused it within a moment.
            UnavailableError: it was not accepted, or the signer did not answer within that moment.
        """
        response_id = new_secret()
        now = self._clock.seconds()
        fails_at = now + WAITING_TIME + int(LONGEST)
        caller = request.caller
        row = SignatureJobRow(
            secret_hash(response_id),
            caller.client_id,
            caller.signer_id,
            JobState.ACCEPTED,
            fails_at,
            fails_at + order.validity,
            order.validity,
        )
        job = _Job(response_id, row, request, order.response_uri)
        self._store.insert_signature_job(row, now)
        self._signing.submit(lambda: self._run(job))
        if not job.ended.wait(GRACE):
            job.answered.set()
        if job.ended.is_set() and job.refused is not None:
            raise job.refused
        return response_id

    def result(self, response_id: str, client_id: ClientId, signer_id: SignerId | None) -> list[str] | None:
        """Return the signatures of a request in base64, None while it is under way.

        Raises:
            LookupError: there is none of this caller, or its time is over.
            ProblemError: it has failed.
        """
        row = self._store.signature_job(secret_hash(response_id))
        now = self._clock.seconds()
        if row is None or (row.client_id, row.signer_id) != (client_id, signer_id) or row.expires_at <= now:
            raise LookupError
        if row.state is JobState.DONE:
            return _unsealed(response_id, row)
        if row.state is JobState.FAILED:
            raise ProblemError(400, row.error, row.error_description)
        if row.fails_at <= now:
            raise ProblemError(400, *FAILED)
        return None

    def close(self, seconds: float) -> None:
        """Accept nothing more, and let what is under way end, but only so long."""
        self._signing.close(seconds)

    def _run(self, job: _Job) -> None:
        try:
            ended = self._sign(job)
            self._store.end_signature_job(ended, self._clock.seconds())
        finally:
            job.ended.set()
        if job.response_uri and (job.refused is None or job.answered.is_set()):
            self._tell(job)

    def _sign(self, job: _Job) -> SignatureJobRow:
        """Ask the signer and return how the request ended; one that cannot be done in time is not begun."""
        now = self._clock.seconds()
        if now + LONGEST >= job.row.fails_at:
            return _failed(job.row, now, *FAILED)
        try:
            signed = self._activation.sign(job.request)
        except RefusedError as error:
            job.refused = error
            problem = refusal_problem(ApiVersion.V2, error)
            return _failed(job.row, self._clock.seconds(), problem.error, problem.description)
        except UnavailableError as error:
            job.refused = error
            return _failed(job.row, self._clock.seconds(), *FAILED)
        values = [encode_base64(value) for value in signed.signatures]
        ends = self._clock.seconds() + job.row.validity
        return replace(job.row, state=JobState.DONE, expires_at=ends, result=_sealed(job.response_id, job.row, values))

    def _tell(self, job: _Job) -> None:
        """Tell the client's address, later, that there is an end; the client then asks what it is."""
        body = Content("application/json", dump_json({"responseID": job.response_id}))
        try:
            self._telling.submit(lambda: self._post(job.response_uri, body))
        except UnavailableError:
            _log.warning("notification_dropped")

    def _post(self, url: str, body: Content) -> None:
        try:
            self._fetcher.post(FetchPurpose.RESPONSE_URI, url, body, NOTIFIED)
        except FetchError as error:
            _log.warning("notification_failed", fault=error.fault.value)


def _failed(row: SignatureJobRow, now: int, error: str, description: str) -> SignatureJobRow:
    ends = now + row.validity
    return replace(row, state=JobState.FAILED, expires_at=ends, error=error, error_description=description)


def _key(response_id: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=_KEY_INFO).derive(response_id.encode()))


def _sealed(response_id: str, row: SignatureJobRow, signatures: list[str]) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = dump_json({"signatures": [*signatures]})
    return nonce + _key(response_id).encrypt(nonce, text, row.job_hash)


def _unsealed(response_id: str, row: SignatureJobRow) -> list[str]:
    nonce, sealed = row.result[:_NONCE_BYTES], row.result[_NONCE_BYTES:]
    try:
        text = _key(response_id).decrypt(nonce, sealed, row.job_hash)
    except InvalidTag as error:
        raise ProblemError(400, *FAILED) from error
    return [str(value) for value in parse_object(text)["signatures"]]
