"""What an authority, or somebody in its place, may answer: a token passes only if all of it is right (RFC 3161)."""

import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from asn1crypto import core, tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from csc_server.policy.timestamp_signers import MAX_CERTIFICATES, Trust
from csc_server.policy.timestamps import Response, TimestampError, TimestampFault, make_request, read_answer, read_nonce
from timestamp_tokens import (
    AUTHORITY,
    DAY,
    NOW,
    SKEW,
    STAMPING,
    WANTED,
    Signer,
    info_of,
    named_v1,
    named_v2,
    response,
    root,
    trust,
    usage,
)

SECOND = dt.timedelta(seconds=1)


def read(data, *, wanted=WANTED, believed=None, now=NOW):
    return read_answer(data, wanted, believed or trust(), now, SKEW)


def fault(data, **changes):
    with pytest.raises(TimestampError) as raised:
        read(data, **changes)
    return raised.value.fault


def instead(name, value):
    return lambda pairs, signer: [(kind, [value(signer)] if kind == name else values) for kind, values in pairs]


def key_identified():
    signer = Signer()
    extension = signer.leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return response(signer=signer, sid={"subject_key_identifier": extension.value.digest})


def with_root():
    signer = Signer()
    return response(signer=signer, shown=[*signer.chain, signer.root])


def left_out():
    signer = Signer(between=AUTHORITY)
    return response(signer=signer, shown=signer.chain[:1])


def crowded():
    signer = Signer()
    return response(signer=signer, shown=[*signer.chain, *[Signer().leaf for _ in range(MAX_CERTIFICATES)]])


def named_beside():
    """The signature names a trusted certificate of the same key; the identifier names another."""
    signer, other = Signer(), Signer()
    return response(
        signer=signer,
        shown=[signer.leaf, other.leaf],
        attributes=instead("signing_certificate_v2", lambda _: named_v2(other.leaf)),
    )


RIGHT = {
    "ECDSA": response,
    "ECDSA P-384": lambda: response(signer=Signer("p384")),
    "RSA": lambda: response(signer=Signer("rsa2048")),
    "RSA with SHA-512": lambda: response(signer=Signer("rsa2048"), digest="sha512"),
    "RSASSA-PSS": lambda: response(signer=Signer("rsa2048", pss=True)),
    "granted with changes": lambda: response(status="granted_with_mods"),
    "named by SHA-1 as before RFC 5816": lambda: response(
        attributes=lambda pairs, signer: [*pairs[:2], ("signing_certificate", [named_v1(signer.leaf)])]
    ),
    "identified by its key": key_identified,
    "with a certificate between": lambda: response(signer=Signer(between=AUTHORITY)),
    "with the root inside": with_root,
    "as late as allowed": lambda: response(info_of(gen_time=NOW + SKEW)),
    "as early as allowed": lambda: response(info_of(gen_time=NOW - SKEW)),
}


@pytest.mark.parametrize("make", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_token_passes_unchanged(make):
    data = make()

    assert read(data) == tsp.TimeStampResp.load(data)["time_stamp_token"].dump()


def test_an_authority_may_be_trusted_by_its_own_certificate():
    signer = Signer(issuer="Nobody's Root")
    data = response(signer=signer)

    assert read(data, believed=Trust((signer.leaf,)))
    assert fault(data) is TimestampFault.UNTRUSTED
    other = Signer(issuer="Nobody's Root")
    assert fault(response(signer=other), believed=Trust((signer.leaf,))) is TimestampFault.UNTRUSTED


def other_imprint(digest, algorithm="sha256"):
    return info_of(message_imprint={"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest})


WRONG_CONTENT = {
    "another digest": (other_imprint(hashlib.sha256(b"other").digest()), TimestampFault.OTHER_DIGEST),
    "another algorithm": (other_imprint(WANTED.digest, "sha512"), TimestampFault.OTHER_DIGEST),
    "algorithm of the same length": (other_imprint(WANTED.digest, "sha3_256"), TimestampFault.OTHER_DIGEST),
    "a prefix of the digest": (other_imprint(WANTED.digest[:16]), TimestampFault.OTHER_DIGEST),
    "no nonce": (info_of(nonce=None), TimestampFault.OTHER_NONCE),
    "another nonce": (info_of(nonce=WANTED.nonce + 1), TimestampFault.OTHER_NONCE),
    "the nonce negative": (info_of(nonce=-WANTED.nonce), TimestampFault.OTHER_NONCE),
    "another policy": (info_of(policy="1.2.3.5"), TimestampFault.OTHER_POLICY),
    "too late": (info_of(gen_time=NOW + SKEW + SECOND), TimestampFault.OTHER_TIME),
    "too early": (info_of(gen_time=NOW - SKEW - SECOND), TimestampFault.OTHER_TIME),
    "a year early": (info_of(gen_time=NOW - 365 * DAY), TimestampFault.OTHER_TIME),
    "an extension that must be understood": (
        info_of(extensions=[{"extn_id": "1.2.3", "critical": True, "extn_value": b"\x05\x00"}]),
        TimestampFault.MALFORMED,
    ),
}


@pytest.mark.parametrize(("content", "expected"), WRONG_CONTENT.values(), ids=WRONG_CONTENT.keys())
def test_a_token_for_something_else_is_refused(content, expected):
    assert fault(response(content)) is expected


STATUSES = ("rejection", "waiting", "revocation_warning", "revocation_notification")


@pytest.mark.parametrize("status", STATUSES)
def test_a_token_without_the_authoritys_yes_is_refused(status):
    assert fault(response(status=status)) is TimestampFault.REFUSED


def test_a_rejection_without_token_is_refused_and_a_yes_without_token_too():
    for status, expected in (("rejection", TimestampFault.REFUSED), ("granted", TimestampFault.MALFORMED)):
        assert fault(Response({"status": {"status": status}}).dump()) is expected


def without(name):
    return lambda pairs, _signer: [pair for pair in pairs if pair[0] != name]


def twice(name):
    return lambda pairs, _signer: pairs + [pair for pair in pairs if pair[0] == name]


NOT_CA = ((x509.BasicConstraints(ca=False, path_length=None), True), (usage(signs_certificates=True), True))
NO_CONSTRAINTS = ((usage(signs_certificates=True), True),)
NO_CERTIFICATES_SIGNED = (AUTHORITY[0], (usage(signs_certificates=False), True))
UNTRUSTED = {
    "signature changed": lambda: response(spoil=lambda value: value[:-1] + bytes([value[-1] ^ 1])),
    "signature empty": lambda: response(spoil=lambda _: b""),
    "signature for another content": lambda: response(signed_content=b"other"),
    "another root of the same name": lambda: response(signer=Signer(issuer="Nobody's Root")),
    "certificate for all purposes": lambda: response(signer=Signer(purposes=())),
    "purpose not critical": lambda: response(signer=Signer(critical=False)),
    "another purpose": lambda: response(signer=Signer(purposes=(ExtendedKeyUsageOID.CODE_SIGNING,))),
    "a second purpose": lambda: response(signer=Signer(purposes=(*STAMPING, ExtendedKeyUsageOID.SERVER_AUTH))),
    "any purpose": lambda: response(signer=Signer(purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))),
    "expired": lambda: response(signer=Signer(start=-2 * DAY, end=-SECOND)),
    "not valid yet": lambda: response(signer=Signer(start=SECOND, end=DAY)),
    "between: no authority": lambda: response(signer=Signer(between=NOT_CA)),
    "between: no constraints": lambda: response(signer=Signer(between=NO_CONSTRAINTS)),
    "between: may not sign certificates": lambda: response(signer=Signer(between=NO_CERTIFICATES_SIGNED)),
    "between: left out": left_out,
    "RSA too short": lambda: response(signer=Signer("rsa1024")),
    "SHA-1": lambda: response(signer=Signer("rsa2048"), digest="sha1"),
    "two signers": lambda: response(copies=2),
    "no signer": lambda: response(copies=0),
    "no certificate inside": lambda: response(shown=[]),
    "another certificate inside": lambda: response(shown=[Signer().leaf]),
    "too many certificates": crowded,
    "does not name its certificate": lambda: response(attributes=without("signing_certificate_v2")),
    "names another certificate": lambda: response(
        attributes=instead("signing_certificate_v2", lambda _: named_v2(root()[1]))
    ),
    "names another beside": named_beside,
    "identified as another": lambda: response(sid={"subject_key_identifier": bytes(20)}),
    "attribute twice": lambda: response(attributes=twice("message_digest")),
    "no attributes": lambda: response(attributes=lambda *_: []),
}


@pytest.mark.parametrize("make", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_token_that_nobody_who_is_believed_has_signed_is_refused(make):
    assert fault(make()) is TimestampFault.UNTRUSTED


MALFORMED = {
    "empty": lambda: b"",
    "no ASN.1": lambda: b"<html>",
    "bytes behind": lambda: response() + b"\x00",
    "cut": lambda: response()[:-1],
    "another content": lambda: response(outer="data"),
    "another content inside": lambda: response(content_type="data"),
    "no content type": lambda: response(attributes=without("content_type")),
    "no message digest": lambda: response(attributes=without("message_digest")),
    "digest no octets": lambda: response(attributes=instead("message_digest", lambda _: core.OctetString(b""))),
}


@pytest.mark.parametrize("make", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_answer_is_refused(make):
    assert fault(make()) in {TimestampFault.MALFORMED, TimestampFault.UNTRUSTED}


def test_any_policy_passes_where_none_is_asked_for():
    assert read(response(info_of(policy="1.2.3.5")), wanted=replace(WANTED, policy=""))


def test_a_certificate_that_has_expired_by_now_is_no_longer_believed():
    data = response()

    assert fault(data, now=NOW + 2 * DAY) is TimestampFault.OTHER_TIME
    assert fault(response(info_of(gen_time=NOW + 2 * DAY)), now=NOW + 2 * DAY) is TimestampFault.UNTRUSTED


def test_a_fault_tells_nothing_of_the_answer():
    with pytest.raises(TimestampError) as raised:
        read(response(info_of(policy="1.2.3.5.6.7")))

    assert "1.2.3.5.6.7" not in f"{raised.value} {raised.value!r}"


def test_a_request_asks_for_exactly_what_is_wanted():
    request = tsp.TimeStampReq.load(make_request(WANTED), strict=True)

    assert request["version"].native == "v1"
    assert request["message_imprint"]["hashed_message"].native == WANTED.digest
    assert request["message_imprint"]["hash_algorithm"]["algorithm"].dotted == WANTED.hash_algorithm
    assert (request["nonce"].native, request["cert_req"].native) == (WANTED.nonce, True)
    assert request["req_policy"].dotted == WANTED.policy
    assert tsp.TimeStampReq.load(make_request(replace(WANTED, policy="")))["req_policy"].native is None


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("ff", 255), ("FF", 255), ("00ff", 255), ("f" * 64, 2**256 - 1)]
)
def test_a_nonce_is_hexadecimal(text, number):
    assert read_nonce(text) == number


@pytest.mark.parametrize("text", ["", "g", "0x1f", "-1", "+1", " 1", "1 ", "1_0", "f" * 65, "\uff11", "1\n"])
def test_another_text_is_no_nonce(text):
    assert read_nonce(text) is None
