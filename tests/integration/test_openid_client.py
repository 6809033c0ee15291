"""A certified FAPI 2.0 client, the npm package openid-client, against the server behind nginx.

Once with private_key_jwt and DPoP, once with its certificate (tls_client_auth): code with PKCE and a pushed
request, refresh, client credentials, introspection, revocation, a rich request that ends in a verified signature,
and what it must refuse or be refused.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from cryptography import x509

from integration.code_flow import MAX_PAGES, Browser, evidence_for, rich_request
from integration.csc_client import SHA256, Scheme, algorithm_for, base64_of, digests_of, strict_base64, verify
from integration.one_time_codes import OneTimeCodes
from integration.openid_application import OpenidApplication, RefusedByClientError
from integration.service import Credential, KeyClient, Seed, User

METHODS = ("private_key_jwt", "tls_client_auth")
KEY = "first"


@dataclass
class Flow:
    """One application of the seed, and the signer's browser; `dpop` is the name of its key, None for mutual TLS."""

    seed: Seed
    application: OpenidApplication
    client: KeyClient
    metadata: dict[str, Any]
    dpop: str | None

    @property
    def redirect_uri(self) -> str:
        return self.client.redirect_uris[0]

    def push(self, **parameters: str) -> dict[str, str]:
        return self.application.ask(
            "push", parameters={"redirect_uri": self.redirect_uri, **parameters}, dpop=self.dpop
        )

    def answer(self, pushed: dict[str, str], user: User, credential: Credential | None = None) -> dict[str, str]:
        """Send the signer through the pages; return the parameters of the authorization response."""
        browser = Browser()
        browser.http.verify = str(self.seed.trust_root)
        step = browser.open(pushed["url"], self.redirect_uri)
        for _ in range(MAX_PAGES):
            if isinstance(step, dict):
                return step
            step = browser.submit(step, evidence_for(step, user, credential), self.redirect_uri)
        raise AssertionError("the pages never led back to the application")

    def redeem(self, pushed: dict[str, str], answer: dict[str, str], *, at: str = "", **changes: Any) -> dict[str, Any]:
        """Redeem a code as if its response had come to `at`, else to the redirect URI."""
        kept = {"state": pushed["state"], "verifier": pushed["verifier"], "dpop": self.dpop}
        return self.application.ask("redeem", url=f"{at or self.redirect_uri}?{urlencode(answer)}", **(kept | changes))

    def tokens(self, **parameters: str) -> dict[str, Any]:
        """Return the tokens of scope service that the first user grants."""
        pushed = self.push(scope="service", **parameters)
        return self.redeem(pushed, self.answer(pushed, self.seed.users[0]))

    def call(self, token: str, method: str, body: dict[str, Any] | None = None, dpop: str = "") -> dict[str, Any]:
        url = f"{self.seed.base_url}/csc/v2/{method}"
        answer = self.application.ask("call", token=token, url=url, body=body or {}, dpop=dpop or self.dpop)
        assert answer["status"] == 200, answer
        return answer["body"]


@pytest.fixture(scope="module", params=METHODS)
def flow(request: pytest.FixtureRequest, tls_seed: Seed) -> Iterator[Flow]:
    client = tls_seed.key_client(request.param)
    with OpenidApplication(tls_seed.base_url, tls_seed.trust_root) as application:
        metadata = application.become(client)
        dpop = KEY if request.param == "private_key_jwt" else None
        if dpop:
            application.ask("key", name=dpop, algorithm="ES256")
        yield Flow(tls_seed, application, client, metadata, dpop)


@pytest.fixture(scope="module")
def tokens(flow: Flow) -> dict[str, Any]:
    return flow.tokens()


def test_OA_21_metadata_name_what_the_client_uses(flow: Flow) -> None:
    assert flow.metadata["issuer"] == flow.seed.base_url
    assert flow.client.auth_method in flow.metadata["token_endpoint_auth_methods_supported"]
    assert "ES256" in flow.metadata["dpop_signing_alg_values_supported"]
    assert flow.metadata["tls_client_certificate_bound_access_tokens"] is True


def test_OA_12_code_with_pkce_and_a_pushed_request_gives_a_bound_token(flow: Flow, tokens: dict[str, Any]) -> None:
    assert tokens["token_type"].lower() == ("dpop" if flow.dpop else "bearer")
    assert tokens["refresh_token"]

    listed = set(flow.call(tokens["access_token"], "credentials/list")["credentialIDs"])
    foreign = {each.credential_id for each in flow.seed.credentials if each.username != flow.seed.users[0].username}

    assert {each.credential_id for each in flow.seed.of_kind("oauth2code", "2")} <= listed
    assert foreign
    assert not listed & foreign


def test_OA_13_refresh_keeps_its_token_and_its_key(flow: Flow, tokens: dict[str, Any]) -> None:
    first = flow.application.ask("refresh", token=tokens["refresh_token"], dpop=flow.dpop)
    second = flow.application.ask("refresh", token=tokens["refresh_token"], dpop=flow.dpop)

    assert first["access_token"] != second["access_token"]
    assert flow.call(second["access_token"], "credentials/list")["credentialIDs"]


def test_client_credentials_see_the_signers_who_are_linked(flow: Flow) -> None:
    given = flow.application.ask("credentials", parameters={"scope": "service"}, dpop=flow.dpop)

    assert flow.call(given["access_token"], "credentials/list", {"userID": flow.seed.users[0].username})


def test_OA_19_introspection_tells_the_binding_and_revocation_ends_the_token(flow: Flow) -> None:
    token = flow.application.ask("credentials", parameters={"scope": "service"}, dpop=flow.dpop)["access_token"]
    alive = flow.application.ask("introspect", token=token)

    assert (alive["active"], alive["client_id"], alive["scope"]) == (True, flow.client.client_id, "service")
    assert set(alive["cnf"]) == ({"jkt"} if flow.dpop else {"x5t#S256"})

    flow.application.ask("revoke", token=token)

    assert flow.application.ask("introspect", token=token) == {"active": False}


def test_OA_08_a_rich_request_ends_in_a_signature_that_verifies(flow: Flow, codes: OneTimeCodes) -> None:
    seed = flow.seed
    credential = min(seed.of_kind("oauth2code", "2"), key=lambda each: codes.wait(each.totp_secret or ""))
    digests = digests_of(2, SHA256, "contract")
    pushed = flow.push(**rich_request(credential.credential_id, digests, SHA256))
    tokens = flow.redeem(pushed, flow.answer(pushed, seed.users[0], credential))
    granted = tokens["authorization_details"][0]

    assert (granted["credentialID"], len(granted["documentDigests"])) == (credential.credential_id, 2)

    info = flow.call(tokens["access_token"], "credentials/info", {"credentialID": credential.credential_id})
    certificate = x509.load_der_x509_certificate(base64.b64decode(info["cert"]["certificates"][0]))
    body = {"credentialID": credential.credential_id, "hashes": [base64_of(each) for each in digests]}
    body |= {"hashAlgorithmOID": SHA256, "signAlgo": algorithm_for(credential)}
    signatures = flow.call(tokens["access_token"], "signatures/signHash", body)["signatures"]

    assert len(signatures) == 2
    for digest, signature in zip(digests, signatures, strict=True):
        verify(certificate, digest, strict_base64(signature), Scheme(SHA256))


TAMPERED = {
    "another issuer": ({"iss": "https://attacker.example"}, "OAUTH_INVALID_RESPONSE"),
    "no issuer": ({"iss": None}, "OAUTH_INVALID_RESPONSE"),
    "another state": ({"state": "another"}, "OAUTH_INVALID_RESPONSE"),
    "no state": ({"state": None}, "OAUTH_INVALID_RESPONSE"),
}


@pytest.fixture(scope="module")
def answered(flow: Flow) -> tuple[dict[str, str], dict[str, str]]:
    """A pushed request and its authorization response, whose code nobody has redeemed."""
    pushed = flow.push(scope="service")
    return pushed, flow.answer(pushed, flow.seed.users[0])


@pytest.mark.parametrize("case", TAMPERED)
def test_OA_06_the_client_refuses_a_response_that_was_tampered_with(
    flow: Flow, answered: tuple[dict[str, str], dict[str, str]], case: str
) -> None:
    changes, code = TAMPERED[case]
    pushed, answer = answered
    changed = {name: value for name, value in (answer | changes).items() if value is not None}

    with pytest.raises(RefusedByClientError) as refused:
        flow.redeem(pushed, changed)

    assert refused.value.code == code


WRONG = {
    "another verifier": {"verifier": "v" * 43},
    "no verifier": {"verifier": None},
    "another redirect URI": {"at": "https://attacker.example/callback"},
}


@pytest.mark.parametrize("case", WRONG)
def test_OA_02_the_server_refuses_a_wrong_redemption(flow: Flow, case: str) -> None:
    pushed = flow.push(scope="service")
    answer = flow.answer(pushed, flow.seed.users[0])

    with pytest.raises(RefusedByClientError) as refused:
        flow.redeem(pushed, answer, **WRONG[case])

    assert refused.value.answered == "invalid_grant"


def test_a_nonce_is_refused_since_no_id_token_answers_it(flow: Flow) -> None:
    pushed = flow.push(scope="service")
    answer = flow.answer(pushed, flow.seed.users[0])

    with pytest.raises(RefusedByClientError) as refused:
        flow.redeem(pushed, answer, nonce="expected")

    assert refused.value.code == "OAUTH_INVALID_RESPONSE"


def test_OA_03_a_second_redemption_ends_what_the_first_one_gave(flow: Flow) -> None:
    pushed = flow.push(scope="service")
    answer = flow.answer(pushed, flow.seed.users[0])
    first = flow.redeem(pushed, answer)

    with pytest.raises(RefusedByClientError) as refused:
        flow.redeem(pushed, answer)

    assert refused.value.answered == "invalid_grant"
    assert flow.application.ask("introspect", token=first["access_token"]) == {"active": False}


def test_OA_07_a_request_that_was_not_pushed_is_refused(flow: Flow) -> None:
    query = {"response_type": "code", "client_id": flow.client.client_id, "redirect_uri": flow.redirect_uri}
    browser = Browser()
    browser.http.verify = str(flow.seed.trust_root)
    step = browser.open(f"{flow.metadata['authorization_endpoint']}?{urlencode(query)}", flow.redirect_uri)

    assert isinstance(step, dict)
    assert step["error"] == "invalid_request"


def test_OA_07_a_pushed_request_is_told_by_its_handle_alone(flow: Flow) -> None:
    query = dict(parse_qsl(urlsplit(flow.push(scope="service")["url"]).query))

    assert {"client_id", "request_uri"} <= set(query)
    assert query["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")


def test_OA_08_a_bad_rich_request_is_refused_when_it_is_pushed(flow: Flow) -> None:
    details = json.dumps([{"type": "credential", "credentialID": "x", "documentDigests": []}])

    with pytest.raises(RefusedByClientError) as refused:
        flow.push(authorization_details=details)

    assert refused.value.answered == "invalid_authorization_details"


def test_OA_12_another_key_redeems_no_code_refreshes_nothing_and_opens_nothing(tls_seed: Seed) -> None:
    client = tls_seed.key_client("private_key_jwt")
    with OpenidApplication(tls_seed.base_url, tls_seed.trust_root) as application:
        metadata = application.become(client)
        for name in ("first", "second"):
            application.ask("key", name=name, algorithm="ES256")
        flow = Flow(tls_seed, application, client, metadata, "first")
        pushed = flow.push(scope="service")
        answer = flow.answer(pushed, tls_seed.users[0])
        with pytest.raises(RefusedByClientError) as at_redemption:
            flow.redeem(pushed, answer, dpop="second")
        tokens = flow.tokens()
        with pytest.raises(RefusedByClientError) as at_refresh:
            application.ask("refresh", token=tokens["refresh_token"], dpop="second")
        url = f"{tls_seed.base_url}/csc/v2/credentials/list"
        with pytest.raises(RefusedByClientError) as at_use:
            application.ask("call", token=tokens["access_token"], url=url, body={}, dpop="second")
        with pytest.raises(RefusedByClientError) as without:
            application.ask("credentials", parameters={"scope": "service"}, dpop=None)

    assert at_redemption.value.answered == "invalid_grant"
    assert at_refresh.value.answered == "invalid_grant"
    assert at_use.value.code == "OAUTH_WWW_AUTHENTICATE_CHALLENGE"
    assert without.value.answered == "invalid_dpop_proof"


@pytest.mark.parametrize("algorithm", ["PS256", "Ed25519"])
def test_OA_14_other_algorithms_of_the_metadata_work(tls_seed: Seed, algorithm: str) -> None:
    client = tls_seed.key_client("private_key_jwt")
    with OpenidApplication(tls_seed.base_url, tls_seed.trust_root) as application:
        metadata = application.become(client)
        application.ask("key", name=KEY, algorithm=algorithm)
        flow = Flow(tls_seed, application, client, metadata, KEY)
        token = application.ask("credentials", parameters={"scope": "service"}, dpop=KEY)["access_token"]

        assert flow.call(token, "credentials/list", {"userID": tls_seed.users[0].username})
