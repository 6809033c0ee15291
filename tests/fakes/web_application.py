"""The web process over a store in memory and a signer that obeys the test, with one signer and a few clients."""

import base64
import datetime as dt
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.x509.oid import NameOID
from jinja2 import BytecodeCache

from csc_server.activation.messages import CredentialDescription
from csc_server.audit.log import AuditLog
from csc_server.settings import WebSettings
from csc_server.storage.ports.web import AccountRow, ClientRow, TokenKind, TokenRow
from csc_server.values import (
    AuthMode,
    ClientId,
    ClientProfile,
    CredentialId,
    CredentialState,
    KeyType,
    Scal,
    SignerId,
)
from csc_server.web.api.waiting import SignerWait
from csc_server.web.app import build_app
from csc_server.web.authorization.secret_values import secret_hash
from fakes.activation import FakeActivation
from fakes.rate_limits import RAISED
from fakes.web_store import MemoryWebStore

BASE_URL = "http://127.0.0.1:8080"
NOW = 1_800_000_000
PASSWORD = "correct horse"
SIGNER = SignerId("signer-1")
OTHER_SIGNER = SignerId("signer-2")
SHA_256 = "2.16.840.1.101.3.4.2.1"
RSA_SHA_256 = "1.2.840.113549.1.1.11"
DIGEST = base64.b64encode(bytes(range(32))).decode()


class SteppingClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now=NOW):
        self.now = now

    def seconds(self):
        return self.now

    def milliseconds(self):
        return self.now * 1000

    def monotonic(self):
        return float(self.now)

    def sleep(self, seconds):
        self.now += seconds


class CompiledTemplates(BytecodeCache):
    """Templates compiled for one application serve those of other tests; they are named by their text."""

    def __init__(self):
        self.codes = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.codes:
            bucket.bytecode_from_string(self.codes[bucket.key])

    def dump_bytecode(self, bucket):
        self.codes[bucket.key] = bucket.bytecode_to_string()


COMPILED_TEMPLATES = CompiledTemplates()


@cache
def password_verifier():
    """A verifier says itself what it costs: this one the least that argon2id takes (AU-05 is tested with real ones)."""
    derivation = Argon2id(salt=b"a test's own salt", length=32, iterations=1, lanes=1, memory_cost=8)
    return derivation.derive_phc_encoded(PASSWORD.encode())


@cache
def certificate(common_name="Test Signer", issuer="Test CA", not_after=NOW + 86_400):
    """Return the DER of a certificate that only its text matters of."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Clinic"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(0xABC)
        .not_valid_before(dt.datetime.fromtimestamp(NOW - 86_400 * 400, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(not_after, dt.UTC))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


def description(credential_id, **changes):
    row = CredentialDescription(
        credential_id=CredentialId(credential_id),
        signer_id=SIGNER,
        key_type=KeyType.RSA_2048,
        certificates=(certificate(), certificate("Test CA")),
        auth_mode=AuthMode.EXPLICIT,
        scal=Scal.ONE,
        multisign=10,
        state=CredentialState.ACTIVE,
        objects=("PIN",),
    )
    return replace(row, **changes)


def credentials():
    return [
        description("pin"),
        description("pin-otp", objects=("PIN", "OTP"), scal=Scal.TWO, key_type=KeyType.P_256),
        description("oauth", auth_mode=AuthMode.OAUTH2CODE, objects=("PIN", "OTP"), scal=Scal.TWO),
        description("foreign", signer_id=OTHER_SIGNER),
    ]


def client(client_id, profile):
    return ClientRow(ClientId(client_id), client_id, profile, (), ("authorization_code",), ("service",), ())


class WebApplication:
    """An application with its fakes; `tokens` holds the secret of each token by a name for it."""

    def __init__(self, *, issuer=None, **settings):
        self.clock = SteppingClock()
        self.store = MemoryWebStore()
        self.activation = FakeActivation(credentials())
        self.audit = AuditLog(self.store, "web-test", self.clock)
        self.settings = WebSettings(
            base_url=BASE_URL,
            database_url="sqlite://",
            socket_dir=Path("sockets"),
            listen="127.0.0.1:8080",
            signer_uid=0,
            environment="test",
            **{"rates": RAISED, **settings},
        )
        self.tokens = {}
        self._seed()
        self.app = build_app(
            self.settings,
            self.clock,
            self.store,
            self.activation,
            self.audit,
            SignerWait(self.clock.sleep, self.clock.monotonic),
            issuer,
        )
        self.app.jinja_env.bytecode_cache = COMPILED_TEMPLATES
        self.http = self.app.test_client()

    def _seed(self):
        self.store.put_account(AccountRow("alice", SIGNER, password_verifier()))
        self.store.put_client(client("modern", ClientProfile.CSC2))
        self.store.put_client(client("old", ClientProfile.CSC1))
        self.add_token("service", client_id="modern")
        self.add_token("old", client_id="old")
        self.add_token("login", client_id=None, origin="login")
        self.add_token("client", client_id="modern", signer_id=None)
        self.add_token("credential", client_id="modern", scope="credential", credential_id=CredentialId("oauth"))
        self.add_token("refresh", client_id="modern", kind=TokenKind.REFRESH)

    def add_token(self, name, *, client_id, **changes):
        secret = (name + "-").ljust(43, "x")
        row = TokenRow(
            token_hash=secret_hash(secret),
            kind=TokenKind.ACCESS,
            family_id=f"family-{name}",
            client_id=client_id,
            signer_id=SIGNER,
            scope="service",
            face="v1",
            origin="oauth2",
            issued_at=NOW,
            expires_at=NOW + 3600,
        )
        self.store.insert_tokens([replace(row, **changes)])
        self.tokens[name] = secret
        return secret

    def post(self, path, body=None, *, version="v1", token="service", headers=None, data=None, verb="POST"):
        """Call a method; `data` sends bytes as they are, `token` None sends no header."""
        sent = {"Content-Type": "application/json"}
        if token is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(token, token)}"
        payload = data if data is not None else json.dumps({} if body is None else body)
        return self.http.open(
            f"/csc/{version}/{path}", method=verb, data=payload, headers=sent | (headers or {}), base_url=BASE_URL
        )

    def events(self):
        """Return what was audited, as (event, outcome, fields without the schema that each has)."""
        return [(row.event, row.outcome, without_schema(json.loads(row.body))) for row in self.store.audit]


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def without_schema(fields):
    assert fields.pop("schema") == 1
    return fields
