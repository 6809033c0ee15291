"""account_token: which account a client asks for, and who may answer (CSC 1.0.4.0, 8.3.1; decision 18; O14)."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from csc_server.storage.ports.web import AccountRow
from csc_server.values import ClientId
from csc_server.web.authorization.account_tokens import sealed_key
from csc_server.web.authorization.seed_key import SeedKey, make_key_file
from fakes.code_flow import REDIRECT, SECRET, CodeFlow, answer_of, registered
from fakes.web_application import NOW, OTHER_SIGNER, SIGNER, password_verifier

HEADER = {"typ": "JWT", "alg": "HS256"}
KEY = hashlib.sha256(SECRET.encode()).digest()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def account_token(header=HEADER, key=KEY, **changes):
    claims = {"sub": "alice", "iat": NOW, "jti": "one", "azp": "app", "iss": "Application"} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), hashlib.sha256))}"


@pytest.fixture
def flow(tmp_path: Path):
    make_key_file(tmp_path / "key")
    seed_key = SeedKey.of_file(tmp_path / "key")
    assert seed_key is not None
    flow = CodeFlow(key_file=tmp_path / "key")
    flow.store.put_client(registered("app", account_token_key=sealed_key(seed_key, ClientId("app"), SECRET)))
    flow.store.put_account(AccountRow("bob", OTHER_SIGNER, password_verifier()))
    return flow


def refused(flow, **parameters):
    answer = flow.authorize(**parameters)
    assert answer.location.startswith(REDIRECT + "?"), answer.location
    return answer_of(answer.location)["error_description"]


@pytest.mark.parametrize("sub", ["alice", SIGNER])
def test_O14_the_account_named_by_the_token_logs_in(flow, sub):
    assert "code" in flow.approve(scope="service", account_token=account_token(sub=sub))


def test_O14_a_client_that_is_registered_for_it_must_bring_one(flow):
    assert refused(flow) == "Missing parameter account_token"
    assert flow.push().json["error_description"] == "Missing parameter account_token"


def test_O12_other_clients_may_send_anything(flow):
    assert "code" in flow.approve(client_id="rival", scope="service", account_token="a.b.c")


BAD = {
    "another key": account_token(key=b"x" * 32),
    "hexadecimal key": account_token(key=KEY.hex().encode()),
    "the secret itself": account_token(key=SECRET.encode()),
    "no MAC": account_token().rpartition(".")[0] + ".",
    "alg none": account_token({"typ": "JWT", "alg": "none"}),
    "HS512": account_token({"typ": "JWT", "alg": "HS512"}),
    "no typ": account_token({"alg": "HS256"}),
    "crit": account_token(HEADER | {"crit": ["exp"]}),
    "kid": account_token(HEADER | {"kid": "../../dev/null"}),
    "another client": account_token(azp="rival"),
    "no azp": account_token(azp=None),
    "no sub": account_token(sub=None),
    "empty sub": account_token(sub=""),
    "long sub": account_token(sub="x" * 256),
    "sub is a list": account_token(sub=["alice"]),
    "no iat": account_token(iat=None),
    "iat is text": account_token(iat=str(NOW)),
    "iat is true": account_token(iat=True),
    "old": account_token(iat=NOW - 601),
    "from the future": account_token(iat=NOW + 11),
    "no jti": account_token(jti=None),
    "empty jti": account_token(jti=""),
    "long jti": account_token(jti="x" * 257),
    "text": "x",
    "two parts": "eyJ9.eyJ9",
    "five parts": "a.b.c.d.e",
    "padded": account_token() + "=",
    "long": account_token(iss="x" * 5000),
    "a member twice": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ.e30.AAAA",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_OA_14_a_token_that_the_client_did_not_make_for_this_is_refused(flow, text):
    assert refused(flow, account_token=text) == "Invalid parameter account_token"
    assert flow.push(account_token=text).status_code == 400
    assert flow.store.used_identifiers == {}


def test_another_account_cannot_log_in_for_it(flow):
    address = urlsplit(flow.authorize(scope="service", account_token=account_token()).location).path
    answer = flow.log_in(address, username="bob")

    assert answer.status_code == 400
    assert flow.store.interactions == {}
    assert flow.log_in(address).status_code == 303


def test_a_live_session_of_another_account_does_not_answer(flow):
    flow.http.get(urlsplit(flow.authorize(client_id="rival").location).path)
    flow.log_in(urlsplit(flow.authorize(client_id="rival", scope="service").location).path, username="bob")
    page = flow.get(urlsplit(flow.authorize(scope="service", account_token=account_token()).location).path)

    assert 'name="password"' in page.text


def test_an_unknown_account_looks_like_any_other(flow):
    known = flow.authorize(scope="service", account_token=account_token())
    unknown = flow.authorize(scope="service", account_token=account_token(sub="nobody"))

    assert [flow.get(urlsplit(answer.location).path).status_code for answer in (known, unknown)] == [200, 200]


def test_O14_a_token_opens_one_login(flow):
    text = account_token()
    addresses = [urlsplit(flow.authorize(scope="service", account_token=text).location).path for _ in range(2)]
    answers = []
    for address in addresses:
        flow.http = flow.app.test_client()
        answers.append(flow.log_in(address).status_code)

    assert answers == [303, 410]


def test_O14_a_token_is_pushed_once(flow):
    text = account_token()

    assert [flow.push(account_token=text).status_code for _ in range(2)] == [201, 400]


def test_O14_a_token_that_grew_old_on_the_page_opens_no_login(flow):
    address = urlsplit(flow.authorize(scope="service", account_token=account_token()).location).path
    flow.get(address)
    flow.clock.now += 601

    assert flow.get(address).status_code == 400


def test_a_key_sealed_for_another_client_opens_nothing(flow):
    row = flow.store.client("app")
    flow.store.put_client(replace(row, client_id=ClientId("thief")))

    assert refused(flow, client_id="thief", account_token=account_token(azp="thief"))


def test_without_the_key_file_no_token_is_believed(flow):
    other = CodeFlow()
    other.store.put_client(flow.store.client("app"))

    assert refused(other, account_token=account_token()) == "Invalid parameter account_token"


def test_OA_15_the_key_is_sealed_and_in_no_answer(flow):
    row = flow.store.client("app")

    assert KEY not in row.account_token_key
    assert KEY.hex() not in repr(flow.events())
