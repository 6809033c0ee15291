"""The time-stamping authority of the development server: its key and its tokens (RFC 3161)."""

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Self

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from asn1crypto.core import ParsableOctetString
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csc_server.cli.dev.certificates import DevelopmentAuthority, distinguished_name
from csc_server.cli.dev.tls import certificate_profile
from csc_server.policy.timestamps import Response

POLICY = "2.25.310270425306286498437180937236586428"
"""A policy of nobody: an OID made from a random number (ITU-T X.667, 7)."""
_DIGEST_LENGTHS = {"sha256": 32, "sha384": 48, "sha512": 64}
_UNREADABLE = (ValueError, TypeError, KeyError)


@dataclass(frozen=True)
class StampingKey:
    """The authority's key, and its chain in DER, its own certificate first."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[bytes, ...]

    @classmethod
    def make(cls, authority: DevelopmentAuthority) -> Self:
        """Return a new key with a certificate for time stamps alone (RFC 3161, 2.3)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [(NameOID.COUNTRY_NAME, "JP"), (NameOID.COMMON_NAME, "csc-server development time stamps")]
        subject = distinguished_name(names)
        builder = certificate_profile(key, subject, ExtendedKeyUsageOID.TIME_STAMPING, critical_usage=True)
        chain = (authority.issuing.issue(builder), authority.issuing.certificate, authority.root)
        return cls(key, tuple(each.public_bytes(Encoding.DER) for each in chain))


def answer(query: bytes, signer: StampingKey) -> bytes:
    """Return the TimeStampResp to a TimeStampReq, a refusal where it cannot be met (RFC 3161, 2.4.2)."""
    try:
        request = tsp.TimeStampReq.load(query, strict=True)
        imprint = request["message_imprint"]
        length = _DIGEST_LENGTHS.get(imprint["hash_algorithm"]["algorithm"].native)
        policy = request["req_policy"].native or POLICY
        nonce = request["nonce"].native
        fits = length == len(imprint["hashed_message"].native)
    except _UNREADABLE:
        return _refusal("bad_data_format")
    if not fits:
        return _refusal("bad_alg")
    if policy != POLICY:
        return _refusal("unaccepted_policy")
    info = token_info(imprint, nonce)
    response: bytes = tsp.TimeStampResp(
        {"status": {"status": "granted"}, "time_stamp_token": sign_token(info, signer)}
    ).dump()
    return response


def token_info(imprint: tsp.MessageImprint, nonce: int | None) -> dict[str, Any]:
    """Return the fields of a TSTInfo made now."""
    fields: dict[str, Any] = {
        "version": "v1",
        "policy": POLICY,
        "message_imprint": imprint,
        "serial_number": secrets.randbits(64),
        "gen_time": dt.datetime.now(dt.UTC).replace(microsecond=0),
        "accuracy": {"seconds": 1},
    }
    return fields | ({} if nonce is None else {"nonce": nonce})


def sign_token(fields: dict[str, Any], signer: StampingKey) -> cms.ContentInfo:
    """Return the TimeStampToken of a TSTInfo: CMS with signed attributes (RFC 5652; RFC 5816, 2.2.1)."""
    content = tsp.TSTInfo(fields).dump()
    leaf = asn1_x509.Certificate.load(signer.chain[0])
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
            {"type": "signing_certificate_v2", "values": [_certificate_names(signer)]},
        ]
    )
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": signer.key.sign(attributes.dump(), ec.ECDSA(SHA256())),
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "tst_info", "content": ParsableOctetString(content)},
            "certificates": [asn1_x509.Certificate.load(each) for each in signer.chain],
            "signer_infos": [info],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _certificate_names(signer: StampingKey) -> tsp.SigningCertificateV2:
    named = {"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(signer.chain[0]).digest()}
    return tsp.SigningCertificateV2({"certs": [named]})


def _refusal(reason: str) -> bytes:
    status = {"status": "rejection", "fail_info": {reason}}
    refusal: bytes = Response({"status": status}).dump()
    return refusal
