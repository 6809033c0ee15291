"""The three faces over one store, and whose words each speaks (decision 16)."""

import pytest

from csc_server.values import ClientProfile
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import NATIVE_REDIRECT, SECRET, CodeFlow, answer_of, basic_header, details, registered

GRANT = {"grant_type": "client_credentials"}
POST = {"client_id": "app", "client_secret": SECRET}

RFC_ROWS = {
    "no client": (GRANT, {}, 401, "invalid_client"),
    "no grant": (POST, {}, 400, "invalid_request"),
    "password": (POST | {"grant_type": "password"}, {}, 400, "unsupported_grant_type"),
    "no code": (POST | {"grant_type": "authorization_code"}, {}, 400, "invalid_request"),
    "stranger": (POST | GRANT | {"client_id": "nobody"}, {}, 401, "invalid_client"),
    "no secret": ({"client_id": "app"} | GRANT, {}, 401, "invalid_client"),
    "wrong secret": (POST | GRANT | {"client_secret": "x" * 43}, {}, 401, "invalid_client"),
    "wrong Basic": (GRANT, basic_header("app", "x"), 401, "invalid_client"),
    "unknown code": (POST | {"grant_type": "authorization_code", "code": "x" * 43}, {}, 400, "invalid_grant"),
    "unknown refresh": (POST | {"grant_type": "refresh_token", "refresh_token": "x"}, {}, 400, "invalid_grant"),
    "unknown scope": (POST | GRANT | {"scope": "admin"}, {}, 400, "invalid_scope"),
    "two secrets": (POST | GRANT, basic_header(), 400, "invalid_request"),
}


@pytest.fixture
def flow():
    return CodeFlow()


@pytest.mark.parametrize(("data", "headers", "status", "error"), RFC_ROWS.values(), ids=RFC_ROWS)
def test_the_face_of_the_rfcs_answers_their_errors(flow, data, headers, status, error):
    answer = flow.token(data, "rfc", headers=headers)

    assert (answer.status_code, answer.json["error"]) == (status, error)
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("version", ["v1", "v2", "rfc"])
def test_a_fapi2_client_gets_the_errors_of_the_rfcs_on_every_face(flow, version):
    flow.store.put_client(registered("app", ClientProfile.FAPI2))
    answer = flow.token(POST | GRANT | {"client_secret": "x" * 43}, version, headers={})

    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_a_public_client_has_no_client_credentials_in_either_dialect(flow):
    data = {"client_id": "native"} | GRANT

    assert flow.token(data, headers={}).status_code == 401
    assert flow.token(data, "rfc", headers={}).status_code == 400
    assert flow.token(data, "rfc", headers={}).json["error"] == "unauthorized_client"


@pytest.mark.parametrize("asked", ["v1", "v2", "rfc"])
@pytest.mark.parametrize("redeemed", ["v1", "v2", "rfc"])
def test_one_store_serves_all_faces(flow, asked, redeemed):
    answer = flow.approve(asked, scope="service")
    tokens = flow.redeem(answer["code"], redeemed)

    assert tokens.status_code == 200
    assert tokens.json["token_type"] == "Bearer"


@pytest.mark.parametrize(("version", "token_type"), [("v1", "SAD"), ("v2", "Bearer"), ("rfc", "Bearer")])
def test_the_face_of_redemption_names_the_token_type(flow, version, token_type):
    code = flow.approve(authorization_details=details())["code"]

    assert flow.redeem(code, version).json["token_type"] == token_type


@pytest.mark.parametrize("version", ["v1", "v2", "rfc"])
def test_OA_06_every_face_names_the_one_issuer(flow, version):
    assert flow.approve(version, scope="service")["iss"] == "http://127.0.0.1:8080"


def test_OA_02_the_face_of_the_rfcs_never_goes_without_pkce(flow):
    without = {"code_challenge": None, "code_challenge_method": None}
    answer = flow.authorize("rfc", client_id="classic", **without)

    assert answer_of(answer.location)["error"] == "invalid_request"


def test_the_face_of_the_rfcs_names_hashes_as_2_x_does(flow):
    answer = flow.authorize("rfc", scope="credential", credentialID="oauth", numSignatures="1", hash="AAAA")

    assert answer_of(answer.location)["error_description"] == "Missing parameter hashes"


def issued(flow):
    return flow.redeem(flow.approve(scope="service")["code"]).json


def test_RFC_7009_an_unknown_token_is_no_error(flow):
    answer = flow.token({"token": "x" * 43}, "rfc", path="revoke")

    assert (answer.status_code, answer.json) == (200, {})


def test_RFC_7009_an_unknown_hint_is_ignored(flow):
    token = issued(flow)["access_token"]
    answer = flow.token({"token": token, "token_type_hint": "saml"}, "rfc", path="revoke")

    assert answer.status_code == 200
    assert flow.store.token(secret_hash(token)).revoked_at


def test_RFC_7009_a_token_of_another_client_stays(flow):
    token = issued(flow)["access_token"]
    answer = flow.token({"token": token}, "rfc", path="revoke", headers=basic_header("rival"))

    assert answer.status_code == 200
    assert not flow.store.token(secret_hash(token)).revoked_at


def test_RFC_7009_a_token_must_be_named(flow):
    assert flow.token({}, "rfc", path="revoke").json["error"] == "invalid_request"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_faces_of_csc_keep_their_rows_at_revoke(flow, version):
    answer = flow.token({"token": "x" * 43}, version, path="revoke")

    assert (answer.status_code, answer.json["error_description"]) == (400, "Invalid string parameter token")
    assert flow.token({"token": issued(flow)["access_token"]}, version, path="revoke").status_code == 204


def test_O3_native_redirects_work_on_the_face_of_the_rfcs(flow):
    code = flow.approve("rfc", client_id="native", redirect_uri=NATIVE_REDIRECT, scope="service")["code"]
    answer = flow.redeem(code, "rfc", headers={}, client_id="native", redirect_uri=NATIVE_REDIRECT)

    assert answer.status_code == 200
