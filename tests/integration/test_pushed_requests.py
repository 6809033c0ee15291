"""Pushed and rich requests, the face of the RFCs, metadata and introspection, as applications meet them."""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from integration.code_flow import (
    MAX_PAGES,
    Application,
    Browser,
    Grant,
    challenge_of,
    checked_tokens,
    evidence_for,
    rich_request,
)
from integration.csc_client import SHA256, TIMEOUT, CscClient, Json, Scheme, algorithm_for, digests_of, verify
from integration.one_time_codes import OneTimeCodes
from integration.service import Credential, Seed

FACES = pytest.mark.parametrize("face", ["/csc/v2/oauth2", "/oauth2"])
TYPES = ("credential", "https://cloudsignatureconsortium.org/2025/credential")


@pytest.fixture
def soonest(seed: Seed, codes: OneTimeCodes) -> Credential:
    """The oauth2code credential whose next code comes first."""
    return min(seed.of_kind("oauth2code", "2"), key=lambda c: codes.wait(c.totp_secret or ""))


def application_at(seed: Seed, face: str) -> Application:
    """Return the confidential csc2 client, which calls the endpoints of this face."""
    application = Application(seed.base_url, "v2", seed.csc2)
    application.oauth2 = seed.base_url + face
    return application


def push(application: Application, parameters: dict[str, Any], verifier: str) -> requests.Response:
    request = {
        "response_type": "code", "redirect_uri": application.redirect_uri, "state": "pushed",
        "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
    }  # fmt: skip
    return application._form("pushed_authorize", request | parameters)


def page_of(application: Application, request_uri: str, **more: str) -> str:
    query = {"client_id": application.client.client_id, "request_uri": request_uri} | more
    return f"{application.oauth2}/authorize?{urlencode(query)}"


def granted(
    application: Application, parameters: dict[str, Any], seed: Seed, credential: Credential | None = None
) -> Grant:
    """Push a request, send the first user through its pages, and return what comes back."""
    verifier = secrets.token_urlsafe(48)
    answer = push(application, parameters, verifier)
    assert answer.status_code == 201, answer.text
    browser = Browser()
    step = browser.open(page_of(application, answer.json()["request_uri"], state="ignored"), application.redirect_uri)
    for _ in range(MAX_PAGES):
        if isinstance(step, dict):
            break
        values = evidence_for(step, seed.users[0], credential)
        step = browser.submit(step, values, application.redirect_uri)
    assert isinstance(step, dict)
    assert (step["state"], step["iss"]) == ("pushed", application.base_url)
    return Grant(step, application.redirect_uri, verifier, parameters.get("authorization_details"))


def introspected(seed: Seed, token: str, *, name: str = "csc2") -> Json:
    application = Application(seed.base_url, "v2", getattr(seed, name))
    application.oauth2 = f"{seed.base_url}/oauth2"
    response = application._form("introspect", {"token": token})
    assert response.status_code == 200, response.text
    members: Json = response.json()
    return members


@pytest.mark.parametrize(("face", "kind"), [("/csc/v2/oauth2", TYPES[0]), ("/oauth2", TYPES[1])])
def test_OA_07_OA_08_a_pushed_rich_request_ends_in_a_signature(
    seed: Seed, soonest: Credential, face: str, kind: str
) -> None:
    application = application_at(seed, face)
    digests = digests_of(2, SHA256, f"pushed {face}")
    grant = granted(application, rich_request(soonest.credential_id, digests, SHA256, type=kind), seed, soonest)
    tokens = application.tokens(grant)
    told = introspected(seed, tokens["access_token"])
    client = CscClient(seed.base_url, "v2", tokens["access_token"])
    signatures = client.sign(soonest.credential_id, digests, algorithm_for(soonest))

    assert told["active"] is True
    assert told["authorization_details"] == tokens["authorization_details"]
    assert [entry["type"] for entry in tokens["authorization_details"]] == [kind]
    certificate = client.certificates(soonest.credential_id)[0]
    for digest, signature in zip(digests, signatures, strict=True):
        verify(certificate, digest, signature, Scheme(SHA256))


@FACES
def test_OA_07_a_pushed_service_request_gives_tokens_that_refresh_and_die(seed: Seed, face: str) -> None:
    application = application_at(seed, face)
    tokens = application.tokens(granted(application, {"scope": "service"}, seed))
    renewed = checked_tokens(
        application.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    )
    assert introspected(seed, renewed["access_token"])["client_id"] == seed.csc2.client_id
    assert application.revoke(renewed["refresh_token"]).status_code == (200 if face == "/oauth2" else 204)

    for token in (tokens["access_token"], renewed["access_token"], renewed["refresh_token"]):
        assert introspected(seed, token) == {"active": False}


def test_OA_19_introspection_tells_a_stranger_nothing(seed: Seed) -> None:
    application = application_at(seed, "/oauth2")
    token = application.tokens(granted(application, {"scope": "service"}, seed))["access_token"]

    assert introspected(seed, token, name="csc1") == {"active": False}


def test_OA_21_the_metadata_of_a_running_server_name_addresses_that_answer(seed: Seed) -> None:
    with requests.Session() as http:
        http.trust_env = False
        metadata = http.get(f"{seed.base_url}/.well-known/oauth-authorization-server", timeout=TIMEOUT).json()
        addresses = {name: value for name, value in metadata.items() if name.endswith("_endpoint")}
        answers = {
            name: http.post(address, data={"token": "x"}, timeout=TIMEOUT) for name, address in addresses.items()
        }

    assert metadata["issuer"] == seed.base_url
    expected = dict.fromkeys(addresses, 401) | {"authorization_endpoint": 405}
    assert {name: answer.status_code for name, answer in answers.items()} == expected
    assert all(answer.headers["Content-Type"].startswith("application/json") for answer in answers.values())


def test_OA_21_info_lists_the_endpoint_for_pushed_requests_on_2_x_alone(seed: Seed) -> None:
    listed = {version: CscClient(seed.base_url, version).call("info")["methods"] for version in ("v1", "v2")}

    assert "oauth2/pushed_authorize" in listed["v2"]
    assert "oauth2/pushed_authorize" not in listed["v1"]


def test_O9_a_signer_agrees_to_a_new_credential_and_to_its_end(seed: Seed) -> None:
    application = application_at(seed, "/oauth2")
    kind = "https://cloudsignatureconsortium.org/2025/credential-"
    wanted = {"type": kind + "creation", "credentialCreationRequest": {"subjectData": {"given_name": "Alice"}}}
    token = application.tokens(granted(application, {"authorization_details": json.dumps([wanted])}, seed))
    api = CscClient(seed.base_url, "v2", token["access_token"])
    body = {"credentialCreationRequest": wanted["credentialCreationRequest"]}
    made = api.post("credentials/create", body)
    assert made.status_code == 201, made.text
    name = made.json()["credentialID"]
    assert api.post("credentials/create", body).status_code == 401, "the signer agreed to one"

    doomed = {"type": kind + "deletion", "credentialID": name}
    tokens = application.tokens(granted(application, {"authorization_details": json.dumps([doomed])}, seed))
    api = CscClient(seed.base_url, "v2", tokens["access_token"])
    other = seed.of_kind("oauth2code", "2")[0].credential_id

    assert api.post("credentials/delete", {"credentialDeletionRequest": {"credentialID": other}}).status_code == 400
    assert api.post("credentials/delete", {"credentialDeletionRequest": {"credentialID": name}}).status_code == 204


def test_O16_the_server_chooses_a_credential_of_the_kind_that_was_asked_for(seed: Seed) -> None:
    application = application_at(seed, "/csc/v2/oauth2")
    digests = digests_of(1, SHA256, "kind of signature")
    asked = json.loads(rich_request("", digests, SHA256)["authorization_details"])[0]
    asked = {name: member for name, member in asked.items() if name != "credentialID"}
    request = {"authorization_details": json.dumps([asked | {"signatureQualifier": "jp_test_aes"}])}
    first = min(
        (c for c in seed.credentials if c.username == seed.users[0].username and c.auth_mode == "oauth2code"),
        key=lambda credential: credential.credential_id,
    )
    tokens = application.tokens(granted(application, request, seed, first))
    client = CscClient(seed.base_url, "v2", tokens["access_token"])
    signatures = client.sign(first.credential_id, digests, algorithm_for(first))

    assert tokens["credentialID"] == first.credential_id
    verify(client.certificates(first.credential_id)[0], digests[0], signatures[0], Scheme(SHA256))
