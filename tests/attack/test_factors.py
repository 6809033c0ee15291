"""PIN and one-time codes: tried, counted, locked. On a server of its own, because locks stay."""

import time
from collections import Counter
from typing import Any

import pyotp
import pytest
import requests

from attack.parallel import at_once, post_json
from attack.prescribed import assert_invalid, assert_refused, refusal
from integration.csc_client import SHA256, CscClient, algorithm_for, base64_of, digests_of
from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, Seed

ATTEMPTS = 5
"""Failures until a factor locks (AU-06)."""
CROWD = 100
WRONG_PIN = {"v1": ("invalid_pin", "The PIN is invalid"), "v2": ("invalid_authentication_data", "The authentication data is invalid")}  # fmt: skip
WRONG_OTP = {"v1": ("invalid_otp", "The OTP is invalid"), "v2": ("invalid_authentication_data", "The authentication data is invalid")}  # fmt: skip
LOCKED_PIN = {"v1": "PIN locked", "v2": "Credential locked"}
LOCKED_OTP = {"v1": "OTP locked", "v2": "Credential locked"}
DIGESTS = digests_of(1, SHA256, "factors")
KEY_OF = {"v1": "RSA-2048", "v2": "RSA-3072"}
"""Each version locks a credential of its own."""


@pytest.fixture(params=["v1", "v2"])
def client(request: pytest.FixtureRequest, own_seed: Seed, own_token: str) -> CscClient:
    return CscClient(own_seed.base_url, request.param, own_token)


def body(client: CscClient, credential: Credential, pin: object, otp: object = None) -> dict[str, Any]:
    values = [base64_of(digest) for digest in DIGESTS]
    request: dict[str, Any] = {"credentialID": credential.credential_id, "numSignatures": 1}
    if client.version == "v1":
        return request | {"hash": values, "PIN": pin} | ({} if otp is None else {"OTP": otp})
    data = [{"id": "PIN", "value": pin}] + ([] if otp is None else [{"id": "OTP", "value": otp}])
    return request | {"hashes": values, "hashAlgorithmOID": SHA256, "authData": data}


def other_pin(credential: Credential, number: int = 1) -> str:
    """Return a wrong PIN of the same length and kind."""
    digits = f"{(int(credential.pin) + number) % 10 ** len(credential.pin):0{len(credential.pin)}}"
    assert digits != credential.pin
    return digits


def wrong_code(credential: Credential) -> str:
    """Return six digits that are no code of this seed for minutes around now."""
    assert credential.totp_secret
    totp = pyotp.TOTP(credential.totp_secret)
    near = {totp.at(int(time.time()) + 30 * step) for step in range(-10, 11)}
    return next(code for code in (f"{number:06}" for number in range(100)) if code not in near)


def authorize(client: CscClient, credential: Credential, pin: object, otp: object = None):
    return client.post("credentials/authorize", body(client, credential, pin, otp))


def test_AU_06_five_wrong_pins_lock_and_then_the_right_one_is_refused(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key=KEY_OF[client.version])
    for number in range(ATTEMPTS):
        response = authorize(client, credential, other_pin(credential, number + 1))
        assert_refused(response, 400, *WRONG_PIN[client.version])

    assert_invalid(authorize(client, credential, other_pin(credential)), LOCKED_PIN[client.version])
    assert_invalid(authorize(client, credential, credential.pin), LOCKED_PIN[client.version])
    for version in ("v1", "v2"):
        elsewhere = CscClient(client.base_url, version, client.token)
        assert_invalid(authorize(elsewhere, credential, credential.pin), LOCKED_PIN[version])


def test_AU_06_a_locked_credential_locks_no_other(own_seed: Seed, client: CscClient) -> None:
    locked, free = own_seed.choose(key="RSA-4096"), own_seed.choose(key="P-384")
    for number in range(ATTEMPTS):
        authorize(client, locked, other_pin(locked, number + 1))
    assert_invalid(authorize(client, locked, locked.pin), LOCKED_PIN[client.version])

    assert authorize(client, free, free.pin).status_code == 200


def test_AU_06_a_right_pin_clears_the_count(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="P-384")
    for _ in range(2):
        for number in range(ATTEMPTS - 1):
            response = authorize(client, credential, other_pin(credential, number + 1))
            assert_refused(response, 400, *WRONG_PIN[client.version])
        assert authorize(client, credential, credential.pin).status_code == 200


def test_AU_06_strangers_lock_nobody(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="P-384")
    wrong = body(client, credential, other_pin(credential))
    for token in ("A" * 43, ""):
        for _ in range(ATTEMPTS + 1):
            assert client.http.post(client.url("credentials/authorize"), json=wrong, timeout=60,
                                    headers={"Authorization": f"Bearer {token}"}).status_code in {400, 401}  # fmt: skip

    assert authorize(client, credential, credential.pin).status_code == 200


def test_AU_06_a_hundred_wrong_pins_at_once_are_all_counted(own_seed: Seed, own_token: str) -> None:
    credential = own_seed.choose(key="P-256")
    client = CscClient(own_seed.base_url, "v1", own_token)
    url = client.url("credentials/authorize")
    bodies = [body(client, credential, other_pin(credential, number + 1)) for number in range(CROWD)]
    responses = at_once([lambda b=b: post_json(url, b, own_token) for b in bodies])
    codes = Counter((response.status_code, response.json()["error"]) for response in responses)

    assert {status for status, _ in codes} <= {400, 429, 503}, codes
    for response in responses:
        if response.status_code in {429, 503}:
            assert int(response.headers["Retry-After"]) >= 1
    # Each failure is committed before its PIN is compared: no more than five were compared at all.
    assert 1 <= codes[400, "invalid_pin"] <= ATTEMPTS, codes
    deadline = time.monotonic() + 30
    while (answer := authorize(client, credential, credential.pin)).status_code in {429, 503}:
        assert time.monotonic() < deadline, "the queue never emptied"
    if codes[400, "invalid_pin"] == ATTEMPTS or codes[400, "invalid_request"]:
        assert_invalid(answer, LOCKED_PIN["v1"])


def test_AU_04_a_one_time_code_is_good_once(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key=KEY_OF[client.version], scal="2")
    assert credential.totp_secret
    code = codes_of_this_run.next(credential.totp_secret)

    assert authorize(client, credential, credential.pin, code).status_code == 200
    response = authorize(client, credential, credential.pin, code)
    assert_refused(response, 400, *WRONG_OTP[client.version])


def test_AU_04_a_one_time_code_raced_is_good_once(own_seed: Seed, own_token: str) -> None:
    credential = own_seed.choose(key="P-384", scal="2")
    assert credential.totp_secret
    client = CscClient(own_seed.base_url, "v1", own_token)
    request = body(client, credential, credential.pin, codes_of_this_run.next(credential.totp_secret))
    url = client.url("credentials/authorize")
    responses = at_once([lambda: post_json(url, request, own_token)] * 8)
    statuses = Counter(response.status_code for response in responses)

    assert statuses[200] <= 1, statuses
    assert statuses.keys() <= {200, 400, 429, 503}, statuses
    assert statuses[200] == 1 or statuses[503] or statuses[429], "all were refused, the first one too"


def test_AU_04_an_older_code_than_the_last_one_is_refused(own_seed: Seed, own_token: str) -> None:
    """AU-04: the same *or an older* step."""
    credential = own_seed.choose(key="P-256", scal="2")
    assert credential.totp_secret
    client = CscClient(own_seed.base_url, "v2", own_token)
    now = int(time.time())
    totp = pyotp.TOTP(credential.totp_secret)
    assert authorize(client, credential, credential.pin, totp.at(now)).status_code == 200

    assert_refused(authorize(client, credential, credential.pin, totp.at(now - 30)), 400, *WRONG_OTP["v2"])


def test_AU_06_five_wrong_codes_lock(own_seed: Seed, client: CscClient) -> None:
    credential = next(
        c for c in own_seed.of_kind("explicit", "2") if c.key == {"v1": "RSA-4096", "v2": "RSA-3072"}[client.version]
    )
    assert credential.totp_secret
    code = codes_of_this_run.next(credential.totp_secret)
    assert authorize(client, credential, credential.pin, code).status_code == 200, "and earlier failures are cleared"
    for _ in range(ATTEMPTS):
        response = authorize(client, credential, credential.pin, wrong_code(credential))
        assert_refused(response, 400, *WRONG_OTP[client.version])

    code = codes_of_this_run.next(credential.totp_secret)
    assert_invalid(authorize(client, credential, credential.pin, code), LOCKED_OTP[client.version])


def test_AU_01_scal_2_needs_both_factors(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="P-384", scal="2")
    assert credential.totp_secret
    only_pin = authorize(client, credential, credential.pin)
    code = pyotp.TOTP(credential.totp_secret).now()
    request = body(client, credential, credential.pin, code)
    if client.version == "v1":
        del request["PIN"]
    else:
        request["authData"] = request["authData"][1:]
    only_code = client.post("credentials/authorize", request)

    for response in (only_pin, only_code):
        members = refusal(response)
        assert response.status_code == 400
        assert members["error"] in {"invalid_request", "invalid_pin", "invalid_otp", "invalid_authentication_data"}


def test_AU_01_scal_2_needs_the_hashes(own_seed: Seed, client: CscClient) -> None:
    """AU-01, SA-03: an approval at SCAL 2 names every hash; without them nothing is minted."""
    credential = own_seed.choose(key="P-384", scal="2")
    assert credential.totp_secret
    request = body(client, credential, credential.pin, "000000")
    for name in ("hash", "hashes", "hashAlgorithmOID"):
        request.pop(name, None)
    for count in (1, 2):
        assert_invalid(client.post("credentials/authorize", request | {"numSignatures": count}))


@pytest.mark.parametrize("value", ["number", True, None, [], ["x"], {}, ""], ids=repr)
def test_R15_a_pin_is_a_string(own_seed: Seed, client: CscClient, value: object) -> None:
    credential = own_seed.choose(key="P-384")
    pin = int(credential.pin) if value == "number" else value
    for _ in range(ATTEMPTS + 1):
        response = authorize(client, credential, pin)
        assert response.status_code == 400
        refusal(response)
        if value == "":
            break

    assert authorize(client, credential, credential.pin).status_code == 200, "no try was counted"


@pytest.mark.parametrize(
    "value", [123456, True, ["123456"], {}, "", "12345", "1234567", "１２３４５６", "12 456"], ids=repr
)
def test_R15_a_one_time_code_is_a_string_of_six_digits(own_seed: Seed, client: CscClient, value: object) -> None:
    credential = own_seed.choose(key="RSA-2048", auth_mode="explicit", scal="2")
    response = authorize(client, credential, credential.pin, value)

    assert response.status_code == 400
    assert refusal(response)["error"] in {"invalid_request", "invalid_otp", "invalid_authentication_data"}


def test_AU_06_two_guesses_in_one_request_are_refused(own_seed: Seed, own_token: str) -> None:
    credential = own_seed.choose(key="P-384")
    client = CscClient(own_seed.base_url, "v2", own_token)
    right, wrong = {"id": "PIN", "value": credential.pin}, {"id": "PIN", "value": other_pin(credential)}
    for data in ([wrong, right], [right, wrong], [right, right]):
        response = client.post("credentials/authorize", body(client, credential, "x") | {"authData": data})

        assert response.status_code == 400
        refusal(response)


@pytest.mark.parametrize(
    "data",
    [[], None, "PIN", {}, [None], [5], [{}], [{"id": "PIN"}], [{"value": "x"}], [{"id": 5, "value": "x"}],
     [{"id": "pin", "value": "x"}], [{"id": "OTHER", "value": "x"}], [{"id": "PIN", "value": None}], [[]]],
    ids=repr,
)  # fmt: skip
def test_AU_01_authData_that_lacks_the_pin_authorizes_nothing(own_seed: Seed, own_token: str, data: object) -> None:
    credential = own_seed.choose(key="P-384")
    client = CscClient(own_seed.base_url, "v2", own_token)
    response = client.post("credentials/authorize", body(client, credential, "x") | {"authData": data})

    assert response.status_code == 400
    assert refusal(response)["error"] in {"invalid_request", "invalid_authentication_data"}


def test_AU_06_a_very_long_pin_is_refused(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="P-384")

    assert authorize(client, credential, credential.pin + "0" * 60_000).status_code == 400
    assert authorize(client, credential, credential.pin).status_code == 200


def test_an_oauth2code_credential_is_not_authorized_by_its_factors(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="RSA-2048", auth_mode="oauth2code", scal="2")
    assert credential.totp_secret
    response = authorize(client, credential, credential.pin, pyotp.TOTP(credential.totp_secret).now())

    assert response.status_code in {400, 401}
    refusal(response)


def test_AU_06_wrong_factors_sign_nothing(own_seed: Seed, client: CscClient) -> None:
    credential = own_seed.choose(key="P-384")
    refused = authorize(client, credential, other_pin(credential))
    request = client.sign_body(credential.credential_id, DIGESTS, algorithm_for(credential))

    assert "SAD" not in refused.json()
    assert_invalid(client.post("signatures/signHash", request | {"SAD": "none"}), "Invalid parameter SAD")
    assert authorize(client, credential, credential.pin).status_code == 200


# --- passwords at auth/login, which leads to scope service and no further ---------------------------------------

LOGIN_FAILED = "An error occurred during authentication process"


def login(client: CscClient, username: str, password: str) -> requests.Response:
    pair = base64_of(f"{username}:{password}".encode())
    return client.http.post(client.url("auth/login"), json={}, headers={"Authorization": f"Basic {pair}"}, timeout=60)


def test_AU_12_login_says_the_same_for_each_reason(own_seed: Seed, client: CscClient) -> None:
    first, second = own_seed.users[0], own_seed.users[1]
    wrong = [
        (first.username, "wrong"), ("nobody", "wrong"), (first.username, first.password + " "), ("nobody", first.password),
        (second.username, second.password), (first.username, "x" * 100), ("x" * 100, "x"), ("nobody' --", "\u3042"),
        (first.username.upper(), first.password),
    ]  # fmt: skip
    for username, password in wrong:
        assert_refused(login(client, username, password), 400, "authentication_error", LOGIN_FAILED)
        client.login(first)


def test_AU_12_a_locked_login_says_what_a_wrong_one_says(own_seed: Seed, client: CscClient) -> None:
    """AU-06 too: guessing a password ends, and whoever guesses is not told so."""
    user = own_seed.users[1]
    for number in range(ATTEMPTS + 2):
        assert_refused(login(client, user.username, f"wrong {number}"), 400, "authentication_error", LOGIN_FAILED)

    assert_refused(login(client, user.username, user.password), 400, "authentication_error", LOGIN_FAILED)
