"""Time as an argument: everything that reads a clock gets one of these."""

import time
from typing import Protocol

from csc_server.errors import UnavailableError


class Clock(Protocol):
    """Wall time for what is stored and shown, monotonic time for what is measured inside a process."""

    def seconds(self) -> int:
        """Whole seconds since 1970-01-01T00:00:00Z."""

    def milliseconds(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""


class SystemClock:
    """The clock of the machine."""

    def seconds(self) -> int:
        return int(time.time())

    def milliseconds(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


TOLERANCE = 5
"""Seconds that a clock may be behind what it has shown before all work is refused (SA-09)."""


class SteadyClock:
    """A clock that within its process never shows less than the monotonic clock says has passed (SA-09).

    So nothing that has expired here is alive again because somebody set the clock back. A clock that is set
    forward is followed; one that falls behind by more than TOLERANCE is not read on, and the process has to end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown = clock.seconds()
        self._shown_at = clock.monotonic()

    def seconds(self) -> int:
        """Return the time; UnavailableError("clock") when the clock of the machine stands behind it."""
        now, passed = self._clock.seconds(), self._clock.monotonic() - self._shown_at
        least = self._shown + int(passed)
        if now < least - TOLERANCE:
            raise UnavailableError("clock", "the clock stands behind what it has shown")
        if now < least:
            return least
        self._shown, self._shown_at = now, self._shown_at + passed
        return now

    def milliseconds(self) -> int:
        return self._clock.milliseconds()

    def monotonic(self) -> float:
        return self._clock.monotonic()
