"""How credentials/info tells of modes and factors, and of the certificate, on both versions."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from csc_server.policy.certificates import read_certificate
from csc_server.values import AuthMode
from csc_server.web.api import v1, v2
from csc_server.web.api.descriptions import Detail
from fakes.web_application import NOW, description

ALL = Detail("chain", certificate_info=True, authentication=True)
POLICIES = ("1.2.392.100495.1.5.1.1.0.1", "0.4.0.194112.1.2")


def with_policies(*policies):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Signer")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime.fromtimestamp(NOW - 60, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(NOW + 60, dt.UTC))
    )
    if policies:
        listed = [x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in policies]
        builder = builder.add_extension(x509.CertificatePolicies(listed), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("mode", "objects", "types", "expression"),
    [
        (AuthMode.EXPLICIT, ("PIN",), ["Password"], None),
        (AuthMode.EXPLICIT, ("PIN", "OTP"), ["Password", "Password"], "PIN AND OTP"),
        (AuthMode.EXPLICIT, ("ONLINE_OTP",), ["ChallengeResponse"], None),
        (AuthMode.EXPLICIT, ("PIN", "KEY"), ["Password", "ChallengeResponse"], "PIN AND KEY"),
        (AuthMode.OUT_OF_BAND, ("PIN", "OTP"), ["PasswordOOB", "PasswordOOB"], "PIN AND OTP"),
        (AuthMode.IMPLICIT, ("PIN", "OTP"), [], None),
        (AuthMode.OAUTH2CODE, ("PIN", "OTP"), [], None),
    ],
)
def test_v2_lists_the_objects_of_explicit_credentials(mode, objects, types, expression):
    auth = v2.describe(description("c", auth_mode=mode, objects=objects), ALL, NOW)["auth"]

    assert auth["mode"] == ("oauth2code" if mode is AuthMode.OAUTH2CODE else "explicit")
    assert [each["type"] for each in auth["objects"]] == types
    assert [each["id"] for each in auth["objects"]] == list(objects)[: len(types)]
    assert auth.get("expression") == expression
    assert all("format" not in each for each in auth["objects"] if each["type"].endswith("OOB"))


@pytest.mark.parametrize("mode", [AuthMode.IMPLICIT, AuthMode.OUT_OF_BAND])
def test_v1_calls_both_modes_implicit_and_shows_no_factors(mode):
    shown = v1.describe(description("c", auth_mode=mode, objects=("PIN", "OTP")), ALL, NOW)

    assert shown["authMode"] == "implicit"
    assert not {"PIN", "OTP"} & set(shown)


@pytest.mark.parametrize(
    ("objects", "kind"), [(("PIN",), None), (("PIN", "OTP"), "offline"), (("ONLINE_OTP",), "online")]
)
def test_v1_tells_codes_of_a_generator_from_those_that_are_sent(objects, kind):
    otp = v1.describe(description("c", objects=objects), ALL, NOW)["OTP"]

    assert otp["presence"] == ("true" if kind else "false")
    assert otp.get("type") == kind
    assert set(otp) >= ({"presence", "type", "ID", "format"} if kind else {"presence"})


def test_descriptions_have_255_characters_at_most():
    for version in (v1, v2):
        assert len(version.describe(description("c", description="x" * 300), ALL, NOW)["description"]) == 255


def test_v2_tells_the_policies_of_a_certificate_with_cert_info_alone():
    known, unknown = description("c", certificates=(with_policies(*POLICIES),)), description("c")

    assert v2.describe(known, ALL, NOW)["cert"]["policy"] == list(POLICIES)
    assert "policy" not in v2.describe(known, Detail(), NOW)["cert"]
    assert "policy" not in v2.describe(unknown, ALL, NOW)["cert"]
    assert "policy" not in v1.describe(known, ALL, NOW)["cert"]


def test_policies_are_read_from_the_certificate():
    assert read_certificate(with_policies(*POLICIES)).policies == POLICIES
    assert read_certificate(with_policies()).policies == ()
