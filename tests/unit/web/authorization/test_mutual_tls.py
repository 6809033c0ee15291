"""Client certificates: who they authenticate, what they bind, and whom they are believed from (RFC 8705; AU-08)."""

import base64
import datetime as dt
import hashlib
import ipaddress
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from csc_server.values import ClientProfile, TokenBinding
from csc_server.web.authorization.secret_values import secret_hash
from csc_server.web.http.peer import PROXY_TRUSTED
from fakes.code_flow import CodeFlow, registered
from fakes.web_application import NOW

GRANT = {"grant_type": "client_credentials", "scope": "service"}
SUBJECT = [(NameOID.COUNTRY_NAME, "JP"), (NameOID.ORGANIZATION_NAME, "例示, 病院"), (NameOID.COMMON_NAME, "app")]
NAMES = [
    x509.DNSName("app.example"),
    x509.UniformResourceIdentifier("https://app.example/id"),
    x509.RFC822Name("app@app.example"),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
]


def make(subject=SUBJECT, names=NAMES, start=-1, end=1):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    day, now = dt.timedelta(days=1), dt.datetime.fromtimestamp(NOW, dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now + start * day).not_valid_after(now + end * day)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, SHA256())


CERTIFICATE = make()
OTHER = make()


def passed_on(certificate, verdict="SUCCESS"):
    """Return what nginx sends along."""
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return {"X-Client-Certificate": quote(pem, safe=""), "X-Client-Verify": verdict}


def x5c(certificate):
    return {"keys": [{"kty": "EC", "x5c": [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]}]}


def certified(method, client_id="certified", **changes):
    fields = {"secret_salt": b"", "secret_hash": b"", "auth_methods": (method,), "token_binding": TokenBinding.TLS}
    return registered(client_id, ClientProfile.FAPI2, **(fields | changes))


@pytest.fixture
def flow():
    flow = CodeFlow()
    flow.app.config[PROXY_TRUSTED] = True
    subject = f"tls_client_auth_subject_dn={CERTIFICATE.subject.rfc4514_string()}"
    flow.store.put_client(certified("tls_client_auth", tls_subject=subject))
    flow.store.put_client(certified("self_signed_tls_client_auth", "self-signed", jwks=x5c(CERTIFICATE)))
    return flow


def ask(flow, headers, client_id="certified"):
    return flow.token(GRANT | {"client_id": client_id}, headers=headers)


def problem(answer):
    return answer.status_code, answer.json["error"]


def test_OA_10_a_verified_certificate_proves_its_client_and_binds_the_token(flow):
    answer = ask(flow, passed_on(CERTIFICATE))
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(CERTIFICATE.public_bytes(Encoding.DER)).digest()).rstrip(b"=")

    assert (answer.status_code, answer.json["token_type"]) == (200, "Bearer")
    stored = flow.store.token(secret_hash(answer.json["access_token"]))
    assert stored.confirmation == f"x5t#S256:{thumbprint.decode()}"


@pytest.mark.parametrize("verdict", ["NONE", "FAILED:self-signed certificate", "", "success", "SUCCESSFUL"])
def test_OA_10_a_certificate_that_nobody_verified_proves_nothing(flow, verdict):
    assert problem(ask(flow, passed_on(CERTIFICATE, verdict))) == (401, "invalid_client")


def test_OA_10_no_certificate_and_no_other_way_in(flow):
    assert problem(ask(flow, {})) == (401, "invalid_client")
    assert problem(flow.token(GRANT | {"client_id": "certified", "client_secret": "x"}, headers={}))[0] == 401


@pytest.mark.parametrize(
    ("subject", "passes"),
    [
        ("tls_client_auth_san_dns=app.example", True),
        ("tls_client_auth_san_uri=https://app.example/id", True),
        ("tls_client_auth_san_email=app@app.example", True),
        ("tls_client_auth_san_ip=192.0.2.7", True),
        ("tls_client_auth_subject_dn=CN=app,O=例示\\, 病院,C=JP", True),
        ("tls_client_auth_subject_dn=C=JP,O=例示\\, 病院,CN=app", False),
        ("tls_client_auth_subject_dn=CN=app", False),
        ("tls_client_auth_subject_dn=CN=APP,O=例示\\, 病院,C=JP", False),
        ("tls_client_auth_subject_dn=not a name", False),
        ("tls_client_auth_subject_dn=", False),
        ("tls_client_auth_san_dns=app.example.attacker.example", False),
        ("tls_client_auth_san_dns=", False),
        ("tls_client_auth_san_uri=app.example", False),
        ("something_else=app.example", False),
        ("", False),
    ],
)
def test_OA_10_exactly_the_registered_name_counts(flow, subject, passes):
    flow.store.put_client(certified("tls_client_auth", tls_subject=subject))

    assert ask(flow, passed_on(CERTIFICATE)).status_code == (200 if passes else 401)


def test_OA_10_a_certificate_without_alternative_names_has_none(flow):
    flow.store.put_client(certified("tls_client_auth", tls_subject="tls_client_auth_san_dns=app.example"))

    assert problem(ask(flow, passed_on(make(names=[])))) == (401, "invalid_client")


def test_OA_10_a_registered_self_signed_certificate_needs_no_authority(flow):
    assert ask(flow, passed_on(CERTIFICATE, "FAILED:self-signed certificate"), "self-signed").status_code == 200


def test_OA_10_another_self_signed_certificate_of_the_same_name_proves_nothing(flow):
    assert problem(ask(flow, passed_on(OTHER), "self-signed")) == (401, "invalid_client")


@pytest.mark.parametrize(("start", "end"), [(-2, -1), (1, 2)], ids=["expired", "not yet valid"])
def test_OA_10_a_self_signed_certificate_has_its_time(flow, start, end):
    certificate = make(start=start, end=end)
    flow.store.put_client(certified("self_signed_tls_client_auth", "self-signed", jwks=x5c(certificate)))

    assert problem(ask(flow, passed_on(certificate), "self-signed")) == (401, "invalid_client")


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": []}, {"keys": [{"kty": "EC"}]}, {"keys": ["x"]}, {"keys": [{"x5c": ["?"]}]}]
)
def test_OA_10_a_registration_without_certificate_lets_nobody_in(flow, jwks):
    flow.store.put_client(certified("self_signed_tls_client_auth", "self-signed", jwks=jwks))

    assert problem(ask(flow, passed_on(CERTIFICATE), "self-signed")) == (401, "invalid_client")


def call(flow, token, headers):
    sent = {"Authorization": f"Bearer {token}"} | headers
    return flow.post("credentials/list", {"userID": "alice"}, version="v2", token=None, headers=sent)


def test_OA_12_a_bound_token_needs_its_certificate_at_each_use(flow):
    token = ask(flow, passed_on(CERTIFICATE)).json["access_token"]

    assert call(flow, token, passed_on(CERTIFICATE)).status_code == 200
    for headers in ({}, passed_on(OTHER)):
        answer = call(flow, token, headers)
        assert problem(answer) == (401, "invalid_token")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert problem(call(flow, token, passed_on(CERTIFICATE) | {"Authorization": f"DPoP {token}"}))[0] == 401


def test_AU_08_without_the_proxys_socket_no_header_is_believed(flow):
    flow.app.config[PROXY_TRUSTED] = False

    assert problem(ask(flow, passed_on(CERTIFICATE))) == (401, "invalid_client")
    assert problem(ask(flow, passed_on(CERTIFICATE), "self-signed")) == (401, "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        "x",
        "%",
        "-----BEGIN CERTIFICATE-----",
        quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", safe=""),
        quote("-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----\n", safe=""),
        passed_on(CERTIFICATE)["X-Client-Certificate"] * 2,
        "A" * 20_000,
        base64.b64encode(CERTIFICATE.public_bytes(Encoding.DER)).decode(),
    ],
    ids=range(8),
)
def test_IN_03_what_is_no_certificate_is_refused(flow, header):
    token = ask(flow, passed_on(CERTIFICATE)).json["access_token"]
    sent = {"X-Client-Certificate": header, "X-Client-Verify": "SUCCESS"}

    assert problem(ask(flow, sent)) == (401, "invalid_client")
    assert problem(call(flow, token, sent)) == (400, "invalid_request")
