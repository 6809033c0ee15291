"""Every mode of authorization over a real server, each to a verified signature or to its documented refusal."""

import secrets
import threading
from typing import Any

import pytest
import requests

from integration.code_flow import Application
from integration.csc_client import SHA256, CscClient, Json, Scheme, base64_of, digests_of, verify
from integration.modes import Mailbox, SignerPage, respond
from integration.one_time_codes import codes_of_this_run
from integration.service import Mode, Seed

ECDSA_SHA256 = "1.2.840.10045.4.3.2"
WRONG_DATA = {"error": "invalid_authentication_data", "error_description": "The authentication data is invalid"}


@pytest.fixture(scope="module")
def clients(seed: Seed) -> dict[str, CscClient]:
    """The confidential application with the first user's service token, on both versions."""
    token = Application(seed.base_url, "v2", seed.csc2).service_token(seed.users[0])
    return {version: CscClient(seed.base_url, version, token) for version in ("v1", "v2")}


@pytest.fixture(params=["v1", "v2"])
def client(request: pytest.FixtureRequest, clients: dict[str, CscClient]) -> CscClient:
    return clients[request.param]


@pytest.fixture
def v1(clients: dict[str, CscClient]) -> CscClient:
    return clients["v1"]


@pytest.fixture
def v2(clients: dict[str, CscClient]) -> CscClient:
    return clients["v2"]


@pytest.fixture
def mailbox(seed: Seed) -> Mailbox:
    return Mailbox(seed.outbox)


@pytest.fixture(scope="module")
def page(seed: Seed) -> SignerPage:
    return SignerPage(seed.base_url, seed.users[0])


DIGESTS = digests_of(2, SHA256, "modes")


def body(client: CscClient, mode: Mode, **more: Any) -> Json:
    values = [base64_of(digest) for digest in DIGESTS]
    named = {"hash": values} if client.version == "v1" else {"hashes": values, "hashAlgorithmOID": SHA256}
    return {"credentialID": mode.credential_id, "numSignatures": len(DIGESTS), **named, **more}


def check_signature(client: CscClient, mode: Mode, answer: Json) -> None:
    certificate = client.certificates(mode.credential_id)[0]
    signatures = client.sign(mode.credential_id, DIGESTS, ECDSA_SHA256, sad=answer["SAD"], digest_oid=SHA256)
    for digest, signature in zip(DIGESTS, signatures, strict=True):
        verify(certificate, digest, signature, Scheme(SHA256))


def refused(client: CscClient, method: str, members: Json) -> Json:
    answer = client.post(method, members)
    assert answer.status_code == 400, answer.text
    value: Json = answer.json()
    return value


def evidence(client: CscClient, **values: str | None) -> Json:
    """Return secrets in the members of a version; `ONLINE_OTP` is the OTP of 1.0.4.0."""
    given = {name: value for name, value in values.items() if value is not None}
    if client.version == "v2":
        return {"authData": [{"id": name, "value": value} for name, value in given.items()]}
    return {name.removeprefix("ONLINE_"): value for name, value in given.items()}


# Explicit, with codes


def test_a_code_of_a_generator_alone(client: CscClient, seed: Seed) -> None:
    mode = seed.modes["otp"]
    assert mode.totp_secret
    code = codes_of_this_run.next(mode.totp_secret)
    answer = client.call("credentials/authorize", body(client, mode, **evidence(client, OTP=code)))

    check_signature(client, mode, answer)


@pytest.mark.parametrize("name", ["online-otp", "pin-online-otp"])
def test_a_code_that_is_sent(client: CscClient, seed: Seed, mailbox: Mailbox, name: str) -> None:
    mode = seed.modes[name]
    sent = client.post("credentials/sendOTP", {"credentialID": mode.credential_id, "clientData": "x"})
    code = mailbox.code(mode.credential_id)
    given = body(client, mode, **evidence(client, PIN=mode.pin, ONLINE_OTP=code))
    answer = client.call("credentials/authorize", given)

    assert (sent.status_code, sent.content) == (204, b"")
    assert "Content-Type" not in sent.headers
    check_signature(client, mode, answer)
    error = refused(client, "credentials/authorize", given)["error"]
    assert error == ("invalid_otp" if client.version == "v1" else "invalid_authentication_data")


def test_v2_has_the_code_sent_by_get_challenge_too(v2: CscClient, seed: Seed, mailbox: Mailbox) -> None:
    mode = seed.modes["online-otp"]
    sent = v2.post("credentials/getChallenge", {"credentialID": mode.credential_id, "authObjectID": "ONLINE_OTP"})
    code = mailbox.code(mode.credential_id)

    assert (sent.status_code, sent.content) == (204, b"")
    check_signature(v2, mode, v2.call("credentials/authorize", body(v2, mode, **evidence(v2, ONLINE_OTP=code))))


def test_codes_are_sent_for_credentials_that_have_them(client: CscClient, seed: Seed, mailbox: Mailbox) -> None:
    for credential_id in (seed.modes["otp"].credential_id, seed.credentials[0].credential_id, "nobody's"):
        answer = refused(client, "credentials/sendOTP", {"credentialID": credential_id})
        assert answer == {"error": "invalid_request", "error_description": "Invalid parameter credentialID"}
    assert mailbox.is_empty()


def test_info_tells_each_mode(v1: CscClient, v2: CscClient, seed: Seed) -> None:
    def described(client: CscClient, name: str) -> Json:
        return client.call("credentials/info", {"credentialID": seed.modes[name].credential_id, "authInfo": True})

    old = {name: described(v1, name) for name in seed.modes}
    new = {name: described(v2, name)["auth"] for name in seed.modes}

    assert {name: each["authMode"] for name, each in old.items()} == dict.fromkeys(seed.modes, "explicit") | {
        "implicit": "implicit",
        "implicit-pin": "implicit",
        "out-of-band": "implicit",
    }
    assert [old[name]["OTP"].get("type") for name in ("otp", "online-otp", "key")] == ["offline", "online", None]
    assert old["online-otp"]["PIN"] == {"presence": "false"}
    assert "PIN" not in old["implicit"]
    assert {each["mode"] for each in new.values()} == {"explicit"}
    assert {name: [each["type"] for each in auth["objects"]] for name, auth in new.items()} == {
        "otp": ["Password"],
        "online-otp": ["ChallengeResponse"],
        "pin-online-otp": ["Password", "ChallengeResponse"],
        "key": ["Password", "ChallengeResponse"],
        "implicit": [],
        "implicit-pin": [],
        "out-of-band": ["PasswordOOB", "PasswordOOB"],
    }
    assert new["key"]["expression"] == "PIN AND KEY"


# Explicit, with a key that answers challenges


def challenge_of(client: CscClient, mode: Mode) -> str:
    answer = client.call("credentials/getChallenge", {"credentialID": mode.credential_id, "authObjectID": "KEY"})
    assert set(answer) == {"challenge"}
    challenge: str = answer["challenge"]
    return challenge


def test_a_response_to_a_challenge(v2: CscClient, seed: Seed) -> None:
    mode = seed.modes["key"]
    response = respond(mode, seed.csc2.client_id, challenge_of(v2, mode), DIGESTS, SHA256)
    given = body(v2, mode, **evidence(v2, PIN=mode.pin, KEY=response))

    check_signature(v2, mode, v2.call("credentials/authorize", given))
    assert refused(v2, "credentials/authorize", given) == WRONG_DATA
    answer_rightly(v2, seed)


def answer_rightly(client: CscClient, seed: Seed) -> None:
    """A right answer clears the failures of the wrong ones before it: the server is shared."""
    mode = seed.modes["key"]
    response = respond(mode, seed.csc2.client_id, challenge_of(client, mode), DIGESTS, SHA256)
    client.call("credentials/authorize", body(client, mode, **evidence(client, PIN=mode.pin, KEY=response)))


def test_AU_01_a_response_for_another_document_is_refused(v2: CscClient, seed: Seed) -> None:
    mode = seed.modes["key"]
    others = digests_of(2, SHA256, "another")
    response = respond(mode, seed.csc2.client_id, challenge_of(v2, mode), others, SHA256)

    assert (
        refused(v2, "credentials/authorize", body(v2, mode, **evidence(v2, PIN=mode.pin, KEY=response))) == WRONG_DATA
    )
    answer_rightly(v2, seed)


def test_get_challenge_names_the_parameter_at_fault(v2: CscClient, seed: Seed) -> None:
    for credential_id, object_id, text in (
        (seed.modes["key"].credential_id, "PIN", "Invalid parameter authObjectID"),
        (seed.modes["key"].credential_id, "key", "Invalid parameter authObjectID"),
        ("nobody's", "KEY", "Invalid parameter credentialID"),
    ):
        answer = refused(v2, "credentials/getChallenge", {"credentialID": credential_id, "authObjectID": object_id})
        assert answer == {"error": "invalid_request", "error_description": text}


# The signer approves on a page


def requested(client: CscClient, mode: Mode, description: str, **more: Any) -> requests.Response:
    return client.post("credentials/authorize", body(client, mode, description=description, **more))


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("implicit", {}),
        ("implicit-pin", {"authData": []}),
        ("out-of-band", {"authData": [{"id": "PIN"}, {"id": "OTP"}]}),
    ],
)
def test_v2_is_told_to_ask_again_until_the_signer_has_approved(
    v2: CscClient, seed: Seed, page: SignerPage, name: str, more: Json
) -> None:
    mode, description = seed.modes[name], f"Letter {secrets.token_hex(8)}"
    first = requested(v2, mode, description, **more)
    handle = first.json()["handle"]
    waits = v2.post("credentials/authorizeCheck", {"handle": handle})
    done = page.approve(description, mode)
    answer = v2.call("credentials/authorizeCheck", {"handle": waits.json()["handle"]})

    assert (first.status_code, waits.status_code) == (202, 202)
    assert done.status_code == 200
    assert "Approved." in done.text
    assert isinstance(answer["expiresIn"], int)
    check_signature(v2, mode, answer)
    again = refused(v2, "credentials/authorizeCheck", {"handle": handle})
    assert again == {"error": "invalid_request", "error_description": "Invalid parameter handle"}


def test_a_signer_who_refuses(v2: CscClient, seed: Seed, page: SignerPage) -> None:
    description = f"Letter {secrets.token_hex(8)}"
    handle = requested(v2, seed.modes["implicit"], description).json()["handle"]
    answer = page.refuse(description)

    assert "Refused." in answer.text
    told = v2.post("credentials/authorizeCheck", {"handle": handle})
    assert (told.status_code, told.json()["error"]) == (401, "access_denied")


def test_a_handle_is_of_its_client_alone(v2: CscClient, seed: Seed) -> None:
    handle = requested(v2, seed.modes["implicit"], "nobody looks").json()["handle"]
    token = Application(seed.base_url, "v2", seed.csc1).service_token(seed.users[0])
    for bearer, text in ((token, handle), (v2.token, handle + "A"), (v2.token, "x")):
        answer = v2.post("credentials/authorizeCheck", {"handle": text}, token=bearer)
        assert answer.json() == {"error": "invalid_request", "error_description": "Invalid parameter handle"}


def test_objects_without_values_belong_to_credentials_with_a_page(v2: CscClient, seed: Seed) -> None:
    both = [{"id": "PIN"}, {"id": "OTP"}]
    assert requested(v2, seed.modes["implicit"], "x", authData=both).json() == WRONG_DATA
    assert requested(v2, seed.modes["out-of-band"], "x", authData=both[:1]).json() == WRONG_DATA
    assert requested(v2, seed.modes["pin-online-otp"], "x", authData=both).json() == WRONG_DATA


def test_v1_waits_for_its_signer(v1: CscClient, seed: Seed, page: SignerPage) -> None:
    mode, description = seed.modes["implicit-pin"], f"Letter {secrets.token_hex(8)}"
    answers: list[requests.Response] = []

    def ask() -> None:
        """As an application does: wait, and come back when told to."""
        for _ in range(5):
            answers.append(requested(v1, mode, description))
            if answers[-1].status_code != 503:
                return

    thread = threading.Thread(target=ask)
    thread.start()
    page.approve(description, mode)
    thread.join()

    assert answers[-1].status_code == 200, answers[-1].text
    assert all(answer.headers["Retry-After"] for answer in answers[:-1])
    check_signature(v1, mode, answers[-1].json())


def test_v1_gives_up_after_ten_seconds_and_the_same_request_joins(v1: CscClient, seed: Seed, page: SignerPage) -> None:
    mode, description = seed.modes["implicit-pin"], f"Letter {secrets.token_hex(8)}"
    first = requested(v1, mode, description)
    page.approve(description, mode)
    second = requested(v1, mode, description)

    assert first.status_code == 503
    assert first.json()["error"] == "temporarily_unavailable"
    assert int(first.headers["Retry-After"]) >= 1
    assert first.elapsed.total_seconds() < 13
    assert second.status_code == 200
    check_signature(v1, mode, second.json())


def test_the_page_speaks_both_languages_under_its_policy(seed: Seed, page: SignerPage, v2: CscClient) -> None:
    requested(v2, seed.modes["implicit-pin"], "seen in two languages")
    path, english = page.find("seen in two languages")
    japanese = page.get(f"{path}?lang=ja")

    assert "Approve and sign" in english.text
    assert "承認して署名する" in japanese.text
    for shown in (english, japanese, page.get("/approvals")):
        assert "<script" not in shown.text
        assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert shown.headers["Cache-Control"] == "no-store"
