"""The reference of every ratio: C_Sign in a loop, one process a core, on the server's own module and token."""

import multiprocessing
import os
import time
from pathlib import Path

SECONDS = 2.0


def rate(data_dir: Path, key: str, processes: int, seconds: float = SECONDS) -> tuple[float, float]:
    """Return signatures a second over all processes, and CPU seconds of one signature."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_loop, args=(str(data_dir), key, seconds, barrier, results)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    made = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    return sum(count / wall for count, wall, _ in made), sum(cpu for _, _, cpu in made) / sum(n for n, _, _ in made)


def _loop(data_dir: str, key: str, seconds: float, barrier, results) -> None:
    from csc_server.cli.dev.folder import DevFolder
    from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
    from csc_server.signer.device.pkcs11 import open_device

    folder = DevFolder(Path(data_dir))
    os.environ["SOFTHSM2_CONF"] = str(folder.softhsm_configuration)
    device = open_device(folder.device_settings())
    facts = next(facts for facts in device.keys() if facts.key_type == key)
    scheme = SignatureScheme.RSA_PKCS1_V1_5 if facts.key_type.is_rsa else SignatureScheme.ECDSA
    mechanism = SignatureMechanism(scheme, HashAlgorithm.SHA_256)
    digest = bytes(range(32))
    device.sign(facts.handle, mechanism, digest)
    barrier.wait()
    started, cpu = time.perf_counter(), time.process_time()
    count = 0
    while time.perf_counter() - started < seconds:
        device.sign(facts.handle, mechanism, digest)
        count += 1
    results.put((count, time.perf_counter() - started, time.process_time() - cpu))
    device.close()
