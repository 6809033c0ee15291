"""RL-01: processes that serve HTTP die by SIGKILL and are replaced."""

import os
import signal

from fault.load import Signer, eventually
from fault.processes import web_workers
from integration.service import Service

WEB_KILLS = 8


def test_RL_01_killed_web_workers_are_replaced_and_change_nothing(service: Service) -> None:
    """A web worker that dies takes its open connections along; clients see that, and nothing is signed twice."""
    signer = Signer(service.seed, service.seed.choose(key="P-256"))
    whole = len(web_workers(service))
    assert whole >= 1
    for _ in range(WEB_KILLS):
        victim = min(process.pid for process in web_workers(service))
        os.kill(victim, signal.SIGKILL)

        def is_whole(victim: int = victim) -> bool:
            pids = {process.pid for process in web_workers(service)}
            return victim not in pids and len(pids) >= whole

        eventually(is_whole)
        eventually(lambda: _signs_if_connected(signer))


def _signs_if_connected(signer: Signer) -> bool:
    try:
        return signer.signs_now()
    except OSError:  # requests' own errors of a connection are OSError
        return False
