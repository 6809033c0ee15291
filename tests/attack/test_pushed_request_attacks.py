"""Attacks on pushed requests and introspection (OA-05, OA-07, OA-08, OA-09, OA-19; RFC 9126, 7)."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from attack.prescribed import refusal
from integration.code_flow import Application, Browser, Page, challenge_of, evidence_for, rich_request
from integration.csc_client import SHA256, digests_of
from integration.service import Seed

FOREIGN = "https://attacker.example/callback"
PREFIX = "urn:ietf:params:oauth:request_uri:"
FACES = pytest.mark.parametrize("face", ["/csc/v2/oauth2", "/oauth2"])
VERIFIER = secrets.token_urlsafe(48)
PARALLEL = 8


def application_at(seed: Seed, face: str, name: str = "csc2") -> Application:
    application = Application(seed.base_url, "v2", getattr(seed, name))
    application.oauth2 = seed.base_url + face
    return application


def push(application: Application, **changes: Any) -> requests.Response:
    request = {
        "response_type": "code", "redirect_uri": application.redirect_uri, "state": "pushed", "scope": "service",
        "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
    }  # fmt: skip
    data = {name: value for name, value in (request | changes).items() if value is not None}
    return application._form("pushed_authorize", data)


def handle_of(application: Application, **changes: Any) -> str:
    answer = push(application, **changes)
    assert answer.status_code == 201, answer.text
    handle = answer.json()["request_uri"]
    assert isinstance(handle, str)
    return handle


def opened(application: Application, request_uri: str, **more: str) -> requests.Response:
    query = urlencode({"client_id": application.client.client_id, "request_uri": request_uri} | more)
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"{application.oauth2}/authorize?{query}", allow_redirects=False, timeout=60)


def assert_no_page(response: requests.Response) -> None:
    assert response.status_code == 400, f"{response.status_code} {response.headers.get('Location')}"
    assert "Location" not in response.headers
    assert refusal(response)["error"] in {"invalid_request_uri", "invalid_request"}


def consent_page(seed: Seed, application: Application, browser: Browser, request_uri: str) -> Page:
    query = urlencode({"client_id": application.client.client_id, "request_uri": request_uri})
    step = browser.open(f"{application.oauth2}/authorize?{query}", application.redirect_uri)
    assert isinstance(step, Page)
    if step.is_login:
        step = browser.submit(step, evidence_for(step, seed.users[0], None), application.redirect_uri)
        assert isinstance(step, Page)
    return step


@FACES
def test_OA_07_a_handle_that_gave_a_code_is_used_up(seed: Seed, face: str) -> None:
    application = application_at(seed, face)
    handle = handle_of(application)
    browser = Browser()
    second = consent_page(seed, application, browser, handle)
    owner = Browser()
    answer = owner.submit(consent_page(seed, application, owner, handle), {}, application.redirect_uri)
    assert isinstance(answer, dict)
    assert "code" in answer

    assert_no_page(opened(application, handle))
    late = browser.submit(second, {}, application.redirect_uri)
    assert isinstance(late, Page), "the page that was open in another browser gives nothing any more"


@FACES
def test_OA_07_a_handle_of_another_client_opens_nothing(seed: Seed, face: str) -> None:
    owner, thief = application_at(seed, face), application_at(seed, face, "csc1")

    assert_no_page(opened(thief, handle_of(owner)))


@FACES
@pytest.mark.parametrize(
    "request_uri",
    [PREFIX, PREFIX + "x", PREFIX + "A" * 43, PREFIX + "A" * 4000, PREFIX + "\u0000", PREFIX + "../" * 9, PREFIX + "' OR 1=1--",
     PREFIX.upper() + "A" * 43],
    ids=range(8),
)  # fmt: skip
def test_OA_07_a_handle_that_was_never_given_opens_nothing(seed: Seed, face: str, request_uri: str) -> None:
    assert_no_page(opened(application_at(seed, face), request_uri))


@FACES
@pytest.mark.parametrize(
    "request_uri", ["https://attacker.example/r", "http://127.0.0.1:1/r", "file:///etc/passwd", "data:,x"]
)
def test_OA_09_no_request_uri_is_ever_fetched(seed: Seed, face: str, request_uri: str) -> None:
    application = application_at(seed, face)
    response = opened(application, request_uri, redirect_uri=application.redirect_uri, response_type="code")

    assert response.status_code == 302
    assert "error=request_uri_not_supported" in response.headers["Location"]
    pushed = push(application, request_uri=request_uri)
    assert (pushed.status_code, refusal(pushed)["error"]) == (400, "invalid_request")


@FACES
@pytest.mark.parametrize("request_object", ["eyJhbGciOiJub25lIn0.e30.", "x", "{}"])
def test_OA_09_no_request_object_is_taken(seed: Seed, face: str, request_object: str) -> None:
    pushed = push(application_at(seed, face), request=request_object)

    assert (pushed.status_code, refusal(pushed)["error"]) == (400, "request_not_supported")


@FACES
@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": FOREIGN}, {"redirect_uri": None}, {"redirect_uri": FOREIGN, "response_type": "token"},
     {"redirect_uri": FOREIGN, "scope": "admin"}, {"redirect_uri": FOREIGN, "code_challenge": None}],
    ids=str,
)  # fmt: skip
def test_OA_05_a_pushed_redirect_uri_is_the_clients_own(seed: Seed, face: str, changes: dict[str, Any]) -> None:
    response = push(application_at(seed, face), **changes)

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "attacker" not in response.text


@FACES
def test_OA_07_the_browser_cannot_change_what_was_pushed(seed: Seed, face: str) -> None:
    application = application_at(seed, face)
    response = opened(
        application, handle_of(application), redirect_uri=FOREIGN, state="stolen", scope="credential", response_type="token",
        code_challenge=challenge_of("w" * 43), prompt="none",
    )  # fmt: skip

    assert response.status_code == 302
    assert "attacker" not in response.headers["Location"]
    assert response.headers["Location"].startswith(f"{seed.base_url}/interaction/")


@FACES
def test_OA_07_nobody_pushes_in_the_name_of_a_client(seed: Seed, face: str) -> None:
    application = application_at(seed, face)
    with requests.Session() as http:
        http.trust_env = False
        address, data = f"{application.oauth2}/pushed_authorize", {"client_id": application.client.client_id}
        answers = [
            http.post(address, data=data, timeout=60),
            http.post(address, data=data | {"client_secret": "x" * 43}, timeout=60),
            http.post(address, data=data, auth=(seed.csc1.client_id, seed.csc1.client_secret or ""), timeout=60),
            http.post(address, data=data, auth=("nobody", "x"), timeout=60),
        ]

    assert [(answer.status_code, refusal(answer)["error"]) for answer in answers] == [(401, "invalid_client")] * 4


@FACES
def test_OA_08_a_thousand_and_one_digests_are_too_many_to_push(seed: Seed, face: str) -> None:
    application = application_at(seed, face)
    credential = seed.of_kind("oauth2code", "2")[0].credential_id
    many = [rich_request(credential, digests_of(number, SHA256, "many"), SHA256) for number in (1000, 1001)]
    answers = [push(application, scope=None, **details) for details in many]

    assert [answer.status_code for answer in answers] == [201, 400]
    assert refusal(answers[1])["error"] == "invalid_authorization_details"


def test_RL_03_of_parallel_consents_on_one_handle_one_gives_a_code(seed: Seed) -> None:
    application = application_at(seed, "/oauth2")
    handle = handle_of(application)
    browsers = [Browser() for _ in range(PARALLEL)]
    pages = [consent_page(seed, application, browser, handle) for browser in browsers]
    with ThreadPoolExecutor(PARALLEL) as pool:
        steps = list(
            pool.map(
                lambda pair: pair[0].submit(pair[1], {}, application.redirect_uri), zip(browsers, pages, strict=True)
            )
        )

    assert len([step for step in steps if isinstance(step, dict) and "code" in step]) == 1


@pytest.mark.parametrize(
    "address", ["v2.x.y", "v2." + "A" * 43 + ".eJw", "v3." + "A" * 43 + ".eJw", "rfc..", "v1." + "A" * 20_000]
)
def test_OA_05_a_made_up_address_of_a_page_leads_nowhere(seed: Seed, address: str) -> None:
    with requests.Session() as http:
        http.trust_env = False
        response = http.get(f"{seed.base_url}/interaction/{address}", allow_redirects=False, timeout=60)

    assert 400 <= response.status_code < 500
    assert "Location" not in response.headers


def test_OA_19_introspection_is_no_oracle(seed: Seed) -> None:
    """A stranger's real token, a revoked one, an unknown one and one of another kind have one answer."""
    owner, stranger = application_at(seed, "/oauth2"), application_at(seed, "/oauth2", "csc1")
    tokens = owner.tokens(owner.ask({"scope": "service"}, seed.users[0]))
    revoked = owner.tokens(owner.ask({"scope": "service"}, seed.users[0]))
    owner.revoke(revoked["refresh_token"])
    own_code = owner.ask({"scope": "service"}, seed.users[0]).code
    asked = [
        tokens["access_token"],
        tokens["refresh_token"],
        revoked["access_token"],
        own_code,
        "A" * 43,
        "\u00e9",
        "x" * 9000,
    ]
    answers = [stranger._form("introspect", {"token": token}) for token in asked]

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, '{"active":false}')}
