"""The Courier port: what a worker hands over."""

from dataclasses import dataclass
from typing import Protocol

from csc_server.errors import UnavailableError


@dataclass(frozen=True)
class Delivery:
    """A code for an address; neither stands in a log (AD-08). `lifetime` is in seconds."""

    address: str
    code: str
    credential_id: str
    lifetime: int

    def __repr__(self) -> str:
        return "Delivery(...)"


class Courier(Protocol):
    """Takes codes and brings them; when they arrive is not known here."""

    def deliver(self, delivery: Delivery) -> None:
        """Hand over a code; UnavailableError when the courier is away or has too much to do."""


class NoCourier:
    """The port where none is configured."""

    def deliver(self, delivery: Delivery) -> None:  # noqa: ARG002 nothing can be done with it
        raise UnavailableError("courier")
