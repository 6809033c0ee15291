"""The configuration that the development server gives nginx, and the certificates of the test CA for TLS."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from csc_server.cli.dev.certificates import distinguished_name, load_authority, make_authority
from csc_server.cli.dev.key_clients import CLIENTS, make_key_clients
from csc_server.cli.dev.proxy import find_nginx, write_configuration
from csc_server.cli.dev.tls import certify_client, self_certified, write_server_certificate
from csc_server.errors import CscServerError
from csc_server.values import ClientProfile
from csc_server.web.authorization.mutual_tls import names_client
from csc_server.web.authorization.public_keys import read_certificates, read_key_set

SHIPPED = Path(__file__).parents[3] / "deploy" / "nginx.conf"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    make_authority(folder)
    return load_authority(folder)


def test_the_shipped_configuration_gets_this_servers_places(tmp_path):
    proxy = write_configuration(SHIPPED, tmp_path, 4711, tmp_path / "web.sock")
    text = proxy.configuration.read_text()

    assert proxy.folder == tmp_path
    assert text.count("listen 127.0.0.1:4711 ssl") == 2
    assert f"server unix:{tmp_path}/web.sock;" in text
    assert "server_name 127.0.0.1;" in text
    directives = [line for line in text.splitlines() if not line.strip().startswith("#")]
    assert not any(word in line for line in directives for word in ("/etc/csc-server", "443", "example.org"))
    assert proxy.configuration.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, "", SHIPPED.read_text().replace("listen 443 ", "listen 8443 ")])
def test_another_configuration_is_refused_with_advice(tmp_path, content):
    other = tmp_path / "other.conf"
    if content is not None:
        other.write_text(content)
    with pytest.raises(CscServerError) as refused:
        write_configuration(other, tmp_path, 4711, tmp_path / "web.sock")

    assert refused.value.advice


def test_without_nginx_one_sentence_says_what_to_install(tmp_path):
    with pytest.raises(CscServerError) as refused:
        find_nginx([str(tmp_path)])

    assert "nginx" in refused.value.advice


def test_the_servers_certificate_is_for_a_server_at_this_address(authority, tmp_path):
    write_server_certificate(authority, tmp_path, "127.0.0.1")
    chain = x509.load_pem_x509_certificates((tmp_path / "server.pem").read_bytes())
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    chain[0].verify_directly_issued_by(chain[1])
    chain[1].verify_directly_issued_by(authority.root)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600


def test_certificates_of_clients_are_for_clients(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    name = distinguished_name([(NameOID.COMMON_NAME, "app")])
    issued, own = certify_client(authority, key, name), self_certified(key, name)

    issued.verify_directly_issued_by(authority.issuing.certificate)
    own.verify_directly_issued_by(own)
    for certificate in (issued, own):
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (usage.digital_signature, usage.content_commitment) == (True, False)
        assert list(purposes) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_OA_10_each_seeded_client_has_one_method_and_can_be_told_by_it(authority, tmp_path):
    made = make_key_clients(tmp_path, authority)

    assert {seeded.client_id: row.auth_methods for seeded, row in made} == {
        client_id: (method,) for client_id, method in CLIENTS.items()
    }
    assertion, issued, own = made
    assert {row.profile for _, row in made} == {ClientProfile.FAPI2}
    assert len(read_key_set(assertion[1].jwks)) == 1
    assert names_client(x509.load_pem_x509_certificate(Path(issued[0].certificate).read_bytes()), issued[1].tls_subject)
    written = x509.load_pem_x509_certificate(Path(own[0].certificate).read_bytes())
    assert read_certificates(own[1].jwks) == (written.public_bytes(Encoding.DER),)
    for seeded, _ in made:
        assert Path(seeded.key).stat().st_mode & 0o777 == 0o600
