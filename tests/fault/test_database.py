"""RL-05: a database that another process holds for three seconds; 503 or late, never 500 and never half done."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from fault.evidence import Evidence, database_with
from fault.load import Signer, fresh_digests, is_away
from integration.csc_client import CscClient
from integration.service import Service

HELD = 3.0


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold the write lock of a database as another program would."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def database_of(service: Service, side: str) -> Path:
    if side == "signer":
        return database_with(service.data_dir, "consumptions")
    return database_with(service.data_dir, "web_audit")


@pytest.mark.parametrize("side", ["signer", "web"])
def test_RL_05_a_held_database_is_503_and_never_500(service: Service, side: str) -> None:
    signer = Signer(service.seed, service.seed.choose(key="P-256"))
    parts = [fresh_digests(1) for _ in range(20)]
    sads = [signer.must_authorize(part) for part in parts]
    offered = list(zip(parts, sads, strict=True))
    signed: Counter[bytes] = Counter()
    with held(database_of(service, side)):
        ends = time.monotonic() + HELD
        while time.monotonic() < ends and offered:
            part, sad = offered.pop()
            response = signer.sign(part, sad)
            if not is_away(response):
                signer.check(part, response)
                signed.update(part)
            login = _login(service)
            assert login.status_code in {200, 503}, f"{login.status_code} {login.text[:300]}"
            is_away(login)
            authorized = signer.authorize(fresh_digests(1))
            assert authorized is None or side == "web", "nothing is minted without its audit record"
    signer.sign_until()
    for part, sad in offered:
        signer.check(part, signer.sign(part, sad))


def _login(service: Service) -> requests.Response:
    user = service.seed.users[0]
    client = CscClient(service.base_url, "v1")
    return client.http.post(client.url("auth/login"), json={}, auth=(user.username, user.password), timeout=60)


def test_AD_05_nothing_is_signed_while_the_audit_cannot_be_written(service: Service) -> None:
    """What was answered with 503 was not signed behind the client's back, or is on record as such."""
    signer = Signer(service.seed, service.seed.choose(key="P-256"))
    part = fresh_digests(1)
    sad = signer.must_authorize(part)
    with held(database_of(service, "signer")):
        response = signer.sign(part, sad)
        assert is_away(response), response.text[:300]
    signer.sign_until()
    evidence = Evidence(service.data_dir)

    for consumption in evidence.of_sad(sad):
        events = [record.event for record in evidence.records_by_intent()[consumption.intent_id]]
        assert events[0] == "sign.intent"
    again = signer.sign(part, sad)
    if evidence.of_sad(sad):
        assert again.status_code == 400
    else:
        signer.check(part, again)
