"""Holes that were found by attack in what came with the whole API, each held shut by the test that showed it."""

import base64
import contextlib
import datetime as dt
import functools
import http.client
import json
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from csc_server.activation.custody_messages import BindCertificate, RequestCredential
from csc_server.activation.messages import Authorize
from csc_server.activation.parts import Evidence, Transaction
from csc_server.activation.pending_messages import SendCode
from csc_server.cli.dev.proxy import find_nginx
from csc_server.errors import RefusedError
from csc_server.settings import CustodySettings, Rates
from csc_server.signer.custody.factors import FactorCustody
from csc_server.signer.custody.journal import CustodyJournal
from csc_server.signer.custody.service import open_custody
from csc_server.signer.custody.signers import SignerCustody
from csc_server.storage.ports.custody import LinkRow
from csc_server.values import CredentialId, CredentialState, Refusal
from csc_server.web.authorization.mutual_tls import names_client
from csc_server.web.authorization.secret_values import secret_hash
from csc_server.web.http.peer import PROXY_TRUSTED
from csc_server.web.http.rate_limits import RateLimits, RequestLimits, TooManyRequestsError
from csc_server.web.http.stranger_refusals import StrangerRefusals
from fakes.code_flow import NATIVE_REDIRECT, CodeFlow, registered
from fakes.signer_inside import CHEAP, CLIENT, SIGNER, Inside, authorize, caller, digest, inside_of
from fakes.web_application import DIGEST, RSA_SHA_256, SHA_256, WebApplication, certificate
from fakes.web_application import SIGNER as WEB_SIGNER
from pki import issue, root

VERSION_3, VERSION_10 = bytes.fromhex("a003020102"), bytes.fromhex("a003020109")
X400_ADDRESS = bytes.fromhex("3004a3023000")
"""A GeneralNames with an x400Address: well-formed (RFC 5280, 4.2.1.6), and unknown to the library."""
NAME = "tls_client_auth_san_dns=app.example"
MAILED, EXPLICIT = CredentialId("mailed"), CredentialId("explicit")
TRIES = 40
PUBLIC = {"client_id": "native", "redirect_uri": NATIVE_REDIRECT}


def of_unknown_version(der):
    assert der.count(VERSION_3) == 1
    return der.replace(VERSION_3, VERSION_10)


def self_signed(extension=None):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    if extension is not None:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)


@pytest.fixture
def custody(inside, tmp_path):
    """The custody lane, as a web process that was taken over speaks to it, for a client with custody of the signer."""
    trust = tmp_path / "authorities.pem"
    trust.write_bytes(root()[1].public_bytes(Encoding.PEM))
    journal = CustodyJournal(inside.store, inside.clock, "commands")
    SignerCustody(inside.store, journal).link(LinkRow(CLIENT, SIGNER, custody=True), {})
    handlers = open_custody(inside.store, inside.device, inside.clock, "node", CustodySettings(trust=trust))
    return lambda request: handlers[type(request)](request)


def requested(custody):
    answer = custody(RequestCredential(caller(), SIGNER))
    return answer.credential_id, x509.load_der_x509_csr(answer.request).public_key()


def issued_by_a_signer(public_key):
    """Return a chain in which the key of a signer's own certificate has signed another certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own, authority = issue(der, name="Mallory")
    issuer = x509.load_der_x509_certificate(own)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody Else")])
    usage = issuer.extensions.get_extension_for_class(x509.KeyUsage)
    forged = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject)
        .public_key(public_key)
        .serial_number(99)
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .add_extension(usage.value, critical=True)
        .sign(key, hashes.SHA256())
    )
    return forged.public_bytes(Encoding.DER), own, authority


@pytest.mark.parametrize("length", [2, 3])
def test_SA_07_no_signer_issues_the_certificate_of_another_credential(custody, inside, length):
    # A chain was checked link by link, and no link had to be an authority.
    credential_id, public_key = requested(custody)
    with pytest.raises(RefusedError) as refused:
        custody(BindCertificate(caller(), credential_id, issued_by_a_signer(public_key)[:length]))
    assert refused.value.refusal is Refusal.CERTIFICATE_REFUSED
    assert inside.store.credential_row(credential_id).state is CredentialState.REQUESTED


def test_IN_03_a_certificate_of_an_unknown_version_does_not_end_the_custody_worker(custody):
    credential_id, public_key = requested(custody)
    chain = issue(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(RefusedError):
        custody(BindCertificate(caller(), credential_id, (of_unknown_version(chain[0]), chain[1])))


def test_IN_06_a_client_certificate_of_an_unknown_version_is_no_500():
    flow = CodeFlow()
    flow.app.config[PROXY_TRUSTED] = True
    der = of_unknown_version(self_signed().public_bytes(Encoding.DER))
    pem = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der).decode() + "\n-----END CERTIFICATE-----\n"
    headers = {"X-Client-Certificate": quote(pem, safe=""), "X-Client-Verify": "NONE"}
    key = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("tls_client_auth",), "tls_subject": NAME}
    flow.store.put_client(registered("certified", **key))
    answer = flow.token({"client_id": "certified", "grant_type": "client_credentials"}, "rfc", headers=headers)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_IN_06_an_alternative_name_of_an_unknown_kind_names_nobody():
    extension = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, X400_ADDRESS)
    assert not names_client(self_signed(extension), NAME)


class GreedyIssuer:
    """An authority that takes its time, in which the client asks again with the same token."""

    def __init__(self):
        self.again = None
        self.issued = 0

    def issue(self, _request, _policy):
        again, self.again = self.again, None
        if again is not None:
            again()
        self.issued += 1
        return (certificate(),)


def test_OA_03_the_word_of_a_signer_makes_one_credential_however_many_ask_at_once(tmp_path):
    issuer = GreedyIssuer()
    web = WebApplication(issuer=issuer, certificate_issuer=tmp_path / "issuer.sock")
    web.add_token("creation", client_id="modern", scope="credential-creation", signer_id=WEB_SIGNER)
    create = functools.partial(
        web.post, "credentials/create", {"credentialCreationRequest": {}}, version="v2", token="creation"
    )
    answers = []
    issuer.again = lambda: answers.append(create().status_code)
    answers.append(create().status_code)
    assert sorted(answers) == [201, 401]
    assert issuer.issued == 1


@pytest.mark.parametrize(("asked", "more"), [("evidence", ["credential"]), ("request", [])])
def test_IN_21_one_signer_beyond_a_limit_uses_up_nothing_of_a_whole_application(asked, more):
    # A page whose PIN is locked takes posts as before: its signer alone could keep all others of the client out.
    flow = CodeFlow()
    rates = Rates(evidence_by_client=30, evidence_by_signer=10, requests_by_client=30, requests_by_signer=10)
    limits = RequestLimits(RateLimits(flow.store, flow.clock, rates, StrangerRefusals(flow.audit, flow.clock)))
    count = getattr(limits, asked)
    refused = 0
    for _ in range(TRIES):
        try:
            count("app", "mallory", *more)
        except TooManyRequestsError:
            refused += 1
    assert refused == TRIES - 10
    count("app", "alice", *more)


def test_IN_21_the_name_of_a_public_client_fills_no_audit():
    flow = CodeFlow(rates=Rates(strangers_by_address=10, open_by_address=10))
    data = PUBLIC | {"grant_type": "refresh_token", "refresh_token": "r" * 43}
    before = len(flow.store.audit)
    answers = [flow.token(data, "rfc", headers={}).status_code for _ in range(TRIES)]
    assert len(flow.store.audit) - before < TRIES
    assert 429 in answers


def test_OA_07_what_the_name_of_a_public_client_pushes_is_not_stored():
    flow = CodeFlow()
    answer = flow.push("rfc", headers={}, **PUBLIC, scope="service", state="s" * 500_000)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    assert not flow.store.pushed_requests


def test_IN_21_a_stranger_does_not_use_up_the_requests_of_a_public_client():
    flow = CodeFlow(rates=Rates(requests_by_client=20))
    data = PUBLIC | {"grant_type": "refresh_token", "refresh_token": "r" * 43}
    answers = [flow.token(data, "rfc", headers={}).json["error"] for _ in range(TRIES)]
    assert set(answers) == {"invalid_grant"}


class Mailbox:
    """A courier that keeps the last code."""

    def deliver(self, delivery):
        self.code = delivery.code


def with_code(code):
    return Authorize(caller(), Transaction(MAILED, 1, (digest("a"),)), Evidence(online_otp=code))


def test_AU_04_a_code_dies_with_the_address_that_it_was_sent_to(inside):
    # An operator who takes the address away from somebody takes away the code that is on its way there, too.
    mailbox = Mailbox()
    inside.create(MAILED, pin=None, address="old@mail.example")
    inside.challenges(mailbox).send_code(SendCode(caller(), MAILED))
    journal = CustodyJournal(inside.store, inside.clock, "commands")
    factors = FactorCustody(inside.store, inside.device, journal, CHEAP)
    factors.set_address(MAILED, "new@mail.example", {}, replaces=True)

    with pytest.raises(RefusedError) as refused:
        inside.operations().authorize(with_code(mailbox.code))
    assert refused.value.refusal is Refusal.OTP_INVALID


def test_AD_08_the_log_of_nginx_names_no_page_that_carries_a_request(tmp_path):
    # The path of a signer's page is the packed request: hashes, names, and the account_token where there is one.
    for folder in ("body", "log"):
        (tmp_path / folder).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "nginx.conf").write_text(_configuration(port))
    arguments = [find_nginx(), "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-e", "stderr"]
    with subprocess.Popen([*arguments, "-g", "daemon off; master_process off;"]) as nginx:
        try:
            for path in (
                "/interaction/v2.canary",
                "/%69nteraction/v2.canary",
                "//interaction//v2.canary",
                "/csc/v2/info",
            ):
                assert _status(port, path) == 404
        finally:
            nginx.terminate()
    lines = [json.loads(line)["path"] for line in (tmp_path / "access.log").read_text().splitlines()]
    assert lines == ["/interaction/"] * 3 + ["/csc/v2/info"]


def _configuration(port):
    """Return the shipped logging, and nothing else, before a server that has nothing."""
    shipped = (Path(__file__).parents[2] / "deploy" / "nginx.conf").read_text()
    logging = shipped[shipped.index("    # No query strings, no headers") : shipped.index("    # TLS 1.3 alone")]
    temporary = "".join(f"{name}_temp_path body;\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    server = f"server {{ listen 127.0.0.1:{port}; location / {{ return 404; }} }}"
    return f"pid nginx.pid;\nevents {{ }}\nhttp {{\n{temporary}{logging}\n{server}\n}}\n"


def _status(port, path):
    for _ in range(100):
        with (
            contextlib.suppress(ConnectionRefusedError),
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
        ):
            connection.request("GET", path)
            return connection.getresponse().status
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


class InterruptedDevice:
    """A device during whose first signature of a SAD something else happens."""

    def __init__(self, device, meanwhile):
        self._device = device
        self._meanwhile = [meanwhile]

    def __getattr__(self, name):
        return getattr(self._device, name)

    def sign_sad(self, digest_of_sad):
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._device.sign_sad(digest_of_sad)


def test_AU_06_a_pin_that_was_replaced_meanwhile_gives_no_sad(inside):
    # What the old PIN approved became void with it, but for what was not written yet.
    journal = CustodyJournal(inside.store, inside.clock, "commands")
    factors = FactorCustody(inside.store, inside.device, journal, CHEAP)
    interrupted = InterruptedDevice(inside.device, lambda: factors.set_pin(EXPLICIT, "another-1234", {}, replaces=True))
    operations = Inside(inside.store, interrupted, inside.clock, inside.url).operations()

    with pytest.raises(RefusedError):
        operations.authorize(authorize(EXPLICIT, [digest("a")]))


def test_OA_19_a_revoked_token_is_no_sad_for_another_token_of_its_client():
    # An operator who disables an account ends its tokens; the SAD behind one lives on in the signer process.
    web = WebApplication()
    web.store.revoke_token(secret_hash(web.tokens["credential"]), web.clock.seconds())
    body = {
        "credentialID": "oauth",
        "SAD": web.tokens["credential"],
        "hashes": [DIGEST],
        "hashAlgorithmOID": SHA_256,
        "signAlgo": RSA_SHA_256,
    }
    answer = web.post("signatures/signHash", body, version="v2", token="client")

    assert answer.status_code == 400
    assert not web.activation.requests


def test_OA_08_a_credential_is_made_under_the_policy_that_its_signer_agreed_to(tmp_path):
    issuer = GreedyIssuer()
    policies = ("1.2.3", "1.2.4")
    web = WebApplication(issuer=issuer, certificate_issuer=tmp_path / "issuer.sock", certificate_policies=policies)
    secret = web.add_token("creation", client_id="modern", scope="credential-creation", signer_id=WEB_SIGNER)
    granted = {"type": "credential_creation", "credentialCreationRequest": {"certificatePolicy": policies[0]}}
    web.store.details[secret_hash(secret)] = granted
    answers = [
        web.post("credentials/create", {"credentialCreationRequest": request}, version="v2", token="creation")
        for request in ({"certificatePolicy": policies[1]}, {}, {"certificatePolicy": policies[0]})
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 201]
