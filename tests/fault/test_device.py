"""RL-04: the device hangs, fails or is gone; the service says 503, lives on and comes back by itself."""

import os
import signal
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import requests

from fault.device_shim import DeviceShim
from fault.load import RECOVERY, Signer, eventually, fresh_digests, is_away, load
from fault.processes import with_device
from integration.service import Service

DEADLINE = 3.0
"""Seconds a device call may take (RL-04)."""
CROWD = 8
KEYS = ["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"]
RETURN_VALUES = {
    "CKR_GENERAL_ERROR": 0x5, "CKR_FUNCTION_FAILED": 0x6, "CKR_DEVICE_ERROR": 0x30, "CKR_DEVICE_MEMORY": 0x31,
    "CKR_DEVICE_REMOVED": 0x32, "CKR_KEY_HANDLE_INVALID": 0x60, "CKR_OBJECT_HANDLE_INVALID": 0x82,
    "CKR_SESSION_CLOSED": 0xB0, "CKR_SESSION_HANDLE_INVALID": 0xB3, "CKR_TOKEN_NOT_PRESENT": 0xE0,
    "CKR_USER_NOT_LOGGED_IN": 0x101, "CKR_BUFFER_TOO_SMALL": 0x150, "CKR_CRYPTOKI_NOT_INITIALIZED": 0x190,
    "a vendor's own": 0x80000001,
}  # fmt: skip

SAMPLE = {"CKR_GENERAL_ERROR", "CKR_DEVICE_REMOVED", "CKR_OBJECT_HANDLE_INVALID", "a vendor's own"}
"""What the gate tries; the others run at night."""
NIGHTLY = pytest.mark.nightly


@pytest.fixture
def signer(service: Service) -> Signer:
    return Signer(service.seed, service.seed.choose(key="P-256"))


def timed(signer: Signer, digests: list[bytes], sad: str) -> tuple[float, requests.Response]:
    began = time.monotonic()
    response = signer.sign(digests, sad)
    return time.monotonic() - began, response


def test_RL_04_a_hanging_device_is_503_within_its_deadline_and_a_second(signer: Signer, shim: DeviceShim) -> None:
    parts = [fresh_digests(1) for _ in range(CROWD)]
    sads = [signer.must_authorize(part) for part in parts]
    shim.hang()
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda pair: timed(signer, *pair), zip(parts, sads, strict=True)))
    shim.heal()

    assert all(is_away(response) for _, response in answers), [r.status_code for _, r in answers]
    assert max(seconds for seconds, _ in answers) <= DEADLINE + 1, [seconds for seconds, _ in answers]
    signer.sign_until()


def test_RL_04_authorizing_on_a_hanging_device_is_503_too(signer: Signer, shim: DeviceShim) -> None:
    signer.login()
    shim.hang()
    began = time.monotonic()
    assert signer.authorize(fresh_digests(1)) is None
    passed = time.monotonic() - began
    shim.heal()

    assert passed <= DEADLINE + 1
    signer.sign_until()


def test_RL_04_one_hanging_call_leaves_the_other_workers_at_work(signer: Signer, shim: DeviceShim) -> None:
    first = fresh_digests(1)
    sad = signer.must_authorize(first)
    parts = [fresh_digests(1) for _ in range(12)]
    others = [signer.must_authorize(part) for part in parts]
    shim.hang_once()
    with ThreadPoolExecutor(len(parts) + 1) as pool:
        hanging = pool.submit(timed, signer, first, sad)
        eventually(lambda: shim.was_taken, DEADLINE)
        pending = [pool.submit(timed, signer, part, other) for part, other in zip(parts, others, strict=True)]
        done, _ = wait([hanging, *pending], return_when=FIRST_COMPLETED)
        during = sum(1 for future in done if future in pending and future.result()[1].status_code == 200)
        seconds, response = hanging.result(DEADLINE + 2)
        answers = [(part, future.result()) for part, future in zip(parts, pending, strict=True)]

    assert is_away(response), response.text[:300]
    assert seconds <= DEADLINE + 1
    for part, (passed, answer) in answers:
        assert passed <= DEADLINE + 1
        if not is_away(answer):
            signer.check(part, answer)
    assert during >= 1, "the other worker signed while the first one hung"
    signer.sign_until()


def test_SA_03_what_hung_stays_spent(signer: Signer, shim: DeviceShim) -> None:
    """Decision 26 f: a call that was given up ends failed or indeterminate, and there is never a second one."""
    digests = fresh_digests(2)
    sad = signer.must_authorize(digests)
    shim.hang()
    assert is_away(signer.sign(digests[:1], sad))
    shim.heal()
    signer.sign_until()

    again = signer.sign(digests[:1], sad)
    assert again.status_code == 400, again.text[:300]
    signer.check(digests[1:], signer.sign(digests[1:], sad))


@pytest.mark.parametrize("function", ["C_SignInit", "C_Sign"])
@pytest.mark.parametrize(
    "name", [code if code in SAMPLE else pytest.param(code, marks=NIGHTLY) for code in RETURN_VALUES]
)
def test_RL_04_a_failing_device_is_503_and_comes_back(
    signer: Signer, shim: DeviceShim, name: str, function: str
) -> None:
    digests = fresh_digests(2)
    sad = signer.must_authorize(digests)
    shim.fail(RETURN_VALUES[name], function)
    response = signer.sign(digests[:1], sad)
    authorized = signer.authorize(fresh_digests(1))
    shim.heal()

    assert is_away(response), response.text[:300]
    assert authorized is None, "PIN and SAD need the device too"
    signer.sign_until()
    signer.check(digests[1:], signer.sign(digests[1:], sad))


@pytest.mark.parametrize("function", ["C_OpenSession", "C_Login", "C_FindObjects"])
@pytest.mark.parametrize("fault", ["hang", 0x5, 0xE0])
def test_RL_04_workers_that_start_on_a_bad_device_start_again(
    service: Service, signer: Signer, shim: DeviceShim, function: str, fault: str | int
) -> None:
    digests = fresh_digests(1)
    sad = signer.must_authorize(digests)
    if isinstance(fault, int):
        shim.fail(fault, function)
    else:
        shim.hang(function)
    for process in with_device(service):
        os.kill(process.pid, signal.SIGKILL)
    seconds, response = timed(signer, digests, sad)
    shim.heal()

    assert is_away(response), response.text[:300]
    assert seconds <= DEADLINE + 1
    signer.sign_until()


def token_folder(service: Service) -> Path:
    """Return the folder in which SoftHSM keeps its tokens."""
    found = {path.parent.parent for path in service.data_dir.rglob("token.object")}
    assert len(found) == 1, found
    return found.pop()


def test_RL_04_a_token_that_goes_and_comes_back_needs_no_restart(service: Service) -> None:
    """A lost handle is a fault of the device, never 'no such credential'."""
    seed = service.seed
    signers = [Signer(seed, seed.choose(key=key)) for key in KEYS]
    for signer in signers:
        signer.login()
    folder = token_folder(service)
    away = folder.with_name(folder.name + "-away")
    ended = time.monotonic()
    with load(signers[:3]) as ledger:
        eventually(lambda: len(ledger.returned) > 10, 30)
        for _ in range(3):
            folder.rename(away)
            try:
                seen = sum(ledger.statuses.values())
                eventually(lambda seen=seen: sum(ledger.statuses.values()) > seen + 20, 30)
            finally:
                away.rename(folder)
            ended = time.monotonic()
            with ThreadPoolExecutor(len(signers)) as pool:
                list(pool.map(lambda signer: signer.sign_until(RECOVERY), signers))
            assert not ledger.failures, ledger.failures

    assert ledger.statuses.keys() <= {200, 400, 503}
    assert set(ledger.returned.values()) == {1}
    assert time.monotonic() > ended


def test_RL_04_workers_that_start_while_the_token_is_away_come_back(service: Service, signer: Signer) -> None:
    folder = token_folder(service)
    away = folder.with_name(folder.name + "-away")
    digests = fresh_digests(1)
    sad = signer.must_authorize(digests)
    others = [Signer(service.seed, service.seed.choose(key=key)) for key in KEYS]
    for other in others:
        other.login()
    folder.rename(away)
    try:
        for process in with_device(service):
            os.kill(process.pid, signal.SIGKILL)
        response = signer.sign(digests, sad)
        listed = signer.client.post("credentials/info", {"credentialID": signer.credential.credential_id})
    finally:
        away.rename(folder)

    assert is_away(response), response.text[:300]
    assert is_away(listed) or listed.status_code == 200, listed.text[:300]
    for other in others:
        other.sign_until()
