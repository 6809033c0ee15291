"""What `dev` prints: the warning, and three lines that a newcomer pastes."""

import base64
import hashlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from csc_server.cli.dev.banner import MESSAGE, banner, example_lines, write_examples
from csc_server.cli.dev.folder import DataFolder
from csc_server.cli.dev.seeds import make_seed


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "a folder with blanks")
    folder.prepare()
    return folder


@pytest.fixture
def seed(folder):
    return make_seed("http://127.0.0.1:8080", folder.trust_root)


def test_the_banner_warns_and_says_where_things_are(folder, seed):
    text = banner(folder, seed, Path("/usr/lib/module.so"))

    for part in ("NOT FOR PRODUCTION", "one user runs both", seed.base_url, str(folder.seed), seed.trust_root):
        assert part in text


def test_the_three_lines_stand_in_the_banner_as_they_are(folder, seed):
    lines = banner(folder, seed, Path("/m.so")).splitlines()
    examples = example_lines(folder, seed)

    first = lines.index(examples[0])

    assert tuple(lines[first : first + 3]) == examples


def test_the_lines_show_no_secret_and_their_files_are_private(folder, seed):
    write_examples(folder, seed)
    text = "\n".join(example_lines(folder, seed))
    secrets = [each.pin for each in seed.credentials] + [each.password for each in seed.users]

    assert not any(secret in text for secret in secrets)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.examples.iterdir()} == {0o600}


def test_the_lines_work_in_a_posix_shell(folder, seed, tmp_path):
    """A stand-in for curl answers each method; it shows what the shell made of the three lines."""
    write_examples(folder, seed)
    programs = tmp_path / "bin"
    programs.mkdir()
    curl = programs / "curl"
    curl.write_text(
        "#!/bin/sh\n"
        "for last; do :; done\n"
        'case "$last" in\n'
        '*auth/login) echo \'{"access_token": "TOKEN-1", "expires_in": 3600}\' ;;\n'
        '*credentials/authorize) echo \'{"SAD":"SAD-1","expiresIn":120}\' ;;\n'
        '*signatures/signHash) printf "%s\\n" "$@" ;;\n'
        "esac\n",
        encoding="utf-8",
    )
    curl.chmod(0o755)
    assert shutil.which("openssl")

    script = "\n".join(example_lines(folder, seed))
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    output = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout

    digest = base64.b64encode(hashlib.sha256(MESSAGE.encode()).digest()).decode()
    assert "Authorization: Bearer TOKEN-1" in output
    assert '"SAD":"SAD-1"' in output
    assert f'"hash":["{digest}"]' in output
    assert '"signAlgo":"1.2.840.113549.1.1.11"' in output
