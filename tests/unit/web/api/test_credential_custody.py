"""credentials/create and credentials/delete: their objects in both shapes, who may, and what an issuer has to do with it."""

import pytest

from csc_server.activation.custody_messages import BindCertificate, DestroyCredential, RequestCredential
from csc_server.errors import UnavailableError
from csc_server.storage.ports.web import AccountRow
from csc_server.values import Refusal
from csc_server.web.certificate_issuer import SocketIssuer
from fakes.web_application import OTHER_SIGNER, SIGNER, WebApplication, certificate

POLICY = "1.2.3.4"


class FakeIssuer:
    """Issues what it is told to; remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.failure = None

    def issue(self, request, policy):
        self.asked.append((request, policy))
        if self.failure is not None:
            raise self.failure
        return (certificate(),)

    def revoke(self, der, reason):
        self.asked.append((der, reason))
        if self.failure is not None:
            raise self.failure


def test_the_word_of_a_signer_makes_one_credential(web):
    body = {"certificatePolicy": POLICY}

    assert [create(web, body).status_code for _ in range(2)] == [201, 401]


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def web(issuer, tmp_path):
    made = WebApplication(issuer=issuer, certificate_issuer=tmp_path / "issuer.sock", certificate_policies=(POLICY,))
    for name, signer in (("creation", SIGNER), ("deletion", SIGNER), ("clients-creation", None)):
        scope = f"credential-{name.removeprefix('clients-')}"
        made.add_token(name, client_id="modern", scope=scope, signer_id=signer)
    return made


def create(web, body, token="creation"):
    return web.post("credentials/create", body, version="v2", token=token)


def delete(web, body, token="deletion"):
    return web.post("credentials/delete", body, version="v2", token=token)


def test_without_an_issuer_both_are_501_and_not_in_info():
    web = WebApplication()
    methods = web.post("info", version="v2", token=None).json["methods"]
    for method in ("credentials/create", "credentials/delete"):
        assert web.post(method, version="v2", token=None).status_code == 501
        assert method not in methods


def test_with_an_issuer_both_are_in_info_of_v2_alone(web):
    for version, there in (("v1", False), ("v2", True)):
        methods = web.post("info", version=version, token=None).json["methods"]
        assert ("credentials/create" in methods) is there
        assert ("credentials/delete" in methods) is there
    assert web.post("credentials/create", version="v1", token=None).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"credentialCreationRequest": {"certificatePolicy": POLICY, "subjectData": {"given_name": "Alice"}}},
        {"certificatePolicy": POLICY, "subjectData": {"given_name": "Alice"}},
        {"credentialCreationRequest": {"certificatePolicy": POLICY, "unknown": 1, "subjectData": None}, "lang": "ja"},
    ],
)
def test_creation_carries_request_and_chain_between_signer_and_issuer(web, issuer, body):
    answer = create(web, body)

    assert (answer.status_code, answer.json) == (201, {"credentialID": "new-credential"})
    assert issuer.asked == [(b"request", POLICY)]
    asked, bound = web.activation.requests
    assert isinstance(asked, RequestCredential)
    assert asked.signer_id == SIGNER
    assert isinstance(bound, BindCertificate)
    assert bound.certificates == (certificate(),)


def test_creation_without_a_policy_leaves_the_choice_to_the_issuer(web, issuer):
    assert create(web, {"credentialCreationRequest": {}}).status_code == 201
    assert issuer.asked == [(b"request", "")]


def test_creation_tells_of_the_credential_when_asked(web):
    body = {"credentialCreationRequest": {}, "credentialInfo": True, "certificates": "chain", "certInfo": True}
    answer = create(web, body).json

    assert answer["credentialID"] == "new-credential"
    assert len(answer["cert"]["certificates"]) == 2
    assert "CN=" in answer["cert"]["subjectDN"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Missing required parameter credentialCreationRequest"),
        ({"credentialCreationRequest": None}, "Missing required parameter credentialCreationRequest"),
        ({"credentialCreationRequest": []}, "Invalid parameter credentialCreationRequest"),
        ({"credentialCreationRequest": {"certificatePolicy": "1.2.3"}}, "Invalid parameter certificatePolicy"),
        ({"credentialCreationRequest": {"certificatePolicy": 1}}, "Invalid parameter certificatePolicy"),
        ({"credentialCreationRequest": {"subjectData": "Alice"}}, "Invalid parameter subjectData"),
        ({"credentialCreationRequest": {}, "credentialInfo": "yes"}, "Invalid parameter credentialInfo"),
        (
            {"credentialCreationRequest": {}, "credentialInfo": True, "certificates": "all"},
            "Invalid parameter certificates",
        ),
    ],
)
def test_creation_refuses_what_is_malformed(web, issuer, body, text):
    answer = create(web, body)

    assert (answer.status_code, answer.json) == (400, {"error": "invalid_request", "error_description": text})
    assert web.activation.requests == []


def test_clients_own_token_names_the_signer_in_the_subject(web):
    web.store.put_account(AccountRow("bob", OTHER_SIGNER, "x"))
    for sub, signer in (("bob", OTHER_SIGNER), ("signer-9", "signer-9")):
        body = {"credentialCreationRequest": {"subjectData": {"sub": sub}}}
        assert create(web, body, token="clients-creation").status_code == 201
        assert web.activation.requests[-2].signer_id == signer
    for subject in ({}, {"sub": ""}, {"sub": 1}):
        answer = create(web, {"credentialCreationRequest": {"subjectData": subject}}, token="clients-creation")
        assert answer.json["error_description"] == "Invalid parameter subjectData"


@pytest.mark.parametrize("token", ["service", "old", "login", "credential", "deletion"])
def test_token_of_another_scope_creates_nothing(web, token):
    answer = create(web, {"credentialCreationRequest": {}}, token=token)

    assert (answer.status_code, answer.json["error"]) == (401, "unauthorized_client")
    assert web.activation.requests == []


def test_client_without_custody_is_told_as_one_with_another_token(web):
    web.activation.refusal = Refusal.CUSTODY_REFUSED
    answer = create(web, {"credentialCreationRequest": {}})

    assert (answer.status_code, answer.json) == (
        401,
        {"error": "unauthorized_client", "error_description": "The client is not authorized to use this method."},
    )


def test_key_without_certificate_is_destroyed_again(web, issuer):
    issuer.failure = UnavailableError("issuer")
    answer = create(web, {"credentialCreationRequest": {}})

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    _, destroyed = web.activation.requests
    assert isinstance(destroyed, DestroyCredential)
    assert destroyed.credential_id == "new-credential"


@pytest.mark.parametrize("body", [{"credentialDeletionRequest": {"credentialID": "pin"}}, {"credentialID": "pin"}])
def test_deletion_takes_both_shapes_and_answers_204(web, issuer, body):
    answer = delete(web, body)

    assert (answer.status_code, answer.data) == (204, b"")
    assert web.activation.requests[-1].credential_id == "pin"
    assert issuer.asked == []


def test_deletion_revokes_first_and_destroys_nothing_if_that_fails(web, issuer):
    body = {"credentialDeletionRequest": {"credentialID": "pin", "revoke": True, "revocationReason": 4}}
    assert delete(web, body).status_code == 204
    assert issuer.asked == [(certificate(), 4)]
    issuer.failure = UnavailableError("issuer")
    before = len(web.activation.requests)

    assert delete(web, body).status_code == 503
    assert not any(isinstance(each, DestroyCredential) for each in web.activation.requests[before:])


def test_nothing_is_revoked_for_a_client_without_custody(web, issuer):
    web.activation.refusal = Refusal.CUSTODY_REFUSED
    answer = delete(web, {"credentialID": "pin", "revoke": True, "revocationReason": 1})

    assert answer.status_code == 401
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Missing required parameter credentialID"),
        ({"credentialDeletionRequest": {}}, "Missing required parameter credentialID"),
        ({"credentialDeletionRequest": "pin"}, "Invalid parameter credentialDeletionRequest"),
        ({"credentialDeletionRequest": {"credentialID": 1}}, "Invalid parameter credentialID"),
        ({"credentialID": "pin", "revoke": "yes"}, "Invalid parameter revoke"),
        ({"credentialID": "pin", "revoke": True}, "Missing required parameter revocationReason"),
        ({"credentialID": "pin", "revoke": True, "revocationReason": 7}, "Invalid parameter revocationReason"),
        ({"credentialID": "pin", "revoke": True, "revocationReason": True}, "Invalid parameter revocationReason"),
    ],
)
def test_deletion_refuses_what_is_malformed(web, body, text):
    answer = delete(web, body)

    assert (answer.status_code, answer.json) == (400, {"error": "invalid_request", "error_description": text})
    assert web.activation.requests == []


def test_deletion_of_an_unknown_credential_has_its_text(web):
    web.activation.refusal = Refusal.UNKNOWN_CREDENTIAL
    answer = delete(web, {"credentialID": "none"})

    assert (answer.status_code, answer.json["error_description"]) == (400, "Invalid parameter credentialID")


def test_issuer_that_does_not_listen_is_away(tmp_path):
    with pytest.raises(UnavailableError):
        SocketIssuer(tmp_path / "none").issue(b"request", "")
