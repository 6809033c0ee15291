"""What each profile asks of a client, and what only one of them may do (decision 4; FAPI 2.0 Security Profile, 5.3.2)."""

from urllib.parse import urlencode, urlsplit

import pytest

from client_keys import ClientKey, asserted, assertion_claims, proof, proof_claims
from csc_server.values import ClientProfile
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import REDIRECT, REQUEST, VERIFIER, CodeFlow, answer_of, basic_header, details, registered
from fakes.web_application import BASE_URL, NOW

CLIENT_KEY = ClientKey.make("ES256")
KEY = ClientKey.make("ES256")
OTHER = ClientKey.make("ES256")
FACES = pytest.mark.parametrize("version", ["v2", "rfc"])
PROFILES = list(ClientProfile)


class Fapi:
    """A fapi2 client with its key, and another one for its tokens."""

    def __init__(self, flow, version):
        self.flow = flow
        self.version = version

    def post(self, endpoint, key=KEY, version=None, **data):
        path = self.flow.path(version or self.version, endpoint)
        assertion = CLIENT_KEY.sign({}, assertion_claims("fapi", BASE_URL, now=NOW))
        headers = {"DPoP": proof(key, proof_claims("POST", BASE_URL + path, now=NOW))} if key else {}
        return self.flow.http.post(path, data=asserted(assertion) | data, headers=headers, base_url=BASE_URL)

    def code(self, **parameters):
        pushed = self.post("pushed_authorize", **(REQUEST | {"scope": "service"} | parameters))
        assert pushed.status_code == 201, pushed.text
        query = urlencode({"client_id": "fapi", "request_uri": pushed.json["request_uri"]})
        address = urlsplit(self.flow.get(f"{self.flow.path(self.version, 'authorize')}?{query}").location).path
        self.flow.log_in(address)
        return answer_of(self.flow.decide(address, self.flow.get(address)).location)["code"]

    def redeem(self, code, key=KEY, **changes):
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        }  # fmt: skip
        return self.post("token", key, **(form | changes))

    def refresh(self, token, key=KEY):
        return self.post("token", key, grant_type="refresh_token", refresh_token=token)


@pytest.fixture
def flow():
    flow = CodeFlow()
    keyed = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("private_key_jwt",)}
    jwks = {"keys": [CLIENT_KEY.registered]}
    flow.store.put_client(registered("fapi", ClientProfile.FAPI2, **keyed, jwks=jwks))
    return flow


@pytest.fixture
def fapi(flow, version):
    return Fapi(flow, version)


@FACES
def test_a_fapi2_client_goes_all_the_way_with_its_keys(fapi):
    tokens = fapi.redeem(fapi.code()).json
    told = fapi.post("introspect", key=None, version="rfc", token=tokens["access_token"]).json

    assert tokens["token_type"] == "DPoP"
    assert told["cnf"] == {"jkt": KEY.thumbprint}
    assert told["token_type"] == "DPoP"


@FACES
def test_OA_13_the_refresh_token_of_a_fapi2_client_stays_and_is_bound(flow, fapi):
    first = fapi.redeem(fapi.code()).json
    answers = [fapi.refresh(first["refresh_token"]) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("refresh_token" not in answer.json for answer in answers)
    assert len({answer.json["access_token"] for answer in answers}) == 3
    assert not flow.store.token(secret_hash(first["refresh_token"])).replaced_at
    assert fapi.refresh(first["refresh_token"], OTHER).json["error"] == "invalid_grant"
    assert fapi.refresh(first["refresh_token"], None).status_code == 400


@FACES
def test_OA_13_a_revoked_family_of_a_fapi2_client_gives_nothing_more(flow, fapi):
    first = fapi.redeem(fapi.code()).json
    assert fapi.post("revoke", key=None, token=first["refresh_token"]).status_code == 200

    assert fapi.refresh(first["refresh_token"]).json["error"] == "invalid_grant"
    assert flow.store.token(secret_hash(first["access_token"])).revoked_at


@FACES
def test_OA_12_the_code_of_a_pushed_request_is_bound_to_the_key_that_pushed_it(fapi):
    assert fapi.redeem(fapi.code(), OTHER).json["error"] == "invalid_grant"


@FACES
def test_OA_08_a_signing_token_of_a_fapi2_client_is_bound(fapi):
    tokens = fapi.redeem(fapi.code(scope="credential", authorization_details=details())).json

    assert tokens["token_type"] == "DPoP"
    assert "refresh_token" not in tokens


@FACES
@pytest.mark.parametrize(
    ("endpoint", "data"),
    [("token", {"grant_type": "client_credentials"}), ("revoke", {"token": "x"}), ("pushed_authorize", REQUEST)],
)
def test_a_fapi2_client_that_is_not_who_it_says_gets_the_answer_of_the_rfcs(flow, version, endpoint, data):
    answer = flow.token({"client_id": "fapi"} | data, version, headers={}, path=endpoint)

    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("profile", [ClientProfile.CSC1, ClientProfile.CSC2])
def test_the_audit_names_the_profile_that_a_token_was_issued_under(flow, profile):
    flow.store.put_client(registered("app", profile))
    flow.token({"grant_type": "client_credentials"})
    flow.redeem(flow.approve(scope="service")["code"])
    told = [fields["profile"] for event, _, fields in flow.events() if event == "token.issued"]

    assert told == [profile, profile]


@pytest.mark.parametrize("profile", PROFILES)
def test_OA_07_only_fapi2_must_push(flow, profile):
    flow.store.put_client(registered("app", profile))

    assert ("error" in answer_of(flow.authorize().location)) == (profile is ClientProfile.FAPI2)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("public", [False, True])
def test_OA_02_only_a_confidential_csc1_client_may_go_without_pkce(flow, profile, public):
    secret = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("none",)} if public else {}
    flow.store.put_client(registered("app", profile, **secret))
    without = {"code_challenge": None, "code_challenge_method": None}
    who = {"client_id": "app"} if public else {}
    headers = {} if public else basic_header()
    pushed = flow.push(headers=headers, **without, **who)

    assert (pushed.status_code == 201) == (profile is ClientProfile.CSC1 and not public)


@pytest.mark.parametrize("profile", PROFILES)
def test_OA_04_only_csc1_may_leave_its_redirect_uri_out(flow, profile):
    flow.store.put_client(registered("app", profile))

    assert (flow.push(redirect_uri=None).status_code == 201) == (profile is ClientProfile.CSC1)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("way", ["query", "json"])
@pytest.mark.parametrize("endpoint", ["token", "revoke", "pushed_authorize"])
def test_OA_17_O6_O7_other_ways_to_send_parameters_are_for_csc1_alone(flow, profile, way, endpoint):
    flow.store.put_client(registered("app", profile))
    members = {"grant_type": "client_credentials", "token": "x" * 43} if endpoint != "pushed_authorize" else REQUEST
    path = flow.path("v2", endpoint)
    if way == "query":
        answer = flow.http.post(f"{path}?{urlencode(members)}", headers=basic_header(), base_url=BASE_URL)
    else:
        answer = flow.http.post(path, json=members, headers=basic_header(), base_url=BASE_URL)
    is_read = answer.status_code in {200, 201, 204} or "token" in answer.json.get("error_description", "")

    assert is_read == (profile is ClientProfile.CSC1), answer.text


@pytest.mark.parametrize("profile", [ClientProfile.CSC1, ClientProfile.CSC2])
def test_OA_13_the_refresh_tokens_of_the_others_rotate(flow, profile):
    flow.store.put_client(registered("app", profile))
    tokens = flow.redeem(flow.approve(scope="service")["code"]).json
    again = flow.token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}).json

    assert again["refresh_token"] != tokens["refresh_token"]
    assert flow.store.token(secret_hash(tokens["refresh_token"])).replaced_at
