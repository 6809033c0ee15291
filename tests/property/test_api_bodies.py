"""Whatever is sent to whichever endpoint: JSON comes back, never a 500 (RL-08 in small, IN-06, A2)."""

import json
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from csc_server.web.api.table import ENDPOINTS, NOT_IMPLEMENTED
from fakes.web_application import BASE_URL, DIGEST, RSA_SHA_256, WebApplication

METHODS = sorted(
    {endpoint.method for endpoint in ENDPOINTS} | {name for names in NOT_IMPLEMENTED.values() for name in names}
)
NAMES = [
    "PIN", "OTP", "SAD", "authData", "authInfo", "certInfo", "certificates", "clientData", "credentialID",
    "credentialInfo", "description", "hash", "hashAlgo", "hashAlgorithmOID", "hashes", "lang", "maxResults",
    "numSignatures", "onlyValid", "operationMode", "pageToken", "refresh_token", "rememberMe", "signAlgo",
    "signAlgoParams", "token", "token_type_hint", "userID",
]  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from([DIGEST, RSA_SHA_256, "pin", "true", "S", "A", "chain", "access_token", ""])
)  # fmt: skip
VALUES = LEAVES | st.lists(LEAVES, max_size=3) | st.lists(
    st.fixed_dictionaries({}, optional={"id": LEAVES, "value": LEAVES}), max_size=3
)  # fmt: skip
MEMBERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
BODIES = MEMBERS.map(lambda members: json.dumps(members).encode()) | st.binary(max_size=80)
TOKENS = st.sampled_from(["service", "old", "login", "client", "credential", "refresh", "nobody's", None])
CONTENT_TYPES = st.sampled_from(["application/json", "application/json", "application/json", "text/plain", ""])


@cache
def web():
    return WebApplication()


def is_documented(response):
    if response.status_code == 204:
        return response.data == b""
    body = response.get_json()
    is_json = response.content_type.startswith("application/json") and isinstance(body, dict)
    return is_json and (response.status_code == 200 or isinstance(body["error"], str))


@given(st.sampled_from(METHODS), st.sampled_from(["v1", "v2"]), TOKENS, BODIES, CONTENT_TYPES)
def test_IN_06_no_request_is_a_500_or_html(method, version, token, data, content_type):
    web().add_token("service", client_id="modern")  # a revoked one lives again
    response = web().post(method, version=version, token=token, data=data, headers={"Content-Type": content_type})

    assert response.status_code in {200, 204, 400, 401, 404, 405, 413, 501}
    assert is_documented(response)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60), st.sampled_from(METHODS))
def test_IN_07_no_authorization_header_is_a_500(header, method):
    response = web().post(method, token=None, headers={"Authorization": header})

    assert response.status_code in {200, 400, 401, 404, 405, 501}
    assert is_documented(response)


@given(st.text(max_size=40), st.sampled_from(["GET", "POST", "PUT", "HEAD"]))
def test_A2_no_path_is_a_500_or_html(path, verb):
    response = web().http.open(f"/csc/v1/{path}", method=verb, base_url=BASE_URL)

    assert response.status_code < 500 or response.status_code == 501
    assert response.content_type.startswith("application/json")
