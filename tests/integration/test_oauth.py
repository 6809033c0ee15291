"""The authorization server as applications meet it: each client of the seed, each grant, each way to end a token."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration.code_flow import (
    Application,
    Browser,
    Page,
    checked_tokens,
    credential_request,
    evidence_for,
    rich_request,
)
from integration.csc_client import SHA256, CscClient, algorithm_for, digests_of
from integration.one_time_codes import OneTimeCodes
from integration.service import Client, Credential, Seed, free_port

PARALLEL = 8
CLIENTS = pytest.mark.parametrize("name", ["csc1", "csc2", "native"])
VERSIONS = pytest.mark.parametrize("version", ["v1", "v2"])


@pytest.fixture
def soonest(seed: Seed, codes: OneTimeCodes) -> Credential:
    """The oauth2code credential whose next code comes first."""
    return min(seed.of_kind("oauth2code", "2"), key=lambda c: codes.wait(c.totp_secret or ""))


def application_of(seed: Seed, name: str, version: str = "v2") -> Application:
    """Return a client of the seed; the native one listens on a port of its own choice (RFC 8252, 7.3)."""
    client: Client = getattr(seed, name)
    return Application(seed.base_url, version, client)


def is_alive(seed: Seed, token: str, version: str = "v2") -> bool:
    """Return whether a service token still opens the API; a dead one is 401 with a reason."""
    response = CscClient(seed.base_url, version, token).post("credentials/list")
    assert response.status_code in {200, 401}, response.text[:300]
    if response.status_code == 401:
        assert response.json()["error"] in {"invalid_token", "expired_token"}
    return response.status_code == 200


def assert_invalid_grant(response: Any) -> None:
    assert response.status_code == 400, response.text[:300]
    assert response.json()["error"] == "invalid_grant"


@CLIENTS
@VERSIONS
def test_OA_06_code_flow_with_pkce_brings_a_service_token_and_names_the_issuer(
    seed: Seed, name: str, version: str
) -> None:
    application = application_of(seed, name, version)
    grant = application.ask({"scope": "service"}, seed.users[0])
    tokens = application.tokens(grant)

    assert tokens["token_type"] == "Bearer"
    assert is_alive(seed, tokens["access_token"], version)
    assert set(grant.answer) <= {"code", "state", "iss"}


def test_scope_service_is_the_default(seed: Seed) -> None:
    application = application_of(seed, "csc2")
    tokens = application.tokens(application.ask({}, seed.users[0]))

    assert is_alive(seed, tokens["access_token"])


@CLIENTS
def test_O15_refusing_at_consent_is_access_denied(seed: Seed, name: str, soonest: Credential) -> None:
    application = application_of(seed, name)
    request = credential_request("v2", soonest.credential_id, digests_of(1, SHA256, "refused"), SHA256)
    grant = application.ask(request, seed.users[0], soonest, approve=False)

    assert grant.answer["error"] == "access_denied"
    assert "code" not in grant.answer


def test_O15_a_service_token_can_be_refused_too(seed: Seed) -> None:
    grant = application_of(seed, "csc2").ask({"scope": "service"}, seed.users[0], approve=False)

    assert grant.answer["error"] == "access_denied"


def test_O2_authorize_answers_302_when_the_parameters_are_right(seed: Seed) -> None:
    application = application_of(seed, "csc2")
    url = application.authorization_url({"scope": "service"}, verifier=secrets.token_urlsafe(48), state="s")
    response = application.http.get(url, allow_redirects=False, timeout=30)

    assert response.status_code == 302
    assert urlsplit(response.headers["Location"]).netloc in {"", urlsplit(seed.base_url).netloc}


def test_O12_a_long_state_comes_back_unchanged(seed: Seed) -> None:
    state = "é+/=&%20 ;" + "x" * 900
    grant = application_of(seed, "csc2").ask(
        {"scope": "service", "lang": "ja", "prompt": "login"}, seed.users[0], state=state
    )

    assert grant.answer["state"] == state


def test_O5_a_csc1_client_may_leave_pkce_out(seed: Seed) -> None:
    application = application_of(seed, "csc1", "v1")
    tokens = application.tokens(application.ask({"scope": "service"}, seed.users[0], pkce=False))

    assert is_alive(seed, tokens["access_token"], "v1")


@pytest.mark.parametrize("name", ["csc2", "native"])
def test_OA_02_a_csc2_client_may_not_leave_pkce_out(seed: Seed, name: str) -> None:
    grant = application_of(seed, name).ask({"scope": "service"}, seed.users[0], pkce=False)

    assert grant.answer["error"] == "invalid_request"


def test_OA_02_a_wrong_verifier_redeems_nothing(seed: Seed) -> None:
    application = application_of(seed, "native")
    grant = application.ask({"scope": "service"}, seed.users[0])

    assert_invalid_grant(application.redeem(grant, code_verifier=secrets.token_urlsafe(48)))


@VERSIONS
def test_OA_03_code_is_redeemed_once_of_eight_in_parallel(seed: Seed, version: str) -> None:
    application = application_of(seed, "csc1", version)
    grant = application.ask({"scope": "service"}, seed.users[0])
    with ThreadPoolExecutor(PARALLEL) as pool:
        responses = list(pool.map(lambda _: application.redeem(grant), range(PARALLEL)))
    winners = [response for response in responses if response.status_code == 200]

    assert len(winners) == 1, [response.text for response in responses]
    for response in responses:
        if response is not winners[0]:
            assert_invalid_grant(response)
    # Decision 26 d: the second redemption, answered by now, has taken back what the first one gave.
    assert not is_alive(seed, winners[0].json()["access_token"], version)
    refresh = winners[0].json().get("refresh_token")
    if refresh:
        assert_invalid_grant(application.token({"grant_type": "refresh_token", "refresh_token": refresh}))


def test_OA_03_a_credential_code_redeemed_in_parallel_signs_at_most_once(seed: Seed, soonest: Credential) -> None:
    application = application_of(seed, "csc2")
    digests = digests_of(1, SHA256, "parallel credential")
    grant = application.ask(rich_request(soonest.credential_id, digests, SHA256), seed.users[0], soonest)
    with ThreadPoolExecutor(PARALLEL) as pool:
        responses = list(pool.map(lambda _: application.redeem(grant), range(PARALLEL)))
    tokens = [response.json()["access_token"] for response in responses if response.status_code == 200]

    assert len(tokens) == 1, [response.text for response in responses]
    client = CscClient(seed.base_url, "v2")
    body = client.sign_body(soonest.credential_id, digests, algorithm_for(soonest))
    status, _ = client.refused("signatures/signHash", body, token=tokens[0])
    assert status in {400, 401}, "the second redemption voids the approval behind the token"


def test_OA_03_a_code_used_twice_takes_its_tokens_back(seed: Seed) -> None:
    application = application_of(seed, "csc2")
    grant = application.ask({"scope": "service"}, seed.users[0])
    first = application.tokens(grant)
    assert is_alive(seed, first["access_token"])

    assert_invalid_grant(application.redeem(grant))
    assert not is_alive(seed, first["access_token"])


def test_OA_03_a_code_belongs_to_its_client(seed: Seed) -> None:
    grant = application_of(seed, "csc2").ask({"scope": "service"}, seed.users[0])
    stranger = application_of(seed, "csc1")

    assert_invalid_grant(stranger.redeem(grant))


def test_OA_13_a_refresh_token_is_replaced_at_each_use(seed: Seed) -> None:
    application = application_of(seed, "csc2")
    first = application.tokens(application.ask({"scope": "service"}, seed.users[0]))
    second = checked_tokens(application.token({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}))
    third = checked_tokens(application.token({"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}))

    assert len({tokens["refresh_token"] for tokens in (first, second, third)}) == 3
    assert len({tokens["access_token"] for tokens in (first, second, third)}) == 3
    assert is_alive(seed, third["access_token"])


def test_OA_13_a_refresh_token_used_again_ends_the_whole_family(seed: Seed) -> None:
    application = application_of(seed, "csc2")
    first = application.tokens(application.ask({"scope": "service"}, seed.users[0]))
    rotation = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = checked_tokens(application.token(rotation))
    assert is_alive(seed, second["access_token"])

    assert_invalid_grant(application.token(rotation))
    assert not is_alive(seed, second["access_token"])
    assert not is_alive(seed, first["access_token"])
    assert_invalid_grant(application.token({"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}))


def test_OA_13_a_refresh_token_belongs_to_its_client(seed: Seed) -> None:
    first = application_of(seed, "csc2").tokens(application_of(seed, "csc2").ask({"scope": "service"}, seed.users[0]))
    stranger = application_of(seed, "csc1")

    assert_invalid_grant(stranger.token({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}))
    assert is_alive(seed, first["access_token"])


@pytest.mark.parametrize("name", ["csc1", "csc2"])
def test_client_credentials_see_the_signers_linked_to_the_client(seed: Seed, name: str) -> None:
    application = application_of(seed, name)
    tokens = checked_tokens(application.token({"grant_type": "client_credentials", "scope": "service"}))
    client = CscClient(seed.base_url, "v2", tokens["access_token"])
    listed = client.call("credentials/list", {"userID": seed.users[0].username})["credentialIDs"]

    assert "refresh_token" not in tokens
    own = {c.credential_id for c in seed.credentials if c.username == seed.users[0].username}
    others = {c.credential_id for c in seed.credentials} - own
    assert own <= set(listed)
    assert others.isdisjoint(listed)


def test_client_credentials_are_not_for_public_clients(seed: Seed) -> None:
    response = application_of(seed, "native").token({"grant_type": "client_credentials", "scope": "service"})

    assert response.status_code in {400, 401}
    assert "access_token" not in response.text


def test_client_credentials_never_give_scope_credential(seed: Seed) -> None:
    response = application_of(seed, "csc2").token({"grant_type": "client_credentials", "scope": "credential"})

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_scope"


@VERSIONS
def test_OA_19_a_revoked_access_token_is_dead_at_once_and_its_refresh_token_is_not(seed: Seed, version: str) -> None:
    application = application_of(seed, "csc1", version)
    tokens = application.tokens(application.ask({"scope": "service"}, seed.users[0]))
    assert is_alive(seed, tokens["access_token"], version)
    response = application.revoke(tokens["access_token"], "access_token")

    assert response.status_code == 204
    assert response.content == b""
    assert not is_alive(seed, tokens["access_token"], version)
    renewed = checked_tokens(
        application.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    )
    assert is_alive(seed, renewed["access_token"], version)


@VERSIONS
def test_OA_19_a_revoked_refresh_token_takes_its_access_tokens_along(seed: Seed, version: str) -> None:
    application = application_of(seed, "csc1", version)
    tokens = application.tokens(application.ask({"scope": "service"}, seed.users[0]))

    assert application.revoke(tokens["refresh_token"]).status_code == 204
    assert not is_alive(seed, tokens["access_token"], version)
    assert_invalid_grant(application.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}))


@VERSIONS
def test_auth_revoke_ends_a_token_of_auth_login(seed: Seed, version: str) -> None:
    client = CscClient(seed.base_url, version)
    token = client.login(seed.users[0])
    assert is_alive(seed, token, version)
    response = client.post("auth/revoke", {"token": token}, token=token)

    assert response.status_code == 204
    assert response.content == b""
    assert not is_alive(seed, token, version)


def test_a_revoked_credential_token_signs_nothing(seed: Seed, soonest: Credential) -> None:
    application = application_of(seed, "csc2")
    digests = digests_of(1, SHA256, "revoked")
    grant = application.ask(rich_request(soonest.credential_id, digests, SHA256), seed.users[0], soonest)
    token = application.tokens(grant)["access_token"]
    assert application.revoke(token).status_code == 204
    client = CscClient(seed.base_url, "v2", application.service_token(seed.users[0]))
    body = client.sign_body(soonest.credential_id, digests, algorithm_for(soonest))

    assert client.refused("signatures/signHash", body, token=token)[0] in {400, 401}
    assert client.refused("signatures/signHash", body | {"SAD": token})[0] in {400, 401}


def test_O13_a_native_client_listens_on_any_loopback_port(seed: Seed) -> None:
    registered = urlsplit(seed.native.redirect_uris[0])
    redirect_uri = f"http://127.0.0.1:{free_port()}{registered.path}"
    application = Application(seed.base_url, "v2", seed.native, redirect_uri=redirect_uri)
    tokens = application.tokens(application.ask({"scope": "service"}, seed.users[0]))

    assert registered.hostname == "127.0.0.1"
    assert is_alive(seed, tokens["access_token"])


@pytest.mark.parametrize("name", ["csc1", "csc2"])
def test_OA_04_a_confidential_client_has_exactly_its_redirect_uris(seed: Seed, name: str) -> None:
    application = application_of(seed, name)
    moved = application.redirect_uri + "/other"
    application.redirect_uri = moved
    url = application.authorization_url({"scope": "service"}, verifier=secrets.token_urlsafe(48), state="s")
    response = application.http.get(url, allow_redirects=False, timeout=30)

    assert response.status_code == 400
    assert "Location" not in response.headers


def test_AU_06_an_account_with_a_one_time_code_asks_for_it_at_login(seed: Seed) -> None:
    user = next(user for user in seed.users if user.totp_secret)
    application = application_of(seed, "csc2")
    token = application.service_token(user)
    own = {c.credential_id for c in seed.credentials if c.username == user.username}
    listed = CscClient(seed.base_url, "v2", token).call("credentials/list")["credentialIDs"]

    assert set(listed) == own


def test_AU_01_a_consent_without_the_one_time_code_gives_no_code(seed: Seed, soonest: Credential) -> None:
    application = application_of(seed, "csc2")
    browser = Browser()
    request = rich_request(soonest.credential_id, digests_of(1, SHA256, "no code"), SHA256)
    url = application.authorization_url(request, verifier=secrets.token_urlsafe(48), state="s")
    login = browser.open(url, application.redirect_uri)
    assert isinstance(login, Page)
    consent = browser.submit(login, evidence_for(login, seed.users[0], None), application.redirect_uri)
    assert isinstance(consent, Page)
    assert {"pin", "otp"} <= consent.roles
    again = browser.submit(consent, {"pin": soonest.pin, "otp": ""}, application.redirect_uri)

    assert isinstance(again, Page), again
    assert "otp" in again.roles
