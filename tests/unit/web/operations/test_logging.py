"""AD-08 and AD-09: one JSON object a line, no secrets, quiet libraries."""

import json
import logging

import structlog

from csc_server.web.operations.logging import configure_logging, without_secrets
from fakes.web_application import WebApplication, basic


def test_AD_09_a_line_is_one_json_object_with_control_characters_escaped(capsys):
    configure_logging()
    structlog.get_logger("fresh").info("request", path='/x\n{"forged":1}\x1b[2J\u2028')
    lines = capsys.readouterr().err.splitlines()

    assert len(lines) == 1
    assert json.loads(lines[0])["path"].startswith("/x\n")
    assert lines[0].isprintable()


def test_AD_08_values_with_secret_names_are_removed():
    event = without_secrets(None, "info", {"event": "x", "PIN": "1234", "access_token": "abc", "status": 200})

    assert event == {"event": "x", "PIN": "[removed]", "access_token": "[removed]", "status": 200}


def test_AD_08_libraries_that_log_tokens_are_capped():
    configure_logging()

    assert logging.getLogger("authlib").level == logging.WARNING
    assert logging.getLogger("joserfc").level == logging.WARNING


def test_AD_08_planted_secrets_appear_in_no_line(capsys):
    configure_logging()
    web = WebApplication()
    web.post("auth/login?code=planted-code", token=None, headers=basic("alice", "planted-password"))
    web.post("credentials/authorize", {"credentialID": "pin", "numSignatures": 1, "PIN": "planted-pin"})
    web.post("signatures/signHash", {"credentialID": "pin", "SAD": "planted-sad"}, token="planted-token")
    web.post("planted-path", token=None)
    written = capsys.readouterr()

    assert "planted" not in written.out + written.err
    assert "planted" not in repr(web.store.audit)
