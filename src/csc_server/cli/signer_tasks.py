"""What operators change on the signer's side: keys, signers, credentials, factors. Runs as the signer's user."""

from collections.abc import Mapping
from functools import partial

from csc_server.cli.custody_tasks import CustodyTasks
from csc_server.cli.device_tasks import make_keys, make_token, write_pin
from csc_server.cli.purge import purge_store
from csc_server.cli.side_task import Operation, Task, answer_task
from csc_server.clock import SystemClock
from csc_server.errors import CscServerError
from csc_server.settings import SignerSettings
from csc_server.signer.custody.journal import CustodyJournal
from csc_server.signer.device.pkcs11 import open_device
from csc_server.signer.device.port import KeyDevice
from csc_server.storage.engine import make_engine
from csc_server.storage.signer_store import SqlSignerStore


def run_task(data: bytes) -> bytes:
    """Do one task on the signer's store and device."""
    return answer_task(data, _operations)


def _operations(task: Task) -> Mapping[str, Operation]:
    settings = SignerSettings.model_validate(task.settings)
    store = SqlSignerStore(make_engine(settings.database_url))
    journal = CustodyJournal(store, SystemClock(), f"{settings.node}/commands")
    tasks = CustodyTasks(store, lambda: _device(settings), journal, task.operator)
    return {
        "setup.pin": partial(write_pin, settings.device),
        "setup.token": lambda: make_token(settings.device),
        "setup.keys": lambda: make_keys(settings.device),
        "signer.add": tasks.add_signer,
        "signer.list": tasks.list_signers,
        "client.link": tasks.link,
        "client.links": tasks.list_links,
        "credential.add": tasks.add_credential,
        "credential.certify": tasks.certify,
        "credential.list": tasks.list_credentials,
        "credential.disable": tasks.disable,
        "credential.destroy": tasks.destroy,
        "factor.put": tasks.put_factor,
        "factor.unlock": tasks.unlock,
        "purge": partial(purge_store, store, SystemClock()),
    }


def _device(settings: SignerSettings) -> KeyDevice:
    try:
        return open_device(settings.device)
    except CscServerError as error:
        raise CscServerError(
            f"The device cannot be used: {error.message}.", advice="Has `csc-server setup` made the service's keys?"
        ) from error
