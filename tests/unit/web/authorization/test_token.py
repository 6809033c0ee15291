"""oauth2/token: codes, client authentication, refresh tokens; each row of CSC 1.0.4.0, 8.3.3."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from csc_server.activation.messages import Activate, VoidApproval
from csc_server.errors import UnavailableError
from csc_server.storage.ports.web import TokenKind
from csc_server.values import ClientProfile, Refusal
from csc_server.web.authorization.secret_values import new_secret, secret_hash
from csc_server.web.http.stranger_refusals import STRANGERS
from fakes.code_flow import (
    DIGESTS,
    NATIVE_REDIRECT,
    REDIRECT,
    SECRET,
    VERIFIER,
    CodeFlow,
    basic_header,
    details,
    registered,
)
from fakes.web_application import BASE_URL, SIGNER

EXPIRED_CODE = {"error": "invalid_grant", "error_description": "Authorization code is invalid or expired"}
WRONG_REFRESH = {"error": "invalid_grant", "error_description": "Invalid parameter refresh_token"}


@pytest.fixture
def flow():
    return CodeFlow()


@pytest.fixture
def code(flow):
    return flow.approve(scope="service")["code"]


@pytest.fixture
def signing_code(flow):
    return flow.approve(authorization_details=details())["code"]


def row_of(flow, token):
    return flow.store.token(secret_hash(token))


def problem(answer):
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json["error"], answer.json.get("error_description")


def test_a_code_gives_a_service_token_and_a_refresh_token(flow, code):
    answer = flow.redeem(code)

    assert answer.status_code == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["Cache-Control"] == "no-store"
    assert row_of(flow, answer.json["access_token"]).signer_id == SIGNER


def test_OA_15_nothing_in_the_store_is_a_credential(flow, code):
    tokens = flow.redeem(code).json
    dump = repr((flow.store.codes, flow.store.tokens, flow.store.sessions, flow.store.interactions, flow.store.audit))

    for secret in (code, tokens["access_token"], tokens["refresh_token"], SECRET):
        assert len(secret) == 43
        assert secret not in dump


@pytest.mark.parametrize(("version", "token_type"), [("v1", "SAD"), ("v2", "Bearer")])
def test_A12_the_token_type_of_scope_credential_is_the_versions(flow, signing_code, version, token_type):
    answer = flow.redeem(signing_code, version)
    request = flow.asked(Activate)[-1]

    assert answer.status_code == 200
    assert answer.json["token_type"] == token_type
    assert answer.json["expires_in"] == 120
    assert "refresh_token" not in answer.json
    assert request.token_hash == secret_hash(answer.json["access_token"])
    assert request.approval_id == "approval"
    assert (request.caller.client_id, request.caller.signer_id) == ("app", SIGNER)


def test_O11_details_are_echoed_as_granted(flow, signing_code):
    echoed = flow.redeem(signing_code).json["authorization_details"]

    assert echoed == [json.loads(details())[0] | {"numSignatures": 3}]


def test_O11_R1_repeated_details_may_have_another_base64(flow, signing_code):
    repeated = json.loads(details())
    for document, digest in zip(repeated[0]["documentDigests"], DIGESTS, strict=True):
        document["hash"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")

    assert flow.redeem(signing_code, authorization_details=json.dumps(repeated)).status_code == 200


@pytest.mark.parametrize("text", [details(DIGESTS[:1]), details(credentialID="pin"), "nonsense"])
def test_O11_other_details_are_refused(flow, signing_code, text):
    assert problem(flow.redeem(signing_code, authorization_details=text))[:2] == (400, "invalid_grant")
    assert flow.asked(Activate) == []


def test_OA_03_a_second_redemption_kills_what_the_first_gave(flow, code):
    tokens = flow.redeem(code).json
    second = flow.redeem(code)

    assert (second.status_code, second.json) == (400, EXPIRED_CODE)
    assert row_of(flow, tokens["access_token"]).revoked_at
    assert row_of(flow, tokens["refresh_token"]).revoked_at


def test_OA_03_a_second_redemption_voids_the_approval(flow, signing_code):
    token = flow.redeem(signing_code).json["access_token"]
    flow.redeem(signing_code)

    assert [request.approval_id for request in flow.asked(VoidApproval)] == ["approval"]
    assert row_of(flow, token).revoked_at
    assert [event for event, _, _ in flow.events()].count("code.reused") == 1


def test_OA_03_a_second_redemption_is_not_answered_before_the_approval_is_void(flow, signing_code):
    flow.redeem(signing_code)
    flow.activation.failure = UnavailableError("signer")

    assert flow.redeem(signing_code).status_code == 503


def test_OA_03_of_parallel_redemptions_one_succeeds_and_is_dead_after_the_others(flow, code):
    def redeem(_):
        http = flow.app.test_client()
        data = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        }  # fmt: skip
        return http.post("/csc/v2/oauth2/token", data=data, headers=basic_header(), base_url=BASE_URL)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(redeem, range(8)))
    won = [answer for answer in answers if answer.status_code == 200]

    assert len(won) == 1
    assert all(row.revoked_at for row in flow.store.tokens.values() if row.client_id == "app")
    assert all(answer.json == EXPIRED_CODE for answer in answers if answer.status_code != 200)


@pytest.mark.parametrize("parameters", [{"scope": "service"}, {"authorization_details": details()}])
def test_OA_03_a_token_that_comes_after_the_second_redemption_is_dead(flow, parameters):
    code = flow.approve(**parameters)["code"]
    flow.store.revoke_family(flow.store.codes[secret_hash(code)].family_id, flow.clock.seconds())
    flow.activation.refusal = Refusal.APPROVAL_INVALID
    answer = flow.redeem(code)

    assert answer.status_code == 200
    assert row_of(flow, answer.json["access_token"]).revoked_at


@pytest.mark.parametrize(
    "changes",
    [
        {"client": "rival"}, {"headers": basic_header("app", "x" * 43)}, {"code_verifier": None},
        {"code_verifier": "w" * 43}, {"redirect_uri": None}, {"redirect_uri": REDIRECT + "/"},
    ],
)  # fmt: skip
def test_OA_03_a_code_is_spent_by_any_try(flow, code, changes):
    assert flow.redeem(code, **changes).status_code == 400
    assert flow.redeem(code).json == EXPIRED_CODE


def test_OA_03_the_code_of_another_client_is_refused(flow, code):
    assert flow.redeem(code, client="rival").json == EXPIRED_CODE
    assert not [row for row in flow.store.tokens.values() if row.client_id == "rival"]


def test_a_code_expires(flow, code):
    flow.clock.now += 60

    assert flow.redeem(code).json == EXPIRED_CODE


@pytest.mark.parametrize("verifier", [None, "w" * 43, "v" * 42, "v" * 42 + "\n", "v" * 129, "é" * 43])
def test_OA_02_a_missing_or_wrong_verifier_is_refused(flow, code, verifier):
    assert problem(flow.redeem(code, code_verifier=verifier))[:2] == (400, "invalid_grant")


def test_OA_02_a_verifier_without_a_challenge_is_refused(flow):
    without = {"code_challenge": None, "code_challenge_method": None}
    code = flow.approve("v1", client_id="classic", scope="service", **without)["code"]

    assert problem(flow.redeem(code, client="classic"))[:2] == (400, "invalid_grant")


def test_O5_a_csc1_client_needs_no_pkce(flow):
    without = {"code_challenge": None, "code_challenge_method": None}
    code = flow.approve("v1", client_id="classic", scope="service", **without)["code"]

    assert flow.redeem(code, "v1", client="classic", code_verifier=None).status_code == 200


def test_O4_a_public_client_redeems_with_its_verifier(flow):
    redirect_uri = "http://127.0.0.1:51234/cb"
    code = flow.approve(client_id="native", redirect_uri=redirect_uri, scope="service")["code"]
    answer = flow.redeem(code, headers={}, client_id="native", redirect_uri=redirect_uri)

    assert answer.status_code == 200


def test_a_public_client_redeems_only_with_the_port_it_asked_with(flow):
    code = flow.approve(client_id="native", redirect_uri="http://127.0.0.1:51234/cb", scope="service")["code"]
    answer = flow.redeem(code, headers={}, client_id="native", redirect_uri=NATIVE_REDIRECT)

    assert problem(answer)[1] == "invalid_grant"


def test_a_refused_activation_is_an_invalid_code(flow, signing_code):
    flow.activation.refusal = Refusal.APPROVAL_INVALID

    assert flow.redeem(signing_code).json == EXPIRED_CODE
    assert all(row.revoked_at for row in flow.store.tokens.values() if row.scope == "credential" and row.approval_id)


def test_the_audit_has_one_record_of_a_refused_client_and_a_count_of_strangers(flow, code):
    flow.redeem(code, code_verifier="w" * 43)
    for _ in range(3):
        flow.token(GRANT, headers=basic_header("nobody"))
    flow.app.extensions[STRANGERS].flush()
    refused = [fields for event, _, fields in flow.events() if event == "request.refused"]
    strangers = [fields for event, _, fields in flow.events() if event == "strangers.refused"]

    assert [(fields["client_id"], fields["method"], fields["error"]) for fields in refused] == [
        ("app", "oauth2/token", "invalid_grant")
    ]
    assert [(fields["reason"], fields["count"]) for fields in strangers] == [
        ("oauth2/token: Invalid parameter client_id", 3)
    ]


def test_a_silent_signer_is_503(flow, signing_code):
    flow.activation.failure = UnavailableError("signer")
    answer = flow.redeem(signing_code)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


POST = {"client_id": "app", "client_secret": SECRET}
GRANT = {"grant_type": "client_credentials"}
ROWS = {
    "no client": (GRANT, {}, 400, "invalid_request", "Missing parameter client_id"),
    "no grant": (POST, {}, 400, "invalid_request", "Missing parameter grant_type"),
    "password": (POST | {"grant_type": "password"}, {}, 400, "invalid_request", "Invalid parameter grant_type"),
    "no code": (POST | {"grant_type": "authorization_code"}, {}, 400, "invalid_request", "Missing parameter code"),
    "no refresh": (
        POST | {"grant_type": "refresh_token"}, {}, 400, "invalid_request", "Missing parameter refresh_token",
    ),
    "stranger": (
        POST | GRANT | {"client_id": "nobody"}, {}, 400, "invalid_request", "Invalid parameter client_id",
    ),
    "no secret": ({"client_id": "app"} | GRANT, {}, 400, "invalid_request", "Client authorization required"),
    "wrong secret": (
        POST | GRANT | {"client_secret": "x" * 43}, {}, 400, "invalid_request", "Invalid parameter client_secret",
    ),
    "wrong Basic": (GRANT, basic_header("app", "x"), 400, "invalid_request", "Invalid parameter client_secret"),
    "malformed code": (
        POST | {"grant_type": "authorization_code", "code": "x"}, {}, 400, "invalid_grant", "Invalid parameter code",
    ),
    "unknown code": (
        POST | {"grant_type": "authorization_code", "code": "x" * 43}, {},
        400, "invalid_grant", "Authorization code is invalid or expired",
    ),
    "unknown refresh": (
        POST | {"grant_type": "refresh_token", "refresh_token": "x" * 43}, {},
        400, "invalid_grant", "Invalid parameter refresh_token",
    ),
    "ids differ": (GRANT | {"client_id": "rival"}, basic_header(), 400, "invalid_request", "Invalid parameter client_id"),
}  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("data", "headers", "status", "error", "text"), ROWS.values(), ids=ROWS)
def test_rows_of_the_token_endpoint(flow, version, data, headers, status, error, text):
    assert problem(flow.token(data, version, headers=headers)) == (status, error, text)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_row_redirect_uri_differs(flow, code, version):
    text = "redirect_uri parameter does not match redirect_uri parameter of authorization request"

    assert problem(flow.redeem(code, version, redirect_uri=REDIRECT + "x")) == (400, "invalid_grant", text)


@pytest.mark.parametrize(
    "header",
    [
        "Basic", "Basic ", "Basic !!!!", "Bearer abc", "Basic YXBw", "Basic Og==", "Basic YTo=", "Basic " + "A" * 8192,
        "Basic " + base64.b64encode(b"app:\xff\xfe").decode(), "Basic " + base64.b64encode(b"app:%ff").decode(),
        "Basic " + base64.b64encode(b"app:x\n").decode(), "Basic YXBwOng=, Basic YXBwOng=", "Basic YXBwOng", "Basic YXBwOnh=",
    ],
)  # fmt: skip
def test_IN_07_a_malformed_basic_header_is_401(flow, header):
    answer = flow.token(GRANT, headers={"Authorization": header})

    assert problem(answer) == (401, "invalid_client", "Invalid authorization header")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_OA_16_a_disabled_client_is_an_unknown_client(flow):
    flow.store.put_client(registered("app", disabled=True))

    assert flow.token(POST | GRANT, headers={}).json == flow.token(GRANT, headers=basic_header("nobody")).json


def test_OA_10_a_method_that_is_not_registered_is_a_wrong_secret(flow):
    flow.store.put_client(registered("app", auth_methods=("client_secret_basic",)))

    assert problem(flow.token(POST | GRANT, headers={}))[2] == "Invalid parameter client_secret"


def test_OA_10_two_secrets_at_once_are_refused(flow):
    assert problem(flow.token(POST | GRANT, headers=basic_header()))[:2] == (400, "invalid_request")


def test_OA_10_a_confidential_client_cannot_pose_as_public(flow):
    flow.store.put_client(registered("app", auth_methods=("none",)))

    assert problem(flow.token({"client_id": "app"} | GRANT, headers={}))[2] == "Client authorization required"


def test_OA_10_a_public_client_has_no_secret_that_fits(flow):
    data = {"client_id": "native", "client_secret": "x"} | GRANT

    assert problem(flow.token(data, headers={}))[2] == "Invalid parameter client_secret"


def test_O3_client_id_beside_basic_is_fine(flow):
    assert flow.token(GRANT | {"client_id": "app"}).status_code == 200


def test_client_credentials_have_no_signer_and_no_refresh_token(flow):
    answer = flow.token(GRANT | {"scope": "service"})

    assert answer.json.keys() == {"access_token", "token_type", "expires_in"}
    assert row_of(flow, answer.json["access_token"]).signer_id is None


@pytest.mark.parametrize("scope", ["credential", "service credential", "admin"])
def test_OA_18_client_credentials_have_scope_service_only(flow, scope):
    assert problem(flow.token(GRANT | {"scope": scope}))[:2] == (400, "invalid_scope")


def test_client_credentials_are_not_for_public_clients(flow):
    assert problem(flow.token({"client_id": "native"} | GRANT, headers={}))[1] == "unauthorized_client"


def test_OA_01_a_grant_that_is_not_registered_is_refused(flow):
    flow.store.put_client(registered("app", grant_types=("authorization_code",)))

    assert problem(flow.token(GRANT))[:2] == (401, "unauthorized_client")


def test_OA_17_repeated_parameters_are_refused(flow):
    answer = flow.token({"grant_type": ["client_credentials", "client_credentials"]})

    assert problem(answer)[:2] == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"grant_type=client_credentials", "text/plain"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        ("grant_type=é".encode(), "application/x-www-form-urlencoded"),
        (b"&".join(b"p%d=1" % number for number in range(100)), "application/x-www-form-urlencoded"),
        (b'{"grant_type":"client_credentials"}', "application/json"),
        (b"", "application/x-www-form-urlencoded"),
        (b"--x", "multipart/form-data; boundary=x"),
    ],
)
def test_OA_17_only_a_strict_form_is_read(flow, body, content_type):
    answer = flow.token(body, headers=basic_header() | {"Content-Type": content_type})

    assert problem(answer)[:2] == (400, "invalid_request")


def test_OA_17_the_query_is_refused_for_csc2(flow):
    assert problem(flow.token(b"", query="?grant_type=client_credentials"))[:2] == (400, "invalid_request")
    assert problem(flow.token(GRANT, query="?x=1"))[:2] == (400, "invalid_request")


def test_O6_O7_a_csc1_client_may_use_the_query_or_json(flow):
    header = basic_header("classic")
    as_json = json.dumps(GRANT | {"scope": None})

    assert flow.token(b"", query="?grant_type=client_credentials", headers=header).status_code == 200
    assert flow.token(as_json, headers=header | {"Content-Type": "application/json"}).status_code == 200
    broken = flow.token('{"grant_type":["x"]}', headers=header | {"Content-Type": "application/json"})
    assert problem(broken)[:2] == (400, "invalid_request")


def test_OA_13_a_refresh_token_is_rotated(flow, code):
    first = flow.redeem(code).json
    second = flow.token({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})

    assert second.status_code == 200
    assert second.json["refresh_token"] != first["refresh_token"]
    assert row_of(flow, second.json["access_token"]).signer_id == SIGNER


def test_OA_13_a_second_use_ends_the_family(flow, code):
    first = flow.redeem(code).json
    data = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = flow.token(data).json
    again = flow.token(data)

    assert (again.status_code, again.json) == (400, WRONG_REFRESH)
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert row_of(flow, token).revoked_at
    assert flow.token(data | {"refresh_token": second["refresh_token"]}).json == WRONG_REFRESH
    assert "refresh.reused" in [event for event, _, _ in flow.events()]


def test_OA_13_a_loser_of_a_parallel_rotation_ends_the_family(flow, code):
    first = flow.redeem(code).json["refresh_token"]
    flow.store.rotate_refresh_token = lambda *_: False

    assert flow.token({"grant_type": "refresh_token", "refresh_token": first}).json == WRONG_REFRESH
    assert row_of(flow, first).revoked_at


def test_OA_13_a_rotated_token_ends_with_the_first_one(flow, code):
    first = flow.redeem(code).json["refresh_token"]
    flow.clock.now += 86_399
    second = flow.token({"grant_type": "refresh_token", "refresh_token": first}).json["refresh_token"]
    flow.clock.now += 1
    answer = flow.token({"grant_type": "refresh_token", "refresh_token": second})

    assert problem(answer) == (400, "invalid_grant", "Refresh token expired")


def test_the_refresh_token_of_another_client_is_unknown(flow, code):
    refresh = flow.redeem(code).json["refresh_token"]
    data = {"grant_type": "refresh_token", "refresh_token": refresh}

    assert flow.token(data, headers=basic_header("rival")).json == WRONG_REFRESH
    assert flow.token(data).status_code == 200


def test_an_access_token_and_a_login_token_do_not_refresh(flow, code):
    access = flow.redeem(code).json["access_token"]
    login = new_secret()
    row = replace(row_of(flow, access), token_hash=secret_hash(login), kind=TokenKind.REFRESH, origin="login")
    flow.store.insert_tokens([row])

    for token in (access, login):
        assert flow.token({"grant_type": "refresh_token", "refresh_token": token}).json == WRONG_REFRESH


def test_OA_18_refreshing_never_widens_the_scope(flow, code):
    refresh = flow.redeem(code).json["refresh_token"]
    answer = flow.token({"grant_type": "refresh_token", "refresh_token": refresh, "scope": "credential"})

    assert problem(answer)[:2] == (400, "invalid_scope")


def test_the_sample_of_1_0_4_0_spells_refreshToken(flow, code):
    refresh = flow.redeem(code).json["refresh_token"]

    assert flow.token({"grant_type": "refresh_token", "refreshToken": refresh}, "v1").status_code == 200


def test_a_client_without_the_grant_gets_no_refresh_token(flow, code):
    flow.store.put_client(registered("app", grant_types=("authorization_code",)))

    assert "refresh_token" not in flow.redeem(code).json


def test_wrong_verbs_are_json(flow):
    for method, path in (("GET", "token"), ("GET", "revoke"), ("POST", "authorize"), ("OPTIONS", "token")):
        answer = flow.http.open(f"/csc/v2/oauth2/{path}", method=method, base_url=BASE_URL)
        assert answer.status_code == 405
        assert answer.mimetype == "application/json"


def test_csc1_is_a_profile_not_a_path(flow):
    flow.store.put_client(registered("classic", ClientProfile.CSC2))

    assert problem(flow.token(b"", query="?grant_type=client_credentials", headers=basic_header("classic")))[0] == 400
