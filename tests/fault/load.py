"""Signers that keep on signing while things break, and what they write down."""

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from integration.csc_client import (
    SHA256,
    CscClient,
    Scheme,
    algorithm_for,
    auth_data,
    base64_of,
    strict_base64,
    verify,
)
from integration.service import Credential, Seed

RECOVERY = 5.0
"""Seconds after the end of a fault until the service answers again (RL-04)."""
_numbers = itertools.count()


def fresh_digests(count: int) -> list[bytes]:
    """Return digests that no other call returned."""
    return [hashlib.sha256(f"fault {next(_numbers)}".encode()).digest() for _ in range(count)]


def is_away(response: requests.Response) -> bool:
    """Whether the service says in the documented way that it can't answer now; another 5xx is a failure."""
    if response.status_code < 500:
        return False
    assert response.status_code == 503, f"{response.status_code} {response.text[:300]}"
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    assert response.json()["error"] == "temporarily_unavailable"
    return True


def eventually(condition: Callable[[], bool], seconds: float = RECOVERY) -> float:
    """Poll until the condition holds; return the seconds it took, fail beyond the bound."""
    started = time.monotonic()
    while not condition():
        passed = time.monotonic() - started
        assert passed < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - started


class Signer:
    """One credential of the first user, authorized by its PIN, over connections of its own."""

    def __init__(self, seed: Seed, credential: Credential) -> None:
        self.seed = seed
        self.credential = credential
        self.client = CscClient(seed.base_url, "v2")

    def login(self) -> None:
        """Fetch all that is asked for but once, while the service is whole."""
        if not self.client.token:
            self.client.token = self.client.login(self.seed.users[0])
            self._certificate = self.client.certificates(self.credential.credential_id)[0]

    def authorize(self, digests: list[bytes]) -> str | None:
        """Return a SAD, or None when the service is away."""
        self.login()
        body = {
            "credentialID": self.credential.credential_id, "numSignatures": len(digests), "hashAlgorithmOID": SHA256,
            "hashes": [base64_of(digest) for digest in digests], "authData": auth_data(self.credential),
        }  # fmt: skip
        response = self.client.post("credentials/authorize", body)
        if is_away(response):
            return None
        assert response.status_code == 200, response.text[:300]
        sad = response.json()["SAD"]
        assert isinstance(sad, str)
        return sad

    def must_authorize(self, digests: list[bytes]) -> str:
        sad = self.authorize(digests)
        assert sad is not None, "the service is away before anything was broken"
        return sad

    def sign(self, digests: list[bytes], sad: str) -> requests.Response:
        body = self.client.sign_body(self.credential.credential_id, digests, algorithm_for(self.credential))
        headers = {"Authorization": f"Bearer {self.client.token}"}
        with requests.Session() as http:
            http.trust_env = False
            return http.post(
                self.client.url("signatures/signHash"), json=body | {"SAD": sad}, headers=headers, timeout=60
            )

    def signs_now(self) -> bool:
        """Authorize and sign once; False when the service says that it is away."""
        digests = fresh_digests(1)
        sad = self.authorize(digests)
        if sad is None:
            return False
        response = self.sign(digests, sad)
        if is_away(response):
            return False
        self.check(digests, response)
        return True

    def sign_until(self, seconds: float = RECOVERY) -> float:
        """Return after how many seconds the first signature came; fail beyond the bound."""
        return eventually(self.signs_now, seconds)

    def check(self, digests: list[bytes], response: requests.Response) -> list[bytes]:
        """Return the signatures of a successful answer, each verified."""
        assert response.status_code == 200, response.text[:300]
        signatures = [strict_base64(value) for value in response.json()["signatures"]]
        assert len(signatures) == len(digests)
        for digest, signature in zip(digests, signatures, strict=True):
            verify(self._certificate, digest, signature, Scheme(SHA256))
        return signatures


@dataclass
class Ledger:
    """What the clients were given: signatures by SAD and digest, and the statuses of all answers."""

    returned: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    last_success_began: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, signer: Signer, sad: str, digests: list[bytes], began: float, response: requests.Response) -> None:
        self.count(response.status_code)
        if response.status_code != 200:
            if not is_away(response):
                assert response.status_code == 400, f"{response.status_code} {response.text[:300]}"
            return
        signer.check(digests, response)
        with self._lock:
            self.returned.update((sad, digest) for digest in digests)
            self.last_success_began = max(self.last_success_began, began)

    def count(self, status: int) -> None:
        with self._lock:
            self.statuses[status] += 1

    def fail(self, error: BaseException) -> None:
        with self._lock:
            self.failures.append(repr(error)[:500])


HASHES = 6
OFFERS = [[0, 1], [1, 2], [2], [3, 4, 5], [3], [4, 5], [0], [1], [5, 3], [2, 4], [0, 1, 2, 3, 4, 5], [2], [4]]
"""Each hash is authorised once and offered several times, in overlapping batches."""


def offer_again_and_again(signer: Signer, ledger: Ledger, stop: threading.Event) -> None:
    """Take a SAD, offer each of its hashes several times at once, take the next one, until told to stop."""
    with ThreadPoolExecutor(3) as pool:
        while not stop.is_set():
            try:
                digests = fresh_digests(HASHES)
                sad = signer.authorize(digests)
                if sad is None:
                    ledger.count(503)
                    stop.wait(0.1)
                    continue
                offers = [[digests[number] for number in offer] for offer in OFFERS]
                list(pool.map(lambda part, sad=sad: _offer(signer, ledger, sad, part), offers))
            except Exception as error:
                ledger.fail(error)
                return


def _offer(signer: Signer, ledger: Ledger, sad: str, part: list[bytes]) -> None:
    began = time.monotonic()
    ledger.write(signer, sad, part, began, signer.sign(part, sad))


@contextmanager
def load(signers: list[Signer]) -> Iterator[Ledger]:
    """Run one thread a signer; at the end nothing may have failed and some signatures must have come."""
    ledger, stop = Ledger(), threading.Event()
    for signer in signers:
        signer.login()
    threads = [threading.Thread(target=offer_again_and_again, args=(signer, ledger, stop)) for signer in signers]
    for thread in threads:
        thread.start()
    try:
        yield ledger
    finally:
        stop.set()
        for thread in threads:
            thread.join(120)
    assert not ledger.failures, ledger.failures
    assert ledger.returned, ledger.statuses
