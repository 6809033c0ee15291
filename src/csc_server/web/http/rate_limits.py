"""Rate limits by client, signer and address (IN-21; docs/adr/0009).

A process counts by itself and settles its counts with the store in blocks, so that a request of a busy client
costs no database access; a limit that is low, as that of logins, is settled with each request and so is exact.
What is over its limit costs nothing more until the next minute.
"""

import hashlib
import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from threading import Lock

from csc_server.clock import Clock
from csc_server.errors import ProblemError
from csc_server.settings import Rates
from csc_server.storage.ports.rates import RateStore
from csc_server.web.http.peer import address_block, peer_address
from csc_server.web.http.stranger_refusals import StrangerRefusals

MINUTE = 60

BLOCKS = 64
"""Blocks that a limit is settled in: each process may overshoot it by one, and writes once for each."""

MAX_SUBJECTS = 16_384
"""Subjects that a process remembers; the one that it has known longest goes first, its rest uncounted."""

TOO_MANY = "Too many requests"
"""The tables give status 429 for rate limits and no text."""


class Rule(StrEnum):
    """What is counted; the values are the names of the settings that hold the limits."""

    STRANGERS_BY_ADDRESS = "strangers_by_address"
    OPEN_BY_ADDRESS = "open_by_address"
    LOGINS_BY_ADDRESS = "logins_by_address"
    LOGINS_BY_ACCOUNT = "logins_by_account"
    EVIDENCE_BY_CLIENT = "evidence_by_client"
    EVIDENCE_BY_SIGNER = "evidence_by_signer"
    EVIDENCE_BY_CREDENTIAL = "evidence_by_credential"
    REQUESTS_BY_CLIENT = "requests_by_client"
    REQUESTS_BY_SIGNER = "requests_by_signer"


class TooManyRequestsError(ProblemError):
    """429 with the seconds until the next minute (RFC 6585, 4)."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "temporarily_unavailable", TOO_MANY, {"Retry-After": str(retry_after)})
        self.retry_after = retry_after


@dataclass(slots=True)
class Count:
    """One subject's minute as this process knows it.

    `settled` is everybody's number when the store was last asked; `pending` are the requests counted here and
    not part of it, of which `settling` are on their way.
    """

    minute: int
    settled: int = 0
    pending: int = 0
    settling: int = 0


class RateLimits:
    """The limits of one process over the counts of all; thread-safe."""

    def __init__(
        self,
        store: RateStore,
        clock: Clock,
        rates: Rates,
        refusals: StrangerRefusals,
        most_subjects: int = MAX_SUBJECTS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._limits: dict[Rule, int] = {rule: getattr(rates, rule.value) * rates.factor for rule in Rule}
        self._refusals = refusals
        self._most_subjects = most_subjects
        self._counts: dict[tuple[Rule, str], Count] = {}
        self._lock = Lock()

    def count(self, rule: Rule, subject: str, *, factor: int = 1) -> None:
        """Count a request.

        Raises:
            TooManyRequestsError: it is beyond the limit of its minute.
            UnavailableError: a block of counts could not be settled; its requests stay counted here.
        """
        limit = self._limits[rule] * factor
        minute, second = divmod(self._clock.seconds(), MINUTE)
        with self._lock:
            count = self._counts.get((rule, subject))
            if count is None or count.minute != minute:
                count = self._fresh(rule, subject, minute)
            if count.settled + count.pending >= limit:
                raise self._refused(rule, subject, second)
            count.pending += 1
            number = count.pending - count.settling
            if number < limit // BLOCKS:
                return
            count.settling += number
        if self._settle(rule, subject, count, number) > limit:
            raise self._refused(rule, subject, second)

    def minute(self) -> int:
        """Return the minute that is counted now."""
        return self._clock.seconds() // MINUTE

    def check(self, rule: Rule, subject: str) -> None:
        """Refuse a subject that is at its limit, without counting anything."""
        count = self._counts.get((rule, subject))
        if count is None:
            return
        minute, second = divmod(self._clock.seconds(), MINUTE)
        if count.minute == minute and count.settled + count.pending >= self._limits[rule]:
            raise self._refused(rule, subject, second)

    def _fresh(self, rule: Rule, subject: str, minute: int) -> Count:
        self._counts.pop((rule, subject), None)
        if len(self._counts) >= self._most_subjects:
            del self._counts[next(iter(self._counts))]
        count = self._counts[rule, subject] = Count(minute)
        return count

    def _settle(self, rule: Rule, subject: str, count: Count, number: int) -> int:
        """Add a block to the store's number and return everybody's."""
        taken = 0
        try:
            total = self._store.add_requests(_digest(rule, subject), count.minute, number)
            taken = number
        finally:
            with self._lock:
                count.settling -= number
                count.pending -= taken
        with self._lock:
            count.settled = max(count.settled, total)
        return total

    def _refused(self, rule: Rule, subject: str, second: int) -> TooManyRequestsError:
        """Return the refusal, counted for the audit: one record a rule, subject and minute (AD-01, decision 14)."""
        self._refusals.count_limited(rule.value, **_shown(rule, subject))
        return TooManyRequestsError(MINUTE - second)


class RequestLimits:
    """The limits in the words of requests; every method raises what `RateLimits.count` raises.

    Who is asked about comes before whom it belongs to: a signer beyond his limit uses up nothing of a client that
    many others need too.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._minute_of_strangers = -1
        """When a stranger was refused last: before that, no address needs a look."""

    def open_request(self) -> None:
        """Count a request that needs no token: anybody may send it."""
        self._limits.count(Rule.OPEN_BY_ADDRESS, peer_subject())

    def stranger(self) -> None:
        """Refuse an address that sent too many requests of nobody knows whom, before a token is looked up."""
        if self._minute_of_strangers == self._limits.minute():
            self._limits.check(Rule.STRANGERS_BY_ADDRESS, peer_subject())

    def refused_stranger(self) -> None:
        """Count a request that was refused before anybody knew who sent it; its answer is on its way already."""
        self._minute_of_strangers = self._limits.minute()
        with suppress(TooManyRequestsError):
            self._limits.count(Rule.STRANGERS_BY_ADDRESS, peer_subject())

    def login(self, username: str) -> None:
        """Count a login before its password is compared; whether the account exists makes no difference (AU-12)."""
        self._limits.count(Rule.LOGINS_BY_ADDRESS, peer_subject())
        self._limits.count(Rule.LOGINS_BY_ACCOUNT, username)

    def request(self, client_id: str | None, signer_id: str | None, factor: int = 1) -> None:
        """Count a request of a client that proved who it is, of a signer who logged in, or of both."""
        if signer_id is not None:
            self._limits.count(Rule.REQUESTS_BY_SIGNER, signer_id, factor=factor)
        if client_id is not None:
            self._limits.count(Rule.REQUESTS_BY_CLIENT, client_id, factor=factor)

    def evidence(self, client_id: str | None, signer_id: str | None, credential_id: str, factor: int = 1) -> None:
        """Count a request that brings a signer's secrets, or has one sent.

        A client's own token names no signer: there each of its credentials counts for itself, so that no client
        can use up what another has.
        """
        if signer_id is not None:
            self._limits.count(Rule.EVIDENCE_BY_SIGNER, signer_id, factor=factor)
        else:
            self._limits.count(Rule.EVIDENCE_BY_CREDENTIAL, f"{client_id} {credential_id}", factor=factor)
        if client_id is not None:
            self._limits.count(Rule.EVIDENCE_BY_CLIENT, client_id, factor=factor)


def peer_subject() -> str:
    """Return what counts as one address: IPv4 whole, IPv6 as the /64 that one subscriber has."""
    return _subject(peer_address())


@lru_cache(maxsize=4096)
def _subject(address: str) -> str:
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return ""
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _digest(rule: Rule, subject: str) -> bytes:
    """Return the store's key: fixed in length, and no name or address to read."""
    return hashlib.sha256(f"{rule.value}\0{subject}".encode("utf-8", "surrogatepass")).digest()


def _shown(rule: Rule, subject: str) -> dict[str, str]:
    """Return what the audit says of a subject: ids as they are, of addresses the block, of user names nothing."""
    if rule in (Rule.EVIDENCE_BY_CLIENT, Rule.REQUESTS_BY_CLIENT):
        return {"client_id": subject}
    if rule in (Rule.EVIDENCE_BY_SIGNER, Rule.REQUESTS_BY_SIGNER):
        return {"signer_id": subject}
    if rule is Rule.EVIDENCE_BY_CREDENTIAL:
        client_id, _, credential_id = subject.rpartition(" ")
        return {"client_id": client_id, "credential_id": credential_id}
    return {"address": address_block()}
