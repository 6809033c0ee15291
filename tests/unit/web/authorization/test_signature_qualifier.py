"""signatureQualifier: the client names the kind of signature, the server the credential (CSC 2.x, 8.4.2; O16)."""

import json
from dataclasses import replace

import pytest

from csc_server.activation.messages import Begin, ListCredentials
from csc_server.policy.signature_qualifiers import ANY_POLICY
from csc_server.values import AuthMode, CredentialState
from fakes.code_flow import CodeFlow, answer_of, details
from fakes.web_application import NOW, OTHER_SIGNER, SIGNER, certificate, description

KIND = "jp_test_aes"
SEPARATE = {"scope": "credential", "signatureQualifier": KIND, "numSignatures": "2"}


@pytest.fixture
def flow():
    flow = CodeFlow(signature_qualifiers={KIND: (ANY_POLICY,)})
    flow.activation.credentials = {
        each.credential_id: each
        for each in (
            description("a-pin"),
            description("b-suspended", auth_mode=AuthMode.OAUTH2CODE, state=CredentialState.SUSPENDED),
            description("c-expired", auth_mode=AuthMode.OAUTH2CODE, certificates=(certificate(not_after=NOW - 1),)),
            description("d-bare", auth_mode=AuthMode.OAUTH2CODE, certificates=()),
            description("e-small", auth_mode=AuthMode.OAUTH2CODE, multisign=1),
            description("f-foreign", auth_mode=AuthMode.OAUTH2CODE, signer_id=OTHER_SIGNER),
            description("g-fits", auth_mode=AuthMode.OAUTH2CODE),
            description("h-fits-too", auth_mode=AuthMode.OAUTH2CODE),
        )
    }
    return flow


def rich(**changes):
    entry = {name: member for name, member in json.loads(details())[0].items() if name != "credentialID"}
    return json.dumps([entry | {"signatureQualifier": KIND} | changes])


@pytest.mark.parametrize("parameters", [SEPARATE, {"authorization_details": rich()}])
def test_O16_the_first_credential_that_fits_is_chosen_and_named(flow, parameters):
    code = flow.approve(**parameters)["code"]
    row = next(iter(flow.store.codes.values()))

    assert [asked.transaction.credential_id for asked in flow.asked(Begin)] == ["g-fits"]
    assert [asked.signer_id for asked in flow.asked(ListCredentials)] == [SIGNER]
    assert row.credential_id == "g-fits"
    assert flow.redeem(code).json["credentialID"]


def test_O11_the_echo_names_the_kind_and_the_choice(flow):
    code = flow.approve(authorization_details=rich())["code"]
    echo = flow.redeem(code, authorization_details=rich()).json["authorization_details"]

    assert [(entry["signatureQualifier"], entry["credentialID"]) for entry in echo] == [(KIND, "g-fits")]


def test_O11_a_repetition_may_not_name_another_kind(flow):
    code = flow.approve(authorization_details=rich())["code"]
    answer = flow.redeem(code, authorization_details=rich(signatureQualifier="eu_eidas_qes"))

    assert answer.json["error"] == "invalid_grant"


def test_the_page_shows_the_chosen_credential(flow):
    _, page = flow.consent_page(**SEPARATE)

    assert "g-fits" in page.text


def test_another_account_gets_a_choice_of_its_own(flow):
    address, page = flow.consent_page(**SEPARATE)
    flow.store.put_account(replace(flow.store.account("alice"), username="bob", signer_id=OTHER_SIGNER))
    fitting = description("z-others", auth_mode=AuthMode.OAUTH2CODE, signer_id=OTHER_SIGNER)
    flow.activation.credentials = {fitting.credential_id: fitting}
    flow.submit(address, "switch", flow.form_of(page))
    flow.log_in(address, username="bob")
    flow.get(address)

    assert [asked.transaction.credential_id for asked in flow.asked(Begin)] == ["g-fits", "z-others"]


@pytest.mark.parametrize("change", [{"signatureQualifier": "eu_eidas_qes"}, {"numSignatures": "11"}])
def test_nothing_that_fits_is_told_by_redirect(flow, change):
    answer = flow.authorize(**SEPARATE | change)
    address = answer.location.removeprefix("http://127.0.0.1:8080")
    flow.log_in(address)
    page = flow.get(address)

    assert answer_of(page.location)["error_description"] == "Invalid parameter signatureQualifier"
    assert flow.asked(Begin) == []


@pytest.mark.parametrize(
    "parameters",
    [
        SEPARATE | {"credentialID": "g-fits"},
        SEPARATE | {"signatureQualifier": "x"},
        SEPARATE | {"signatureQualifier": "jp_" + "x" * 62},
        SEPARATE | {"signatureQualifier": "jp_é"},
        {"authorization_details": rich(credentialID="g-fits")},
        {"authorization_details": rich(signatureQualifier=1)},
        {"authorization_details": rich(signatureQualifier="")},
        {"authorization_details": rich(signatureQualifier=None)},
    ],
)
def test_a_qualifier_that_is_wrong_is_refused(flow, parameters):
    answer = answer_of(flow.authorize(**parameters).location)

    assert answer["error"] in {"invalid_request", "invalid_authorization_details"}
    assert flow.store.interactions == {}


def test_version_1_has_no_qualifier(flow):
    answer = flow.authorize("v1", scope="credential", signatureQualifier=KIND, numSignatures="1")

    assert answer_of(answer.location)["error_description"] == "Missing parameter credentialID"
