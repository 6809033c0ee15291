"""oauth2/authorize: what is refused, where the refusal goes, what reaches the signer's pages."""

import base64
import json
import secrets
from copy import copy
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from csc_server.values import ClientProfile
from fakes.code_flow import CHALLENGE, DIGESTS, NATIVE_REDIRECT, REDIRECT, CodeFlow, answer_of, details, registered
from fakes.web_application import BASE_URL, SHA_256

FOREIGN = "https://evil.example/cb"


@pytest.fixture
def flow():
    return CodeFlow()


@pytest.fixture(scope="module")
def refusing():
    """One application for all requests that leave nothing behind, which every test with it proves."""
    return CodeFlow()


@pytest.fixture
def unmoved(refusing):
    before = {
        name: copy(value) for name, value in vars(refusing.store).items() if name not in {"lock", "request_counts"}
    }
    yield refusing
    assert {name: getattr(refusing.store, name) for name in before} == before
    assert refusing.activation.requests == []


def request_of(flow, answer):
    """The request behind a redirect to the pages, as it is stored with the login of a fresh browser."""
    assert answer.status_code == 302, answer.text
    flow.http = flow.app.test_client()
    assert flow.log_in(urlsplit(answer.location).path).status_code == 303
    return list(flow.store.interactions.values())[-1].request


def transaction_of(flow, answer):
    return request_of(flow, answer)["transaction"]


def error_of(answer):
    assert answer.status_code == 302, answer.text
    assert answer.location.startswith(REDIRECT + "?"), answer.location
    return answer_of(answer.location)


CREDENTIAL = {
    "scope": "credential",
    "credentialID": "oauth",
    "numSignatures": "3",
    "hashes": ",".join(base64.urlsafe_b64encode(digest).decode() for digest in DIGESTS),
    "hashAlgorithmOID": SHA_256,
}

BAD_REQUESTS = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "odd response_type": ({"response_type": 'x"\\é'}, "unsupported_response_type"),
    "fragment mode": ({"response_mode": "fragment"}, "invalid_request"),
    "unknown scope": ({"scope": "admin"}, "invalid_scope"),
    "two scopes": ({"scope": "service credential"}, "invalid_scope"),
    "no challenge": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "method without challenge": ({"code_challenge": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "plain by default": ({"code_challenge_method": None}, "invalid_request"),
    "short challenge": ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    "long challenge": ({"code_challenge": CHALLENGE + "A"}, "invalid_request"),
    "challenge with newline": ({"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
    "no credential": ({"scope": "credential", "numSignatures": "1"}, "invalid_request"),
    "no number": (CREDENTIAL | {"numSignatures": None}, "invalid_request"),
    "number zero": (CREDENTIAL | {"numSignatures": "0"}, "invalid_request"),
    "number in full width": (CREDENTIAL | {"numSignatures": "１"}, "invalid_request"),
    "negative number": (CREDENTIAL | {"numSignatures": "-1"}, "invalid_request"),
    "bad hash": (CREDENTIAL | {"hashes": "@@@@"}, "invalid_request"),
    "hash of another length": (CREDENTIAL | {"hashes": "AAAA"}, "invalid_request"),
    "hash and algorithm differ": (CREDENTIAL | {"hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}, "invalid_request"),
    "SHA-1": (CREDENTIAL | {"hashAlgorithmOID": "1.3.14.3.2.26"}, "invalid_request"),
    "no algorithm": (CREDENTIAL | {"hashAlgorithmOID": None}, "invalid_request"),
    "v1 name of the hashes": (CREDENTIAL | {"hashes": None, "hash": CREDENTIAL["hashes"]}, "invalid_request"),
    "long description": ({"description": "x" * 501}, "invalid_request"),
    "request object": ({"request": "eyJ"}, "request_not_supported"),
    "foreign request_uri": ({"request_uri": FOREIGN}, "request_uri_not_supported"),
    "prompt none": ({"prompt": "none"}, "interaction_required"),
}


@pytest.mark.parametrize(("parameters", "error"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_OA_06_every_refusal_by_redirect_has_error_state_and_issuer(unmoved, parameters, error):
    answer = error_of(unmoved.authorize(**parameters))

    assert answer["error"] == error
    assert answer["state"] == "s t/a+te"
    assert answer["iss"] == BASE_URL
    assert unmoved.store.interactions == {}


@pytest.mark.parametrize("parameters", [*(each for each, _ in BAD_REQUESTS.values()), {}], ids=[*BAD_REQUESTS, "right"])
@pytest.mark.parametrize(
    "redirect_uri",
    [
        FOREIGN, REDIRECT + "/", REDIRECT + "#x", REDIRECT + "?x=1", "https://CLIENT.example/cb",
        "https://client.example@evil.example/cb", "https://client.example:443/cb", "javascript:alert(1)", "//evil.example",
    ],
)  # fmt: skip
def test_OA_05_a_foreign_redirect_uri_is_never_followed_on_any_error_path(unmoved, parameters, redirect_uri):
    answer = unmoved.authorize(**parameters, redirect_uri=redirect_uri)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.json == {"error": "invalid_request", "error_description": "Invalid parameter redirect_uri"}


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"client_id": None}, "Missing parameter client_id"),
        ({"client_id": "nobody"}, "Invalid parameter client_id"),
        ({"redirect_uri": None}, "Missing parameter redirect_uri"),
        ({"client_id": ("app", "app")}, "The request is missing"),
        ({"redirect_uri": (REDIRECT, FOREIGN)}, "The request is missing"),
        ({"scope": ("service", "credential")}, "The request is missing"),
        ({"state": "\x00"}, "The request is missing"),
    ],
)
def test_OA_05_before_client_and_redirect_uri_are_known_errors_are_json(unmoved, parameters, text):
    answer = unmoved.authorize(**parameters)

    assert answer.status_code == 400
    assert answer.mimetype == "application/json"
    assert answer.json["error_description"].startswith(text)


def test_OA_16_a_disabled_client_is_an_unknown_client(flow):
    flow.store.put_client(registered("app", disabled=True))

    assert flow.authorize().json == flow.authorize(client_id="nobody").json


def test_O2_right_parameters_give_302_to_the_page_without_a_cookie(flow):
    answer = flow.authorize(scope="service")

    assert answer.status_code == 302
    assert answer.location.startswith(f"{BASE_URL}/interaction/")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_OA_01_only_clients_with_the_code_grant_may_ask(flow):
    flow.store.put_client(registered("app", grant_types=("client_credentials",)))

    assert error_of(flow.authorize())["error"] == "unauthorized_client"


def test_OA_02_csc1_may_omit_pkce_but_not_weaken_it(flow):
    without = {"code_challenge": None, "code_challenge_method": None}

    assert request_of(flow, flow.authorize("v1", client_id="classic", **without))["code_challenge"] == ""
    plain = flow.authorize("v1", client_id="classic", code_challenge_method="plain")
    assert error_of(plain)["error"] == "invalid_request"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_OA_02_a_public_client_never_omits_pkce(flow, version):
    flow.store.put_client(replace(flow.store.client("native"), profile=ClientProfile.CSC1))
    answer = flow.authorize(
        version, client_id="native", redirect_uri=NATIVE_REDIRECT, code_challenge=None, code_challenge_method=None
    )

    assert answer_of(answer.location)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("redirect_uri", "fits"),
    [
        ("http://127.0.0.1:51234/cb", True), ("http://127.0.0.1/cb", True), ("app.example:/cb", True),
        ("http://127.0.0.1:99999/cb", False), ("http://127.0.0.1:0/cb", False), ("http://localhost:51234/cb", False),
        ("http://127.0.0.1:51234/cb/", False), ("http://127.0.0.1:51234/cb?x", False), ("http://[::1]:51234/cb", False),
        ("http://127.0.0.1:51234@evil.example/cb", False), ("http://127.0.0.1.evil.example/cb", False),
        ("https://127.0.0.1:51234/cb", False), ("http://127.0.0.1:51234/cb#f", False), ("http://127.0.0.1:5:6/cb", False),
        ("http://127.0.0.1\\@evil.example/cb", False), ("app.example://cb", False),
    ],
)  # fmt: skip
def test_OA_04_only_the_loopback_port_of_a_native_client_may_vary(flow, redirect_uri, fits):
    answer = flow.authorize(client_id="native", redirect_uri=redirect_uri)

    assert answer.status_code == (302 if fits else 400)


def test_OA_04_a_confidential_client_has_no_free_port(flow):
    flow.store.put_client(registered("app", redirect_uris=(NATIVE_REDIRECT,)))

    assert flow.authorize(redirect_uri="http://127.0.0.1:51234/cb").status_code == 400


def test_OA_04_only_a_csc1_client_with_one_redirect_uri_may_leave_it_out(flow):
    assert flow.authorize("v1", client_id="classic", redirect_uri=None).status_code == 302
    flow.store.put_client(registered("classic", ClientProfile.CSC1, redirect_uris=(REDIRECT, FOREIGN)))

    assert flow.authorize("v1", client_id="classic", redirect_uri=None).status_code == 400


def test_OA_18_a_scope_the_client_may_not_have_is_refused(flow):
    flow.store.put_client(registered("app", scopes=("service",)))

    assert error_of(flow.authorize(**CREDENTIAL))["error"] == "invalid_scope"
    assert error_of(flow.authorize(authorization_details=details()))["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "encode",
    [
        lambda digest: base64.b64encode(digest).decode(),
        lambda digest: base64.b64encode(digest).decode().rstrip("="),
        lambda digest: base64.urlsafe_b64encode(digest).decode(),
        lambda digest: base64.urlsafe_b64encode(digest).decode().rstrip("="),
    ],
)
def test_R1_hashes_come_in_any_base64(flow, encode):
    answer = flow.authorize(**CREDENTIAL | {"hashes": ",".join(map(encode, DIGESTS))})

    assert transaction_of(flow, answer)["hashes"] == [base64.b64encode(digest).decode() for digest in DIGESTS]


def test_R1_a_plus_that_was_not_escaped_is_still_a_plus(flow):
    digest = b"\xfb" * 32
    text = base64.b64encode(digest).decode()
    assert "+" in text
    answer = flow.authorize(**CREDENTIAL | {"hashes": text.replace("+", " ")})

    assert transaction_of(flow, answer)["hashes"] == [text]


def test_O8_empty_hashes_are_absent(flow):
    answer = flow.authorize(**CREDENTIAL | {"hashes": "", "hashAlgorithmOID": ""})

    assert transaction_of(flow, answer)["hashes"] == []


def test_v1_names_its_hashes_hash_and_needs_no_algorithm(flow):
    v1 = {name: value for name, value in CREDENTIAL.items() if name not in {"hashes", "hashAlgorithmOID"}}
    answer = flow.authorize("v1", **v1, hash=CREDENTIAL["hashes"])

    assert len(transaction_of(flow, answer)["hashes"]) == 3


def test_R14_a_csc1_client_may_use_the_names_of_the_other_version(flow):
    v1 = {name: value for name, value in CREDENTIAL.items() if name not in {"hashes", "hashAlgorithmOID"}}
    answer = flow.authorize("v2", client_id="classic", **v1, hash=CREDENTIAL["hashes"])

    assert len(transaction_of(flow, answer)["hashes"]) == 3


def test_both_names_at_once_are_refused(flow):
    answer = flow.authorize("v2", client_id="classic", **CREDENTIAL, hash=CREDENTIAL["hashes"])

    assert error_of(answer)["error"] == "invalid_request"


def test_more_hashes_than_the_limit_are_refused():
    flow = CodeFlow(limits={"hashes_per_request": 2})

    assert error_of(flow.authorize(**CREDENTIAL))["error_description"] == "Invalid parameter hashes"
    assert error_of(flow.authorize(authorization_details=details()))["error"] == "invalid_authorization_details"


@pytest.mark.parametrize("kind", ["credential", "https://cloudsignatureconsortium.org/2025/credential"])
@pytest.mark.parametrize("scope", [None, "credential"])
def test_O9_O10_details_in_both_spellings_with_and_without_scope(flow, kind, scope):
    answer = flow.authorize(authorization_details=details(type=kind, locations=[]), scope=scope)
    stored = request_of(flow, answer)

    assert stored["scope"] == "credential"
    assert stored["transaction"]["num_signatures"] == 3
    assert stored["details"]["type"] == kind


@pytest.mark.parametrize("kind", ["sdr", "DTBSR", "SODR", None])
def test_O9_a_digest_may_say_what_was_hashed(flow, kind):
    document = {"hash": base64.b64encode(DIGESTS[0]).decode(), "label": "x", "hashType": kind}

    assert request_of(flow, flow.authorize(authorization_details=details(documentDigests=[document])))["details"]


BAD_DETAILS = {
    "hash type": details(documentDigests=[{"hash": base64.b64encode(bytes(32)).decode(), "hashType": "pdf"}]),
    "hash type is a number": details(documentDigests=[{"hash": base64.b64encode(bytes(32)).decode(), "hashType": 1}]),
    "no JSON": "{",
    "object": json.dumps(json.loads(details())[0]),
    "empty": "[]",
    "two entries": json.dumps(json.loads(details()) * 2),
    "strings": '["credential"]',
    "duplicate member": details()[:-2] + ',"credentialID":"pin"}]',
    "NaN": details().replace('"type"', '"numSignatures": NaN, "type"'),
    "deep": "[" * 5000 + "]" * 5000,
    "unknown type": details(type="payment"),
    "no type": details(type=None),
    "no credential": details(credentialID=None),
    "credential is a number": details(credentialID=1),
    "credential and qualifier": details(signatureQualifier="eu_eidas_qes"),
    "other hashes": details(hashes=["AAAA"]),
    "no digests": details(documentDigests=[]),
    "digests missing": details(documentDigests=None),
    "digest is text": details(documentDigests=["AAAA"]),
    "digest without hash": details(documentDigests=[{"label": "x"}]),
    "wrong length": details(documentDigests=[{"hash": "AAAA", "label": "x"}]),
    "bad base64": details(documentDigests=[{"hash": "=" * 44, "label": "x"}]),
    "label is a number": details(documentDigests=[{"hash": base64.b64encode(bytes(32)).decode(), "label": 1}]),
    "long label": details(documentDigests=[{"hash": base64.b64encode(bytes(32)).decode(), "label": "x" * 501}]),
    "SHA-1": details(hashAlgorithmOID="1.3.14.3.2.26"),
    "no algorithm": details(hashAlgorithmOID=None),
    "number is true": details(numSignatures=True),
    "number is text": details(numSignatures="3"),
    "number below the digests": details(numSignatures=2),
    "number far too high": details(numSignatures=100_000),
}


@pytest.mark.parametrize("text", BAD_DETAILS.values(), ids=BAD_DETAILS)
def test_OA_08_malformed_details_are_refused(unmoved, text):
    assert error_of(unmoved.authorize(authorization_details=text))["error"] == "invalid_authorization_details"


@pytest.mark.parametrize("name", ["credentialID", "numSignatures", "hashes", "hash", "hashAlgorithmOID"])
def test_OA_08_separate_parameters_beside_details_are_refused(unmoved, name):
    answer = unmoved.authorize(authorization_details=details(), **{name: "1"})

    assert error_of(answer)["error_description"] == f"Invalid parameter {name}"


def test_OA_08_details_with_scope_service_are_refused(flow):
    assert error_of(flow.authorize(authorization_details=details(), scope="service"))["error"] == "invalid_scope"


def test_OA_08_v1_knows_no_details(flow):
    assert error_of(flow.authorize("v1", authorization_details=details()))["error"] == "invalid_request"


def test_O12_legal_parameters_and_a_long_state(flow):
    state = "€" + "x" * 900
    answer = flow.authorize(
        prompt="login", lang="xx-unknown", description="d", account_token="a.b.c", clientData="c", state=state
    )

    assert request_of(flow, answer)["state"] == state
    assert request_of(flow, answer)["must_log_in"] is True


def test_each_request_has_a_page_of_its_own(flow):
    assert len({flow.authorize().location for _ in range(3)}) == 3


def test_a_strangers_get_stores_nothing(unmoved):
    address = urlsplit(unmoved.authorize(**CREDENTIAL).location).path

    assert unmoved.get(address).status_code == 200
    assert unmoved.get(address + "x").status_code == 400


def test_a_request_too_long_for_an_address_is_to_be_pushed(flow):
    state = secrets.token_urlsafe(12_000)

    assert error_of(flow.authorize(state=state))["error"] == "invalid_request"
    assert flow.push(state=state).status_code == 201
