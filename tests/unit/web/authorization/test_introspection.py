"""oauth2/introspect: who may know what of a token (RFC 7662; OA-19)."""

import json
from dataclasses import replace

import pytest

from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import SECRET, CodeFlow, basic_header, details, registered
from fakes.web_application import BASE_URL, SIGNER

INACTIVE = {"active": False}


@pytest.fixture
def flow():
    flow = CodeFlow()
    flow.store.put_client(registered("resource", scopes=("service", "introspect")))
    return flow


@pytest.fixture
def tokens(flow):
    return flow.redeem(flow.approve(scope="service")["code"]).json


def introspect(flow, token, client="app", **more):
    return flow.token({"token": token} | more, "rfc", path="introspect", headers=basic_header(client))


def test_OA_19_a_client_learns_of_its_own_token(flow, tokens):
    answer = introspect(flow, tokens["access_token"])

    assert answer.status_code == 200
    assert answer.json == {
        "active": True,
        "iss": BASE_URL,
        "scope": "service",
        "client_id": "app",
        "sub": SIGNER,
        "token_type": "Bearer",
        "iat": flow.clock.now,
        "exp": flow.clock.now + 3600,
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_OA_19_a_refresh_token_has_no_token_type(flow, tokens):
    answer = introspect(flow, tokens["refresh_token"], token_type_hint="refresh_token").json

    assert answer["active"] is True
    assert "token_type" not in answer


def test_OA_08_granted_details_are_told(flow):
    token = flow.redeem(flow.approve(authorization_details=details())["code"]).json
    answer = introspect(flow, token["access_token"]).json

    assert answer["scope"] == "credential"
    assert answer["authorization_details"] == token["authorization_details"]
    assert answer["authorization_details"] == [json.loads(details())[0] | {"numSignatures": 3}]


def test_OA_19_a_stranger_learns_nothing(flow, tokens):
    assert introspect(flow, tokens["access_token"], "rival").json == INACTIVE
    assert introspect(flow, "x" * 43, "rival").json == INACTIVE


def test_OA_19_a_registered_resource_server_learns_of_any(flow, tokens):
    assert introspect(flow, tokens["access_token"], "resource").json["client_id"] == "app"


def test_OA_18_the_permission_is_no_scope_to_ask_for(flow):
    answer = flow.token({"grant_type": "client_credentials", "scope": "introspect"}, headers=basic_header("resource"))

    assert answer.json["error"] == "invalid_scope"


def test_OA_12_the_key_of_a_bound_token_is_told(flow, tokens):
    token_hash = secret_hash(tokens["access_token"])
    flow.store.tokens[token_hash] = replace(flow.store.tokens[token_hash], confirmation="jkt:" + "A" * 43)
    answer = introspect(flow, tokens["access_token"]).json

    assert answer["cnf"] == {"jkt": "A" * 43}
    assert answer["token_type"] == "DPoP"


def revoke(flow, tokens):
    flow.token({"token": tokens["access_token"]}, path="revoke")


def expire(flow, _):
    flow.clock.now += 3600


def disable(flow, _):
    flow.store.put_client(registered("app", disabled=True))


@pytest.mark.parametrize("end", [revoke, expire, disable])
def test_OA_19_a_dead_token_is_not_active(flow, tokens, end):
    end(flow, tokens)

    assert introspect(flow, tokens["access_token"], "resource").json == INACTIVE


def test_OA_19_a_rotated_refresh_token_is_not_active(flow, tokens):
    flow.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})

    assert introspect(flow, tokens["refresh_token"]).json == INACTIVE


def test_OA_19_a_client_has_to_prove_itself(flow, tokens):
    form = {"token": tokens["access_token"]}
    answers = [
        flow.token(form, "rfc", path="introspect", headers={}),
        flow.token(form, "rfc", path="introspect", headers=basic_header("app", "x" * 43)),
        flow.token(form | {"client_id": "native"}, "rfc", path="introspect", headers={}),
        flow.token(form | {"client_id": "app"}, "rfc", path="introspect", headers={}),
    ]

    assert [(answer.status_code, answer.json["error"]) for answer in answers] == [(401, "invalid_client")] * 4


def test_a_token_must_be_named(flow):
    answer = flow.token({"client_id": "app", "client_secret": SECRET}, "rfc", path="introspect", headers={})

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_introspection_has_one_address(flow):
    assert [flow.token({}, version, path="introspect").status_code for version in ("v1", "v2")] == [404, 404]
