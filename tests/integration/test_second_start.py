"""A development server that is started again on its folder, and the three lines its banner offers to paste."""

import base64
import json
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import Certificate

from integration.csc_client import SHA256, SHA384, SHA512, CscClient, Scheme, algorithm_for, digests_of, verify
from integration.service import Credential, Seed, Service, clean_environment, free_port

OF_LENGTH = {32: SHA256, 48: SHA384, 64: SHA512}


@dataclass(frozen=True)
class Restart:
    """What was seen of the first start, and the second one, running."""

    first: Seed
    first_banner: str
    certificates: dict[str, list[Certificate]]
    old_token: str
    service: Service


@pytest.fixture(scope="module")
def restart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restart]:
    folder = tmp_path_factory.mktemp("second-start") / "data"
    first = Service(folder).start()
    token = CscClient(first.base_url, "v1").login(first.seed.users[0])
    seen = chains(first.seed, token)
    assert first.stop() == 0, first.output()[-2000:]
    second = Service(folder, port=free_port()).start()
    yield Restart(first.seed, first.output(), seen, token, second)
    second.stop()


def chains(seed: Seed, token: str) -> dict[str, list[Certificate]]:
    client = CscClient(seed.base_url, "v1", token)
    own = [c for c in seed.credentials if c.username == seed.users[0].username]
    return {c.credential_id: client.certificates(c.credential_id) for c in own}


def test_second_start_keeps_the_seed_but_for_its_addresses(restart: Restart) -> None:
    second = restart.service.seed

    assert second.base_url != restart.first.base_url
    first = restart.first
    assert replace(second, base_url=first.base_url, response_uri=first.response_uri) == first


def test_second_start_keeps_the_certificates_and_the_trust_root(restart: Restart) -> None:
    seed = restart.service.seed
    token = CscClient(seed.base_url, "v1").login(seed.users[0])

    assert chains(seed, token) == restart.certificates


def test_second_start_keeps_tokens(restart: Restart) -> None:
    client = CscClient(restart.service.base_url, "v1", restart.old_token)

    assert client.call("credentials/list")["credentialIDs"]


@pytest.mark.parametrize("key", ["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"])
def test_second_start_keeps_the_keys_in_the_device(restart: Restart, key: str) -> None:
    seed = restart.service.seed
    credential = restart.first.choose(key=key)
    client = CscClient(seed.base_url, "v1", CscClient(seed.base_url, "v1").login(seed.users[0]))
    digests = digests_of(1, SHA256, key)
    sad = client.authorize(credential, digests, SHA256)
    (signature,) = client.sign(credential.credential_id, digests, algorithm_for(credential), sad=sad)

    verify(restart.certificates[credential.credential_id][0], digests[0], signature, Scheme(SHA256))


def test_SC_07_seed_files_are_for_their_owner_alone(restart: Restart) -> None:
    seed_text = restart.service.seed_file.read_text("utf-8")
    copies = [
        path
        for path in restart.service.data_dir.rglob("*.json")
        if path.is_file() and _is_seed(path.read_text("utf-8"))
    ]

    assert copies, "the seed is kept in the data folder"
    assert any(json.loads(path.read_text("utf-8")) == json.loads(seed_text) for path in copies)
    for path in [restart.service.seed_file, *copies]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_SC_07_the_data_folder_is_for_its_owner_alone(restart: Restart) -> None:
    assert stat.S_IMODE(restart.service.data_dir.stat().st_mode) == 0o700


def test_banner_says_what_this_server_is_not(restart: Restart) -> None:
    for banner in (restart.first_banner, restart.service.output()):
        assert re.search(r"not\b.{0,40}\bproduction", banner, re.IGNORECASE | re.DOTALL), banner[:2000]
    assert restart.service.base_url in restart.service.output()


def test_the_three_lines_of_the_banner_sign(restart: Restart, tmp_path: Path) -> None:
    lines = pasted_lines(restart.service.output())
    assert len(lines) == 3, lines
    ended = run_in_a_shell(lines, tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert_a_signature(ended, restart)


def test_the_three_lines_of_the_banner_sign_a_second_time(restart: Restart, tmp_path: Path) -> None:
    for _ in range(2):
        ended = run_in_a_shell(pasted_lines(restart.service.output()), tmp_path)
        assert_a_signature(ended, restart)


def pasted_lines(banner: str) -> list[str]:
    """Return the commands with curl in them, as someone would copy them; a backslash continues a line."""
    joined = re.sub(r"\\\n\s*", " ", banner)
    return [line.strip().removeprefix("$ ") for line in joined.splitlines() if re.search(r"\bcurl\s", line)]


def run_in_a_shell(lines: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the lines in one shell, whose trace shows them with their variables filled in."""
    return subprocess.run(
        ["sh", "-x", "-e"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120, check=False,
        cwd=folder, env=clean_environment() | {"HOME": str(folder)},
    )  # fmt: skip


def assert_a_signature(ended: subprocess.CompletedProcess[str], restart: Restart) -> None:
    """Fail unless the last answer has a signature of a seeded credential over a hash that was sent."""
    found = re.findall(r'"signatures"\s*:\s*\[\s*"([A-Za-z0-9+/=]+)"', ended.stdout)
    assert found, ended.stdout + ended.stderr
    signature = base64.b64decode(found[-1], validate=True)
    hashes = {
        base64.b64decode(text) for text in re.findall(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43,86}={1,2}", ended.stderr)
    }
    hashes = {value for value in hashes if len(value) in OF_LENGTH}
    assert any(_verifies(chain[0], value, signature) for chain in restart.certificates.values() for value in hashes), (
        f"no credential of the seed signed one of {len(hashes)} hashes"
    )


def _verifies(certificate: Certificate, digest: bytes, signature: bytes) -> bool:
    try:
        verify(certificate, digest, signature, Scheme(OF_LENGTH[len(digest)]))
    except InvalidSignature:
        return False
    return True


def _is_seed(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and {"base_url", "credentials"} <= value.keys()


def test_seed_has_what_the_first_user_needs(restart: Restart) -> None:
    seed = restart.service.seed
    own: list[Credential] = [c for c in seed.credentials if c.username == seed.users[0].username]

    assert seed.users[0].totp_secret is None
    assert len(seed.users) >= 2
    assert {client.profile for client in seed.clients} == {"csc1", "csc2"}
    assert len(seed.clients) == 3
    assert {c.key for c in own} == {"RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"}
    for credential in own:
        assert (credential.totp_secret is None) == (credential.scal == "1" and credential.auth_mode == "explicit")
        assert credential.pin
