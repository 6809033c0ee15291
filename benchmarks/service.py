"""The server under test: a real `csc-server dev`, its seed, its process tree, and SADs to spend."""

import base64
import contextlib
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

CAP = 1000
"""Signatures of one SAD: the development server's multisign."""


@dataclass
class Service:
    """A running server and the service token of its first user."""

    process: subprocess.Popen
    data_dir: Path
    seed: dict
    token: str

    @property
    def base(self):
        return self.seed["base_url"]

    def credential(self, key):
        """Return the first user's credential of a key type that a PIN alone authorizes."""
        user = self.seed["users"][0]["username"]
        return next(
            one
            for one in self.seed["credentials"]
            if (one["key"], one["scal"], one["auth_mode"], one["username"]) == (key, "1", "explicit", user)
        )

    def post(self, path, body, **more):
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.post(f"{self.base}/csc/v2/{path}", json=body, headers=headers, timeout=60, **more)

    def sads(self, key, number):
        """Authorize `number` SADs for CAP signatures each, without hashes (SCAL 1)."""
        credential = self.credential(key)
        body = {
            "credentialID": credential["credential_id"],
            "numSignatures": CAP,
            "authData": [{"id": "PIN", "value": credential["pin"]}],
        }
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: self.post("credentials/authorize", body), range(number)))
        return [answer.json()["SAD"] for answer in answers]

    def public_key(self, key):
        from cryptography import x509

        answer = self.post("credentials/info", {"credentialID": self.credential(key)["credential_id"]})
        der = base64.b64decode(answer.json()["cert"]["certificates"][0])
        return x509.load_der_x509_certificate(der).public_key()

    def tree(self):
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu_seconds(self):
        """CPU time of the whole process tree so far."""
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def come_to_rest(self):
        """Wait until the server has finished what a load left behind: it would slow the next measurement."""
        before = self.cpu_seconds()
        for _ in range(120):
            time.sleep(0.5)
            now = self.cpu_seconds()
            if now - before < 0.05:
                return
            before = now

    def memory(self):
        """Return MiB (proportional set size) of every process, by what it is."""
        found = {}
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                mebibytes = process.memory_full_info().pss / 2**20
                found[f"{process.pid} {' '.join(process.cmdline()[-2:])[-40:]}"] = round(mebibytes, 1)
        return found


@contextlib.contextmanager
def running(data_dir, workers):
    """Start the server, yield it, stop it."""
    seed_file = data_dir.parent / f"{data_dir.name}-seed.json"
    seed_file.unlink(missing_ok=True)
    command = [str(Path(sys.executable).with_name("csc-server")), "dev", "--data-dir", str(data_dir), "--port", "0"]
    limits = ["--limit", "sad_lifetime=300"]
    process = subprocess.Popen(
        [*command, "--seed-file", str(seed_file), "--workers", str(workers), *limits],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield _service(process, data_dir, seed_file)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _service(process, data_dir, seed_file):
    for _ in range(1200):
        if seed_file.exists():
            break
        if process.poll() is not None:
            sys.exit("the server did not start")
        time.sleep(0.1)
    seed = json.loads(seed_file.read_text())
    user = seed["users"][0]
    login = requests.post(
        f"{seed['base_url']}/csc/v2/auth/login", json={}, auth=(user["username"], user["password"]), timeout=30
    )
    return Service(process, data_dir, seed, login.json()["access_token"])
