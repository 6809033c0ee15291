"""TOTP codes for programs that sign faster than a code changes.

A server takes a code once per step and seed, and one step early or late (RFC 6238, 5.2). So a run counts the steps
it has used: it starts with the step before this one, and only when the step after this one is used up it waits.
"""

import threading
import time

import pyotp

STEP = 30
MARGIN = 8
"""Seconds a code of the step before must still be good for when it is handed out."""


class OneTimeCodes:
    """Hands out each code of a seed once, in rising order of steps."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def wait(self, secret: str) -> float:
        """Return the seconds until `next` would answer at once; the lower below zero, the more codes are left."""
        now = time.time()
        return (self._candidate(secret, now) - 1) * STEP - now + 0.2

    def next(self, secret: str) -> str:
        """Return a code that was never handed out; waits for the clock when all usable ones are spent."""
        while True:
            with self._lock:
                now = time.time()
                step = self._candidate(secret, now)
                if (step - 1) * STEP <= now - 0.2:
                    self._used[secret] = step
                    return pyotp.TOTP(secret).at(step * STEP)
                delay = (step - 1) * STEP - now + 0.3
            # The clock itself is what is waited for: RFC 6238 leaves no other event.
            time.sleep(delay)

    def leave_to_another(self, secret: str) -> None:
        """Return when another program, which takes the code of the clock's step, will find it unused."""
        while True:
            with self._lock:
                now = time.time()
                current = int(now) // STEP
                used = self._used.get(secret, 0)
                if used < current:
                    # The other program may read the clock after the step has ended.
                    self._used[secret] = current + 1
                    return
                delay = (used + 1) * STEP - now + 0.3
            time.sleep(delay)

    def _candidate(self, secret: str, now: float) -> int:
        current = int(now) // STEP
        oldest = current - 1 if STEP - now % STEP > MARGIN else current
        return max(oldest, self._used.get(secret, 0) + 1)


codes_of_this_run = OneTimeCodes()
"""All test folders of a run share the server, and so the steps that are used up."""
