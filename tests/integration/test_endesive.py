"""endesive as an independent signing application, and why it does not carry our documents (ADR 0001).

Its `hsm` hook hands the signed attributes to an object of ours, which signs their digest through signatures/signHash.
"""

import ast
import hashlib
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding

from integration.csc_client import SHA256, SHA512, CscClient, algorithm_for
from integration.service import Credential, Seed, clean_environment

pytestmark = pytest.mark.filterwarnings("ignore")  # a program of others may warn as it likes

CONTENT = b"A document that endesive signs.\n"
OIDS = {"sha256": SHA256, "sha512": SHA512}


class RemoteKey:
    """What endesive calls an HSM: the certificate, and a signature over bytes."""

    def __init__(self, client: CscClient, credential: Credential) -> None:
        self._client = client
        self._credential = credential
        self.chain = client.certificates(credential.credential_id)

    def certificate(self) -> tuple[str, bytes]:
        return self._credential.credential_id, self.chain[0].public_bytes(Encoding.DER)

    def sign(self, keyid: str, data: bytes, mech: str) -> bytes:
        digest = hashlib.new(mech, data).digest()
        sad = self._client.authorize(self._credential, [digest], OIDS[mech])
        algorithm = algorithm_for(self._credential, OIDS[mech])
        return self._client.sign(keyid, [digest], algorithm, sad=sad)[0]


def signed_by_endesive(seed: Seed, login_token: str, key: str, digest: str) -> bytes:
    # Untyped, and an import that may warn stays in the tests it concerns.
    from endesive import signer  # type: ignore[import-untyped]

    remote = RemoteKey(CscClient(seed.base_url, "v1", login_token), seed.choose(key=key))
    issuers = [certificate.public_bytes(Encoding.DER) for certificate in remote.chain[1:]]
    signature = signer.sign(CONTENT, None, None, issuers, digest, hsm=remote)
    assert isinstance(signature, bytes)
    return signature


def verified_by_openssl(signature: bytes, seed: Seed, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "content").write_bytes(CONTENT)
    (folder / "signature.der").write_bytes(signature)
    command = [
        "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", str(folder / "signature.der"),
        "-content", str(folder / "content"), "-CAfile", str(seed.trust_root), "-purpose", "any", "-out", "/dev/null",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("key", "digest"), [("RSA-2048", "sha256"), ("RSA-3072", "sha256"), ("RSA-4096", "sha512")])
def test_endesive_signs_cms_with_rsa_keys_through_us(
    seed: Seed, login_token: str, tmp_path: Path, key: str, digest: str
) -> None:
    signature = signed_by_endesive(seed, login_token, key, digest)
    ended = verified_by_openssl(signature, seed, tmp_path)

    assert ended.returncode == 0, ended.stderr


def test_ADR_0001_endesive_declares_rsa_for_an_ecdsa_signature(seed: Seed, login_token: str) -> None:
    signature = signed_by_endesive(seed, login_token, "P-256", "sha256")
    signed = cms.ContentInfo.load(signature)["content"]
    declared = signed["signer_infos"][0]["signature_algorithm"]["algorithm"].dotted
    public_key = signed["certificates"][0].chosen.public_key.algorithm

    assert (public_key, declared) == ("ec", "1.2.840.113549.1.1.1"), "endesive is fixed: ADR 0001 may be reopened"


def test_ADR_0001_endesive_has_the_pades_sub_filter_for_time_stamps_alone() -> None:
    tree = ast.parse(_endesive_source("pdf/cms.py"))
    choices = [
        (ast.unparse(node.test), ast.unparse(node.orelse[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "ETSI.CAdES.detached" in ast.unparse(node) and node.orelse
    ]

    assert choices == [("params['mode'] == 'timestamp'", "SubFilter = po.NameObject('/adbe.pkcs7.detached')")]


def test_ADR_0001_endesive_pdf_imports_only_where_openssl_has_a_short_version() -> None:
    """oscrypto 1.3.0, on which it rests, reads no patch level of two digits (m32/endesive#193)."""
    program = (
        "import ctypes, ctypes.util\n"
        "library = ctypes.CDLL(ctypes.util.find_library('crypto'))\n"
        "library.OpenSSL_version.restype = ctypes.c_char_p\n"
        "print(library.OpenSSL_version(0).decode())\n"
        "import endesive.pdf\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
        env=clean_environment(),
    )  # fmt: skip
    patch_level = re.search(r"OpenSSL \d+\.\d+\.(\d+)", ended.stdout)

    assert patch_level is not None, ended.stderr
    assert (ended.returncode != 0) is (len(patch_level.group(1)) > 1), ended.stderr
    if ended.returncode:
        assert "LibraryNotFoundError" in ended.stderr


def _endesive_source(name: str) -> str:
    found = find_spec("endesive")
    assert found is not None
    assert found.submodule_search_locations
    return (Path(next(iter(found.submodule_search_locations))) / name).read_text("utf-8")
