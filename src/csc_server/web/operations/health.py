"""Health for the operator's machines: `/livez` and `/readyz` (RL-18)."""

from collections.abc import Callable, Iterable
from threading import Lock

from flask import Blueprint, Response

from csc_server.activation.messages import OK, PARTS, UNREACHABLE, Health
from csc_server.activation.port import Activation
from csc_server.clock import Clock
from csc_server.errors import CscServerError, UnavailableError
from csc_server.storage.ports.web import WebStore
from csc_server.values import ClientId
from csc_server.web.http.responses import json_response

FRESH = 1.0
"""Seconds for which a look at the parts stands."""


class Readiness:
    """What the last look at the parts found.

    One thread looks at a time, once in FRESH seconds; the others take what is known. So nobody can hold all
    threads, or the signer's device, by asking often.
    """

    def __init__(self, look: Callable[[], dict[str, str]], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._looking = Lock()
        self._looked_at = float("-inf")
        self._parts = worst(())

    def parts(self) -> dict[str, str]:
        """Return one word a part."""
        is_old = self._clock.monotonic() - self._looked_at >= FRESH
        if is_old and self._looking.acquire(blocking=False):
            try:
                self._parts = self._look()
                self._looked_at = self._clock.monotonic()
            finally:
                self._looking.release()
        return self._parts


def blueprint(store: WebStore, activation: Activation, clock: Clock) -> Blueprint:
    """Return the two routes; neither says a version, an address or a count."""
    routes = Blueprint("health", __name__)

    def live() -> Response:
        return json_response({"status": OK})

    readiness = Readiness(lambda: _signer_parts(activation) | {"web_database": _web_database(store)}, clock)

    def ready() -> Response:
        parts = readiness.parts()
        is_ready = all(state == OK for state in parts.values())
        answer = {"status": OK if is_ready else "unavailable", **parts}
        response = json_response(answer, 200 if is_ready else 503)
        if not is_ready:
            response.headers["Retry-After"] = "2"
        return response

    routes.add_url_rule("/livez", "live", live, methods=("GET",), provide_automatic_options=False)
    routes.add_url_rule("/readyz", "ready", ready, methods=("GET",), provide_automatic_options=False)
    return routes


def worst(states: Iterable[Health]) -> dict[str, str]:
    """Return one word a part: ok when in each lane some worker says so, else the word of one that does not.

    A lane whose other worker is being replaced still serves; a lane without a healthy worker does not.
    """
    lanes: dict[str, list[Health]] = {}
    for state in states:
        lanes.setdefault(state.worker.rpartition("-")[0], []).append(state)
    if not lanes:
        return {"signer": UNREACHABLE} | dict.fromkeys(PARTS, "unknown")
    parts = {part: _part([_lane(workers, part) for workers in lanes.values()]) for part in PARTS}
    is_reached = all(any(state.device != UNREACHABLE for state in workers) for workers in lanes.values())
    return {"signer": OK if is_reached else UNREACHABLE, **parts}


def _lane(workers: list[Health], part: str) -> str:
    return _part_of_any([str(getattr(worker, part)) for worker in workers])


def _part_of_any(words: list[str]) -> str:
    return OK if OK in words else words[0]


def _part(words: list[str]) -> str:
    return next((word for word in words if word != OK), OK)


def _signer_parts(activation: Activation) -> dict[str, str]:
    try:
        return worst(activation.health())
    except UnavailableError:
        return worst(())


def _web_database(store: WebStore) -> str:
    try:
        store.client(ClientId("readyz"))
    except CscServerError:
        return UNREACHABLE
    return OK
