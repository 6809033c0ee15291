"""Every command: help that leads with examples, exit codes, and errors that end with advice."""

import json

import click
import pytest
from click.testing import CliRunner

from csc_server.cli.dev.command import read_limits
from csc_server.cli.dev.folder import DataFolder
from csc_server.cli.dev.seeds import make_seed
from csc_server.cli.main import main


def commands(group=main, path=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def run(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_each_command_has_help_with_an_example(path):
    result = run(*path, "--help")

    assert result.exit_code == 0
    assert f"csc-server {' '.join(path)}" in result.output


@pytest.mark.parametrize("command", [command for _, command in commands()])
def test_each_option_says_what_it_does(command):
    undocumented = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]

    assert undocumented == []


def test_the_help_lists_the_exit_codes():
    output = run("--help").output

    for code in range(5):
        assert f"  {code}  " in output


@pytest.mark.parametrize(
    "arguments",
    [("serve",), ("no-such-command",), ("dev", "--port", "x"), ("doctor", "--settings", "a", "--data-dir", "b")],
)
def test_wrong_use_ends_with_2_and_where_help_is(arguments):
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith("Error: ")
    assert "--help` to see what it takes." in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [(), ("try",)])
def test_a_group_alone_shows_its_commands(arguments):
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_refused_settings_end_with_3_and_all_faults(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('socket_dir = "/run/x"\nnonsense = 1\n', encoding="utf-8")

    result = run("serve", "--settings", str(path))

    faults = result.stderr.splitlines()
    assert result.exit_code == 3
    assert "Error: nonsense is no setting." in faults
    assert "Error: users is missing." in faults
    assert any("revocation" in fault for fault in faults)
    assert not faults[-1].startswith("Error: ")


def test_a_file_that_is_not_there_ends_with_3(tmp_path):
    result = run("serve", "--settings", str(tmp_path / "none.toml"))

    assert result.exit_code == 3


def test_migrate_needs_an_owner_other_than_the_service_on_postgresql(tmp_path):
    path = tmp_path / "settings.toml"
    url = "postgresql+psycopg://csc_web@localhost/csc"
    path.write_text(f'[web]\ndatabase_url = "{url}"\n', encoding="utf-8")

    alone = run("migrate", "--settings", str(path), "--only", "web")
    same = run("migrate", "--settings", str(path), "--only", "web", "--owner", "csc_web")

    assert (alone.exit_code, same.exit_code) == (3, 3)
    assert "--owner" in alone.stderr


def test_doctor_of_a_folder_that_is_not_there_is_a_warning(tmp_path):
    result = run("doctor", "--data-dir", str(tmp_path / "none"), "--json")

    tree = json.loads(result.stdout)
    assert result.exit_code == 0
    assert tree["status"] == "warn"


def test_SC_07_doctor_fails_for_a_seed_that_others_can_read(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    folder.seed.write_text(make_seed("http://127.0.0.1:1", folder.trust_root).model_dump_json(), encoding="utf-8")
    folder.seed.chmod(0o644)

    result = run("doctor", "--data-dir", str(folder.root))

    assert result.exit_code == 4
    assert "chmod go=" in result.stdout


def test_doctor_lists_each_check_of_a_settings_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("", encoding="utf-8")

    result = run("doctor", "--settings", str(path), "--json", "--only", "web")

    names = {child["name"] for each in json.loads(result.stdout)["children"] for child in each.get("children", [])}
    assert result.exit_code == 4
    assert {"form", "address", "device", "users", "secrets", "revocation", "databases"} <= names


def test_try_sign_without_a_seed_says_what_to_start(tmp_path):
    document = tmp_path / "a.pdf"
    document.touch()

    result = run("try", "sign", str(document), "--seed-file", str(tmp_path / "none.json"))

    assert result.exit_code == 1
    assert "csc-server dev" in result.stderr.splitlines()[-1]


def test_try_sign_refuses_a_credential_that_needs_a_browser(tmp_path):
    seed = make_seed("http://127.0.0.1:1", tmp_path / "root.pem")
    path = tmp_path / "seed.json"
    path.write_text(seed.model_dump_json(), encoding="utf-8")
    oauth = next(each.credential_id for each in seed.credentials if each.auth_mode == "oauth2code")

    result = run("try", "sign", str(tmp_path / "a.pdf"), "--seed-file", str(path), "--credential", oauth)

    assert result.exit_code == 1
    assert "browser" in result.stderr


def test_limits_are_changed_by_name_within_their_ranges():
    assert read_limits(["sad_lifetime=10", "lock_temporary=3"]).sad_lifetime == 10
    for wrong in ("sad_lifetime=1", "sad_lifetime", "no_such=1", "sad_lifetime=x"):
        with pytest.raises(click.BadParameter):
            read_limits([wrong])
