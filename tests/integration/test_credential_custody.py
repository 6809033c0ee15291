"""credentials/create and credentials/delete against a real server, its device and the test CA behind a socket (2.2)."""

import base64
import json

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from csc_server.cli.dev.issuer import POLICY
from integration.csc_client import TIMEOUT, CscClient

CREATE, DELETE = "credentials/create", "credentials/delete"


def token_of(seed, scope, client=None):
    client = client or seed.csc2
    response = requests.post(
        f"{seed.base_url}/csc/v2/oauth2/token",
        data={"grant_type": "client_credentials", "scope": scope},
        auth=(client.client_id, client.client_secret),
        timeout=TIMEOUT,
    )
    return response.json().get("access_token", response.json()["error"] if not response.ok else None)


@pytest.fixture
def api(seed):
    return CscClient(seed.base_url, "v2")


def create(api, seed, **members):
    body = {"credentialCreationRequest": {"subjectData": {"sub": seed.users[0].username}}, **members}
    response = api.post(CREATE, body, token=token_of(seed, "credential-creation"))
    assert response.status_code == 201, response.text
    return response.json()


def test_created_credential_is_certified_listed_and_destroyed(api, seed, service):
    made = create(api, seed, credentialInfo=True, certificates="chain")
    name = made["credentialID"]
    chain = [x509.load_der_x509_certificate(base64.b64decode(text)) for text in made["cert"]["certificates"]]
    chain[0].verify_directly_issued_by(chain[1])

    assert isinstance(chain[0].public_key(), ec.EllipticCurvePublicKey)
    assert "CN=Alice Example" in chain[0].subject.rfc4514_string()
    assert (made["auth"]["mode"], made["SCAL"]) == ("oauth2code", "2")
    service_token = token_of(seed, "service")
    listed = api.call("credentials/list", {"userID": seed.users[0].username}, token=service_token)
    assert name in listed["credentialIDs"]

    body = {"credentialDeletionRequest": {"credentialID": name, "revoke": True, "revocationReason": 5}}
    deleted = api.post(DELETE, body, token=token_of(seed, "credential-deletion"))
    assert (deleted.status_code, deleted.content) == (204, b"")
    listed = api.call("credentials/list", {"userID": seed.users[0].username}, token=service_token)
    assert name not in listed["credentialIDs"]
    again = api.post(DELETE, body, token=token_of(seed, "credential-deletion"))
    assert (again.status_code, again.json()["error_description"]) == (400, "Invalid parameter credentialID")
    lines = (service.data_dir / "ca" / "revoked.jsonl").read_text(encoding="ascii").splitlines()
    assert json.loads(lines[-1]) == {"serial": f"{chain[0].serial_number:X}", "reason": 5}


def test_certificate_is_issued_under_the_policy_asked_for(api, seed):
    request = {"certificatePolicy": POLICY, "subjectData": {"sub": seed.users[0].username}}
    made = create(api, seed, credentialCreationRequest=request, credentialInfo=True)
    certificate = x509.load_der_x509_certificate(base64.b64decode(made["cert"]["certificates"][0]))
    (policy,) = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value

    assert policy.policy_identifier.dotted_string == POLICY
    api.post(DELETE, {"credentialID": made["credentialID"]}, token=token_of(seed, "credential-deletion"))


def test_AU_01_created_credential_without_factors_cannot_be_authorized(api, seed):
    name = create(api, seed)["credentialID"]
    body = {
        "credentialID": name,
        "numSignatures": 1,
        "hashes": ["A" * 43 + "="],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
    }
    refused = api.post("credentials/authorize", body, token=token_of(seed, "service"))

    assert refused.status_code == 400
    api.post(DELETE, {"credentialID": name}, token=token_of(seed, "credential-deletion"))


def test_OA_18_client_without_the_scopes_gets_no_such_token(seed):
    for scope in ("credential-creation", "credential-deletion"):
        assert token_of(seed, scope, seed.csc1) == "invalid_scope"


def test_service_token_makes_nothing(api, seed):
    for method in (CREATE, DELETE):
        response = api.post(method, {"credentialID": "x"}, token=token_of(seed, "service"))
        assert (response.status_code, response.json()["error"]) == (401, "unauthorized_client")
