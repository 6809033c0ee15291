"""The port behind rate limits: numbers of requests that all processes of web share (IN-21)."""

from typing import Protocol


class RateStore(Protocol):
    """What rate limits need of web's store."""

    def add_requests(self, subject: bytes, minute: int, number: int) -> int:
        """Add to a subject's number of the minute and return the number as it is now, everybody's included.

        Args:
            subject: a digest that names who is counted and under which rule; no name stands in the store.
            minute: since the epoch. An earlier minute's number is forgotten; a clock that is a little behind
                adds to the minute that is there.
            number: of requests that one process has counted since it last asked.
        """
