"""oauth2/revoke: each row of CSC 1.0.4.0, 8.3.4, and what dies with a token."""

import pytest

from csc_server.activation.messages import VoidApproval
from csc_server.errors import UnavailableError
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import SECRET, CodeFlow, basic_header, details

POST = {"client_id": "app", "client_secret": SECRET}


@pytest.fixture
def flow():
    return CodeFlow()


@pytest.fixture
def tokens(flow):
    return flow.redeem(flow.approve(scope="service")["code"]).json


def revoke(flow, token, *, version="v2", **changes):
    return flow.token({"token": token}, version, path="revoke", **changes)


def is_revoked(flow, token):
    return bool(flow.store.token(secret_hash(token)).revoked_at)


ROWS = {
    "no token": (POST, {}, 400, "invalid_request", "Missing parameter token"),
    "bad hint": (
        POST | {"token": "x", "token_type_hint": "sad"}, {},
        400, "invalid_request", "Invalid parameter token_type_hint",
    ),
    "unknown": (POST | {"token": "x" * 43}, {}, 400, "invalid_request", "Invalid string parameter token"),
    "no client": ({"token": "x"}, {}, 400, "invalid_request", "Missing parameter client_id"),
    "stranger": (
        POST | {"token": "x", "client_id": "nobody"}, {}, 400, "invalid_request", "Invalid parameter client_id",
    ),
    "no secret": ({"token": "x", "client_id": "app"}, {}, 400, "invalid_request", "Client authorization required"),
    "wrong secret": (
        POST | {"token": "x", "client_secret": "y"}, {}, 400, "invalid_request", "Invalid parameter client_secret",
    ),
    "bad header": (
        {"token": "x"}, {"Authorization": "Basic ?"}, 401, "invalid_client", "Invalid authorization header",
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("data", "headers", "status", "error", "text"), ROWS.values(), ids=ROWS)
def test_rows_of_the_revocation_endpoint(flow, version, data, headers, status, error, text):
    answer = flow.token(data, version, path="revoke", headers=headers)

    assert (answer.status_code, answer.json) == (status, {"error": error, "error_description": text})


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_access_token_dies_alone_and_at_once(flow, tokens, version):
    answer = revoke(flow, tokens["access_token"], version=version)

    assert (answer.status_code, answer.data) == (204, b"")
    assert is_revoked(flow, tokens["access_token"])
    assert not is_revoked(flow, tokens["refresh_token"])


def test_OA_19_a_refresh_token_takes_its_family_along(flow, tokens):
    assert revoke(flow, tokens["refresh_token"]).status_code == 204
    assert is_revoked(flow, tokens["access_token"])
    again = flow.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    assert again.json["error"] == "invalid_grant"


def test_a_wrong_hint_of_a_known_kind_does_not_matter(flow, tokens):
    data = {"token": tokens["access_token"], "token_type_hint": "refresh_token"}

    assert flow.token(data, path="revoke").status_code == 204


def test_a_credential_token_takes_its_approval_along(flow):
    token = flow.redeem(flow.approve(authorization_details=details())["code"]).json["access_token"]

    assert revoke(flow, token).status_code == 204
    assert [request.approval_id for request in flow.asked(VoidApproval)] == ["approval"]


def test_a_silent_signer_is_503_but_the_token_is_dead_and_the_call_may_be_repeated(flow):
    token = flow.redeem(flow.approve(authorization_details=details())["code"]).json["access_token"]
    flow.activation.failure = UnavailableError("signer")

    assert revoke(flow, token).status_code == 503
    assert is_revoked(flow, token)
    flow.activation.failure = None
    assert revoke(flow, token).status_code == 204


def test_the_token_of_another_client_is_unknown_and_lives_on(flow, tokens):
    answer = revoke(flow, tokens["access_token"], headers=basic_header("rival"))

    assert answer.json["error_description"] == "Invalid string parameter token"
    assert not is_revoked(flow, tokens["access_token"])


def test_a_token_of_auth_login_belongs_to_no_client(flow):
    assert revoke(flow, flow.tokens["login"]).status_code == 400
