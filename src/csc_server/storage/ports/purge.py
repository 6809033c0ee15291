"""The port behind the purge: rows that nothing will ever ask for again leave the store, a bounded batch at a time."""

from collections.abc import Mapping
from typing import Protocol


class PurgeStore(Protocol):
    """What the purge of either side needs of its store."""

    def purge(self, now: int, most: int) -> Mapping[str, int]:
        """Remove at most `most` dead rows of each table and return how many went, by table.

        The audit stays whole, and so does everything about a SAD that might still be spent: consumptions go with
        their SAD or not at all.

        Args:
            now: seconds since the epoch; rows go a good while after they have expired.
            most: of one table in one transaction, so that nobody waits long for the purge.
        """
