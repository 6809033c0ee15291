"""The data folder of a development server: modes, marker, one server at a time."""

import os
import stat

import pytest

from csc_server.cli.dev.folder import DataFolder, default_folder, write_private
from csc_server.cli.dev.token import find_module, make_pins, use_configuration
from csc_server.cli.marker import MARKER, made_by_dev
from csc_server.errors import CscServerError


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_SC_07_every_folder_is_private(folder):
    folders = [folder.root, *(path for path in folder.root.iterdir() if path.is_dir())]

    assert len(folders) > 5
    assert {mode(path) for path in folders} == {0o700}


def test_the_marker_is_seen_from_anywhere_below(folder):
    assert (folder.root / MARKER).exists()
    assert made_by_dev(folder.user_pin) == folder.root
    assert made_by_dev(folder.root.parent) is None


def test_a_folder_with_other_content_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(CscServerError) as caught:
        DataFolder(tmp_path).prepare()

    assert "--data-dir" in caught.value.advice
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_folder_and_a_second_start_are_fine(tmp_path):
    folder = DataFolder(tmp_path)
    folder.prepare()
    write_private(folder.user_pin, "123")
    folder.prepare()

    assert folder.user_pin.read_text(encoding="utf-8") == "123"


def test_a_broken_off_first_start_is_cleared(folder):
    write_private(folder.user_pin, "123")
    folder.clear()

    assert not folder.user_pin.exists()
    assert folder.marker.exists()


def test_two_servers_do_not_share_a_folder(folder):
    with folder.locked(), pytest.raises(CscServerError), folder.locked():
        pass
    with folder.locked():
        pass


def test_sockets_stand_in_the_folder_when_the_path_is_short_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = DataFolder(tmp_path)
    short.prepare()
    is_short = len(os.fsencode(tmp_path)) < 70

    with short.socket_folder() as path:
        assert (path.parent == tmp_path) is is_short
        assert mode(path) == 0o700


def test_sockets_stand_elsewhere_when_the_path_is_too_long(tmp_path):
    long = DataFolder(tmp_path / ("x" * 100))
    long.prepare()

    with long.socket_folder() as path:
        assert len(os.fsencode(path / "evidence-15.sock")) <= 100
        assert mode(path) == 0o700
    assert not path.exists()


def test_SC_07_a_private_file_replaces_what_others_could_read(tmp_path):
    path = tmp_path / "seed.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o666)

    write_private(path, "new")

    assert path.read_text(encoding="utf-8") == "new"
    assert mode(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["seed.json"]


def test_SC_07_pins_are_random_and_private(folder):
    first = make_pins(folder)
    second = make_pins(folder)

    assert len({*first, *second}) == 4
    assert {mode(folder.user_pin), mode(folder.so_pin)} == {0o600}
    assert folder.user_pin.read_text(encoding="utf-8") == second[1]


def test_the_configuration_of_the_token_is_named_to_children(folder, monkeypatch):
    monkeypatch.setenv("SOFTHSM2_CONF", "")

    use_configuration(folder)

    assert os.environ["SOFTHSM2_CONF"] == str(folder.token_conf)
    assert f"directories.tokendir = {folder.token}\n" in folder.token_conf.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "place",
    [
        "usr/lib/softhsm",
        "usr/lib/x86_64-linux-gnu/softhsm",
        "usr/lib/aarch64-linux-gnu/softhsm",
        "usr/lib64/pkcs11",
        "opt/homebrew/lib/softhsm",
        "usr/local/lib/softhsm",
    ],
)
def test_the_module_is_found_where_systems_put_it(tmp_path, place):
    module = tmp_path / place / "libsofthsm2.so"
    module.parent.mkdir(parents=True)
    module.touch()

    assert find_module(root=tmp_path) == module


def test_without_the_module_the_advice_says_what_to_install(tmp_path):
    with pytest.raises(CscServerError) as caught:
        find_module(root=tmp_path)

    for command in ("apt-get install softhsm2", "dnf install softhsm", "brew install softhsm"):
        assert command in caught.value.advice


def test_a_named_module_must_be_a_file(tmp_path):
    with pytest.raises(CscServerError):
        find_module(tmp_path / "none.so")


def test_the_default_folder_follows_the_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "csc-server" / "dev"

    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".local" / "share" / "csc-server" / "dev"
