"""RL-18: /livez touches nothing, /readyz names the part that is bad, neither leaks."""

import pytest

from csc_server.activation.messages import Health
from csc_server.errors import UnavailableError
from csc_server.web.operations.health import worst
from fakes.web_application import BASE_URL, WebApplication

GOOD = {"device": "ok", "database": "ok", "clock": "ok", "audit": "ok"}


def worker(name, **bad):
    return Health(name, 1, **(GOOD | bad))


@pytest.fixture
def web():
    return WebApplication()


def get(web, path):
    return web.http.get(path, base_url=BASE_URL)


def test_RL_18_livez_asks_neither_signer_nor_database(web):
    def asked(*_):
        raise AssertionError("asked")

    web.activation.health = web.store.client = web.store.token = asked

    assert get(web, "/livez").status_code == 200


def test_RL_18_readyz_says_which_part_is_bad(web):
    web.activation.states = [worker("sign-0", device="failed"), worker("registry-0")]
    response = get(web, "/readyz")

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.get_json() == {
        "status": "unavailable",
        "signer": "ok",
        "device": "failed",
        "database": "ok",
        "clock": "ok",
        "audit": "ok",
        "web_database": "ok",
    }


def test_RL_18_readyz_survives_a_signer_and_a_database_that_are_away(web):
    def away(*_):
        raise UnavailableError("database", "secret-host:5432")

    web.activation.health = web.store.client = away
    response = get(web, "/readyz")

    assert response.status_code == 503
    assert response.get_json()["signer"] == "unreachable"
    assert response.get_json()["web_database"] == "unreachable"
    assert "secret-host" not in response.text


def test_readyz_is_ready_while_one_worker_of_each_lane_is(web):
    web.activation.states = [worker("sign-0", device="unreachable"), worker("sign-1"), worker("evidence-0")]

    assert get(web, "/readyz").status_code == 200


def test_a_lane_without_a_healthy_worker_is_not_hidden_by_another_lane():
    assert worst([worker("sign-0", database="failed"), worker("evidence-0")])["database"] == "failed"
    assert worst([worker("sign-0", device="unreachable"), worker("evidence-0")])["signer"] == "unreachable"


def test_no_workers_at_all_is_unreachable():
    assert worst([])["signer"] == "unreachable"


def test_a_worker_without_a_word_for_every_part_is_not_ready():
    assert worst([worker("sign-0", clock="behind")])["clock"] == "behind"
