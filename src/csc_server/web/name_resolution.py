"""Names to addresses, asked of the system in bounded time and number (IN-20)."""

import queue
import socket
import threading
from collections.abc import Sequence

MAX_LOOK_UPS = 8
"""Names that one process resolves at a time."""


class SystemResolver:
    """Asks the system's resolver, whose calls cannot be interrupted, in threads of its own and only so long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(MAX_LOOK_UPS)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        if not self._places.acquire(blocking=False):
            raise TimeoutError("the resolver is busy")
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()
        threading.Thread(target=self._look_up, args=(host, port, answers), daemon=True).start()
        try:
            answer = answers.get(timeout=self._seconds)
        except queue.Empty:
            raise TimeoutError("the resolver does not answer") from None
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _look_up(self, host: str, port: int, answers: "queue.SimpleQueue[Sequence[str] | OSError]") -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError("not a host name"))
        finally:
            self._places.release()
