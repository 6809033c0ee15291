"""IN-21: floods are answered 429 before they cost anything, on real processes and on every face."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter

import pytest
import requests

from attack.parallel import at_once
from csc_server.audit.events import Event
from csc_server.settings import Rates, WebSettings
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.web import AccountRow
from csc_server.storage.web_store import SqlWebStore
from csc_server.values import ClientId, ClientProfile, SignerId
from fakes.code_flow import CodeFlow, basic_header, details
from fakes.web_application import PASSWORD, WebApplication, basic, client, password_verifier
from integration.service import clean_environment, free_port
from stores import migrated_database

LIMITS = {"rates": Rates(logins_by_address=6, logins_by_account=4, strangers_by_address=8, open_by_address=40,
                         evidence_by_client=9, evidence_by_signer=5, evidence_by_credential=3,
                         requests_by_client=50, requests_by_signer=30)}  # fmt: skip
PROCESSES = 2


def assert_too_many(response):
    """The CSC error form, and when to come back (RFC 6585, 4)."""
    assert response.status_code == 429, response.text
    assert response.get_json() == {"error": "temporarily_unavailable", "error_description": "Too many requests"}
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["Cache-Control"] == "no-store"


def statuses(answers):
    return [answer.status_code for answer in answers]


def authorize_body(version, pin="wrong", credential="pin"):
    if version == "v1":
        return {"credentialID": credential, "numSignatures": 1, "PIN": pin}
    return {"credentialID": credential, "numSignatures": 1, "authData": [{"id": "PIN", "value": pin}]}


class Flooded(WebApplication):
    """An application with low limits; `compared` counts the passwords that cost argon2id."""

    def __init__(self):
        super().__init__(**LIMITS)

    def log_in(self, username, password="wrong", version="v1", address="192.0.2.1"):
        return self.http.get(
            f"/csc/{version}/auth/login",
            headers=basic(username, password),
            environ_base={"REMOTE_ADDR": address},
            base_url="http://127.0.0.1:8080",
        )

    def reached_the_signer(self):
        return len(self.activation.requests)


@pytest.fixture
def web():
    return Flooded()


def test_IN_21_logins_to_one_account_stop_whatever_address_they_come_from(web):
    answers = [web.log_in("alice", address=f"192.0.2.{number}") for number in range(1, 8)]

    assert statuses(answers) == [400] * 4 + [429] * 3
    assert_too_many(answers[-1])
    assert web.store.account("alice").failures == 4, "what is refused is no try"


def test_IN_21_AU_12_an_account_that_does_not_exist_has_the_same_limit(web):
    answers = [web.log_in("nobody", address=f"192.0.2.{number}") for number in range(1, 8)]

    assert statuses(answers) == [400] * 4 + [429] * 3


def test_IN_21_logins_from_one_address_stop_whatever_account_they_try(web):
    answers = [web.log_in(f"user-{number}") for number in range(8)]

    assert statuses(answers) == [400] * 6 + [429] * 2
    assert web.log_in("alice", PASSWORD, address="198.51.100.1").status_code == 200, "others log in meanwhile"


def test_IN_21_the_next_minute_lets_the_right_password_in(web):
    for _ in range(6):
        web.log_in("alice")
    refused = web.log_in("alice", PASSWORD)
    web.clock.now += int(refused.headers["Retry-After"])
    web.store.put_account(AccountRow("alice", SignerId("signer-1"), password_verifier()))

    assert web.log_in("alice", PASSWORD).status_code == 200


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_IN_21_PINs_of_one_signer_stop_before_the_signer_process_hears_of_them(web, version):
    answers = [web.post("credentials/authorize", authorize_body(version), version=version) for _ in range(8)]

    assert statuses(answers)[-3:] == [429] * 3
    assert_too_many(answers[-1])
    assert web.reached_the_signer() == 5


def test_IN_21_PINs_count_over_both_versions(web):
    for version in ("v1", "v2") * 2:
        web.post("credentials/authorize", authorize_body(version), version=version)
    web.post("credentials/authorize", authorize_body("v1"))

    assert_too_many(web.post("credentials/authorize", authorize_body("v2"), version="v2"))


def test_IN_21_a_client_without_a_signers_login_is_held_by_credential(web):
    answers = [web.post("credentials/authorize", authorize_body("v1"), token="client") for _ in range(5)]

    assert statuses(answers)[3:] == [429] * 2
    assert web.reached_the_signer() == 3
    assert web.post("credentials/authorize", authorize_body("v1")).status_code != 429, "the signer's own tries go on"


def test_IN_21_a_client_is_held_over_all_its_signers(web):
    for number in range(12):
        web.add_token(f"signer {number}", client_id="modern", signer_id=SignerId(f"signer {number}"))
    answers = [web.post("credentials/authorize", authorize_body("v1"), token=f"signer {n}") for n in range(12)]

    assert statuses(answers)[9:] == [429] * 3


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("path", ["credentials/list", "credentials/info", "signatures/signHash"])
def test_IN_21_any_request_of_a_signer_counts(web, version, path):
    answers = [web.post(path, {}, version=version) for _ in range(33)]

    assert 429 not in statuses(answers)[:30]
    assert statuses(answers)[30:] == [429] * 3
    assert_too_many(answers[-1])


def test_IN_21_a_client_with_a_raised_factor_goes_on_where_others_stop(web):
    web.store.put_client(client("strong", ClientProfile.CSC2).__class__(
        **{**vars(client("strong", ClientProfile.CSC2)), "rate_factor": 10}))  # fmt: skip
    web.add_token("strong", client_id=ClientId("strong"))
    answers = [web.post("credentials/info", {}, token="strong") for _ in range(299)]

    assert 429 not in statuses(answers)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_IN_21_guessed_tokens_stop_before_they_are_looked_up(web, version):
    answers = [web.post("credentials/info", {}, version=version, token=f"guess-{n}".ljust(43, "x")) for n in range(12)]

    assert statuses(answers) == [401] * 8 + [429] * 4
    assert_too_many(answers[-1])


@pytest.mark.parametrize(
    "path", ["/csc/v1/info", "/csc/v2/info", "/csc/v1/oauth2/authorize", "/oauth2/authorize", "/interaction/nothing"]
)
def test_IN_21_what_anybody_may_ask_is_held_by_address(web, path):
    answers = [web.http.get(path, base_url="http://127.0.0.1:8080") for _ in range(43)]

    assert 429 not in statuses(answers)[:40]
    assert statuses(answers)[40:] == [429] * 3
    assert "Retry-After" in answers[-1].headers


def test_IN_21_an_ipv6_subscriber_does_not_multiply(web):
    answers = [web.log_in(f"user-{n}", address=f"2001:db8:0:1::{n:x}") for n in range(1, 9)]

    assert statuses(answers)[6:] == [429] * 2


@pytest.mark.parametrize("version", ["v1", "v2", "rfc"])
def test_IN_21_wrong_client_secrets_stop_by_address_and_hold_no_client(version):
    flow = CodeFlow(**LIMITS)
    wrong = [flow.token({"grant_type": "client_credentials"}, version, headers=basic_header(secret="x" * 43))
             for _ in range(11)]  # fmt: skip
    flow.clock.now += 60
    right = flow.token({"grant_type": "client_credentials", "scope": "service"}, version)

    assert 429 not in statuses(wrong)[:8]
    assert statuses(wrong)[8:] == [429] * 3
    assert right.status_code == 200


@pytest.mark.parametrize("version", ["v1", "v2", "rfc"])
def test_IN_21_token_requests_of_a_client_count(version):
    flow = CodeFlow(**LIMITS)
    answers = [flow.token({"grant_type": "client_credentials", "scope": "service"}, version) for _ in range(52)]

    assert statuses(answers)[:50] == [200] * 50
    assert statuses(answers)[50:] == [429] * 2


def test_IN_21_PINs_on_the_consent_page_count_with_those_of_the_API():
    flow = CodeFlow(**LIMITS)
    address, page = flow.consent_page(scope=None, authorization_details=details())
    for _ in range(5):
        flow.post("credentials/authorize", authorize_body("v1"))
    reached = len(flow.activation.requests)
    answer = flow.decide(address, page)

    assert answer.status_code == 429
    assert "text/html" in answer.headers["Content-Type"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert len(flow.activation.requests) == reached


def test_AD_01_a_flood_is_one_record_a_minute(web):
    for _ in range(40):
        web.log_in("alice")
    web.clock.now += 60
    web.post("credentials/info", {}, token="guess")
    limited = [fields for event, _, fields in web.events() if event == Event.RATE_LIMITED]

    assert [(fields["reason"], fields["count"]) for fields in limited] == [
        ("logins_by_account", 2),
        ("logins_by_address", 34),
    ]
    assert "alice" not in json.dumps(limited)


@contextlib.contextmanager
def running(settings, log):
    """The real web side in processes of its own; nothing of it needs a signer to refuse a login."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "csc_server.cli.process", "web"],
            stdin=subprocess.PIPE, stdout=output, stderr=output, env=clean_environment(),
        )  # fmt: skip
        process.stdin.write(settings.model_dump_json().encode())
        process.stdin.close()
        try:
            wait_until_it_answers(settings.base_url, process, log)
            yield
        finally:
            process.terminate()
            process.wait(30)


def wait_until_it_answers(base_url, process, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{base_url}/livez", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the web side does not answer")


@pytest.mark.integration
def test_IN_21_processes_share_their_counts_over_http(tmp_path):
    url, port = migrated_database(tmp_path, "web"), free_port()
    store = SqlWebStore(make_engine(url))
    store.put_account(AccountRow("alice", SignerId("signer-1"), password_verifier()))
    settings = WebSettings(
        base_url=f"http://127.0.0.1:{port}", database_url=url, socket_dir=tmp_path, listen=f"127.0.0.1:{port}",
        signer_uid=os.geteuid(), workers=PROCESSES, environment="test",
        rates=Rates(logins_by_account=10, logins_by_address=1000),
    )  # fmt: skip

    def log_in():
        with requests.Session() as http:
            http.trust_env = False
            answer = http.get(f"{settings.base_url}/csc/v1/auth/login", auth=("alice", "wrong"), timeout=60)
            return answer.status_code, "Retry-After" in answer.headers

    with running(settings, tmp_path / "web.log"):
        until_a_minute_has_time_left()
        answers = Counter(at_once([log_in] * 40))

    assert answers[400, False] + answers[503, True] == 10, answers
    assert answers[429, True] == 30, answers


def until_a_minute_has_time_left():
    left = 60 - time.time() % 60
    if left < 15:
        time.sleep(left + 0.1)
