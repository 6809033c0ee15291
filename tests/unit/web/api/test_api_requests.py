"""Interoperability rules R1 to R17: what real clients send is understood, and only that."""

import base64

import pytest

from csc_server.activation.messages import Authorize, Extend, Sign
from fakes.web_application import DIGEST, RSA_SHA_256, SHA_256, WebApplication

RAW = base64.b64decode(DIGEST)
SPELLINGS = {
    "standard": base64.b64encode(bytes([0xFB]) * 32).decode(),
    "standard, no padding": base64.b64encode(bytes([0xFB]) * 32).decode().rstrip("="),
    "url": base64.urlsafe_b64encode(bytes([0xFB]) * 32).decode(),
    "url, no padding": base64.urlsafe_b64encode(bytes([0xFB]) * 32).decode().rstrip("="),
}
SIGN = {"credentialID": "pin", "SAD": "a.b.c", "signAlgo": RSA_SHA_256}
V1_SIGN = SIGN | {"hash": [DIGEST]}
V2_SIGN = SIGN | {"hashes": [DIGEST]}


@pytest.fixture
def web():
    return WebApplication()


def asked(web, kind=Sign):
    request = web.activation.requests[-1]
    assert isinstance(request, kind)
    return request


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_R1_a_hash_is_its_bytes_in_any_base64(web, spelling):
    response = web.post("signatures/signHash", SIGN | {"hash": [SPELLINGS[spelling]]})

    assert response.status_code == 200
    assert asked(web).hashes == (bytes([0xFB]) * 32,)


@pytest.mark.parametrize("text", ["sTOgwOm+474gFj0q0x1iSNspKqbcse4IeiqlDg/HWuJ=", "AA=", "A", "A A=", "=", "AAA=="])
def test_IN_02_a_hash_with_spare_bits_or_wrong_padding_is_no_base64(web, text):
    answer = web.post("signatures/signHash", SIGN | {"hash": [text]}).get_json()

    assert answer["error_description"] == "Invalid Base64 hash string parameter"


def test_R2_the_same_hash_several_times_gives_as_many_signatures_in_order(web):
    other = base64.b64encode(bytes(32)).decode()
    response = web.post("signatures/signHash", SIGN | {"hash": [DIGEST, other, DIGEST]})

    assert asked(web).hashes == (RAW, bytes(32), RAW)
    assert len(response.get_json()["signatures"]) == 3


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_R4_null_is_absent(web, version):
    body = (V1_SIGN if version == "v1" else V2_SIGN) | {
        "signAlgoParams": None,
        "hashAlgo": None,
        "hashAlgorithmOID": None,
        "clientData": None,
        "operationMode": None,
    }

    assert web.post("signatures/signHash", body, version=version).status_code == 200
    assert asked(web).hash_algorithm == ""
    assert asked(web).parameters == b""


def test_R5_unknown_members_are_ignored(web):
    body = V1_SIGN | {"client_Data": 1, "sign_algo_params": [], "documents": {}, "userID": 5, "authData": "x"}

    assert web.post("signatures/signHash", body).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_R6_media_type_with_and_without_charset(web, content_type):
    response = web.post("signatures/signHash", V1_SIGN, headers={"Content-Type": content_type, "Accept": "*/*"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["", "text/json", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/jsonx"],
)
def test_R6_another_media_type_is_refused(web, content_type):
    response = web.post("signatures/signHash", V1_SIGN, headers={"Content-Type": content_type})

    assert response.status_code == 400
    assert web.activation.requests == []


@pytest.mark.parametrize("data", [b"", b"{}", b"[]"])
@pytest.mark.parametrize("method", ["info", "credentials/list"])
def test_R7_nothing_to_say_may_be_said_in_three_ways(web, method, data):
    assert web.post(method, data=data).status_code == 200


def test_R7_an_empty_array_is_no_object_where_members_are_required(web):
    assert web.post("credentials/info", data=b"[]").get_json()["error_description"].startswith("The request body")


def test_R7_an_empty_body_lacks_the_required_members(web):
    answer = web.post("credentials/info", data=b"", headers={"Content-Type": ""}).get_json()

    assert answer["error_description"] == "Missing (or invalid type) string parameter credentialID"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_R8_info_also_by_get(web, version):
    by_get = web.post("info", data=b"", version=version, token=None, verb="GET")

    assert by_get.get_json() == web.post("info", version=version, token=None).get_json()


def test_R9_to_R12_algorithms_reach_the_signer_as_they_were_sent(web):
    parameters = base64.b64encode(bytes.fromhex("3003020101")).decode()
    body = SIGN | {"hashes": [DIGEST], "signAlgo": "1.2.3", "hashAlgorithmOID": SHA_256, "signAlgoParams": parameters}
    web.post("signatures/signHash", body, version="v2")

    assert asked(web).sign_algorithm == "1.2.3"
    assert asked(web).hash_algorithm == SHA_256
    assert asked(web).parameters == bytes.fromhex("3003020101")


@pytest.mark.parametrize(("version", "body"), [("v1", V2_SIGN), ("v2", V1_SIGN)])
def test_R14_names_of_the_other_version_are_for_csc1_clients_only(web, version, body):
    strict = web.post("signatures/signHash", body, version=version)
    lenient = web.post("signatures/signHash", body, version=version, token="old")

    assert strict.get_json()["error_description"] == "Missing (or invalid type) array parameter hash"
    assert lenient.status_code == 200


def test_R14_a_csc1_client_brings_its_factors_and_hashes_in_the_other_dialect(web):
    v1 = {"credentialID": "pin-otp", "numSignatures": 1, "hash": [DIGEST], "PIN": "1234", "OTP": "123456"}
    v2 = {
        "credentialID": "pin-otp",
        "numSignatures": 1,
        "hashes": [DIGEST],
        "hashAlgorithmOID": SHA_256,
        "authData": [{"id": "PIN", "value": "1234"}, {"id": "OTP", "value": "123456"}],
    }
    for version, body in [("v1", v2), ("v2", v1)]:
        assert web.post("credentials/authorize", body, version=version, token="old").status_code == 200
        request = asked(web, Authorize)
        assert (request.evidence.pin, request.evidence.otp) == ("1234", "123456")
        assert request.transaction.hashes == (RAW,)


def test_R14_the_versions_own_name_wins(web):
    own, other = base64.b64encode(bytes(32)).decode(), DIGEST
    web.post("signatures/signHash", SIGN | {"hash": [other], "hashes": [own]}, version="v2", token="old")

    assert asked(web).hashes == (bytes(32),)


@pytest.mark.parametrize(("token", "status"), [("service", 400), ("old", 200)])
def test_R15_booleans_as_strings_are_for_csc1_clients_only(web, token, status):
    body = {"credentialInfo": "true", "certInfo": "false"}
    response = web.post("credentials/list", body, version="v2", token=token)

    assert response.status_code == status


@pytest.mark.parametrize("pin", [1234, True, ["1234"], {"value": "1234"}])
def test_R15_a_factor_is_a_string_for_every_client(web, pin):
    body = {"credentialID": "pin", "numSignatures": 1, "PIN": pin}

    assert web.post("credentials/authorize", body, token="old").get_json()["error_description"] == (
        "Invalid parameter PIN"
    )


def test_R16_a_credential_token_describes_its_own_credential_on_v2(web):
    own = web.post("credentials/info", {"credentialID": "oauth"}, version="v2", token="credential")
    other = web.post("credentials/info", {"credentialID": "pin"}, version="v2", token="credential")
    on_v1 = web.post("credentials/info", {"credentialID": "oauth"}, token="credential")

    assert own.status_code == 200
    assert other.get_json()["error_description"] == "Invalid parameter credentialID"
    assert on_v1.get_json()["error"] == "unauthorized_client"


def test_R17_the_three_ways_to_activate_on_v2(web):
    credential_token = web.tokens["credential"]
    without_sad = {name: value for name, value in V2_SIGN.items() if name != "SAD"}
    for body, token, activates in [
        (V2_SIGN, "service", "a.b.c"),
        (V2_SIGN | {"SAD": credential_token}, "service", credential_token),
        (without_sad, "credential", credential_token),
        (V2_SIGN | {"SAD": credential_token}, "credential", credential_token),
    ]:
        assert web.post("signatures/signHash", body, version="v2", token=token).status_code == 200
        assert asked(web).sad == activates


def test_R17_two_different_activations_in_one_request_are_refused(web):
    response = web.post("signatures/signHash", V2_SIGN, version="v2", token="credential")

    assert response.get_json()["error_description"] == "Invalid parameter SAD"
    assert web.activation.requests == []


def test_R17_a_credential_token_is_no_bearer_of_signHash_on_v1(web):
    assert web.post("signatures/signHash", V1_SIGN, token="credential").get_json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("number", [True, 1.0, "1", None, [1]])
def test_IN_05_numSignatures_is_an_integer_and_nothing_like_one(web, number):
    answer = web.post("credentials/authorize", {"credentialID": "pin", "numSignatures": number}).get_json()

    assert answer["error_description"] == "Missing (or invalid type) integer parameter numSignatures"


def test_v2_wants_the_hash_algorithm_beside_hashes_at_authorize_and_extend(web):
    for method, more in [("credentials/authorize", {"numSignatures": 1}), ("credentials/extendTransaction", {})]:
        body = {"credentialID": "pin", "SAD": "a.b.c", "hashes": [DIGEST]} | more
        refused = web.post(method, body, version="v2")
        taken = web.post(method, body | {"hashAlgorithmOID": SHA_256}, version="v2")

        assert refused.get_json()["error_description"].endswith("hashAlgorithmOID")
        assert taken.status_code == 200


def test_extendTransaction_hands_over_sad_and_hashes(web):
    response = web.post("credentials/extendTransaction", {"credentialID": "pin", "SAD": "a.b.c", "hash": [DIGEST]})

    assert response.get_json() == {"SAD": "next.sad.value", "expiresIn": 100}
    assert asked(web, Extend).hashes == (RAW,)


def test_the_signer_is_told_who_asks(web):
    web.post("signatures/signHash", V1_SIGN, headers={"X-Request-ID": "order-0001"})
    caller = asked(web).caller

    assert (caller.client_id, caller.signer_id) == ("modern", "signer-1")
    assert (caller.request_id, caller.address) == ("order-0001", "127.0.0.0/24")


def test_the_signer_is_told_that_nobody_logged_in_for_a_clients_own_token(web):
    web.post("signatures/signHash", V1_SIGN, token="client")

    assert asked(web).caller.signer_id is None


def test_SA_12_no_secret_in_what_arguments_show(web):
    web.post("credentials/authorize", {"credentialID": "pin", "numSignatures": 1, "PIN": "planted-1234"})
    web.post("signatures/signHash", V1_SIGN | {"SAD": "planted-sad"})

    assert "planted" not in repr(web.activation.requests)
