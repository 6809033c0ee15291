"""private_key_jwt at the token endpoint (RFC 7523; OA-10, OA-11, OA-14)."""

import pytest

from client_keys import ASSERTION_TYPE, ClientKey, asserted, assertion_claims
from csc_server.values import ClientProfile, TokenBinding
from csc_server.web.http.stranger_refusals import STRANGERS
from fakes.code_flow import CodeFlow, basic_header, registered
from fakes.web_application import BASE_URL, NOW

KEY = ClientKey.make("ES256", "one")
OTHER = ClientKey.make("PS256", "two")
STRANGER = ClientKey.make("ES256", "one")
GRANT = {"grant_type": "client_credentials", "scope": "service"}


def keyed(client_id="keyed", keys=(KEY, OTHER), **changes):
    fields = {"secret_salt": b"", "secret_hash": b"", "auth_methods": ("private_key_jwt",)}
    jwks = {"keys": [key.registered for key in keys]}
    return registered(client_id, ClientProfile.CSC2, **(fields | {"jwks": jwks} | changes))


@pytest.fixture
def flow():
    flow = CodeFlow()
    flow.store.put_client(keyed())
    return flow


def claims(client_id="keyed", **changes):
    return assertion_claims(client_id, BASE_URL, NOW, **changes)


def ask(flow, assertion, *, headers=None, **more):
    return flow.token(GRANT | asserted(assertion, **more), headers=headers or {})


def problem(answer):
    return answer.status_code, answer.json["error"], answer.json.get("error_description", "")


def refused(part=""):
    return 401, "invalid_client", f"Invalid client assertion: {part}" if part else "Invalid client assertion"


@pytest.mark.parametrize("key", [KEY, OTHER], ids=["ES256", "PS256"])
@pytest.mark.parametrize("names_its_key", [True, False])
def test_OA_11_an_assertion_proves_its_client(flow, key, names_its_key):
    header = {"kid": key.key_id} if names_its_key else {}
    answer = ask(flow, key.sign(header, claims()))

    assert answer.status_code == 200, answer.text
    assert answer.json["token_type"] == "Bearer"


@pytest.mark.parametrize("algorithm", ["Ed25519", "EdDSA"])
def test_OA_14_edwards_keys_under_both_names(flow, algorithm):
    key = ClientKey.make(algorithm)
    flow.store.put_client(keyed(keys=[key]))

    assert ask(flow, key.sign({"typ": "client-authentication+jwt"}, claims())).status_code == 200


def test_OA_11_client_id_may_stand_beside_the_assertion_if_it_is_the_same(flow):
    assert ask(flow, KEY.sign({}, claims()), client_id="keyed").status_code == 200
    assert problem(ask(flow, KEY.sign({}, claims()), client_id="app"))[:2] == (400, "invalid_request")


def test_OA_11_an_identifier_counts_once_for_each_client(flow):
    flow.store.put_client(keyed("second"))
    assertion = KEY.sign({}, claims(jti="same"))

    assert ask(flow, assertion).status_code == 200
    assert problem(ask(flow, assertion)) == refused("jti")
    assert problem(ask(flow, KEY.sign({}, claims(jti="same", exp=NOW + 300)))) == refused("jti")
    assert ask(flow, KEY.sign({}, claims("second", jti="same"))).status_code == 200


def test_OA_11_a_refused_assertion_spends_no_identifier(flow):
    assert problem(ask(flow, STRANGER.sign({}, claims(jti="mine")))) == refused()
    assert problem(ask(flow, KEY.sign({}, claims(jti="mine", aud="https://other.example")))) == refused("aud")
    assert ask(flow, KEY.sign({}, claims(jti="mine"))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"iss": "app"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": f"{BASE_URL}/oauth2/token"}, "aud"),
        ({"aud": [BASE_URL]}, "aud"),
        ({"aud": None}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": NOW}, "exp"),
        ({"exp": NOW + 311}, "exp"),
        ({"exp": str(NOW + 60)}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": NOW + 11}, "iat"),
        ({"iat": "now"}, "iat"),
        ({"nbf": NOW + 11}, "nbf"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 257}, "jti"),
    ],
    ids=str,
)
def test_OA_11_each_claim_is_checked(flow, changes, part):
    assert problem(ask(flow, KEY.sign({}, claims(**changes)))) == refused(part)


@pytest.mark.parametrize(
    "changes", [{"exp": NOW + 310}, {"exp": NOW + 1}, {"iat": NOW + 10, "nbf": NOW + 10}, {"iat": None}], ids=str
)
def test_OA_11_the_edges_of_the_times_are_taken(flow, changes):
    assert ask(flow, KEY.sign({}, claims(**changes))).status_code == 200


def test_OA_11_subject_decides_whose_key_verifies(flow):
    flow.store.put_client(keyed("second", keys=[STRANGER]))

    assert problem(ask(flow, KEY.sign({}, claims("second")))) == refused()
    assert problem(ask(flow, KEY.sign({}, claims(sub=None)))) == refused()
    assert problem(ask(flow, KEY.sign({}, claims("nobody")))) == refused()


@pytest.mark.parametrize("client", ["app", "native", "classic"])
def test_OA_10_a_client_of_another_method_is_not_let_in_by_an_assertion(flow, client):
    assert problem(ask(flow, KEY.sign({}, claims(client)))) == refused()


def test_OA_10_a_client_with_a_key_has_no_other_way_in(flow):
    assert flow.token(GRANT, headers=basic_header("keyed")).status_code == 400
    assert flow.token(GRANT | {"client_id": "keyed", "client_secret": "x"}, headers={}).status_code == 400
    assert flow.token(GRANT | {"client_id": "keyed"}, headers={}).status_code == 400


def test_OA_10_two_methods_at_once_are_refused(flow):
    assertion = KEY.sign({}, claims())

    assert problem(ask(flow, assertion, headers=basic_header("keyed")))[:2] == (400, "invalid_request")
    assert problem(ask(flow, assertion, client_secret="x"))[:2] == (400, "invalid_request")
    assert ask(flow, assertion).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"client_assertion": "a.b.c"}, "Missing parameter client_assertion_type"),
        ({"client_assertion_type": ASSERTION_TYPE}, "Missing parameter client_assertion"),
        ({"client_assertion": "a.b.c", "client_assertion_type": "jwt"}, "Invalid parameter client_assertion_type"),
    ],
    ids=["no type", "no assertion", "another type"],
)
def test_both_parameters_belong_together(flow, parameters, text):
    assert problem(flow.token(GRANT | parameters, headers={})) == (400, "invalid_request", text)


def test_OA_16_a_disabled_client_is_refused_like_an_unknown_one(flow):
    flow.store.put_client(keyed(disabled=True))

    assert problem(ask(flow, KEY.sign({}, claims()))) == refused()


@pytest.mark.parametrize(
    "member",
    [
        KEY.secret,
        KEY.registered | {"use": "enc"},
        KEY.registered | {"key_ops": ["sign"]},
        KEY.registered | {"alg": "PS256"},
        KEY.registered | {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA"},
        "key",
    ],
    ids=["private", "for encryption", "for signing", "another algorithm", "symmetric", "incomplete", "no object"],
)
def test_OA_14_a_registered_key_that_is_not_fit_verifies_nothing(flow, member):
    flow.store.put_client(keyed(jwks={"keys": [member]}))

    assert problem(ask(flow, KEY.sign({}, claims()))) == refused()


def test_AD_08_neither_audit_nor_counts_repeat_the_assertion(flow):
    assertion = STRANGER.sign({}, claims())
    ask(flow, assertion)
    ask(flow, good := KEY.sign({}, claims()))
    flow.app.extensions[STRANGERS].flush()
    audit = repr(flow.store.audit)

    assert "Invalid client assertion" in audit
    assert assertion not in audit
    assert good not in audit
    assert good not in repr(flow.store.used_identifiers)


def test_a_client_with_a_key_is_no_public_client(flow):
    flow.store.put_client(keyed(token_binding=TokenBinding.NONE, redirect_uris=("http://127.0.0.1/cb",)))
    answer = flow.authorize(client_id="keyed", redirect_uri="http://127.0.0.1:4711/cb", scope="service")

    assert answer.status_code == 400
