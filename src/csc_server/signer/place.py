"""Where a worker stands in its node: its lane, its number there, and its name in the audit."""

from dataclasses import dataclass

from csc_server.activation.parts import Lane
from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome


@dataclass(frozen=True)
class Place:
    """A worker's lane, its number in the lane, and its number among all workers of the node."""

    lane: Lane
    index: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.lane.value}-{self.index}"

    def record(self, event: Event, epoch: int = 0) -> Record:
        """Return the record of a worker's own start or end (AD-01); only signing workers have an epoch."""
        return Record(event, Outcome.SUCCESS, {"worker": self.name, "epoch": epoch})
