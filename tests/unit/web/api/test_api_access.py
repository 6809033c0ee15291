"""Who gets in, who does not, and what the audit keeps of it (RFC 6750; decision 14)."""

from dataclasses import replace

import pytest

from csc_server.values import ClientId, Refusal
from fakes.web_application import DIGEST, RSA_SHA_256, WebApplication

SIGN = {"credentialID": "pin", "SAD": "a.b.c", "hash": [DIGEST], "signAlgo": RSA_SHA_256}
HEADERS = ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a,Bearer b", "Bearer \u00e9", "Token x"]


@pytest.fixture
def web():
    return WebApplication()


@pytest.mark.parametrize("header", [*HEADERS, "Bearer " + "x" * 5000])
def test_IN_07_one_ascii_bearer_header_or_none_at_all(web, header):
    response = web.post("signatures/signHash", SIGN, token=None, headers={"Authorization": header})

    assert response.status_code == 400
    assert web.activation.requests == []


def test_IN_07_the_scheme_is_case_insensitive(web):
    header = {"Authorization": "bearer " + web.tokens["service"]}

    assert web.post("signatures/signHash", SIGN, token=None, headers=header).status_code == 200


def test_OA_22_a_token_in_the_query_is_refused_even_beside_the_header(web):
    response = web.post(f"signatures/signHash?access_token={web.tokens['service']}", SIGN)

    assert response.status_code == 400
    assert web.activation.requests == []


def test_OA_22_a_token_in_the_body_opens_nothing(web):
    response = web.post("signatures/signHash", SIGN | {"access_token": web.tokens["service"]}, token=None)

    assert response.status_code == 400


@pytest.mark.parametrize("token", ["refresh", "x" * 43])
def test_only_a_known_access_token_is_a_bearer(web, token):
    response = web.post("signatures/signHash", SIGN, token=token)

    assert response.get_json()["error"] == "invalid_token"
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_OA_19_a_revoked_token_is_out_with_the_next_request(web):
    assert web.post("credentials/list").status_code == 200
    assert web.post("auth/revoke", {"token": web.tokens["service"]}, token="service").status_code == 204
    assert web.post("credentials/list").get_json()["error"] == "expired_token"


def test_a_disabled_client_is_out_within_a_second(web):
    assert web.post("credentials/list").status_code == 200
    web.store.put_client(replace(web.store.client(ClientId("modern")), disabled=True))
    web.clock.now += 1

    assert web.post("credentials/list").get_json()["error"] == "unauthorized_client"


def test_a_token_of_a_client_that_is_gone_is_refused(web):
    web.add_token("orphan", client_id="nobody")

    assert web.post("credentials/list", token="orphan").get_json()["error"] == "unauthorized_client"


def test_a_token_of_an_unknown_scope_opens_nothing(web):
    web.add_token("strange", client_id="modern", scope="service credential")
    for method in ("credentials/list", "signatures/signHash"):
        assert web.post(method, SIGN, version="v2", token="strange").status_code == 401


def test_AD_01_a_refusal_of_a_known_caller_is_one_audit_record(web):
    web.post("credentials/info", {"credentialID": 1}, headers={"X-Request-ID": "order-0001"})
    [(event, outcome, fields)] = web.events()

    assert (event, outcome) == ("request.refused", "refused")
    assert fields["method"] == "credentials/info"
    assert fields["reason"] == "Missing (or invalid type) string parameter credentialID"
    assert (fields["client_id"], fields["signer_id"], fields["request_id"]) == ("modern", "signer-1", "order-0001")
    assert fields["address"] == "127.0.0.0/24"


@pytest.mark.parametrize(("method", "body"), [("signatures/signHash", SIGN), ("credentials/list", {})])
def test_what_the_signer_refused_web_does_not_audit_again(web, method, body):
    web.activation.refusal = Refusal.UNKNOWN_CREDENTIAL

    assert web.post(method, body).status_code == 400
    assert web.events() == []


def test_strangers_are_counted_per_minute_and_reason(web):
    for _ in range(5):
        web.post("credentials/list", token=None)
    web.post("credentials/list", token="x" * 43)
    assert web.events() == []

    web.clock.now += 60
    web.post("credentials/list", token=None)
    events = web.events()

    assert [(event, outcome) for event, outcome, _ in events] == [("strangers.refused", "refused")] * 2
    assert sorted(fields["count"] for _, _, fields in events) == [1, 5]
    assert all(fields["address"] == "127.0.0.0/24" for _, _, fields in events)


def test_IN_06_no_secret_and_no_input_in_a_refusal(web):
    planted = "planted-secret"
    response = web.post(
        "credentials/authorize", {"credentialID": "x" * 300, "numSignatures": 1, "PIN": planted}, version="v1"
    )

    assert planted not in response.text
    assert "xxx" not in response.text
    assert planted not in repr(web.store.audit)
