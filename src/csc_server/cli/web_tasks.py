"""What operators change on web's side: clients and login accounts. Runs as web's user; see `side_task`."""

import socket
from collections.abc import Mapping
from functools import partial

from csc_server.audit.change_log import ChangeLog
from csc_server.cli.account_tasks import Accounts
from csc_server.cli.client_tasks import Clients
from csc_server.cli.purge import purge_store
from csc_server.cli.side_task import Operation, Task, answer_task
from csc_server.clock import SystemClock
from csc_server.settings import WebSettings
from csc_server.storage.engine import make_engine
from csc_server.storage.registry_store import SqlRegistryStore
from csc_server.storage.web_purge import SqlWebPurge
from csc_server.web.authorization.seed_key import SeedKey, make_key_file
from csc_server.wire import Json


def run_task(data: bytes) -> bytes:
    """Do one task on web's store."""
    return answer_task(data, _operations)


def _operations(task: Task) -> Mapping[str, Operation]:
    settings = WebSettings.model_validate(task.settings)
    engine, clock = make_engine(settings.database_url), SystemClock()
    store = SqlRegistryStore(engine)
    log = ChangeLog(store, clock, f"commands-web-{socket.gethostname()}")
    seed_key = _seed_key(task, settings)
    clients = Clients(store, log, task.operator, clock, seed_key)
    accounts = Accounts(store, log, task.operator, clock, seed_key)
    return {
        "client.add": clients.add,
        "client.list": clients.list,
        "client.show": clients.show,
        "client.rotate-secret": clients.rotate,
        "client.disable": clients.disable,
        "user.add": accounts.add,
        "user.list": accounts.list,
        "user.disable": accounts.disable,
        "user.password": accounts.password,
        "user.unlock": accounts.unlock,
        "setup.key": partial(_make_key, settings),
        "purge": partial(purge_store, SqlWebPurge(engine), clock),
    }


_SEALING = frozenset({"user.add", "client.add", "client.rotate-secret"})


def _seed_key(task: Task, settings: WebSettings) -> SeedKey | None:
    """Return the key that some tasks seal with; the others, which may come before it is made, need none."""
    return SeedKey.of_file(settings.key_file) if task.operation in _SEALING else None


def _make_key(settings: WebSettings) -> Json:
    """Make web's own key unless it is there; answer whether it is new."""
    return {"new": settings.key_file is not None and make_key_file(settings.key_file)}
