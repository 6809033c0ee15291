"""info names nothing that was not tried: a method whose counterpart has not answered yet is left out.

The method itself is served all the same, and says 503 while its counterpart is away.
"""

import threading
from collections.abc import Callable, Mapping

import structlog

from csc_server.errors import CscServerError
from csc_server.values import ApiVersion

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries; the pause doubles."""

_log = structlog.get_logger("csc_server.web")


class TriedMethods:
    """Keeps `info.methods` to what has been tried in this process."""

    def __init__(
        self, methods: dict[ApiVersion, tuple[str, ...]], tries: Mapping[tuple[str, ...], Callable[[], object]]
    ) -> None:
        """Take what info shows and change it in place.

        Args:
            methods: every method that the settings switch on, per version.
            tries: what to do once for some methods before they are shown; it raises CscServerError when it fails.
        """
        self._methods = methods
        self._all = dict(methods)
        self._tries = dict(tries)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Try everything once; go on in a thread with what failed."""
        self._try_all()
        if self._tries:
            threading.Thread(target=self._go_on, name="tried-methods", daemon=True).start()

    def stop(self) -> None:
        """Try nothing any more."""
        self._stopped.set()

    def _go_on(self) -> None:
        pause = FIRST_PAUSE
        while self._tries and not self._stopped.wait(pause):
            self._try_all()
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try_all(self) -> None:
        for methods, attempt in list(self._tries.items()):
            try:
                attempt()
            except CscServerError as error:
                _log.warning("methods_not_in_info", methods=methods, reason=type(error).__name__)
            else:
                del self._tries[methods]
        untried = {method for methods in self._tries for method in methods}
        for version, names in self._all.items():
            self._methods[version] = tuple(name for name in names if name not in untried)
