"""Waiting for a signer inside a request: 1.0.4.0 has no other answer to an implicit authorization than the SAD.

A thread that waits serves nobody else, so a process lets one request wait at a time and for ten seconds; any
other is told to come back, and the same request then joins the approval that waits (CSC 1.0.4.0, 11.6).
"""

import threading
import time
from collections.abc import Callable

from csc_server.activation.messages import Minted
from csc_server.activation.pending_messages import Pending
from csc_server.errors import UnavailableError

LONGEST = 10.0
"""Seconds."""
POLL = 0.5
"""Seconds between two questions to the signer process."""
COME_BACK = 5
"""Seconds in Retry-After: a person needs some to find the page and the code."""


class SignerWait:
    """The one place of a process where a request may wait.

    Args:
        sleep: waits so many seconds; tests pass their own.
        now: a clock that only goes forward.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic) -> None:
        self._place = threading.Semaphore(1)
        self._sleep = sleep
        self._now = now

    def wait(self, collect: Callable[[], Minted | Pending]) -> Minted:
        """Ask until the signer has approved; UnavailableError when he has not, or somebody else waits here."""
        if self._place.acquire(blocking=False):
            try:
                return self._wait(collect)
            finally:
                self._place.release()
        raise _not_yet()

    def _wait(self, collect: Callable[[], Minted | Pending]) -> Minted:
        end = self._now() + LONGEST
        while self._now() < end:
            self._sleep(POLL)
            answer = collect()
            if isinstance(answer, Minted):
                return answer
        raise _not_yet()


def _not_yet() -> UnavailableError:
    return UnavailableError("approval", "the signer has not answered yet", retry_after=COME_BACK)
