"""The composition root over real adapters: a database of its own, and a signer that is not there."""

import json

import pytest
from sqlalchemy import text

from csc_server.audit.events import Event, Outcome
from csc_server.audit.log import AuditLog
from csc_server.errors import UnavailableError
from csc_server.settings import WebSettings
from csc_server.storage.engine import make_engine
from csc_server.web.app import STRANGERS, create_app, stop
from fakes.web_application import WebApplication
from stores import migrated_database

HOST = "sign.example.jp"


@pytest.fixture
def settings(tmp_path):
    return WebSettings(
        base_url=f"https://{HOST}",
        database_url=migrated_database(tmp_path, "web"),
        socket_dir=tmp_path / "sockets",
        listen=f"unix:{tmp_path}/web.sock",
        signer_uid=0,
    )


@pytest.fixture
def http(settings):
    return create_app(settings).test_client()


def events(store):
    return [row.event for row in store.audit]


def get(http, path, **options):
    return http.get(path, **({"base_url": f"https://{HOST}"} | options))


def test_RL_18_without_a_signer_it_lives_but_is_not_ready(http):
    assert get(http, "/livez").status_code == 200
    answer = get(http, "/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["signer"] == "unreachable"
    assert answer.get_json()["web_database"] == "ok"


def test_A16_info_names_the_public_address(http):
    answer = get(http, "/csc/v2/info").get_json()

    assert answer["oauth2"] == f"https://{HOST}/csc/v2"
    assert answer["logo"].startswith(f"https://{HOST}/")


def test_AU_11_the_public_side_is_https_only(http):
    assert "max-age" in get(http, "/csc/v1/info").headers["Strict-Transport-Security"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost", f"{HOST}.evil.example", f"x.{HOST}"])
def test_IN_09_in_production_one_host_only(http, host):
    assert get(http, "/csc/v1/info", base_url=f"https://{host}").status_code == 400


def test_IN_09_the_host_may_carry_a_port(http):
    assert get(http, "/csc/v1/info", base_url=f"https://{HOST}:443").status_code == 200


def test_an_unknown_token_is_looked_up_in_the_database(http):
    response = http.post(
        "/csc/v1/credentials/list",
        json={},
        headers={"Authorization": "Bearer nobody's".replace("'", "")},
        base_url=f"https://{HOST}",
    )

    assert response.get_json()["error"] == "invalid_token"


def test_AD_09_a_request_is_one_line_that_says_what_was_asked_but_not_by_whom(http, capsys):
    get(http, "/csc/v1/credentials/list?planted=1", headers={"X-Request-ID": "order-0001"})
    [line] = [each for each in capsys.readouterr().err.splitlines() if "order-0001" in each]
    event = json.loads(line)

    assert (event["event"], event["method"], event["status"]) == ("request", "GET", 405)
    assert "planted" not in line


def lines_of(settings, capsys, level):
    app = create_app(settings.model_copy(update={"log_level": level}))
    get(app.test_client(), "/csc/v1/info?planted=1", headers={"X-Request-ID": "order-0002"})
    return [each for each in capsys.readouterr().err.splitlines() if "order-0002" in each]


def test_AD_09_a_request_that_succeeds_is_a_line_for_those_who_ask_for_details(settings, capsys):
    [line] = lines_of(settings, capsys, "debug")
    event = json.loads(line)

    assert (event["event"], event["method"], event["path"], event["status"]) == ("request", "GET", "/csc/v1/info", 200)
    assert "planted" not in line


def test_AD_09_and_none_for_the_others(settings, capsys):
    assert lines_of(settings, capsys, "info") == []


def test_AD_01_start_is_audited(settings):
    create_app(settings)
    engine = make_engine(settings.database_url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT event, outcome FROM web_audit")).all()
    engine.dispose()

    assert rows == [("started", "success")]


def test_AD_01_what_is_counted_and_the_stop_are_written_at_the_end():
    web = WebApplication()
    web.post("credentials/list", token=None)
    stop(web.app.extensions[STRANGERS], web.audit, "web-test")

    assert events(web.store) == ["strangers.refused", "stopped"]


def test_a_stop_without_a_database_is_no_error():
    web = WebApplication()

    def away(rows):
        raise UnavailableError("database")

    web.store.append_audit = away
    stop(web.app.extensions[STRANGERS], web.audit, "web-test")

    assert web.store.audit == []


def test_an_audit_write_of_unknown_outcome_does_not_break_the_chain():
    web = WebApplication()
    append, lost = web.store.append_audit, []

    def arrives_but_fails(rows):
        append(rows)
        lost.append(rows)
        raise UnavailableError("database")

    log = AuditLog(web.store, "web-test", web.clock)
    web.store.append_audit = arrives_but_fails
    with pytest.raises(UnavailableError):
        log.record(Event.STARTED, Outcome.SUCCESS)
    web.store.append_audit = append
    log.record(Event.STOPPED, Outcome.SUCCESS)

    assert [row.sequence for row in web.store.audit] == [1, 2]
    assert web.store.audit[1].previous_hash == web.store.audit[0].hash
    assert len(lost) == 1
