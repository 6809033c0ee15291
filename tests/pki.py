"""A throw-away certification authority for tests: one root, end-entity certificates fit for signatures."""

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@functools.cache
def root():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate("Test Root", key.public_key(), "Test Root", key, ca=True)


def issue(public_key_info, *, name="Signer", start=-DAY, end=365 * DAY, usage=True, purposes=(), ca=False):
    """Return the chain (DER, end entity first) for a SubjectPublicKeyInfo."""
    key, certificate = root()
    leaf = _certificate(
        name,
        serialization.load_der_public_key(public_key_info),
        "Test Root",
        key,
        start=start,
        end=end,
        usage=usage,
        purposes=purposes,
        ca=ca,
    )
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in (leaf, certificate))


def _certificate(
    subject, public_key, issuer, issuer_key, *, start=-DAY, end=365 * DAY, usage=True, purposes=(), ca=False
):
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not usage,
                content_commitment=usage and not ca,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
