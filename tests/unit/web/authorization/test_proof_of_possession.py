"""DPoP at the authorization server and at the API (RFC 9449; OA-12, OA-13)."""

from dataclasses import replace

import pytest

from client_keys import ClientKey, asserted, assertion_claims, proof, proof_claims
from csc_server.values import ApiVersion, ClientProfile, TokenBinding
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import REDIRECT, VERIFIER, CodeFlow, basic_header, details, registered
from fakes.web_application import BASE_URL, NOW

KEY = ClientKey.make("ES256")
OTHER = ClientKey.make("ES256")
CLIENT_KEY = ClientKey.make("ES256")
TOKEN_URL = f"{BASE_URL}/csc/v2/oauth2/token"
LIST_URL = f"{BASE_URL}/csc/v2/credentials/list"
GRANT = {"grant_type": "client_credentials", "scope": "service"}


@pytest.fixture
def flow():
    flow = CodeFlow()
    keyed = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("private_key_jwt",)}
    jwks = {"keys": [CLIENT_KEY.registered]}
    flow.store.put_client(registered("fapi", ClientProfile.FAPI2, **keyed, jwks=jwks))
    flow.store.put_client(registered("always", token_binding=TokenBinding.DPOP))
    return flow


def at_token(key=KEY, **changes):
    return proof(key, proof_claims("POST", TOKEN_URL, now=NOW, **changes))


def at_list(token, key=KEY, **changes):
    return proof(key, proof_claims("POST", LIST_URL, token, now=NOW, **changes))


def grant(flow, sent, client="app", **data):
    headers = basic_header(client) | ({"DPoP": sent} if sent else {})
    return flow.token(GRANT | data, headers=headers)


def bound_token(flow):
    answer = grant(flow, at_token())
    assert answer.status_code == 200, answer.text
    return answer.json["access_token"]


def call(flow, token, sent=None, scheme="DPoP", version="v2", path="credentials/list"):
    headers = {"Authorization": f"{scheme} {token}"} | ({"DPoP": sent} if sent else {})
    return flow.post(path, {"userID": "alice"}, version=version, token=None, headers=headers)


def problem(answer):
    return answer.status_code, answer.json["error"], answer.json.get("error_description", "")


def test_OA_12_a_proof_binds_the_token_to_its_key(flow):
    answer = grant(flow, at_token())

    assert (answer.status_code, answer.json["token_type"]) == (200, "DPoP")
    assert flow.store.token(secret_hash(answer.json["access_token"])).confirmation == f"jkt:{KEY.thumbprint}"


def test_without_a_proof_the_token_is_a_bearer_token(flow):
    token = grant(flow, None).json

    assert token["token_type"] == "Bearer"
    assert call(flow, token["access_token"], scheme="Bearer").status_code == 200


@pytest.mark.parametrize("client", ["fapi", "always"])
def test_OA_12_a_client_that_is_bound_gets_nothing_without_a_proof(flow, client):
    if client == "fapi":
        claims = assertion_claims("fapi", BASE_URL, NOW)
        answer = flow.token(GRANT | asserted(CLIENT_KEY.sign({}, claims)), headers={})
    else:
        answer = grant(flow, None, client)

    assert problem(answer) == (400, "invalid_dpop_proof", "Invalid DPoP proof: missing")
    assert not [row for row in flow.store.tokens.values() if row.client_id == client]


def test_OA_12_the_key_opens_the_api_and_a_proof_counts_once(flow):
    token = bound_token(flow)
    sent = at_list(token)

    assert call(flow, token, sent).status_code == 200
    assert problem(call(flow, token, sent)) == (401, "invalid_dpop_proof", "Invalid DPoP proof: jti")
    assert call(flow, token, at_list(token), scheme="dpop").status_code == 200


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"htm": "GET"}, "htm"),
        ({"htm": "post"}, "htm"),
        ({"htm": None}, "htm"),
        ({"htu": f"{BASE_URL}/csc/v2/credentials/info"}, "htu"),
        ({"htu": f"{BASE_URL}/csc/v2/credentials/list/"}, "htu"),
        ({"htu": "http://127.0.0.1/csc/v2/credentials/list"}, "htu"),
        ({"htu": "https://127.0.0.1:8080/csc/v2/credentials/list"}, "htu"),
        ({"htu": "http://user@127.0.0.1:8080/csc/v2/credentials/list"}, "htu"),
        ({"htu": "http://127.0.0.1:99999/csc/v2/credentials/list"}, "htu"),
        ({"htu": "http://[::1/"}, "htu"),
        ({"htu": 7}, "htu"),
        ({"htu": None}, "htu"),
        ({"ath": None}, "ath"),
        ({"ath": "x"}, "ath"),
        ({"ath": "é"}, "ath"),
        ({"iat": None}, "iat"),
        ({"iat": NOW - 61}, "iat"),
        ({"iat": NOW + 11}, "iat"),
        ({"iat": "now"}, "iat"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": "x" * 257}, "jti"),
    ],
    ids=str,
)
def test_OA_12_each_claim_is_checked(flow, changes, part):
    token = bound_token(flow)
    answer = call(flow, token, at_list(token, **changes))

    assert problem(answer) == (401, "invalid_dpop_proof", f"Invalid DPoP proof: {part}")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof", algs="PS256 ES256')


@pytest.mark.parametrize(
    "changes",
    [{"htu": LIST_URL + "?a=b#c"}, {"htu": LIST_URL.replace("http", "HTTP")}, {"iat": NOW - 60}, {"iat": NOW + 10}],
    ids=str,
)
def test_OA_12_what_the_standard_lets_pass(flow, changes):
    token = bound_token(flow)

    assert call(flow, token, at_list(token, **changes)).status_code == 200


def test_OA_12_another_key_or_another_token_opens_nothing(flow):
    token, second = bound_token(flow), bound_token(flow)

    assert problem(call(flow, token, at_list(token, OTHER)))[2] == "Invalid DPoP proof: jwk"
    assert problem(call(flow, token, at_list(second)))[2] == "Invalid DPoP proof: ath"
    assert problem(call(flow, token))[2] == "Invalid DPoP proof: missing"


def test_OA_12_a_bound_token_is_no_bearer_token(flow):
    token = bound_token(flow)
    answer = call(flow, token, at_list(token), scheme="Bearer")

    assert problem(answer)[:2] == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')


def test_OA_12_a_bearer_token_does_not_pass_as_a_bound_one(flow):
    token = grant(flow, None).json["access_token"]

    assert problem(call(flow, token, at_list(token)))[:2] == (401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["PS256", "Ed25519", "EdDSA"])
def test_OA_14_other_algorithms(flow, algorithm):
    key = ClientKey.make(algorithm)
    token = grant(flow, at_token(key)).json["access_token"]

    assert call(flow, token, at_list(token, key)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"jwk": None},
        {"jwk": OTHER.public},
        {"jwk": KEY.secret},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jwk": KEY.public | {"crv": "P-384"}},
        {"jwk": KEY.public | {"x": KEY.public["y"]}},
        {"jwk": KEY.public | {"x": KEY.public["x"][:-1]}},
        {"jwk": []},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": 7},
        {"crit": ["exp"], "exp": 1},
        {"jku": "https://attacker.example/keys"},
        {"kid": "a"},
        {"b64": False},
    ],
    ids=str,
)
def test_OA_14_the_header_is_read_strictly(flow, header):
    answer = grant(flow, proof(KEY, proof_claims("POST", TOKEN_URL, now=NOW), **header))

    assert problem(answer)[:2] == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("size", ["1024", "exponent"])
def test_OA_14_rsa_keys_are_neither_short_nor_costly(flow, size):
    key = ClientKey.make("PS256")
    jwk = key.public | ({"n": key.public["n"][:171]} if size == "1024" else {"e": "_" * 42})

    assert problem(grant(flow, proof(key, proof_claims("POST", TOKEN_URL, now=NOW), jwk=jwk)))[0] == 400


def test_OA_12_two_proofs_are_none(flow):
    assert problem(grant(flow, f"{at_token()},{at_token()}")) == (400, "invalid_dpop_proof", "Invalid DPoP proof")


def test_OA_12_a_proof_of_the_token_request_does_not_open_the_api(flow):
    token = bound_token(flow)

    assert problem(call(flow, token, at_token()))[2] == "Invalid DPoP proof: htu"


def test_OA_12_a_stranger_leaves_no_identifier_behind(flow):
    flow.token(GRANT, headers=basic_header("app", "wrong") | {"DPoP": at_token()})
    call(flow, "x" * 43, at_list("x" * 43))

    assert flow.store.used_identifiers == {}


def pushed(flow, sent=None, **parameters):
    """Push a request of client `app`; return the answer."""
    data = {
        "response_type": "code", "client_id": "app", "redirect_uri": REDIRECT, "scope": "service",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    headers = basic_header() | ({"DPoP": sent} if sent else {})
    return flow.token(data | parameters, headers=headers, path="pushed_authorize")


def at_push(key=KEY, **changes):
    return proof(key, proof_claims("POST", f"{BASE_URL}/csc/v2/oauth2/pushed_authorize", now=NOW, **changes))


def test_OA_12_a_proof_with_the_pushed_request_binds_its_code(flow):
    answer = pushed(flow, at_push())

    assert answer.status_code == 201, answer.text
    (row,) = flow.store.pushed_requests.values()
    assert row.request["dpop_jkt"] == KEY.thumbprint


def test_OA_12_parameter_and_proof_must_name_one_key(flow):
    assert pushed(flow, at_push(), dpop_jkt=KEY.thumbprint).status_code == 201
    assert problem(pushed(flow, at_push(), dpop_jkt=OTHER.thumbprint))[1] == "invalid_dpop_proof"
    assert problem(pushed(flow, at_push(htm="GET")))[1] == "invalid_dpop_proof"


@pytest.mark.parametrize("key", [KEY, OTHER, None], ids=["own", "another", "none"])
def test_OA_12_dpop_jkt_binds_the_code(flow, key):
    code = flow.approve(scope="service", dpop_jkt=KEY.thumbprint)["code"]
    headers = basic_header() | ({"DPoP": at_token(key)} if key else {})
    answer = flow.redeem(code, headers=headers)

    if key is KEY:
        assert (answer.status_code, answer.json["token_type"]) == (200, "DPoP")
    else:
        assert problem(answer)[:2] == (400, "invalid_grant")


def test_OA_13_a_refresh_token_is_bound_to_its_key(flow):
    code = flow.approve(scope="service")["code"]
    tokens = flow.redeem(code, headers=basic_header() | {"DPoP": at_token()}).json
    data = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    assert problem(flow.token(data, headers=basic_header()))[1] == "invalid_grant"
    assert problem(flow.token(data, headers=basic_header() | {"DPoP": at_token(OTHER)}))[1] == "invalid_grant"
    again = flow.token(data, headers=basic_header() | {"DPoP": at_token()})
    assert (again.status_code, again.json["token_type"]) == (200, "DPoP")


def test_OA_12_a_signing_token_is_bound_too(flow):
    code = flow.approve(authorization_details=details())["code"]
    tokens = flow.redeem(code, headers=basic_header() | {"DPoP": at_token()}).json

    assert tokens["token_type"] == "DPoP"
    assert flow.store.token(secret_hash(tokens["access_token"])).confirmation == f"jkt:{KEY.thumbprint}"
    assert problem(call(flow, tokens["access_token"], scheme="Bearer", path="signatures/signHash"))[0] == 401


@pytest.mark.parametrize("bearer", ["bound alike", "free", "bound to another"])
def test_OA_12_a_bound_signing_token_in_the_body_needs_its_key_as_well(flow, bearer):
    """On 1.0.4.0 it stands in the member SAD beside a service token (interoperability rule R17)."""
    code = flow.approve("v1", scope="credential", credentialID="oauth", numSignatures="1", hash="A" * 43)["code"]
    headers = basic_header() | {"DPoP": proof(KEY, proof_claims("POST", TOKEN_URL.replace("v2", "v1"), now=NOW))}
    sad = flow.redeem(code, "v1", headers=headers, redirect_uri=REDIRECT, code_verifier=VERIFIER).json["access_token"]
    key = {"bound alike": KEY, "bound to another": OTHER}.get(bearer)
    service = flow.add_token("held", client_id="app", confirmation=f"jkt:{key.thumbprint}" if key else "")
    url = f"{BASE_URL}/csc/v1/signatures/signHash"
    body = {"credentialID": "oauth", "SAD": sad, "hash": ["A" * 43 + "="], "signAlgo": "1.2.840.113549.1.1.11"}
    sent = {"Authorization": f"Bearer {service}"}
    if key:
        sent = {"Authorization": f"DPoP {service}", "DPoP": proof(key, proof_claims("POST", url, service, now=NOW))}
    answer = flow.post("signatures/signHash", body, token=None, headers=sent)

    if bearer == "bound alike":
        assert answer.status_code == 200, answer.text
    else:
        assert problem(answer) == (400, "invalid_request", "Invalid parameter SAD")


@pytest.mark.parametrize("confirmation", ["x5t#S512:x", "kid:x", ":", "jkt", "x5t#S256"])
@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
def test_OA_12_a_binding_that_is_not_known_opens_nothing(flow, confirmation, scheme):
    token = flow.add_token("odd", client_id="app", confirmation=confirmation)

    assert call(flow, token, at_list(token), scheme).status_code == 401


def test_a_client_of_certificates_sends_no_proof(flow):
    row = registered("certified", token_binding=TokenBinding.TLS)
    flow.store.put_client(replace(row, client_id="certified"))

    assert problem(grant(flow, at_token(), "certified"))[:2] == (400, "invalid_dpop_proof")
    assert problem(grant(flow, None, "certified")) == (400, "invalid_request", "A client certificate is required")


def test_both_versions_share_bound_tokens(flow):
    token = bound_token(flow)
    url = LIST_URL.replace("v2", ApiVersion.V1)
    sent = proof(KEY, proof_claims("POST", url, token, now=NOW))

    assert call(flow, token, sent, version="v1").status_code == 200
