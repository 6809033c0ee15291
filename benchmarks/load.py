"""One measurement: wrk replays signHash requests, every answer is verified afterwards."""

import base64
import hashlib
import json
import math
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from service import CAP

SIGN_ALGORITHM = {"RSA": "1.2.840.113549.1.1.11", "P": "1.2.840.10045.4.3.2"}
LIKELY = {1: 4_000, 10: 20_000}
"""Signatures a second that small batches do not pass, so that no SAD is made in vain."""
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """What one run gave: counts, rates, microseconds."""

    requests: int
    signatures_per_second: float
    requests_per_second: float
    p50: int
    p99: int
    cpu: float
    wrong: int
    refused: int
    server_errors: int


def run(service, key, batch, connections, seconds, expected_rate):
    """Load signHash with batches of one size; `expected_rate` in signatures a second sizes the SADs."""
    rate = min(expected_rate, LIKELY.get(batch, expected_rate))
    needed = math.ceil(rate * seconds * 1.4 / CAP) + max(1, connections * batch // CAP)
    credential = service.credential(key)
    digests = [hashlib.sha256(f"{key} {number}".encode()).digest() for number in range(batch)]
    encoded = [base64.b64encode(digest).decode() for digest in digests]
    algorithm = SIGN_ALGORITHM[key.partition("-")[0]]
    bodies = [
        json.dumps({"credentialID": credential["credential_id"], "SAD": sad, "hashes": encoded, "signAlgo": algorithm})
        for sad in service.sads(key, needed)
    ]
    with tempfile.TemporaryDirectory() as folder:
        body_file, answer_file = Path(folder) / "bodies", Path(folder) / "answers"
        body_file.write_text("\n".join(bodies))
        cpu = service.cpu_seconds()
        summary = _wrk(service, body_file, answer_file, max(1, CAP // batch), connections, seconds)
        cpu = service.cpu_seconds() - cpu
        service.come_to_rest()
        counts = _verify(answer_file, service.public_key(key), digests)
    duration = summary["microseconds"] / 1e6
    return Load(
        requests=summary["requests"],
        signatures_per_second=counts["good"] / duration,
        requests_per_second=summary["requests"] / duration,
        p50=summary["p50"],
        p99=summary["p99"],
        cpu=cpu / max(1, summary["requests"]) * 1e6,
        wrong=counts["wrong"],
        refused=counts["refused"],
        server_errors=counts["server_errors"] + summary["socket_errors"],
    )


def _wrk(service, body_file, answer_file, uses, connections, seconds):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(_HERE / "load.lua")]
    url = f"{service.base}/csc/v2/signatures/signHash"
    arguments = [str(body_file), str(answer_file), f"Bearer {service.token}", str(uses)]
    done = subprocess.run([*command, url, "--", *arguments], capture_output=True, text=True, check=True)
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def _verify(answer_file, public_key, digests):
    counts = {"good": 0, "wrong": 0, "refused": 0, "server_errors": 0}
    seen = set()
    with answer_file.open() as answers:
        for line in answers:
            status, _, body = line.partition(" ")
            if status != "200":
                counts["server_errors" if status.startswith("5") else "refused"] += 1
                continue
            signatures = json.loads(body)["signatures"]
            for digest, signature in zip(digests, signatures, strict=True):
                pair = (digest, signature)
                right = pair in seen or _is_right(public_key, digest, base64.b64decode(signature))
                counts["good" if right else "wrong"] += 1
                if right and not isinstance(public_key, ec.EllipticCurvePublicKey):
                    seen.add(pair)
    return counts


def _is_right(public_key, digest, signature):
    prehashed = Prehashed(hashes.SHA256())
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(signature, digest, ec.ECDSA(prehashed))
        else:
            public_key.verify(signature, digest, padding.PKCS1v15(), prehashed)
    except InvalidSignature:
        return False
    return True
