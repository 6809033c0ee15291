"""Every failure is the documented JSON, whatever raised it (A2, IN-06, IN-08)."""

import json

import pytest

from csc_server.errors import MalformedInputError, RefusedError, UnavailableError
from csc_server.values import Refusal
from fakes.web_application import BASE_URL, WebApplication


@pytest.fixture
def web():
    return WebApplication()


def is_problem(response):
    body = response.get_json()
    return (
        response.content_type.startswith("application/json")
        and isinstance(body["error"], str)
        and len(body["error_description"]) < 256
    )


@pytest.mark.parametrize("path", ["/", "/csc", "/csc/v1", "/csc/v3/info", "/csc/v1/info/", "/csc//v1/info", "/%00"])
def test_A2_unknown_paths_are_json(web, path):
    response = web.http.post(path, base_url=BASE_URL)

    assert response.status_code == 404
    assert is_problem(response)


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_A2_wrong_verbs_are_json_and_say_which_is_right(web, verb):
    response = web.post("signatures/signHash", {}, verb=verb)

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert is_problem(response)


def test_IN_09_another_host_is_refused(web):
    response = web.http.post("/csc/v1/info", base_url="http://evil.example")

    assert response.status_code == 400
    assert is_problem(response)


def test_IN_09_forwarded_headers_change_nothing_without_the_proxy(web):
    web.post("signatures/signHash", {"credentialID": 1}, headers={"X-Forwarded-For": "203.0.113.9"})

    assert web.events()[0][2]["address"] == "127.0.0.0/24"


def test_unavailable_is_503_with_retry_after(web):
    web.activation.failure = UnavailableError("device", retry_after=7)
    response = web.post("credentials/list")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"
    assert response.get_json()["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_RL_04_a_failure_that_used_up_the_authorization_says_so(web, version):
    web.activation.failure = UnavailableError("device", is_spent=True)
    response = web.post("credentials/list", version=version)

    assert response.status_code == 503
    assert "used up" in response.get_json()["error_description"]
    web.activation.failure = UnavailableError("device")
    assert "used up" not in web.post("credentials/list", version=version).get_json()["error_description"]


@pytest.mark.parametrize("failure", [KeyError("planted"), RecursionError("planted"), MalformedInputError("planted")])
def test_IN_06_the_unexpected_tells_nothing(web, failure):
    web.activation.failure = failure
    response = web.post("credentials/list")

    assert response.status_code in {400, 500}
    assert "planted" not in response.text


def test_AD_08_the_log_of_the_unexpected_has_places_and_no_message(web, capsys):
    web.activation.failure = KeyError("planted")
    web.post("credentials/list")
    written = capsys.readouterr()

    assert "planted" not in written.out + written.err
    assert "web/api/credentials.py" in written.out + written.err


def test_every_refusal_has_a_text_on_both_versions(web):
    for version in ("v1", "v2"):
        for refusal in Refusal:
            web.activation.failure = RefusedError(refusal, "planted")
            response = web.post("credentials/authorize", {"credentialID": "pin", "numSignatures": 1}, version=version)
            assert response.status_code in {400, 401, 503}, refusal
            assert is_problem(response)
            assert "planted" not in response.text


def test_audit_that_cannot_be_written_is_503_and_nothing_is_told(web):
    def full(rows):
        raise UnavailableError("audit")

    web.store.append_audit = full
    response = web.post("credentials/info", {"credentialID": 1})

    assert response.status_code == 503


@pytest.mark.parametrize("offered", ["order-0001", "0123456789abcdef", "A.b_c-d:".replace(":", "9")])
def test_a_request_id_that_fits_is_kept(web, offered):
    response = web.post("info", headers={"X-Request-ID": offered})

    assert response.headers["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", ["short", "x" * 65, "with space", "semi;colon", "caf\u00e9-caf\u00e9", ""])
def test_IN_08_a_request_id_that_does_not_fit_is_replaced(web, offered):
    given = web.post("info", headers={"X-Request-ID": offered}).headers["X-Request-ID"]

    assert given != offered
    assert len(given) == 16


def post_with_length(web, data, length):
    return web.http.post(
        "/csc/v1/credentials/info",
        data=data,
        content_type="application/json",
        headers={"Authorization": f"Bearer {web.tokens['service']}"},
        base_url=BASE_URL,
        environ_overrides={"CONTENT_LENGTH": str(length)},
    )


def test_a_body_is_refused_before_it_is_read_when_it_says_it_is_too_large(web):
    response = post_with_length(web, b"{}", 1_048_577)

    assert response.status_code == 413
    assert is_problem(response)


def test_a_body_that_ends_early_is_400(web):
    response = post_with_length(web, b'{"credentialID":"pin"}', 100)

    assert response.status_code == 400
    assert is_problem(response)
    assert web.activation.requests == []


def test_json_answers_say_what_they_are(web):
    assert json.loads(web.http.get("/livez", base_url=BASE_URL).data) == {"status": "ok"}
