"""`csc-server try sign` plays an application against a running server, from a file to a signed file."""

import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms, x509
from cryptography.hazmat.primitives.serialization import Encoding

from integration.csc_client import CscClient
from integration.documents import Checker, SignedParts, blank_pdf
from integration.one_time_codes import codes_of_this_run
from integration.service import Seed, Service, clean_environment, console_script

LIMIT = 120


def run(arguments: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*console_script(), *arguments], cwd=folder, env=clean_environment() | environment, capture_output=True,
        text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "prescription.pdf"
    path.write_bytes(blank_pdf())
    return path


def assert_good(signed: bytes, seed: Seed, login_token: str, folder: Path) -> str:
    """Fail unless a credential of the first user signed; return its id."""
    content = cms.ContentInfo.load(SignedParts.of(signed).signature)["content"]
    info = content["signer_infos"][0]
    client = CscClient(seed.base_url, "v1", login_token)
    for credential in (c for c in seed.credentials if c.username == seed.users[0].username):
        signer = x509.Certificate.load(client.certificates(credential.credential_id)[0].public_bytes(Encoding.DER))
        if signer.serial_number == info["sid"].chosen["serial_number"].native:
            Checker(seed.trust_root, folder / "check").check(
                signed, signer, digest=info["digest_algorithm"]["algorithm"].native,
                mechanism=info["signature_algorithm"]["algorithm"].native,
            )  # fmt: skip
            return credential.credential_id
    raise AssertionError("no credential of the first user made this signature")


def test_try_sign_writes_a_signed_file_beside_an_untouched_one(
    service: Service, seed: Seed, login_token: str, document: Path, tmp_path: Path
) -> None:
    out = tmp_path / "signed.pdf"
    ended = run(["try", "sign", str(document), "--seed-file", str(service.seed_file), "--out", str(out)], tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert document.read_bytes() == blank_pdf()
    assert_good(out.read_bytes(), seed, login_token, tmp_path)


@pytest.mark.parametrize(("key", "scal"), [("P-384", "1"), ("RSA-3072", "2")])
def test_try_sign_uses_the_credential_it_is_told(
    service: Service, seed: Seed, login_token: str, document: Path, tmp_path: Path, key: str, scal: str
) -> None:
    credential = seed.choose(key=key, scal=scal)
    if credential.totp_secret:
        codes_of_this_run.leave_to_another(credential.totp_secret)
    out = tmp_path / "signed.pdf"
    arguments = ["--seed-file", str(service.seed_file), "--out", str(out), "--credential", credential.credential_id]
    ended = run(["try", "sign", str(document), *arguments], tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert assert_good(out.read_bytes(), seed, login_token, tmp_path) == credential.credential_id


def test_try_sign_prints_no_secret(service: Service, seed: Seed, document: Path, tmp_path: Path) -> None:
    out = tmp_path / "signed.pdf"
    ended = run(["try", "sign", str(document), "--seed-file", str(service.seed_file), "--out", str(out)], tmp_path)
    printed = ended.stdout + ended.stderr
    secrets = {c.pin for c in seed.credentials} | {u.password for u in seed.users}
    secrets |= {c.client_secret for c in seed.clients if c.client_secret}

    assert ended.returncode == 0, printed
    assert not [secret for secret in secrets if secret in printed.split()]


def test_try_sign_names_the_extra_that_is_missing(service: Service, document: Path, tmp_path: Path) -> None:
    """None in sys.modules is how Python itself marks a module that is not there."""
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "sitecustomize.py").write_text("import sys\nsys.modules['pyhanko'] = None\n")
    out = tmp_path / "signed.pdf"
    ended = run(
        ["try", "sign", str(document), "--seed-file", str(service.seed_file), "--out", str(out)], tmp_path,
        PYTHONPATH=str(absent),
    )  # fmt: skip

    assert ended.returncode != 0
    assert "documents" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()


def test_try_sign_says_so_when_there_is_no_document(service: Service, tmp_path: Path) -> None:
    ended = run(["try", "sign", str(tmp_path / "absent.pdf"), "--seed-file", str(service.seed_file)], tmp_path)

    assert ended.returncode != 0
    assert "absent.pdf" in ended.stderr
    assert "Traceback" not in ended.stderr
