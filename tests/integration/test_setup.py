"""A real service from an empty folder, with the commands alone: no `dev`, no code, two users, either database."""

import base64
import contextlib
import hashlib
import json
import sqlite3
import stat
import tempfile
from pathlib import Path

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import postgres
from csc_server.audit.verify import verify as faults_of
from csc_server.cli.dev.token import find_module
from csc_server.storage.ports.audit import AuditRow
from integration.installation import STRANGER, Installation
from pki import issue

pytestmark = [pytest.mark.root, pytest.mark.integration]

PASSWORD = "correct horse battery"
DIGEST = hashlib.sha256(b"a document").digest()
HASH = base64.b64encode(DIGEST).decode()
ECDSA_SHA_256 = "1.2.840.10045.4.3.2"


@pytest.fixture(scope="module")
def site():
    """An installation on SQLite with one application, one signer and two credentials."""
    with tempfile.TemporaryDirectory(prefix="csc-setup-") as folder:
        yield Site(Installation(Path(folder), find_module()))


class Site:
    def __init__(self, installation, *options, database=None):
        self.installation = installation
        self.database = database
        done = installation.done
        self.first = done("setup", "--initialise-token", *options)
        self.again = done("setup", "--initialise-token", *options)
        self.client = done("client", "add", "archive", "--json")
        password = installation.secret("alice.password", PASSWORD)
        self.user = done("user", "add", "alice", "--password-file", password, "--json")
        done("user", "add", "hanako", "--password-file", password, "--totp", "--json")
        done("client", "link", "archive", self.user["signer_id"])
        self.chain = self.certify("alice-1")
        self.pin = done("factor", "set", "alice-1", "PIN", "--generate", "--json")["secret"]
        self.seed = done("factor", "set", "alice-1", "OTP", "--json")["secret"]
        self.certify("alice-pin", "--scal", "1")
        pin = installation.secret("alice.pin", "4711-ab")
        done("factor", "set", "alice-pin", "PIN", "--secret-file", pin)

    def certify(self, name, *options):
        """Make a key, have its certificate issued from the request, bring it in."""
        folder = self.installation.folder
        arguments = (
            "--signer",
            "signer-alice",
            "--auth-mode",
            "explicit",
            "--subject",
            "CN=Alice Example,C=JP",
            *options,
        )
        self.installation.done("credential", "add", name, *arguments, "--request", folder / f"{name}.csr")
        request = x509.load_pem_x509_csr((folder / f"{name}.csr").read_bytes())
        assert request.is_signature_valid
        assert request.subject.rfc4514_string() == "CN=Alice Example,C=JP"
        key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        chain = [x509.load_der_x509_certificate(der) for der in issue(key)]
        file = folder / f"{name}.pem"
        file.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
        self.installation.done("credential", "certify", name, "--certificates", file)
        return chain

    def log_in(self, password=PASSWORD):
        pair = base64.b64encode(f"alice:{password}".encode()).decode()
        return self.installation.post("/csc/v1/auth/login", {}, f"Basic {pair}")

    def authorize(self, token, name, **evidence):
        body = {"credentialID": name, "numSignatures": 1, "hash": [HASH], **evidence}
        return self.installation.post("/csc/v1/credentials/authorize", body, f"Bearer {token}")

    def sign(self, token, name, sad):
        body = {"credentialID": name, "SAD": sad, "hash": [HASH], "signAlgo": ECDSA_SHA_256}
        return self.installation.post("/csc/v1/signatures/signHash", body, f"Bearer {token}")

    def audit(self, side):
        """Return a side's audit rows."""
        names = "writer, sequence, time, event, outcome, body, previous_hash, hash"
        query = f"SELECT {names} FROM {side}_audit ORDER BY writer, sequence"
        if self.database is not None:
            server, name = self.database
            with server.connect(name) as connection:
                return [AuditRow(*row) for row in connection.execute(query).fetchall()]
        with contextlib.closing(sqlite3.connect(self.installation.folder / side / f"{side}.sqlite3")) as connection:
            return [AuditRow(*row) for row in connection.execute(query)]


def test_installation_made_by_commands_ends_in_a_verified_signature(site):
    _from_commands_to_a_signature(site)


@pytest.mark.postgres
def test_AR_01_so_does_one_on_postgresql_with_a_role_for_each_side():
    server = postgres.start()
    try:
        database = server.create_database()
        urls = [f"postgresql+psycopg://csc_{side}@127.0.0.1:{server.port}/{database}" for side in ("web", "signer")]
        with tempfile.TemporaryDirectory(prefix="csc-setup-") as folder:
            made = Installation(Path(folder), find_module(), *urls)
            _from_commands_to_a_signature(Site(made, "--owner", "csc_owner", database=(server, database)))
    finally:
        server.stop()


def _from_commands_to_a_signature(site):
    installation = site.installation
    checked = installation.run("doctor", "--json")
    assert checked.returncode == 0, checked.stdout
    with installation.serving():
        status, answer = site.log_in()
        assert status == 200, answer
        token = answer["access_token"]
        status, answer = site.authorize(token, "alice-1", PIN=site.pin, OTP=pyotp.TOTP(site.seed).now())
        assert status == 200, answer
        status, answer = site.sign(token, "alice-1", answer["SAD"])
        assert status == 200, answer

        signature = base64.b64decode(answer["signatures"][0])
        site.chain[0].public_key().verify(signature, DIGEST, ec.ECDSA(utils.Prehashed(SHA256())))
        _changes_take_hold_at_once(site, token)
    _everything_is_audited(site)


def _changes_take_hold_at_once(site, token):
    """What operators change counts for the running service: a locked PIN, a reset one, an account, a credential."""
    done = site.installation.done
    name, pin = "alice-pin", "4711-ab"
    assert [site.authorize(token, name, PIN="0000")[1]["error"] for _ in range(5)] == ["invalid_pin"] * 5
    assert site.authorize(token, name, PIN=pin)[1]["error_description"] == "PIN locked"
    done("factor", "unlock", name, "PIN")
    status, approved = site.authorize(token, name, PIN=pin)
    assert status == 200, approved
    pin = done("factor", "reset", name, "PIN", "--generate", "--json")["secret"]
    assert site.sign(token, name, approved["SAD"])[0] == 400, "approved with the old PIN"
    assert site.authorize(token, name, PIN=pin)[0] == 200
    done("credential", "disable", name)
    assert "is disabled" in site.authorize(token, name, PIN=pin)[1]["error_description"]
    done("user", "disable", "alice")
    assert site.authorize(token, name, PIN=pin)[0] == 401
    assert site.log_in()[0] == 400


def _everything_is_audited(site):
    web, signer = site.audit("web"), site.audit("signer")
    assert faults_of(web) == []
    assert faults_of(signer) == []
    by_hand = {row.event for row in (*web, *signer) if "operator" in json.loads(row.body)}
    assert by_hand == {
        *("client.registered", "account.created", "account.disabled", "signer.created", "client.linked"),
        *("key.generated", "certificate.requested", "certificate.bound", "credential.disabled"),
        *("factor.set", "factor.reset", "factor.unlocked"),
    }
    everything = b"".join(row.body for row in (*web, *signer))
    for secret in (site.pin, site.seed, site.client["client_secret"], PASSWORD):
        assert secret.encode() not in everything


def test_second_setup_changes_nothing(site):
    assert "so_pin" in site.first
    assert "so_pin" not in site.again
    assert "signer: token is there" in site.again
    assert "web: tables up to date" in site.again


def test_SC_07_secrets_of_the_installation_are_private(site):
    folder = site.installation.folder
    for name in ("signer", "signer/pin"):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0


def test_AR_01_nobody_else_may_change_a_side(site):
    for command in (["client", "list"], ["credential", "list"]):
        result = site.installation.run(*command, user=STRANGER)

        assert result.returncode == 1
        assert "may change the" in result.stderr


def test_shown_once_means_once(site):
    shown = site.installation.done("client", "show", "archive", "--links", "--json")

    assert "secret" not in json.dumps(shown).replace("client_secret_", "")
    assert shown["links"] == [{"signer_id": "signer-alice", "custody": False}]


def test_OA_16_rotated_secret_replaces_the_first(site):
    new = site.installation.done("client", "rotate-secret", "archive", "--json")["client_secret"]

    assert new != site.client["client_secret"]


def test_destroyed_credential_is_gone(site):
    site.certify("alice-2")
    site.installation.done("credential", "destroy", "alice-2", "--yes")
    again = site.installation.run("credential", "destroy", "alice-2", "--yes")
    states = {each["credential_id"]: each["state"] for each in _credentials(site)}

    assert (again.returncode, states["alice-2"]) == (1, "destroyed")
    assert [row.event for row in site.audit("signer") if b"alice-2" in row.body][-2:] == [
        "credential.destroyed",
        "key.destroyed",
    ]


def _credentials(site):
    return site.installation.done("credential", "list", "--json")["credentials"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["credential", "add", "alice-1", "--signer", "signer-alice", "--subject", "CN=A"], "already, or no signer"),
        (["client", "add", "x", "--redirect-uri", "http://a.example/"], "http is for loopback"),
    ],
)
def test_what_cannot_be_done_is_told_with_advice_and_exit_code_1(site, arguments, words):
    result = site.installation.run(*arguments)

    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) >= 2
