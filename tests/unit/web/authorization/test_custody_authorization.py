"""A signer agrees that a credential is made or destroyed (CSC 2.2.0.0, 8.2.2; interoperability rule O9)."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from csc_server.activation.custody_messages import CheckCustody, DestroyCredential
from csc_server.activation.messages import Activate, Begin
from csc_server.web.authorization.custody_details import CREATION, DELETION
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import CodeFlow, answer_of, basic_header, registered
from fakes.web_application import SIGNER

URI = "https://cloudsignatureconsortium.org/2025/"
WANTED = {"certificatePolicy": "1.2.3", "subjectData": {"sub": "alice"}}
SCOPES = ("service", "credential", CREATION, DELETION)


@pytest.fixture
def flow():
    flow = CodeFlow(certificate_issuer=Path("issuer.sock"))
    flow.store.put_client(registered("app", scopes=SCOPES))
    return flow


def creation(**changes):
    return json.dumps([{"type": URI + "credential-creation", "credentialCreationRequest": WANTED} | changes])


def deletion(**changes):
    return json.dumps([{"type": URI + "credential-deletion", "credentialID": "oauth"} | changes])


ASKED = {
    "creation by scope": ({"scope": CREATION}, CREATION, None),
    "creation by details": ({"authorization_details": creation()}, CREATION, None),
    "creation by old type": ({"authorization_details": creation(type="credential_creation")}, CREATION, None),
    "creation with scope": ({"authorization_details": creation(), "scope": CREATION}, CREATION, None),
    "deletion by scope": ({"scope": DELETION, "credentialID": "oauth"}, DELETION, "oauth"),
    "deletion by details": ({"authorization_details": deletion()}, DELETION, "oauth"),
    "deletion by old type": ({"authorization_details": deletion(type="credential_deletion")}, DELETION, "oauth"),
}


@pytest.mark.parametrize(("parameters", "scope", "credential_id"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("version", ["v2", "rfc"])
def test_O9_the_signer_agrees_to_a_token_of_this_one_purpose(flow, version, parameters, scope, credential_id):
    tokens = flow.redeem(flow.approve(version, **parameters)["code"], version).json
    row = flow.store.token(secret_hash(tokens["access_token"]))

    assert (row.scope, row.signer_id, row.credential_id, row.approval_id) == (scope, SIGNER, credential_id, None)
    assert tokens["expires_in"] == 300
    assert "refresh_token" not in tokens
    assert ("authorization_details" in tokens) == ("authorization_details" in parameters)
    assert flow.asked(Begin) == flow.asked(Activate) == []


def test_O11_details_are_echoed_and_told(flow):
    code = flow.approve(authorization_details=creation())["code"]
    tokens = flow.redeem(code, authorization_details=creation()).json
    told = flow.token({"token": tokens["access_token"]}, "rfc", path="introspect").json

    assert tokens["authorization_details"] == told["authorization_details"] == json.loads(creation())
    assert told["scope"] == CREATION


def test_O11_a_repetition_may_not_name_another_credential(flow):
    code = flow.approve(authorization_details=deletion())["code"]

    assert flow.redeem(code, authorization_details=deletion(credentialID="pin")).json["error"] == "invalid_grant"


def test_the_page_names_the_credential_that_would_be_destroyed(flow):
    _, page = flow.consent_page(authorization_details=deletion())

    assert "<code>oauth</code>" in page.text
    assert "cannot be brought back" in page.text


def test_the_page_is_there_in_japanese(flow):
    _, page = flow.consent_page(authorization_details=creation(), lang="ja")

    assert "作成しますか" in page.text


def test_a_live_session_is_not_enough(flow):
    assert "code" in flow.approve(scope="service")
    page = flow.get(urlsplit(flow.authorize(authorization_details=deletion()).location).path)

    assert 'name="password"' in page.text


def test_a_token_for_one_credential_deletes_no_other(flow):
    token = flow.redeem(flow.approve(authorization_details=deletion())["code"]).json["access_token"]
    body = {"credentialDeletionRequest": {"credentialID": "pin"}}
    answer = flow.post("credentials/delete", body, version="v2", token=token)

    assert (answer.status_code, answer.json["error_description"]) == (400, "Invalid parameter credentialID")
    assert flow.asked(DestroyCredential) == flow.asked(CheckCustody) == []


@pytest.mark.parametrize("parameters", [each for each, _, _ in ASKED.values()], ids=ASKED)
def test_OA_18_a_token_of_this_purpose_opens_nothing_else(flow, parameters):
    token = flow.redeem(flow.approve(**parameters)["code"]).json["access_token"]

    assert flow.post("credentials/list", version="v2", token=token).status_code == 401


BAD = {
    "no credential": {"scope": DELETION},
    "a credential to create": {"scope": CREATION, "credentialID": "oauth"},
    "two scopes": {"scope": f"{CREATION} {DELETION}"},
    "no request": {"authorization_details": creation(credentialCreationRequest=None)},
    "request is text": {"authorization_details": creation(credentialCreationRequest="x")},
    "no id": {"authorization_details": deletion(credentialID=None)},
    "id is a number": {"authorization_details": deletion(credentialID=1)},
    "long id": {"authorization_details": deletion(credentialID="x" * 256)},
    "another scope": {"authorization_details": creation(), "scope": DELETION},
    "scope credential": {"authorization_details": creation(), "scope": "credential"},
    "separate parameter": {"authorization_details": deletion(), "credentialID": "oauth"},
    "type is a list": {"authorization_details": deletion(type=[URI + "credential-deletion"])},
}


@pytest.mark.parametrize("parameters", BAD.values(), ids=BAD)
def test_OA_08_what_is_not_said_exactly_is_refused(flow, parameters):
    assert "error" in answer_of(flow.authorize(**parameters).location)
    assert flow.push(**parameters).status_code == 400


@pytest.mark.parametrize("parameters", [each for each, _, _ in ASKED.values()], ids=ASKED)
def test_OA_18_a_client_without_the_scope_is_refused(flow, parameters):
    flow.store.put_client(registered("app"))

    assert answer_of(flow.authorize(**parameters).location)["error"] == "invalid_scope"


@pytest.mark.parametrize("parameters", [each for each, _, _ in ASKED.values()], ids=ASKED)
def test_OA_21_without_an_issuer_nothing_of_it_is_offered(parameters):
    flow = CodeFlow()
    flow.store.put_client(registered("app", scopes=SCOPES))

    assert "error" in answer_of(flow.authorize(**parameters).location)


def test_version_1_has_neither(flow):
    for scope in (CREATION, DELETION):
        answer = flow.authorize("v1", scope=scope, credentialID="oauth")
        assert answer_of(answer.location)["error"] == "invalid_scope"


def test_OA_03_a_second_redemption_takes_the_token_back(flow):
    code = flow.approve(authorization_details=deletion())["code"]
    token = flow.redeem(code).json["access_token"]
    flow.redeem(code, headers=basic_header())

    assert flow.store.token(secret_hash(token)).revoked_at
