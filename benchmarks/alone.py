"""The signer processes alone: signHash requests straight to the workers' sockets, without HTTP or tokens."""

import hashlib
import json
import math
import os
import threading
import time
from pathlib import Path

from csc_server.activation.client import SignerClient
from csc_server.activation.messages import Sign
from csc_server.activation.parts import Caller
from csc_server.errors import CscServerError
from csc_server.settings import SignerSettings
from csc_server.values import ClientId, CredentialId, SignerId

ALGORITHM = {"RSA": "1.2.840.113549.1.1.11", "P": "1.2.840.10045.4.3.2"}


def rate(service, key, batch, threads, seconds, expected_rate, caller):
    """Return signatures a second with `threads` callers; `caller` is (client id, signer id) of the SADs."""
    settings = json.loads((service.data_dir / "settings.json").read_text())["signer"]
    signer = SignerSettings.model_validate(settings)
    client = SignerClient(Path(signer.socket_dir), signer.signing_workers, signer.evidence_workers, os.getuid())
    sads = service.sads(key, math.ceil(expected_rate * seconds * 1.6 / 1000) + threads)
    who = Caller(ClientId(caller[0]), SignerId(caller[1]), "benchmark")
    hashes = tuple(hashlib.sha256(str(number).encode()).digest() for number in range(batch))
    credential = CredentialId(service.credential(key)["credential_id"])
    uses = iter([sad for sad in sads for _ in range(1000 // batch)])
    lock, made = threading.Lock(), [0]
    end = time.perf_counter() + seconds

    def work():
        while time.perf_counter() < end:
            with lock:
                sad = next(uses, None)
            if sad is None:
                return
            try:
                answer = client.sign(Sign(who, credential, sad, hashes, ALGORITHM[key.partition("-")[0]]))
            except CscServerError:
                continue
            with lock:
                made[0] += len(answer.signatures)

    started = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return made[0] / (time.perf_counter() - started)
