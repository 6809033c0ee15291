"""Answers of time-stamping authorities, right and wrong in one way at a time."""

import datetime as dt
import functools
import hashlib

from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csc_server.policy.timestamp_signers import Trust
from csc_server.policy.timestamps import Wanted

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
SKEW = dt.timedelta(seconds=300)
SHA_256 = "2.16.840.1.101.3.4.2.1"
POLICY = "1.2.3.4"
WANTED = Wanted(hashlib.sha256(b"document").digest(), SHA_256, 0xC0FFEE, POLICY)
STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)


def usage(*, signs_certificates):
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def certificate(name, key, issuer, issuer_key, *extensions, start=-DAY, end=DAY):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


@functools.cache
def key_of(kind):
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind.rstrip("'")])


AUTHORITY = ((x509.BasicConstraints(ca=True, path_length=None), True), (usage(signs_certificates=True), True))


@functools.cache
def root(name="TSA Root"):
    key = key_of("p256" + "'" * len(name))
    return key, certificate(name, key, name, key, *AUTHORITY)


class Signer:
    """A key with its chain; `purposes` and others change its certificate."""

    def __init__(
        self,
        kind="p256",
        *,
        purposes=STAMPING,
        critical=True,
        issuer="TSA Root",
        between=None,
        pss=False,
        **validity,
    ):
        self.key = key_of(kind)
        self.pss = pss
        issuer_key, self.root = root(issuer)
        chain = []
        if between is not None:
            middle_key = key_of("p384")
            chain = [certificate("TSA Issuing", middle_key, issuer, issuer_key, *between)]
            issuer, issuer_key = "TSA Issuing", middle_key
        extensions = [(usage(signs_certificates=False), True)]
        if purposes:
            extensions.append((x509.ExtendedKeyUsage(purposes), critical))
        leaf = certificate("TSA", self.key, issuer, issuer_key, *extensions, **validity)
        self.chain = [leaf, *chain]

    @property
    def leaf(self):
        return self.chain[0]

    def sign(self, data, algorithm):
        digest = {"sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "sha512": hashes.SHA512()}[algorithm]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(digest))
        pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if self.pss else padding.PKCS1v15()
        return self.key.sign(data, pad, digest)

    def algorithm(self, digest):
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return {"algorithm": f"{digest}_ecdsa"}
        if not self.pss:
            return {"algorithm": "rsassa_pkcs1v15"}
        return {
            "algorithm": "rsassa_pss",
            "parameters": {
                "hash_algorithm": {"algorithm": digest},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest}},
                "salt_length": hashlib.new(digest).digest_size,
            },
        }


def trust(name="TSA Root"):
    return Trust((root(name)[1],))


def der(one):
    return one.public_bytes(Encoding.DER)


def info_of(**changes):
    fields = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": WANTED.digest},
        "serial_number": 7,
        "gen_time": NOW,
        "nonce": WANTED.nonce,
    }
    return tsp.TSTInfo({name: value for name, value in (fields | changes).items() if value is not None}).dump()


def named_v2(one):
    return tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(der(one)).digest()}]})


def named_v1(one):
    return tsp.SigningCertificate({"certs": [{"cert_hash": hashlib.sha1(der(one)).digest()}]})


def response(
    content=None,
    *,
    signer=None,
    digest="sha256",
    status="granted",
    attributes=None,
    shown=None,
    signed_content=None,
    sid=None,
    spoil=None,
    copies=1,
    content_type="tst_info",
    outer="signed_data",
):
    """Return a TimeStampResp.

    `attributes` changes the signed attributes, a list of pairs; `shown` are the certificates inside; `spoil`
    changes the signature; `signed_content` is what the signature is for, when it is another than `content`.
    """
    signer = signer or Signer()
    content = info_of() if content is None else content
    of = hashlib.new(digest, content if signed_content is None else signed_content).digest()
    pairs = [
        ("content_type", [content_type]),
        ("message_digest", [of]),
        ("signing_certificate_v2", [named_v2(signer.leaf)]),
    ]
    pairs = attributes(pairs, signer) if attributes else pairs
    attrs = cms.CMSAttributes([{"type": name, "values": values} for name, values in pairs])
    value = signer.sign(attrs.dump(), digest)
    leaf = asn1_x509.Certificate.load(der(signer.leaf))
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": sid or {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
            "digest_algorithm": {"algorithm": digest},
            "signed_attrs": attrs,
            "signature_algorithm": signer.algorithm(digest),
            "signature": spoil(value) if spoil else value,
        }
    )
    encapsulated = {"content_type": content_type, "content": core.ParsableOctetString(content)}
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": encapsulated,
            "certificates": [
                asn1_x509.Certificate.load(der(one)) for one in (signer.chain if shown is None else shown)
            ],
            "signer_infos": [info] * copies,
        }
    )
    token = cms.ContentInfo(
        {"content_type": outer, "content": signed if outer == "signed_data" else core.OctetString(b"x")}
    )
    return tsp.TimeStampResp({"status": {"status": status}, "time_stamp_token": token}).dump()
