"""Asynchronous signatures and time stamps of a real server, with its real signer, device and foreign services."""

import base64
import hashlib
import subprocess
import threading
import time

import pytest
import requests
from asn1crypto import cms, tsp

from integration.csc_client import COMBINED, SHA256, CscClient, Scheme, digests_of, verify
from integration.service import Seed, Service

SHA512 = "2.16.840.1.101.3.4.2.3"


@pytest.fixture(scope="module")
def client(seed: Seed) -> CscClient:
    return CscClient(seed.base_url, "v2", CscClient(seed.base_url, "v2").login(seed.users[0]))


def polled(client: CscClient, response_id: str) -> requests.Response:
    """Poll until there is an end."""
    deadline = time.monotonic() + 60
    while (answer := client.post("signatures/signPolling", {"requestID": response_id})).status_code == 202:
        assert answer.json()["error"] == "accepted_request"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def request_of(
    client: CscClient, seed: Seed, number: int, text: str, key: str = "RSA-2048"
) -> tuple[dict, list[bytes], str]:
    credential = seed.choose(key=key)
    algorithm = client.algorithms(credential.credential_id)[0]
    digests = digests_of(number, COMBINED[algorithm], text)
    sad = client.authorize(credential, digests, COMBINED[algorithm])
    body = {
        "credentialID": credential.credential_id,
        "SAD": sad,
        "hashes": [base64.b64encode(digest).decode() for digest in digests],
        "signAlgo": algorithm,
        "operationMode": "A",
    }
    return body, digests, algorithm


def test_an_asynchronous_signature_is_right_and_its_end_is_told(client, seed: Seed, service: Service) -> None:
    body, digests, algorithm = request_of(client, seed, 3, "later")
    uri = service.seed_values()["response_uri"]
    response_id = client.call("signatures/signHash", body | {"response_uri": uri, "validity_period": 60_000})[
        "responseID"
    ]
    answer = polled(client, response_id)
    assert (answer.status_code, list(answer.json())) == (200, ["signatures"])
    signatures = [base64.b64decode(value) for value in answer.json()["signatures"]]
    certificate = client.certificates(body["credentialID"])[0]

    assert len(signatures) == 3
    for digest, signature in zip(digests, signatures, strict=True):
        verify(certificate, digest, signature, Scheme(COMBINED[algorithm]))
    log = service.data_dir / "log" / "callback.log"
    deadline = time.monotonic() + 20
    while not (log.exists() and response_id in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_long_batch_is_202_first_and_all_there_in_the_end(client, seed: Seed) -> None:
    body, digests, algorithm = request_of(client, seed, 150, "long", key="RSA-4096")
    response_id = client.call("signatures/signHash", body)["responseID"]
    first = client.post("signatures/signPolling", {"requestID": response_id})
    assert (first.status_code, first.headers["Retry-After"]) == (202, "1")
    signatures = polled(client, response_id).json()["signatures"]

    assert len(signatures) == len(digests)
    certificate = client.certificates(body["credentialID"])[0]
    for place in (0, 75, 149):
        verify(certificate, digests[place], base64.b64decode(signatures[place]), Scheme(COMBINED[algorithm]))


def test_SA_03_an_asynchronous_signature_spends_the_sad_in_both_modes(client, seed: Seed) -> None:
    body, _, _ = request_of(client, seed, 1, "once")
    client.call("signatures/signHash", body)
    for mode in ("A", "S"):
        again = client.post("signatures/signHash", body | {"operationMode": mode})

        assert (again.status_code, again.json()["error_description"]) == (400, "Invalid parameter SAD")


def test_SA_03_of_parallel_asynchronous_requests_with_one_sad_one_is_signed(client, seed: Seed) -> None:
    body, _, _ = request_of(client, seed, 1, "race")
    answers: list[requests.Response] = []

    def ask() -> None:
        own = CscClient(client.base_url, "v2", client.token)
        answers.append(own.post("signatures/signHash", body))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    accepted = [answer.json()["responseID"] for answer in answers if answer.status_code == 200]
    ends = [polled(client, response_id).status_code for response_id in accepted]

    assert len(answers) == 8
    assert ends.count(200) == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("nonce", [None, "0A1b2C3d4E5f6071"])
def test_a_time_stamp_is_believed_by_openssl(client, seed: Seed, tmp_path, version: str, nonce: str | None) -> None:
    digest = hashlib.sha256(f"{version} {nonce}".encode()).digest()
    body = {"hash": base64.b64encode(digest).decode(), "hashAlgo": SHA256, "nonce": nonce}
    own = CscClient(seed.base_url, version, client.token)
    answer = own.call("signatures/timestamp", body)
    token = base64.b64decode(answer["timestamp"], validate=True)
    assert list(answer) == ["timestamp"]
    file = tmp_path / "token.der"
    file.write_bytes(token)
    command = ["openssl", "ts", "-verify", "-digest", digest.hex(), "-in", str(file), "-token_in", "-CAfile"]
    checked = subprocess.run([*command, str(seed.trust_root)], capture_output=True, text=True, check=False)
    assert "Verification: OK" in checked.stdout, checked.stderr
    info = tsp.TSTInfo.load(bytes(cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"]))

    assert info["nonce"].native == int(nonce, 16) if nonce else info["nonce"].native is not None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_info_says_what_is_offered(seed: Seed, version: str) -> None:
    info = CscClient(seed.base_url, version).call("info")

    assert "signatures/timestamp" in info["methods"]
    assert ("signatures/signPolling" in info["methods"]) is (version == "v2")
    assert "signatures/signDoc" not in info["methods"]
    if version == "v2":
        assert info["asynchronousOperationMode"] is True


def test_sign_doc_is_not_offered(client) -> None:
    answer = client.post("signatures/signDoc", {})

    assert (answer.status_code, answer.json()["error"]) == (501, "not_implemented")
