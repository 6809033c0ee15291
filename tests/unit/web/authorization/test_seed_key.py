"""The file that holds web's key."""

import stat

import pytest

from csc_server.errors import ConfigurationError
from csc_server.web.authorization.seed_key import SeedKey, make_key_file


def test_SC_07_a_key_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "key"

    assert make_key_file(path)
    text = path.read_text()
    assert not make_key_file(path)
    assert path.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SeedKey.of_file(path).open("a", SeedKey.of_file(path).seal("a", b"seed")) == b"seed"


def test_two_keys_differ_and_so_do_two_seals(tmp_path):
    for name in ("one", "two"):
        make_key_file(tmp_path / name)
    one, two = (SeedKey.of_file(tmp_path / name) for name in ("one", "two"))

    assert two.open("a", one.seal("a", b"seed")) is None
    assert one.seal("a", b"seed") != one.seal("a", b"seed")


@pytest.mark.parametrize("text", ["", "short", "x" * 42, "x" * 44, "+" * 43, "\u3042"])
def test_SC_07_what_is_no_key_stops_the_start(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match="holds no key") as caught:
        SeedKey.of_file(path)
    assert not text or text not in caught.value.message


def test_SC_07_a_missing_file_stops_the_start(tmp_path):
    with pytest.raises(ConfigurationError):
        SeedKey.of_file(tmp_path / "nowhere")


def test_without_a_setting_there_is_no_key():
    assert SeedKey.of_file(None) is None
