"""Attacks on the authorization server and its pages (OA-01 to OA-23, AU-09 to AU-11)."""

import copy
import re
import secrets
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from attack.prescribed import HEADER, assert_refused, refusal
from attack.raw_http import RawResponse, send
from integration.code_flow import Application, Browser, Page, challenge_of, evidence_for, is_at, rich_request
from integration.csc_client import SHA256, CscClient, digests_of
from integration.service import Client, Seed

FOREIGN = "https://attacker.example/callback"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
FACES = pytest.mark.parametrize("face", ["/csc/v1/oauth2", "/csc/v2/oauth2", "/oauth2"])
CONFIDENTIAL = pytest.mark.parametrize("name", ["csc1", "csc2"])
VERIFIER = secrets.token_urlsafe(48)


def query_of(client: Client, **changes: Any) -> dict[str, Any]:
    """Return the parameters of a request without fault, with changes; None leaves one out."""
    query = {
        "response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uris[0],
        "scope": "service", "state": "the-state", "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }  # fmt: skip
    return {name: value for name, value in (query | changes).items() if value is not None}


def authorize(seed: Seed, face: str, query: dict[str, Any] | str) -> requests.Response:
    text = query if isinstance(query, str) else urlencode(query, doseq=True)
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"{seed.base_url}{face}/authorize?{text}", allow_redirects=False, timeout=60)


def error_sent_to(response: requests.Response, redirect_uri: str) -> str:
    """Return the error that a redirect brings to the application; a page or a code is a failure."""
    assert response.status_code in {302, 303}, f"{response.status_code} {response.text[:300]}"
    location = response.headers["Location"]
    assert is_at(location, redirect_uri), location
    answer = parse_qs(urlsplit(location).query)
    assert "code" not in answer
    return answer["error"][0]


def assert_stays_here(seed: Seed, response: requests.Response) -> None:
    """OA-05: an error that is shown, never sent on; nothing on the page leads to the foreign address."""
    assert response.status_code == 400, f"{response.status_code} {response.text[:300]}"
    assert "Location" not in response.headers
    assert "Refresh" not in response.headers
    assert not re.search(r"""(href|action|src|content)\s*=\s*["'][^"']*attacker""", response.text, re.IGNORECASE)
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert media_type in {"application/json", "text/html"}


ERROR_PATHS: dict[str, dict[str, Any]] = {
    "nothing else": {},
    "response_type missing": {"response_type": None},
    "response_type token": {"response_type": "token"},
    "response_type code token": {"response_type": "code token"},
    "scope unknown": {"scope": "admin"},
    "scope twice in one": {"scope": "service credential"},
    "credential without id": {"scope": "credential"},
    "no PKCE": {"code_challenge": None, "code_challenge_method": None},
    "plain": {"code_challenge_method": "plain"},
    "short challenge": {"code_challenge": "x"},
    "bad authorization_details": {"authorization_details": "{", "scope": None},
    "request object": {"request": "eyJhbGciOiJub25lIn0.e30."},
    "request_uri": {"request_uri": "https://attacker.example/request"},
    "prompt none": {"prompt": "none"},
    "response_mode": {"response_mode": "form_post"},
    "long state": {"state": "x" * 6000},
    "state with controls": {"state": "a\r\nLocation: https://attacker.example"},
}


@FACES
@CONFIDENTIAL
@pytest.mark.parametrize("path", ERROR_PATHS)
def test_OA_05_no_error_path_redirects_to_a_foreign_address(seed: Seed, face: str, name: str, path: str) -> None:
    client: Client = getattr(seed, name)

    assert_stays_here(seed, authorize(seed, face, query_of(client, redirect_uri=FOREIGN) | _set(ERROR_PATHS[path])))
    unknown = query_of(client, client_id="nobody", redirect_uri=FOREIGN) | _set(ERROR_PATHS[path])
    assert_stays_here(seed, authorize(seed, face, unknown))
    nameless = query_of(client, client_id=None, redirect_uri=FOREIGN) | _set(ERROR_PATHS[path])
    assert_stays_here(seed, authorize(seed, face, nameless))


def _set(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in changes.items()}


@FACES
@pytest.mark.parametrize("client_id", ["nobody", "", "x" * 3000, "csc1'--", "\u0000"], ids=repr)
def test_OA_05_an_unknown_client_gets_no_redirect_even_to_a_known_address(
    seed: Seed, face: str, client_id: str
) -> None:
    response = authorize(seed, face, query_of(seed.csc2, client_id=client_id))

    assert_stays_here(seed, response)


def variants(redirect_uri: str) -> Iterable[str]:
    parts = urlsplit(redirect_uri)
    origin = f"{parts.scheme}://{parts.netloc}"
    yield from (
        redirect_uri + "/", redirect_uri + "x", redirect_uri + "?a=b", redirect_uri + "?", redirect_uri + "#", redirect_uri + "#a",
        redirect_uri + "/../x", redirect_uri + "%2e", redirect_uri + "%00", redirect_uri + ";a", redirect_uri + " ", " " + redirect_uri,
        redirect_uri[:-1], redirect_uri.upper(), redirect_uri + "\n", redirect_uri + "\\@attacker.example",
        origin, origin + "/", f"{parts.scheme}://attacker.example{parts.path}",
        f"{parts.scheme}://user@{parts.netloc}{parts.path}", f"{parts.scheme}://{parts.netloc}@attacker.example{parts.path}",
        f"{parts.scheme}://{parts.hostname}.attacker.example{parts.path}", f"//{parts.netloc}{parts.path}",
        f"{parts.scheme.upper()}://{parts.netloc}{parts.path}", f"javascript:alert(1)//{parts.netloc}", "data:text/html,x",
        f"{origin}/%2e%2e{parts.path}", f"{origin}//{parts.path}", "", "/relative", "null", "*",
    )  # fmt: skip


@FACES
@pytest.mark.parametrize("name", ["csc1", "csc2", "native"])
def test_OA_04_no_variant_of_a_redirect_uri_is_taken(seed: Seed, face: str, name: str) -> None:
    client: Client = getattr(seed, name)
    registered = client.redirect_uris[0]
    for variant in variants(registered):
        if variant == "" and name == "csc1":
            continue  # empty is absent (interop O8), and v1 then takes the registered one (CSC 1.0.4.0, 8.3.2)
        response = authorize(seed, face, query_of(client, redirect_uri=variant))
        assert response.status_code == 400, f"{variant!r}: {response.status_code} {response.headers.get('Location')}"
        assert "Location" not in response.headers


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://localhost:{port}{path}", "http://127.0.0.1.attacker.example:{port}{path}", "https://127.0.0.1:{port}{path}",
     "http://127.0.0.1:{port}@attacker.example{path}", "http://attacker.example:{port}{path}", "http://127.1:{port}{path}",
     "http://2130706433:{port}{path}", "http://0.0.0.0:{port}{path}", "http://[::ffff:127.0.0.1]:{port}{path}",
     "http://127.0.0.1:{port}{path}/more", "http://127.0.0.1:{port}/", "http://127.0.0.1:{port}{path}?x=1",
     "http://127.0.0.1:99999{path}", "http://127.0.0.1:x{path}", "http://127.0.0.1:-1{path}", "http://127.0.0.1:{port} {path}",
     "http://user@127.0.0.1:{port}{path}", "HTTP://127.0.0.1:{port}{path}"],
)  # fmt: skip
def test_OA_04_a_native_client_varies_its_port_and_nothing_else(seed: Seed, redirect_uri: str) -> None:
    path = urlsplit(seed.native.redirect_uris[0]).path
    response = authorize(
        seed, "/csc/v2/oauth2", query_of(seed.native, redirect_uri=redirect_uri.format(port=5123, path=path))
    )

    assert response.status_code == 400, response.headers.get("Location")
    assert "Location" not in response.headers


def test_OA_04_a_confidential_client_does_not_vary_its_port(seed: Seed) -> None:
    for client in (seed.csc1, seed.csc2):
        parts = urlsplit(client.redirect_uris[0])
        moved = parts._replace(netloc=f"{parts.hostname}:5123").geturl()

        assert authorize(seed, "/csc/v2/oauth2", query_of(client, redirect_uri=moved)).status_code == 400


@FACES
@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", "code id_token", "none", "CODE", "code "])
def test_OA_01_only_codes_are_given(seed: Seed, face: str, response_type: str) -> None:
    response = authorize(seed, face, query_of(seed.csc2, response_type=response_type))
    error = error_sent_to(response, seed.csc2.redirect_uris[0])

    assert error in {"unsupported_response_type", "invalid_request"}
    location = parse_qs(urlsplit(response.headers["Location"]).query)
    assert location["iss"] == [seed.base_url], "OA-06: errors too name the issuer"
    assert location["state"] == ["the-state"]


@FACES
@pytest.mark.parametrize(
    "scope", ["admin", "service admin", "service credential", "Service", "openid", "credential\u00e9"]
)
def test_OA_18_an_unknown_scope_is_never_dropped(seed: Seed, face: str, scope: str) -> None:
    response = authorize(seed, face, query_of(seed.csc2, scope=scope))

    assert error_sent_to(response, seed.csc2.redirect_uris[0]) == "invalid_scope"


CHALLENGE = challenge_of(VERIFIER)
BAD_PKCE: dict[str, dict[str, str | None]] = {
    "missing": {"code_challenge": None, "code_challenge_method": None},
    "method without challenge": {"code_challenge": None},
    "empty": {"code_challenge": ""},
    "plain": {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    "no method, which means plain": {"code_challenge_method": None},
    "method in lower case": {"code_challenge_method": "s256"},
    "unknown method": {"code_challenge_method": "S512"},
    "short": {"code_challenge": CHALLENGE[:-1]},
    "long": {"code_challenge": CHALLENGE + "A"},
    "padded": {"code_challenge": CHALLENGE + "="},
    "line break at the end": {"code_challenge": CHALLENGE[:-1] + "\n"},
    "line break after it": {"code_challenge": CHALLENGE + "\n"},
    "standard base64": {"code_challenge": "+/" + CHALLENGE[2:]},
    "full-width digit": {"code_challenge": CHALLENGE[:-1] + "\uff11"},
}


@FACES
@pytest.mark.parametrize("name", ["csc2", "native"])
@pytest.mark.parametrize("fault", BAD_PKCE)
def test_OA_02_only_a_whole_S256_challenge_will_do(seed: Seed, face: str, name: str, fault: str) -> None:
    client: Client = getattr(seed, name)
    response = authorize(seed, face, query_of(client, **BAD_PKCE[fault]))

    assert error_sent_to(response, client.redirect_uris[0]) == "invalid_request"


@pytest.mark.parametrize("fault", sorted(BAD_PKCE.keys() - {"missing"}))
def test_OA_02_a_csc1_client_that_sends_PKCE_must_send_it_right(seed: Seed, fault: str) -> None:
    response = authorize(seed, "/csc/v1/oauth2", query_of(seed.csc1, **BAD_PKCE[fault]))

    assert error_sent_to(response, seed.csc1.redirect_uris[0]) == "invalid_request"


def refused_redemption(response: requests.Response, *errors: str) -> None:
    members = refusal(response)
    assert response.status_code == 400
    assert members["error"] in (errors or ("invalid_grant",)), members


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "verifier",
    [None, "", "x", VERIFIER[:42], CHALLENGE, VERIFIER + "\n", VERIFIER.swapcase(), "x" * 129, "\u00e9" * 43],
    ids=["absent", "empty", "short", "42", "the challenge", "line break", "case", "long", "not ASCII"],
)
def test_OA_02_a_code_with_a_challenge_needs_its_verifier(seed: Seed, version: str, verifier: str | None) -> None:
    """No downgrade: the challenge that was sent is asked for, of a csc1 client too."""
    application = Application(seed.base_url, version, seed.csc1)
    grant = application.ask({"scope": "service"}, seed.users[0])
    data = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
    if verifier is not None:
        data["code_verifier"] = verifier

    refused_redemption(application.token(data), "invalid_grant", "invalid_request")


def test_OA_02_a_code_without_a_challenge_takes_no_verifier(seed: Seed) -> None:
    application = Application(seed.base_url, "v1", seed.csc1)
    grant = application.ask({"scope": "service"}, seed.users[0], pkce=False)

    refused_redemption(application.redeem(grant, code_verifier=VERIFIER), "invalid_grant", "invalid_request")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_OA_03_a_code_tried_by_another_client_is_dead(seed: Seed, version: str) -> None:
    owner, thief = (Application(seed.base_url, version, client) for client in (seed.csc2, seed.csc1))
    grant = owner.ask({"scope": "service"}, seed.users[0])

    refused_redemption(thief.redeem(grant))
    refused_redemption(thief.redeem(grant, client_id=seed.csc2.client_id), "invalid_grant", "invalid_request", "invalid_client")  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_OA_04_the_redirect_uri_of_the_redemption_is_the_one_of_the_request(seed: Seed, version: str) -> None:
    application = Application(seed.base_url, version, seed.csc2)
    for changed in (FOREIGN, application.redirect_uri + "/", ""):
        grant = application.ask({"scope": "service"}, seed.users[0])
        members = refusal(application.redeem(grant, redirect_uri=changed))

        assert members["error"] in {"invalid_grant", "invalid_request"}
        if changed == FOREIGN:
            text = "redirect_uri parameter does not match redirect_uri parameter of authorization request"
            assert members == {"error": "invalid_grant", "error_description": text}


# --- how parameters are sent ------------------------------------------------------------------------------------


@FACES
@pytest.mark.parametrize("twice", ["client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge"])
def test_OA_17_a_parameter_sent_twice_to_authorize_is_refused(seed: Seed, face: str, twice: str) -> None:
    query = query_of(seed.csc2)
    for second in (query[twice], FOREIGN if twice == "redirect_uri" else "other"):
        response = authorize(seed, face, [*query.items(), (twice, second)])  # type: ignore[arg-type]
        if "Location" in response.headers:
            assert twice not in {"client_id", "redirect_uri"}, "OA-05: neither is known for certain"
            assert error_sent_to(response, seed.csc2.redirect_uris[0]) == "invalid_request"
        else:
            assert response.status_code == 400


def form(seed: Seed, path: str, body: bytes | str, *headers: tuple[str, str | bytes]) -> RawResponse:
    data = body.encode() if isinstance(body, str) else body
    return send(seed.base_url, "POST", path, [FORM, *headers], data)


def basic_header(client: Client) -> tuple[str, str]:
    value = requests.auth._basic_auth_str(client.client_id, client.client_secret or "")
    return "Authorization", value


def assert_oauth_error(response: RawResponse, *statuses: int) -> str:
    assert response.status in (statuses or (400,)), (response.status, response.body[:300])
    assert response.media_type == "application/json"
    members = response.json()
    assert "access_token" not in members
    assert "no-store" in response.headers["Cache-Control"]
    error = members["error"]
    assert isinstance(error, str)
    return error


@FACES
def test_OA_17_a_parameter_sent_twice_to_token_is_refused(seed: Seed, face: str) -> None:
    for body in (
        "grant_type=client_credentials&grant_type=client_credentials&scope=service",
        "grant_type=client_credentials&scope=service&scope=service",
        f"grant_type=client_credentials&client_id={seed.csc2.client_id}&client_id={seed.csc2.client_id}",
    ):
        error = assert_oauth_error(form(seed, f"{face}/token", body, basic_header(seed.csc2)))
        assert error == "invalid_request"


@FACES
@pytest.mark.parametrize("endpoint", ["token", "revoke"])
def test_OA_17_parameters_in_the_query_are_not_read(seed: Seed, face: str, endpoint: str) -> None:
    query = f"?grant_type=client_credentials&scope=service&client_id={seed.csc2.client_id}&token=x"
    response = form(seed, f"{face}/{endpoint}{query}", b"", basic_header(seed.csc2))

    assert assert_oauth_error(response, 400) == "invalid_request"
    secret = f"?client_id={seed.csc2.client_id}&client_secret={seed.csc2.client_secret}"
    response = form(seed, f"{face}/{endpoint}{secret}", "grant_type=client_credentials&token=x")
    assert_oauth_error(response, 400, 401)


@FACES
@pytest.mark.parametrize("endpoint", ["token", "revoke"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b'{"grant_type":"client_credentials"}'), ("text/plain", b"grant_type=client_credentials"),
     ("multipart/form-data; boundary=x", b"--x--"), ("", b"grant_type=client_credentials"),
     ("application/x-www-form-urlencoded", b"grant_type=\xff\xfe"), ("application/x-www-form-urlencoded", b"%ff%fe=%zz&%"),
     ("application/x-www-form-urlencoded", b""), ("application/x-www-form-urlencoded", b"a=b&" * 5000),
     ("application/x-www-form-urlencoded", b"grant_type=" + b"x" * 100_000),
     ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=%00")],
)  # fmt: skip
def test_OA_17_a_body_that_is_no_form_is_refused(
    seed: Seed, face: str, endpoint: str, content_type: str, body: bytes
) -> None:
    headers = [basic_header(seed.csc2), *([("Content-Type", content_type)] if content_type else [])]
    response = send(seed.base_url, "POST", f"{face}/{endpoint}", headers, body)

    assert_oauth_error(response, 400, 401, 413, 415)


@FACES
def test_OA_01_other_grants_are_not_served(seed: Seed, face: str) -> None:
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "", "AUTHORIZATION_CODE"):  # fmt: skip
        body = urlencode({"grant_type": grant, "username": seed.users[0].username, "password": seed.users[0].password})
        error = assert_oauth_error(form(seed, f"{face}/token", body, basic_header(seed.csc2)))
        assert error in {"invalid_request", "unsupported_grant_type"}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rows_of_the_token_endpoint(seed: Seed, version: str) -> None:
    application = Application(seed.base_url, version, seed.csc2)
    rows: list[tuple[dict[str, str], str, str]] = [
        ({}, "invalid_request", "Missing parameter grant_type"),
        ({"grant_type": "x"}, "invalid_request", "Invalid parameter grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request", "Missing parameter code"),
        ({"grant_type": "refresh_token"}, "invalid_request", "Missing parameter refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": "A" * 43}, "invalid_grant", "Invalid parameter refresh_token"),
    ]  # fmt: skip
    for data, error, text in rows:
        assert_refused(application.token(data), 400, error, text)
    response = application.token({"grant_type": "authorization_code", "code": "A" * 43, "redirect_uri": application.redirect_uri, "code_verifier": VERIFIER})  # fmt: skip
    members = refusal(response)
    assert members["error"] == "invalid_grant"
    assert members["error_description"] in {"Invalid parameter code", "Authorization code is invalid or expired"}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("endpoint", ["token", "revoke"])
def test_rows_of_client_authentication(seed: Seed, version: str, endpoint: str) -> None:
    path = f"/csc/{version}/oauth2/{endpoint}"
    rest = {"grant_type": "client_credentials", "token": "x"}
    client = seed.csc2.client_id
    nobody = form(seed, path, urlencode(rest))
    no_secret = form(seed, path, urlencode(rest | {"client_id": client}))
    unknown = form(seed, path, urlencode(rest | {"client_id": "nobody", "client_secret": "x"}))
    wrong = form(seed, path, urlencode(rest | {"client_id": client, "client_secret": "x"}))

    for response, text in (
        (nobody, "Missing parameter client_id"), (no_secret, "Client authorization required"),
        (unknown, "Invalid parameter client_id"), (wrong, "Invalid parameter client_secret"),
    ):  # fmt: skip
        assert_oauth_error(response, 400, 401)
        assert response.json()["error"] in {"invalid_request", "invalid_client"}
        if response in (nobody, no_secret):
            assert response.json()["error_description"] == text


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rows_of_the_revocation_endpoint(seed: Seed, version: str) -> None:
    application = Application(seed.base_url, version, seed.csc2)
    assert_refused(application._form("revoke", {}), 400, "invalid_request", "Missing parameter token")
    hint = {"token": "A" * 43, "token_type_hint": "id_token"}
    assert_refused(application._form("revoke", hint), 400, "invalid_request", "Invalid parameter token_type_hint")
    assert_refused(application.revoke("A" * 43), 400, "invalid_request", "Invalid string parameter token")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_OA_22_a_token_in_the_query_or_the_body_opens_nothing(seed: Seed, token: str, version: str) -> None:
    path = f"/csc/{version}/credentials/list"
    json_type = ("Content-Type", "application/json")
    row = (400, "invalid_request", HEADER[version]["credentials/list"])
    for response in (
        send(seed.base_url, "POST", f"{path}?access_token={token}", [json_type], b"{}"),
        send(seed.base_url, "POST", path, [json_type], f'{{"access_token":"{token}"}}'.encode()),
    ):
        found = response.json()
        assert (response.status, found["error"], found["error_description"]) == row
    posted = send(seed.base_url, "POST", path, [FORM], f"access_token={token}".encode())
    assert posted.status in {400, 401, 415}
    both = send(seed.base_url, "POST", f"{path}?access_token={token}", [json_type, ("Authorization", f"Bearer {token}")], b"{}")  # fmt: skip
    assert both.status in {400, 401}, "RFC 6750, 2: one way a request"


@FACES
@pytest.mark.parametrize("endpoint", ["token", "revoke"])
@pytest.mark.parametrize(
    "value",
    [b"Basic", b"Basic ", b"Basic !!!!", b"Basic bm9jb2xvbg==", b"Basic Og==", b"Basic //79Ojo=", b"Basic \xff\xfe", b"Basic dXNlcjpwYXNz dXNlcjpwYXNz",
     b"Basic " + b"QUFB" * 2048, b"Basic 4pyTOuKckw==", b"Basic AAAA", b"Bearer x", b"basic", b"Digest username=x", b"Basic dXNlcjpwYXN"],
    ids=["alone", "blank", "no base64", "no colon", "only a colon", "not UTF-8", "raw bytes", "two", "8 KiB", "not ASCII", "NUL",
         "Bearer", "lower case alone", "Digest", "cut off"],
)  # fmt: skip
def test_OA_23_a_malformed_client_header_is_an_OAuth_error(seed: Seed, face: str, endpoint: str, value: bytes) -> None:
    response = form(seed, f"{face}/{endpoint}", "grant_type=client_credentials&token=x", ("Authorization", value))

    assert assert_oauth_error(response, 400, 401) in {"invalid_client", "invalid_request"}


@FACES
def test_OA_10_two_ways_of_authentication_are_one_too_many(seed: Seed, face: str) -> None:
    client = seed.csc2
    body = urlencode({"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret})  # fmt: skip
    mixed = urlencode({"grant_type": "client_credentials", "client_id": seed.csc1.client_id})

    for data in (body, mixed):
        response = form(seed, f"{face}/token", data, basic_header(client))
        assert assert_oauth_error(response, 400, 401) in {"invalid_client", "invalid_request"}
    twice = form(seed, f"{face}/token", "grant_type=client_credentials", basic_header(client), basic_header(client))
    assert_oauth_error(twice, 400, 401)


@FACES
def test_OA_16_a_public_client_may_not_pose_as_a_confidential_one(seed: Seed, face: str) -> None:
    for client in (seed.csc1, seed.csc2):
        for secret in ({}, {"client_secret": ""}, {"client_secret": "\u0000"}):
            body = urlencode({"grant_type": "client_credentials", "client_id": client.client_id, **secret})
            assert_oauth_error(form(seed, f"{face}/token", body), 400, 401)


# --- authorization_details --------------------------------------------------------------------------------------

GOOD_DETAIL = '"type":"credential","credentialID":"%s","hashAlgorithmOID":"' + SHA256 + '","documentDigests":[{"hash":"%s","label":"a"}]'  # fmt: skip
DIGEST = "sTOgwOm+474gFj0q0x1iSNspKqbcse4IeiqlDg/HWuI="


@FACES
@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", "[]", "[{}]", "[5]", "null", "[" * 5000, '[{"type":"other"}]', "[{%s},{%s}]", '[{%s,"credentialID":"x"}]',
     '[{%s,"numSignatures":NaN}]', '[{%s,"numSignatures":0}]', '[{%s,"numSignatures":-1}]', '[{%s,"numSignatures":true}]',
     '[{%s,"numSignatures":"1"}]', '[{%s,"numSignatures":100000}]', '[{%s,"hashAlgorithmOID":"1.3.14.3.2.26"}]',
     '[{"type":"credential","credentialID":"CRED","hashAlgorithmOID":"1.3.14.3.2.26","documentDigests":[{"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAA=","label":"a"}]}]',
     '[{"type":"credential","credentialID":"CRED","hashAlgorithmOID":"2.16.840.1.101.3.4.2.1","documentDigests":[]}]',
     '[{"type":"credential","credentialID":"CRED","hashAlgorithmOID":"2.16.840.1.101.3.4.2.1","documentDigests":[{"hash":"AAAA","label":"a"}]}]',
     '[{"type":"credential","credentialID":"CRED","hashAlgorithmOID":"2.16.840.1.101.3.4.2.1","documentDigests":[{"hash":5,"label":"a"}]}]',
     '[{"type":"credential","credentialID":"CRED","hashAlgorithmOID":"2.16.840.1.101.3.4.2.1"}]',
     '[{"type":"credential","hashAlgorithmOID":"2.16.840.1.101.3.4.2.1","documentDigests":[{"hash":"' + DIGEST + '","label":"a"}]}]'],
    ids=range(24),
)  # fmt: skip
def test_OA_08_authorization_details_with_a_fault_reach_no_page(seed: Seed, face: str, text: str) -> None:
    credential = seed.of_kind("oauth2code", "2")[0].credential_id
    good = GOOD_DETAIL % (credential, DIGEST)
    value = text.replace("%s", good).replace("CRED", credential)
    response = authorize(seed, face, query_of(seed.csc2, scope=None, authorization_details=value))
    if not value:
        assert response.status_code in {302, 303, 400}
        return
    if response.status_code == 400:
        assert "Location" not in response.headers
        return
    assert error_sent_to(response, seed.csc2.redirect_uris[0]) in {"invalid_request", "invalid_authorization_details"}


@FACES
def test_OA_08_a_thousand_and_one_digests_are_too_many(seed: Seed, face: str) -> None:
    """The URL itself is too long for them, so the refusal may come from the server in front."""
    credential = seed.of_kind("oauth2code", "2")[0].credential_id
    details = rich_request(credential, digests_of(1001, SHA256, "too many"), SHA256)
    response = authorize(seed, face, query_of(seed.csc2, scope=None, **details))

    assert response.status_code in {302, 303, 400, 413, 414, 431}
    if "Location" in response.headers:
        assert error_sent_to(response, seed.csc2.redirect_uris[0])


# --- Host and forwarded headers ---------------------------------------------------------------------------------

SPOOFED = [
    [("X-Forwarded-Host", "attacker.example")], [("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "1")],
    [("Forwarded", "for=1.2.3.4;host=attacker.example;proto=https")], [("X-Original-URL", "/attacker.example")],
    [("X-Forwarded-Prefix", "//attacker.example")], [("X-Rewrite-URL", "/attacker.example")],
]  # fmt: skip


@pytest.mark.parametrize("path", ["/csc/v1/info", "/csc/v2/info"])
def test_IN_09_another_Host_appears_in_no_answer(seed: Seed, path: str) -> None:
    json_type = ("Content-Type", "application/json")
    hosts = ["attacker.example", "attacker.example:80", "127.0.0.1@attacker.example", "", "a b", "[", "x" * 300]
    for host in hosts:
        response = send(seed.base_url, "POST", path, [json_type], b"{}", host=host or " ")
        assert response.status in {200, 400, 404, 421}, (host, response.status)
        assert b"attacker" not in response.body
    for headers in SPOOFED:
        response = send(seed.base_url, "POST", path, [json_type, *headers], b"{}")
        assert response.status == 200
        assert b"attacker" not in response.body


@FACES
def test_IN_09_another_Host_leads_no_browser_away(seed: Seed, face: str) -> None:
    target = f"{face}/authorize?{urlencode(query_of(seed.csc2))}"
    answers = [send(seed.base_url, "GET", target, host="attacker.example")]
    answers += [send(seed.base_url, "GET", target, headers) for headers in SPOOFED]
    for response in answers:
        assert response.status < 500
        assert "attacker" not in response.headers.get("Location", "")
        assert b"attacker" not in response.body
        assert "attacker" not in (response.headers.get("Set-Cookie") or "")


# --- pages ------------------------------------------------------------------------------------------------------


def login_page(seed: Seed, browser: Browser, parameters: dict[str, Any] | None = None) -> Page:
    application = Application(seed.base_url, "v2", seed.csc2)
    url = application.authorization_url(parameters or {"scope": "service"}, verifier=VERIFIER, state="the-state")
    page = browser.open(url, application.redirect_uri)
    assert isinstance(page, Page)
    assert page.is_login
    return page


def consent_page(seed: Seed, browser: Browser) -> Page:
    page = browser.submit(login_page(seed, browser), evidence_for_first(seed), seed.csc2.redirect_uris[0])
    assert isinstance(page, Page), page
    assert not page.is_login
    return page


def evidence_for_first(seed: Seed) -> dict[str, str]:
    return {"username": seed.users[0].username, "password": seed.users[0].password}


def post_form(
    browser: Browser, page: Page, values: dict[str, str], *, without: str = "", changes: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> requests.Response:  # fmt: skip
    """Post the approving form of a page with fields left out or replaced and headers of one's own."""
    target, button = page.find(approve=True, roles=frozenset(values))
    data = {entry.name: values.get(entry.role, entry.value) for entry in target.fields if entry.name != without}
    data |= changes or {}
    if button.name:
        data[button.name] = button.value
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
    sent = {"Origin": origin} | (headers or {})
    return browser.http.post(
        urljoin(page.url, button.action or target.action), data=data, allow_redirects=False, timeout=60,
        headers={name: value for name, value in sent.items() if value},
    )  # fmt: skip


def csrf_field(page: Page) -> str:
    form_, _ = page.find(approve=True)
    found = [entry.name for entry in form_.fields if entry.kind == "hidden" and re.search(r"csrf|token", entry.name)]
    assert found, f"AU-10: the form has no token: {[entry.name for entry in form_.fields]}"
    return found[0]


def value_of(page: Page, name: str) -> str:
    form_, _ = page.find(approve=True)
    return next(entry.value for entry in form_.fields if entry.name == name)


def gives_a_code(response: requests.Response) -> bool:
    return "code=" in response.headers.get("Location", "")


def assert_post_refused(response: requests.Response) -> None:
    assert response.status_code in {400, 403, 404}, f"{response.status_code} {response.headers.get('Location')}"
    assert "Location" not in response.headers


def test_AU_10_consent_needs_the_token_of_its_own_page(seed: Seed) -> None:
    browser, stranger = Browser(), Browser()
    page, foreign = consent_page(seed, browser), consent_page(seed, stranger)
    name = csrf_field(page)
    for attempt in (
        post_form(browser, page, {}, without=name),
        post_form(browser, page, {}, changes={name: ""}),
        post_form(browser, page, {}, changes={name: value_of(page, name)[:-1] + "A" * 3}),
        post_form(browser, page, {}, changes={name: value_of(foreign, name)}),
        post_form(browser, page, {}, changes={name: "\u00e9" * 43}),
    ):
        assert_post_refused(attempt)

    assert gives_a_code(post_form(browser, page, {})), "the page itself is good still"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://attacker.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"}, {"Origin": "x"},
     {"Sec-Fetch-Site": "cross-site", "Origin": "https://attacker.example"}],
    ids=str,
)  # fmt: skip
def test_AU_10_a_post_from_another_origin_is_refused(seed: Seed, headers: dict[str, str]) -> None:
    browser = Browser()
    page = consent_page(seed, browser)
    assert_post_refused(post_form(browser, page, {}, headers=headers))

    assert gives_a_code(post_form(browser, page, {}))


def test_AU_10_login_needs_its_token_and_origin_too(seed: Seed) -> None:
    browser = Browser()
    page = login_page(seed, browser)
    values = evidence_for_first(seed)
    assert_post_refused(post_form(browser, page, values, without=csrf_field(page)))
    assert_post_refused(post_form(browser, page, values, headers={"Origin": "https://attacker.example"}))


def test_AU_10_consent_is_not_given_by_a_GET(seed: Seed) -> None:
    browser = Browser()
    page = consent_page(seed, browser)
    target, button = page.find(approve=True)
    data = {entry.name: entry.value for entry in target.fields} | ({button.name: button.value} if button.name else {})
    response = browser.http.get(urljoin(page.url, target.action), params=data, allow_redirects=False, timeout=60)

    assert not gives_a_code(response)
    assert response.status_code < 500
    assert gives_a_code(post_form(browser, page, {}))


def test_AU_10_a_consent_is_given_once(seed: Seed) -> None:
    browser = Browser()
    page = consent_page(seed, browser)

    assert gives_a_code(post_form(browser, page, {}))
    assert not gives_a_code(post_form(browser, page, {}))


def test_AU_09_who_knows_the_cookies_from_before_the_login_has_nothing(seed: Seed) -> None:
    """Session fixation: the login sets a session that a thief who planted or saw the earlier cookies can't have."""
    browser, thief = Browser(), Browser()
    page = login_page(seed, browser)
    before = {cookie.value for cookie in browser.http.cookies}
    for cookie in browser.http.cookies:
        thief.http.cookies.set_cookie(copy.copy(cookie))
    consent = browser.submit(page, evidence_for_first(seed), seed.csc2.redirect_uris[0])
    assert isinstance(consent, Page)

    assert before, "the login page binds itself to the browser"
    assert {cookie.value for cookie in browser.http.cookies} - before, "AU-09: a new id at login"
    assert not gives_a_code(post_form(thief, consent, {}))
    assert not shows_consent(thief, consent, seed)
    assert not gives_a_code(post_form(thief, consent, {}))


def test_AU_09_each_login_is_a_session_of_its_own(seed: Seed) -> None:
    browser = Browser()
    consent_page(seed, browser)
    first = {cookie.name: cookie.value for cookie in browser.http.cookies}
    old = Browser()
    for cookie in browser.http.cookies:
        old.http.cookies.set_cookie(copy.copy(cookie))
    application = Application(seed.base_url, "v2", seed.csc2)
    url = application.authorization_url({"scope": "service", "prompt": "login"}, verifier=VERIFIER, state="s")
    page = browser.open(url, application.redirect_uri)
    assert isinstance(page, Page)
    assert page.is_login, "prompt=login asks again"
    consent = browser.submit(page, evidence_for_first(seed), application.redirect_uri)
    assert isinstance(consent, Page)
    second = {cookie.name: cookie.value for cookie in browser.http.cookies}

    assert set(second.items()) - set(first.items())
    assert not shows_consent(old, consent, seed), "the session that was replaced is over"


def shows_consent(browser: Browser, consent: Page, seed: Seed) -> bool:
    response = browser.http.get(consent.url, allow_redirects=False, timeout=60)
    assert response.status_code < 500
    if response.status_code != 200:
        return False
    page = Page(response)
    return not page.is_login and bool(page.forms)


def test_AU_09_the_consent_of_another_browser_is_out_of_reach(seed: Seed) -> None:
    owner, stranger, other_user = Browser(), Browser(), Browser()
    consent = consent_page(seed, owner)
    second = login_page(seed, other_user)
    step = other_user.submit(second, evidence_for(second, seed.users[1], None), seed.csc2.redirect_uris[0])
    assert isinstance(step, Page)
    if step.roles == {"otp"}:
        step = other_user.submit(step, evidence_for(step, seed.users[1], None), seed.csc2.redirect_uris[0])
        assert isinstance(step, Page)

    assert not shows_consent(stranger, consent, seed)
    for browser in (stranger, other_user):
        response = post_form(browser, consent, {})
        assert not gives_a_code(response)
        assert response.status_code < 500
    name = csrf_field(consent)
    assert not gives_a_code(post_form(other_user, consent, {}, changes={name: value_of(step, name)}))
    assert gives_a_code(post_form(owner, consent, {}))


def test_AU_11_pages_carry_the_headers_that_keep_them_to_themselves(seed: Seed) -> None:
    browser = Browser()
    consent = consent_page(seed, browser)
    foreign = authorize(seed, "/csc/v2/oauth2", query_of(seed.csc2, redirect_uri=FOREIGN))
    pages = [login_page(seed, Browser()).response, consent.response]
    if foreign.headers["Content-Type"].startswith("text/html"):
        pages.append(foreign)
    for response in pages:
        policy = response.headers["Content-Security-Policy"]
        directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";") if part.strip())
        assert directives["default-src"] == "'none'"
        assert directives["frame-ancestors"] == "'none'"
        assert directives.get("base-uri") == "'none'"
        assert "unsafe" not in policy
        assert "*" not in policy
        assert not re.search(r"script-src(?! 'none'| 'self')", policy)
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(
            r"<script(?![^>]*\ssrc=)|\son[a-z]+\s*=|javascript:|\sstyle\s*=", response.text, re.IGNORECASE
        )
        sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", response.text)
        own = urlsplit(seed.base_url).netloc
        assert all(urlsplit(source).netloc in {"", own} for source in sources), sources


def test_AU_09_cookies_are_of_this_host_alone(seed: Seed) -> None:
    """Over http, which dev alone serves, browsers know neither the prefix nor Secure; all else is as over https."""
    over_https = seed.base_url.startswith("https://")
    application = Application(seed.base_url, "v2", seed.csc2)
    url = application.authorization_url({"scope": "service"}, verifier=VERIFIER, state="s")
    seen: list[str] = []
    browser = Browser()

    def remember(response: requests.Response, *_: object, **__: object) -> None:
        seen.extend(response.raw.headers.getlist("Set-Cookie"))

    browser.http.hooks["response"].append(remember)
    page = browser.open(url, application.redirect_uri)
    assert isinstance(page, Page)
    browser.submit(page, evidence_for_first(seed), application.redirect_uri)

    assert seen
    for header in seen:
        for name, morsel in SimpleCookie(header).items():
            assert name.startswith("__Host-") == over_https, name
            assert bool(morsel["secure"]) == over_https
            assert morsel["httponly"]
            assert morsel["samesite"].lower() in {"lax", "strict"}
            assert morsel["path"] == "/"
            assert not morsel["domain"]
            assert len(morsel.value) >= 43 or not morsel.value or morsel["max-age"] == "0", "256 bits or a removal"


def test_OA_20_what_a_page_repeats_is_text(seed: Seed) -> None:
    """Markup in a parameter of the request is shown as characters or not at all."""
    evil = "<script>alert(1)</script>\"'><img src=x>"
    page = login_page(seed, Browser(), {"scope": "service", "description": evil, "lang": evil, "clientData": evil})
    refused = authorize(seed, "/csc/v2/oauth2", query_of(seed.csc2, client_id=evil, redirect_uri=evil, state=evil))

    for text in (page.text, refused.text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_OA_19_a_client_revokes_no_token_of_another(seed: Seed) -> None:
    owner, thief = (Application(seed.base_url, "v2", client) for client in (seed.csc2, seed.csc1))
    tokens = owner.tokens(owner.ask({"scope": "service"}, seed.users[0]))
    for value in (tokens["access_token"], tokens["refresh_token"]):
        assert thief.revoke(value).status_code in {204, 400}

    assert CscClient(seed.base_url, "v2", tokens["access_token"]).post("credentials/list").status_code == 200
    renewed = owner.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    assert renewed.status_code == 200
