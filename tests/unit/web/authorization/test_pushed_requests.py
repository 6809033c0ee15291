"""oauth2/pushed_authorize and the request_uri it gives out (RFC 9126; OA-07)."""

import base64
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from csc_server.activation.messages import VoidApproval
from csc_server.values import ClientProfile
from csc_server.web.authorization.pushed_requests import PREFIX
from csc_server.web.authorization.secret_values import secret_hash
from fakes.code_flow import DIGESTS, REDIRECT, SECRET, CodeFlow, answer_of, basic_header, details, registered
from fakes.web_application import BASE_URL, SHA_256

FACES = pytest.mark.parametrize("version", ["v2", "rfc"])
FOREIGN = "https://evil.example/cb"


@pytest.fixture
def flow():
    return CodeFlow()


def open_page(flow, request_uri, version="v2", *, client_id="app", **more):
    query = urlencode({"client_id": client_id, "request_uri": request_uri} | more)
    return flow.get(f"{flow.path(version, 'authorize')}?{query}")


def pushed(flow, version="v2", **parameters):
    answer = flow.push(version, **parameters)
    assert answer.status_code == 201, answer.text
    return answer.json["request_uri"]


def consent_page(flow, request_uri):
    """Return address and consent page of a fresh interaction of this browser."""
    answer = open_page(flow, request_uri)
    assert answer.status_code == 302, answer.text
    address = urlsplit(answer.location).path
    page = flow.get(address)
    if "password" in page.text:
        flow.log_in(address)
        page = flow.get(address)
    return address, page


@FACES
def test_OA_07_a_pushed_request_is_answered_with_a_handle(flow, version):
    answer = flow.push(version)

    assert answer.status_code == 201
    assert answer.json.keys() == {"request_uri", "expires_in"}
    assert answer.json["request_uri"].startswith(PREFIX)
    assert len(answer.json["request_uri"].removeprefix(PREFIX)) == 43
    assert answer.json["expires_in"] == 120
    assert answer.headers["Cache-Control"] == "no-cache, no-store"


def test_OA_07_the_endpoint_exists_where_the_api_version_has_it(flow):
    assert flow.push("v1").status_code == 404


@FACES
def test_OA_07_a_pushed_request_ends_in_a_code(flow, version):
    address, page = consent_page(flow, pushed(flow, version, authorization_details=details()))
    answer = answer_of(flow.decide(address, page).location)
    tokens = flow.redeem(answer["code"], version)

    assert answer["state"] == "s t/a+te"
    assert answer["iss"] == BASE_URL
    assert tokens.status_code == 200
    assert tokens.json["authorization_details"][0]["credentialID"] == "oauth"


def test_OA_07_what_stands_beside_the_handle_is_ignored(flow):
    request_uri = pushed(flow)
    answer = open_page(
        flow, request_uri, state="another", redirect_uri=FOREIGN, scope="credential", prompt="none", response_type="x"
    )
    stored = flow.store.interactions[answer.location.rpartition("/")[2]].request

    assert (stored["state"], stored["redirect_uri"], stored["scope"]) == ("s t/a+te", REDIRECT, "service")


def test_OA_15_only_the_hash_of_a_handle_is_stored(flow):
    handle = pushed(flow).removeprefix(PREFIX)

    assert handle not in repr(vars(flow.store))
    assert list(flow.store.pushed_requests) == [secret_hash(handle)]


def test_OA_07_the_page_may_be_loaded_again_until_the_signer_decides(flow):
    request_uri = pushed(flow)
    first = open_page(flow, request_uri)
    second = open_page(flow, request_uri)

    assert (first.status_code, second.status_code) == (302, 302)
    assert first.location != second.location


def test_OA_07_consent_uses_the_handle_up(flow):
    request_uri = pushed(flow)
    address, page = consent_page(flow, request_uri)
    flow.decide(address, page)

    assert_unknown(open_page(flow, request_uri))


def test_OA_07_a_refusal_uses_the_handle_up(flow):
    request_uri = pushed(flow)
    address, page = consent_page(flow, request_uri)
    assert answer_of(flow.decide(address, page, "refuse").location)["error"] == "access_denied"

    assert_unknown(open_page(flow, request_uri))


def test_OA_07_of_two_pages_of_one_handle_one_gives_a_code(flow):
    request_uri = pushed(flow, authorization_details=details())
    pages = [consent_page(flow, request_uri) for _ in range(2)]
    answers = [flow.decide(*each) for each in pages]

    assert [answer.status_code for answer in answers] == [303, 410]
    assert len(flow.store.codes) == 1
    assert len(flow.asked(VoidApproval)) == 1


def test_RL_03_of_parallel_decisions_on_one_handle_one_gives_a_code(flow):
    request_uri = pushed(flow)
    handle_hash = secret_hash(request_uri.removeprefix(PREFIX))
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: flow.store.use_pushed_request(handle_hash, 1), range(8)))

    assert used.count(True) == 1


def test_OA_07_a_handle_expires(flow):
    request_uri = pushed(flow)
    flow.clock.now += 120

    assert_unknown(open_page(flow, request_uri))


def test_OA_07_an_opened_page_outlives_its_handle(flow):
    address, page = consent_page(flow, pushed(flow))
    flow.clock.now += 121

    assert "code" in answer_of(flow.decide(address, page).location)


def test_OA_07_a_handle_is_its_clients(flow):
    assert_unknown(open_page(flow, pushed(flow), client_id="rival"))


@pytest.mark.parametrize("handle", ["", "x", "x" * 43, "x" * 44, "é" * 43, "../x"])
def test_OA_07_an_unknown_handle_is_refused_without_a_redirect(flow, handle):
    assert_unknown(open_page(flow, PREFIX + handle))


def test_OA_07_a_redirect_uri_that_was_withdrawn_is_not_followed(flow):
    request_uri = pushed(flow)
    flow.store.put_client(registered("app", redirect_uris=("https://client.example/new",)))
    answer = open_page(flow, request_uri)

    assert (answer.status_code, answer.json["error_description"]) == (400, "Invalid parameter redirect_uri")


def assert_unknown(answer):
    assert answer.status_code == 400, answer.location
    assert "Location" not in answer.headers
    assert answer.json["error"] == "invalid_request_uri"


BAD = {
    "request_uri": ({"request_uri": PREFIX + "x" * 43}, "invalid_request"),
    "foreign request_uri": ({"request_uri": "https://evil.example/request"}, "invalid_request"),
    "request object": ({"request": "e30.e30."}, "request_not_supported"),
    "no redirect_uri": ({"redirect_uri": None}, "invalid_request"),
    "foreign redirect_uri": ({"redirect_uri": FOREIGN}, "invalid_request"),
    "no response_type": ({"response_type": None}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "scope": ({"scope": "admin"}, "invalid_scope"),
    "no challenge": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "details": ({"authorization_details": "{"}, "invalid_authorization_details"),
    "no credential": ({"scope": "credential"}, "invalid_request"),
    "clientData": ({"clientData": "x" * 4097}, "invalid_request"),
    "dpop_jkt": ({"dpop_jkt": "x"}, "invalid_request"),
}


@FACES
@pytest.mark.parametrize(("parameters", "error"), BAD.values(), ids=BAD)
def test_OA_07_errors_are_json_and_never_a_redirect(flow, version, parameters, error):
    answer = flow.push(version, **parameters)

    assert (answer.status_code, answer.json["error"]) == (400, error)
    assert "Location" not in answer.headers
    assert flow.store.pushed_requests == {}


@FACES
@pytest.mark.parametrize(
    "headers",
    [{}, basic_header("nobody"), basic_header("app", "x" * 43), {"Authorization": "Basic !"}],
    ids=["none", "unknown", "wrong secret", "malformed"],
)
def test_OA_07_a_client_that_is_not_who_it_says_is_401(flow, version, headers):
    answer = flow.push(version, headers=headers)

    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"]
    assert flow.store.pushed_requests == {}


def test_OA_16_unknown_disabled_and_wrong_secret_have_one_answer(flow):
    flow.store.put_client(registered("off", disabled=True))
    answers = [flow.push(headers=basic_header(*each)) for each in (("nobody",), ("off",), ("app", "x" * 43))]

    assert len({answer.text for answer in answers}) == 1


def test_OA_07_many_hashes_need_no_long_address(flow):
    hashes = ",".join(base64.urlsafe_b64encode(digest).decode() for digest in DIGESTS * 300)
    request_uri = pushed(
        flow, scope="credential", credentialID="oauth", numSignatures="900", hashes=hashes, hashAlgorithmOID=SHA_256
    )
    answer = open_page(flow, request_uri)

    assert len(answer.location) < 200
    assert len(flow.store.interactions[answer.location.rpartition("/")[2]].request["transaction"]["hashes"]) == 900


def test_OA_07_lifetime_is_a_setting():
    flow = CodeFlow(limits={"pushed_request_lifetime": 5})

    assert flow.push().json["expires_in"] == 5


@pytest.fixture
def strict(flow):
    flow.store.put_client(registered("app", ClientProfile.FAPI2))
    return flow


def test_OA_07_a_fapi2_client_must_push(strict):
    answer = strict.authorize()

    assert answer_of(answer.location)["error"] == "invalid_request"
    assert strict.store.interactions == {}


def test_OA_07_a_fapi2_client_that_pushed_is_served(strict):
    assert open_page(strict, pushed(strict)).status_code == 302


def test_OA_05_a_fapi2_client_is_never_sent_to_a_foreign_address(strict):
    answer = strict.authorize(redirect_uri=FOREIGN)

    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize("secret", [{"client_secret": SECRET}])
def test_OA_10_two_ways_to_authenticate_are_refused(flow, secret):
    answer = flow.push(**secret)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
