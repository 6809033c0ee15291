"""Reading the settings file and the environment."""

import os
import pwd

import pytest

from csc_server.cli.settings_file import NO_USER, read_settings
from csc_server.errors import ConfigurationError

OWNER = pwd.getpwuid(os.geteuid())

TEXT = f"""
environment = "test"
revocation = "none"
socket_dir = "/run/csc"
signing_workers = 3
[users]
web = "nobody"
signer = "{OWNER.pw_name}"
[limits]
sad_lifetime = 30
[web]
base_url = "https://sign.example.org"
listen = "unix:/run/web.sock"
database_url = "sqlite:////srv/web.sqlite3"
[signer]
database_url = "sqlite:////srv/signer.sqlite3"
[signer.device]
module = "/usr/lib/module.so"
token_label = "label"
call_deadline = 4.5
pin_file = "/etc/pin"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_both_sides_get_what_they_share_and_their_own(path):
    settings = read_settings(path).settings

    assert settings is not None
    assert settings.web is not None
    assert settings.signer is not None
    assert settings.web.signing_workers == settings.signer.signing_workers == 3
    assert settings.web.limits.sad_lifetime == settings.signer.limits.sad_lifetime == 30
    assert settings.web.environment == "test"
    assert settings.web.socket_dir == settings.signer.socket_dir
    assert settings.web.signer_uid == OWNER.pw_uid
    assert settings.signer.web_uids == (pwd.getpwnam("nobody").pw_uid,)
    assert settings.web.call_deadline == settings.signer.device.call_deadline == 4.5
    assert settings.signer.issuer == "https://sign.example.org"


def test_AR_01_web_settings_hold_no_word_of_the_device(path):
    settings = read_settings(path).settings

    text = settings.web.model_dump_json()

    assert "module" not in text
    assert "/etc/pin" not in text


def test_the_environment_wins_over_the_file(path, monkeypatch):
    monkeypatch.setenv("CSC_SERVER_WEB__BASE_URL", "https://other.example.org")
    monkeypatch.setenv("CSC_SERVER_SIGNING_WORKERS", "5")

    settings = read_settings(path).settings

    assert settings.web.base_url == "https://other.example.org"
    assert settings.web.signing_workers == settings.signer.signing_workers == 5
    assert settings.web.listen == "unix:/run/web.sock"


def test_unknown_keys_are_faults_in_every_table(path):
    changed = TEXT.replace("[users]", "one = 1\n[users]\ntwo = 2").replace("[web]", "[web]\nthree = 3")
    path.write_text(changed.replace("[signer.device]", "[signer.device]\npin = '123456'"), encoding="utf-8")

    faults = read_settings(path).faults

    assert sorted(faults) == [
        "one is no setting.",
        "signer.device.pin is no setting.",
        "users.two is no setting.",
        "web.three is no setting.",
    ]


def test_SC_07_a_fault_does_not_repeat_the_value(path):
    path.write_text(TEXT.replace("signing_workers = 3", "signing_workers = 'hunter2'"), encoding="utf-8")

    faults = read_settings(path).faults

    assert any(fault.startswith("signing_workers ") for fault in faults)
    assert "hunter2" not in "".join(faults)


def test_a_missing_key_is_told_with_its_table(path):
    path.write_text(TEXT.replace('token_label = "label"\n', ""), encoding="utf-8")

    assert read_settings(path).faults == ("signer.device.token_label is missing.",)


def test_what_is_shared_stands_only_at_the_top(path):
    path.write_text(TEXT.replace("[web]", "[web]\nsigning_workers = 9"), encoding="utf-8")

    assert any("signing_workers stands at the top" in fault for fault in read_settings(path).faults)


@pytest.mark.parametrize("content", [b"= nonsense", b"\xff\xfe", b"[web"])
def test_a_file_that_is_no_toml_is_refused_with_advice(path, content):
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        read_settings(path)

    assert caught.value.advice


def test_a_user_that_is_not_there_gets_a_uid_that_no_process_has(path):
    path.write_text(TEXT.replace('"nobody"', '"no-such-user-here"'), encoding="utf-8")

    assert read_settings(path).settings.signer.web_uids == (NO_USER,)


def test_a_courier_is_told_of_to_both_sides(path):
    courier = '[courier]\n[courier.smtp]\nhost = "mail.example"\nsender = "s@sign.example"\n'
    path.write_text(TEXT.replace("[web]\n", courier + "[web]\n"), encoding="utf-8")
    settings = read_settings(path).settings

    assert settings is not None
    assert settings.web is not None
    assert settings.signer is not None
    assert settings.courier is not None
    assert settings.web.online_codes
    assert settings.signer.courier_socket == settings.courier.socket
    assert str(settings.courier.socket) == "/run/csc-courier/courier.sock"
    assert settings.courier.signer_uid == settings.signer.courier_uid == OWNER.pw_uid
    assert settings.courier.environment == "test"


def test_without_a_courier_no_code_is_offered(path):
    settings = read_settings(path).settings

    assert settings is not None
    assert settings.web is not None
    assert settings.signer is not None
    assert not settings.web.online_codes
    assert settings.signer.courier_socket is None
