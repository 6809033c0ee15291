"""Interoperability rules that need a whole server and have no place of their own (specs/interoperability.md)."""

import time

import pytest
import requests

from integration.csc_client import SHA256, TIMEOUT, CscClient, algorithm_for, digests_of
from integration.service import Seed

MOST_SECONDS = 30
"""After so long one client gives up and sends its request again."""


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_R18_a_repeated_request_finds_its_sad_used_up(seed: Seed, version: str) -> None:
    client = CscClient(seed.base_url, version)
    client.token = client.login(seed.users[0])
    credential = seed.choose(key="RSA-2048")
    digests = digests_of(100, SHA256)
    sad = client.authorize(credential, digests, SHA256)
    body = client.sign_body(credential.credential_id, digests, algorithm_for(credential))
    started = time.monotonic()
    first = client.post("signatures/signHash", body | {"SAD": sad})
    seconds = time.monotonic() - started
    again = client.post("signatures/signHash", body | {"SAD": sad})

    assert first.status_code == 200
    assert seconds < MOST_SECONDS
    assert (again.status_code, again.json()["error_description"]) == (400, "Invalid parameter SAD")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_O1_the_endpoints_are_below_the_oauth2_member_of_info(seed: Seed, version: str) -> None:
    base = CscClient(seed.base_url, version).call("info")["oauth2"]
    verbs = {"authorize": "GET", "token": "POST", "revoke": "POST"} | (
        {"pushed_authorize": "POST"} if version == "v2" else {}
    )
    found = {
        name: requests.request(verb, f"{base}/oauth2/{name}", allow_redirects=False, timeout=TIMEOUT)
        for name, verb in verbs.items()
    }

    # Each knows what it is: it misses a parameter, where another path has nothing.
    assert {name: answer.status_code for name, answer in found.items()} == dict.fromkeys(verbs, 400)
    assert {answer.json()["error"] for answer in found.values()} == {"invalid_request"}


@pytest.mark.parametrize(
    "path", ["info", "info/", "Info", "credentials/list", "credentials/list/", "../v1/info", "v1//info"]
)
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_O17_no_call_is_redirected(seed: Seed, path: str, verb: str) -> None:
    answer = requests.request(verb, f"{seed.base_url}/csc/v1/{path}", json={}, allow_redirects=False, timeout=TIMEOUT)

    assert not 300 <= answer.status_code < 400
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
