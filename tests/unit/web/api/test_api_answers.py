"""Interoperability rules A1 to A18: the shapes that real clients need."""

import base64
import json

import pytest

from csc_server.policy.algorithms import key_algorithms
from csc_server.storage.ports.web import AccountRow
from csc_server.values import CredentialState, KeyType
from fakes.web_application import (
    BASE_URL,
    DIGEST,
    NOW,
    OTHER_SIGNER,
    RSA_SHA_256,
    WebApplication,
    certificate,
    description,
)

V1_FIELDS = {"authMode", "PIN", "OTP", "nextPageToken"}
V2_FIELDS = {"auth", "credentialInfos", "onlyValid"}


@pytest.fixture
def web():
    return WebApplication()


def describe(web, credential_id="pin", version="v1", **members):
    response = web.post("credentials/info", {"credentialID": credential_id, **members}, version=version)
    assert response.status_code == 200
    return response.get_json()


def nulls(value):
    if isinstance(value, dict):
        return any(nulls(each) for each in value.values())
    return value is None or (isinstance(value, list) and any(nulls(each) for each in value))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_A1_and_A2_success_is_200_and_json(web, version):
    body = {"credentialID": "pin", "SAD": "x", "hash": [DIGEST], "hashes": [DIGEST], "signAlgo": RSA_SHA_256}
    response = web.post("signatures/signHash", body, version=version)

    assert response.status_code == 200
    assert response.content_type == "application/json;charset=UTF-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("credential_id", ["pin", "pin-otp", "oauth"])
def test_A3_no_member_is_null(web, version, credential_id):
    full = describe(web, credential_id, version, certificates="chain", certInfo=True, authInfo=True)
    least = describe(web, credential_id, version, certificates="none")

    assert not nulls(full)
    assert not nulls(least)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_A4_multisign_scal_and_key_have_their_types(web, version):
    answer = describe(web, version=version)

    assert answer["multisign"] == 10
    assert answer["SCAL"] == "1"
    assert answer["key"]["len"] == 2048
    assert answer["key"]["status"] == "enabled"
    assert all(oid.replace(".", "").isdigit() for oid in answer["key"]["algo"])


@pytest.mark.parametrize("key_type", list(KeyType))
def test_A5_and_R13_key_algo_is_the_policys(web, key_type):
    web.activation.credentials["any"] = description("any", key_type=key_type)

    assert describe(web, "any")["key"]["algo"] == key_algorithms(key_type)


def test_A6_certificates_are_plain_base64_der_end_entity_first(web):
    shown = describe(web, certificates="chain")["cert"]["certificates"]

    assert [base64.b64decode(each, validate=True) for each in shown] == [certificate(), certificate("Test CA")]


def test_A7_single_is_the_default_and_none_keeps_cert(web):
    assert len(describe(web)["cert"]["certificates"]) == 1
    assert describe(web, certificates="none")["cert"] == {}
    assert describe(web, certificates="none", certInfo=True)["cert"]["subjectDN"]


def test_A8_and_A9_names_serial_and_times(web):
    cert = describe(web, certInfo=True)["cert"]

    assert cert["subjectDN"] == "CN=Test Signer,O=Example Clinic,C=JP"
    assert cert["issuerDN"] == "CN=Test CA"
    assert cert["serialNumber"] == "0ABC"
    assert cert["validTo"] == "20270116080000Z"
    assert set(cert) == {"certificates", "subjectDN", "issuerDN", "serialNumber", "validFrom", "validTo"}


def test_A8_without_certInfo_no_text_of_the_certificate(web):
    assert set(describe(web)["cert"]) == {"certificates"}


def test_cert_status_is_said_when_it_is_certain(web):
    web.clock.now = NOW + 90_000
    web.add_token("later", client_id="modern", expires_at=web.clock.now + 60)
    answer = web.post("credentials/info", {"credentialID": "pin"}, token="later").get_json()

    assert answer["cert"]["status"] == "expired"
    assert answer["key"]["status"] == "disabled"


def test_A10_signature_values_are_padded_standard_base64(web):
    body = {"credentialID": "pin", "SAD": "x", "hash": [DIGEST], "signAlgo": RSA_SHA_256}

    assert web.post("signatures/signHash", body).get_json() == {
        "signatures": [base64.b64encode(b"signature\0").decode()]
    }


def test_A11_authorize_answers_a_string_and_an_integer(web):
    assert web.post("credentials/authorize", {"credentialID": "pin", "numSignatures": 1}).get_json() == {
        "SAD": "minted.sad.value",
        "expiresIn": 120,
    }


def test_A13_auth_always_has_mode_and_objects(web):
    assert describe(web, "pin", "v2")["auth"]["objects"][0]["id"] == "PIN"
    assert describe(web, "oauth", "v2")["auth"] == {"mode": "oauth2code", "objects": []}
    auth = describe(web, "pin-otp", "v2", authInfo=True)["auth"]
    assert [(each["id"], each["type"], each.get("generator")) for each in auth["objects"]] == [
        ("PIN", "Password", None),
        ("OTP", "Password", "totp"),
    ]
    assert auth["expression"] == "PIN AND OTP"


def test_A14_v1_groups_stand_at_top_level_with_presence_as_string(web):
    with_otp = describe(web, "pin-otp", authInfo=True)
    without = describe(web, "pin", authInfo=True)

    assert (with_otp["PIN"]["presence"], with_otp["OTP"]["presence"]) == ("true", "true")
    assert (with_otp["OTP"]["type"], with_otp["OTP"]["format"], with_otp["OTP"]["ID"]) == ("offline", "N", "OTP")
    assert without["OTP"] == {"presence": "false"}


def test_A14_groups_only_with_authInfo_and_for_explicit_credentials(web):
    assert not {"PIN", "OTP"} & set(describe(web, "pin"))
    assert not {"PIN", "OTP"} & set(describe(web, "oauth", authInfo=True))


def test_A15_curve_for_ec_only(web):
    assert describe(web, "pin-otp")["key"]["curve"] == "1.2.840.10045.3.1.7"
    assert "curve" not in describe(web, "pin")["key"]


def test_versions_are_never_mixed(web):
    assert not V2_FIELDS & set(describe(web, authInfo=True))
    assert not V1_FIELDS & set(describe(web, version="v2", authInfo=True))


def test_A16_info_of_v2(web):
    answer = web.post("info", version="v2", token=None).get_json()

    assert answer["specs"] == "2.2.0.0"
    assert answer["oauth2"] == f"{BASE_URL}/csc/v2"
    assert not {"oauth2Issuer", "oauth2Servers"} & set(answer)
    assert answer["authType"] == ["basic", "oauth2code", "oauth2client"]
    assert answer["supportedHashTypes"] == ["dtbsr"]
    assert answer["signature_formats"] == {"formats": [], "envelope_properties": []}
    assert answer["conformance_levels"] == []
    algorithms = answer["signAlgorithms"]
    assert all(isinstance(each, str) for each in algorithms["algos"] + algorithms["algoParams"])
    assert len(algorithms["algos"]) == len(algorithms["algoParams"]) == len(set(algorithms["algos"]))


def test_A17_info_of_v1_needs_no_token_and_has_its_own_members(web):
    answer = web.post("info", token=None).get_json()

    assert answer["specs"] == "1.0.4.0"
    assert set(answer) == {"specs", "name", "logo", "region", "lang", "description", "authType", "oauth2", "methods"}
    assert answer["lang"] == "en"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_OA_21_info_lists_what_is_there_and_nothing_else(web, version):
    methods = web.post("info", version=version, token=None).get_json()["methods"]
    routed = {rule.rule for rule in web.app.url_map.iter_rules()}

    assert all(f"/csc/{version}/{method}" in routed for method in methods)
    assert all(web.post(method, version=version).status_code not in {404, 501} for method in methods)
    assert not {"signatures/signDoc", "credentials/sendOTP", "signatures/timestamp"} & set(methods)


def test_the_logo_is_a_small_png(web):
    path = web.post("info", token=None).get_json()["logo"].removeprefix(BASE_URL)
    response = web.http.get(path, base_url=BASE_URL)

    assert response.content_type == "image/png"
    assert response.data.startswith(b"\x89PNG")


def test_A18_revoke_answers_204_with_nothing(web):
    response = web.post("auth/revoke", {"token": web.tokens["refresh"]})

    assert response.status_code == 204
    assert response.data == b""


def test_list_on_v1_pages_through_every_credential_once(web):
    names = [f"c{number:02}" for number in range(7)]
    web.activation.credentials = {name: description(name) for name in names}
    seen, token = [], None
    while True:
        answer = web.post("credentials/list", {"maxResults": 3, "pageToken": token}).get_json()
        seen += answer["credentialIDs"]
        token = answer.get("nextPageToken")
        if token is None:
            break

    assert seen == names


@pytest.mark.parametrize("maxima", [0, -1, 10**9, "3", True, 2.5, [], {}])
def test_list_on_v1_takes_its_own_maximum_for_a_bad_one(web, maxima):
    assert len(web.post("credentials/list", {"maxResults": maxima}).get_json()["credentialIDs"]) == 3


def test_list_on_v1_refuses_a_page_token_of_another_caller_and_a_changed_one(web):
    page = web.post("credentials/list", {"maxResults": 1}).get_json()["nextPageToken"]
    changed = page[:-1] + ("A" if page[-1] != "A" else "B")
    for token, caller in [(page, "old"), (changed, "service"), ("AAAA", "service"), ("?", "service")]:
        answer = web.post("credentials/list", {"pageToken": token}, token=caller).get_json()
        assert answer["error_description"] == "Invalid parameter pageToken"


def test_list_on_v2_describes_in_the_order_of_the_ids(web):
    body = {"credentialInfo": True, "certInfo": True, "authInfo": True, "certificates": "none", "maxResults": 1}
    answer = web.post("credentials/list", body, version="v2").get_json()

    assert [each["credentialID"] for each in answer["credentialInfos"]] == answer["credentialIDs"]
    assert len(answer["credentialIDs"]) == 3
    assert "certificates" not in answer["credentialInfos"][0]["cert"]
    assert not nulls(answer)


def test_list_on_v2_ignores_filters_without_credentialInfo(web):
    assert web.post("credentials/list", {"certificates": "Chain"}, version="v2").get_json() == {
        "credentialIDs": ["oauth", "pin", "pin-otp"]
    }


def test_list_on_v2_can_leave_out_what_cannot_sign(web):
    web.activation.credentials["pin"] = description("pin", state=CredentialState.SUSPENDED)
    answer = web.post("credentials/list", {"onlyValid": True}, version="v2").get_json()

    assert answer == {"credentialIDs": ["oauth", "pin-otp"], "onlyValid": True}


def test_list_for_a_clients_own_token_goes_by_login_name_or_signer_id(web):
    web.store.put_account(AccountRow("bob", OTHER_SIGNER, "x"))
    for user_id in ("bob", "signer-2"):
        answer = web.post("credentials/list", {"userID": user_id}, token="client").get_json()
        assert answer == {"credentialIDs": ["foreign"]}


def test_description_of_a_credential_is_shown(web):
    web.activation.credentials["pin"] = description("pin", description="for prescriptions")

    assert describe(web)["description"] == "for prescriptions"
    assert "description" not in describe(web, "oauth")


def test_answers_are_compact_utf8(web):
    web.activation.credentials["pin"] = description("pin", description="処方箋")
    response = web.post("credentials/info", {"credentialID": "pin"})

    assert "処方箋".encode() in response.data
    assert json.loads(response.data)["description"] == "処方箋"


def test_a_credential_names_the_kind_of_signature_it_is_good_for():
    web = WebApplication(signature_qualifiers={"jp_esign_hpki": ("2.5.29.32.0",), "jp_other": ("1.2.3",)})
    described = web.post("credentials/info", {"credentialID": "pin"}, version="v2").get_json()
    listed = web.post("credentials/list", {"credentialInfo": True}, version="v2").get_json()["credentialInfos"]

    assert described["signatureQualifier"] == "jp_esign_hpki"
    assert {each["signatureQualifier"] for each in listed} == {"jp_esign_hpki"}
    assert "signatureQualifier" not in web.post("credentials/info", {"credentialID": "pin"}).get_json()


def test_a_credential_of_no_known_kind_names_none(web):
    assert "signatureQualifier" not in web.post("credentials/info", {"credentialID": "pin"}, version="v2").get_json()
