"""The references of every ratio: the server's own device adapter in a loop, one process a core.

It signs with the token and module of the server under test, so that C_Sign is all the two have in common. The
second reference also verifies each signature, as SA-11 demands of the server (ADR 0013).
"""

import multiprocessing
import os
import time
from pathlib import Path
from typing import NamedTuple

SECONDS = 2.0


class Rate(NamedTuple):
    """Signatures a second over all processes, and CPU microseconds of one signature."""

    per_second: float
    cpu: float


def rate(data_dir: Path, module: str, key: str, processes: int, *, verifies: bool = False) -> Rate:
    """Measure one key type."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    arguments = (str(data_dir), module, key, verifies, barrier, results)
    workers = [context.Process(target=_loop, args=arguments) for _ in range(processes)]
    for worker in workers:
        worker.start()
    made = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    signatures, cpu = sum(count for count, _, _ in made), sum(cpu for _, _, cpu in made)
    return Rate(sum(count / wall for count, wall, _ in made), cpu / signatures * 1e6)


def _loop(data_dir, module, key, verifies, barrier, results):
    from csc_server.cli.dev.folder import DataFolder
    from csc_server.cli.dev.token import device_settings
    from csc_server.policy.algorithms import HashAlgorithm, SignatureMechanism, SignatureScheme
    from csc_server.signer.device.pkcs11 import open_device

    folder = DataFolder(Path(data_dir))
    os.environ["SOFTHSM2_CONF"] = str(folder.token_conf)
    device = open_device(device_settings(folder, Path(module)))
    facts = next(facts for facts in device.keys() if facts.key_type == key)
    scheme = SignatureScheme.RSA_PKCS1_V1_5 if facts.key_type.is_rsa else SignatureScheme.ECDSA
    mechanism = SignatureMechanism(scheme, HashAlgorithm.SHA_256)
    digest, check = bytes(range(32)), _checker(facts) if verifies else None
    device.sign(facts.handle, mechanism, digest)
    barrier.wait()
    started, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < SECONDS:
        signature = device.sign(facts.handle, mechanism, digest)
        if check is not None and not check(mechanism, digest, signature):
            raise RuntimeError("a wrong signature")
        count += 1
    results.put((count, time.perf_counter() - started, time.process_time() - cpu))
    device.close()


def _checker(facts):
    """Return the server's own check of a signature; it needs nothing of a credential but its public key."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from csc_server.signer.signing.credential import UsableCredential

    return UsableCredential(None, None, load_der_public_key(facts.public_key)).verify
