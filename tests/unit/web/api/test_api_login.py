"""auth/login and auth/revoke (CSC 1.0.4.0, 11.2 and 11.3)."""

from dataclasses import replace

import pytest

from csc_server.activation.messages import VoidApproval
from csc_server.values import ApprovalId
from csc_server.web.app import STRANGERS
from fakes.web_application import PASSWORD, WebApplication, basic

FAILED = {"error": "authentication_error", "error_description": "An error occurred during authentication process"}


@pytest.fixture
def web():
    return WebApplication()


def log_in(web, body=None, *, name="alice", password=PASSWORD, **options):
    return web.post("auth/login", body, token=None, headers=basic(name, password), **options)


def test_login_opens_scope_service_and_answers_no_token_type(web):
    answer = log_in(web).get_json()

    assert set(answer) == {"access_token", "expires_in"}
    assert web.post("credentials/list", token=answer["access_token"]).status_code == 200


def test_R8_login_by_get(web):
    assert log_in(web, data=b"", verb="GET").status_code == 200


def test_R7_login_without_a_body(web):
    assert log_in(web, data=b"").status_code == 200
    assert log_in(web, data=b"[]").status_code == 200


def test_login_to_be_remembered_gives_a_refresh_token_that_works_once(web):
    first = log_in(web, {"rememberMe": True}).get_json()["refresh_token"]
    second = web.post("auth/login", {"refresh_token": first}, token=None).get_json()
    assert set(second) == {"access_token", "expires_in", "refresh_token"}

    again = web.post("auth/login", {"refresh_token": first}, token=None)
    assert again.get_json()["error_description"] == "Invalid refresh_token"
    ended = web.post("auth/login", {"refresh_token": second["refresh_token"]}, token=None)
    assert ended.status_code == 400


def test_a_refresh_token_of_oauth_is_none_of_auth_login(web):
    answer = web.post("auth/login", {"refresh_token": web.tokens["refresh"]}, token=None).get_json()

    assert answer["error_description"] == "Invalid refresh_token"


def test_header_and_refresh_token_at_once_are_refused(web):
    assert log_in(web, {"refresh_token": "x" * 43}).status_code == 401


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic *", "Basic YWxpY2U", "Basic " + "QUFB" * 3000, "Basic YTpi, Basic YTpi"]
)
def test_IN_07_a_basic_header_that_is_none(web, header):
    response = web.post("auth/login", token=None, headers={"Authorization": header})

    assert response.status_code == 401
    assert response.get_json()["error_description"] == "Malformed authentication parameter."


def test_name_and_password_are_text_without_control_characters(web):
    for name, password in [("al\nice", PASSWORD), ("alice", "a\0b")]:
        answer = log_in(web, name=name, password=password).get_json()
        assert answer["error_description"] == "Malformed username-password."


@pytest.mark.parametrize("pair", [("alice", ""), ("", PASSWORD), ("", ""), ("a" * 4096, "x"), ("alice", "x" * 4096)])
def test_AU_12_an_empty_or_endless_pair_is_a_failed_login_like_any(web, pair):
    assert log_in(web, name=pair[0], password=pair[1]).get_json() == FAILED


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
def test_AU_12_one_answer_for_a_wrong_password_and_an_unknown_name(web, name, password):
    response = log_in(web, name=name, password=password)

    assert (response.status_code, response.get_json()) == (400, FAILED)


def test_AU_12_an_account_that_wants_a_code_cannot_log_in_by_basic(web):
    web.store.put_account(replace(web.store.account("alice"), totp_seed=b"seed" * 5))

    assert log_in(web).get_json() == FAILED


def test_AU_06_five_failures_lock_and_the_right_password_does_not_help(web):
    for _ in range(5):
        log_in(web, password="wrong")

    assert log_in(web).get_json() == FAILED
    web.clock.now += 901
    assert log_in(web).status_code == 200


def test_AU_06_each_failed_login_is_audited_once(web):
    log_in(web, password="wrong")
    web.app.extensions[STRANGERS].flush()

    assert [(event, outcome) for event, outcome, _ in web.events()] == [("login", "failure")]


def test_revoking_a_refresh_token_ends_its_grant(web):
    answer = log_in(web, {"rememberMe": True}).get_json()
    bearer = answer["access_token"]

    assert web.post("auth/revoke", {"token": answer["refresh_token"]}, token=bearer).status_code == 204
    assert web.post("credentials/list", token=bearer).get_json()["error"] == "expired_token"


def test_revoking_an_access_token_leaves_the_refresh_token(web):
    answer = log_in(web, {"rememberMe": True}).get_json()
    web.post("auth/revoke", {"token": answer["access_token"]}, token=answer["access_token"])

    assert web.post("auth/login", {"refresh_token": answer["refresh_token"]}, token=None).status_code == 200


def test_revoking_a_credential_token_kills_its_approval(web):
    web.add_token("signing", client_id="modern", scope="credential", approval_id=ApprovalId("approval-1"))

    assert web.post("auth/revoke", {"token": web.tokens["signing"]}).status_code == 204
    assert isinstance(web.activation.requests[-1], VoidApproval)


@pytest.mark.parametrize("name", ["old", "login"])
def test_a_token_of_another_client_cannot_be_revoked(web, name):
    answer = web.post("auth/revoke", {"token": web.tokens[name]}).get_json()

    assert answer["error_description"] == "Invalid string parameter token"
    assert web.post("credentials/list", token=name).status_code == 200
