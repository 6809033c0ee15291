"""Everything a client can get wrong, over HTTP, on both versions: always the documented JSON error."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from attack.prescribed import (
    EXPIRED_TOKEN,
    HEADER,
    INVALID_TOKEN,
    LOGIN_PAIR,
    LOGIN_PARAMETER,
    assert_invalid,
    assert_refused,
    refusal,
)
from attack.raw_http import RawResponse, send
from integration.csc_client import SHA256, CscClient, algorithm_for, auth_data, base64_of, base64url_of
from integration.service import Credential, Seed

TOKEN_METHODS = sorted(HEADER["v1"])
METHODS = ["info", "auth/login", *TOKEN_METHODS]
BARE_RSA = "1.2.840.113549.1.1.1"
REPEATS = 300
"""A connection that is cut after one refusal in fifty is seen."""
DIGEST = hashlib.sha256(b"one document").digest()


@pytest.fixture
def credential(seed: Seed) -> Credential:
    return seed.choose(key="RSA-2048")


def hash_name(client: CscClient) -> str:
    return "hash" if client.version == "v1" else "hashes"


def algorithm_name(client: CscClient) -> str:
    return "hashAlgo" if client.version == "v1" else "hashAlgorithmOID"


def factors_of(client: CscClient, credential: Credential) -> dict[str, Any]:
    return {"PIN": credential.pin} if client.version == "v1" else {"authData": auth_data(credential)}


def authorize_body(client: CscClient, credential: Credential, digests: list[bytes] | None = None) -> dict[str, Any]:
    body = {"credentialID": credential.credential_id, "numSignatures": 1, **factors_of(client, credential)}
    if digests is not None:
        body |= {"numSignatures": len(digests), hash_name(client): [base64_of(digest) for digest in digests]}
        if client.version == "v2":
            body["hashAlgorithmOID"] = SHA256
    return body


@dataclass
class Slots:
    """A SAD of SCAL 1 that takes any hash, shared by tests whose calls must not spend it."""

    sad: str
    left: int
    ends: float


_slots: dict[str, Slots] = {}
SHARED_SIGNATURES = 20
SHARED_SECONDS = 60


@pytest.fixture
def sign_body(client: CscClient, credential: Credential) -> dict[str, Any]:
    """A signHash request without any fault."""
    shared = _slots.get(client.version)
    if shared is None or shared.left <= 1 or time.monotonic() > shared.ends:
        many = authorize_body(client, credential) | {"numSignatures": SHARED_SIGNATURES}
        sad = client.call("credentials/authorize", many)["SAD"]
        shared = _slots[client.version] = Slots(sad, SHARED_SIGNATURES, time.monotonic() + SHARED_SECONDS)
    return client.sign_body(credential.credential_id, [DIGEST], algorithm_for(credential)) | {"SAD": shared.sad}


def assert_still_signs(client: CscClient, body: dict[str, Any]) -> None:
    """A refused call spent nothing (interop R3): what is left, and no more, can still be signed at the end."""
    assert len(client.call("signatures/signHash", body)["signatures"]) == 1
    shared = _slots[client.version]
    if body["SAD"] == shared.sad:
        shared.left -= 1
        if shared.left == 1:
            assert len(client.call("signatures/signHash", body)["signatures"]) == 1
            assert_invalid(client.post("signatures/signHash", body))
            shared.left = 0


def send_body(client: CscClient, seed: Seed, method: str, body: bytes, content_type: str = "application/json"):
    user = seed.users[0]
    pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
    scheme = f"Basic {pair}" if method == "auth/login" else f"Bearer {client.token}"
    headers = {"Content-Type": content_type} if content_type else {}
    if method != "info":
        headers["Authorization"] = scheme
    return client.http.post(client.url(method), data=body, headers=headers, timeout=60)


def login(client: CscClient, headers: dict[str, str | bytes], body: dict[str, Any] | None = None) -> requests.Response:
    return client.http.post(client.url("auth/login"), json=body or {}, headers=headers, timeout=60)


def basic(pair: bytes) -> dict[str, str | bytes]:
    return {"Authorization": b"Basic " + base64.b64encode(pair)}


def nested(opening: str, closing: str, levels: int) -> bytes:
    return (b'{"clientData":' + opening.encode() * levels + b"1" + closing.encode() * levels) + b"}"


BAD_JSON = {
    "cut off": b'{"clientData":"x"',
    "no JSON": b"clientData=x",
    "single quotes": b"{'clientData':'x'}",
    "trailing comma": b'{"clientData":"x",}',
    "something after it": b'{"clientData":"x"} {}',
    "member twice": b'{"clientData":"x","clientData":"y"}',
    "inner member twice": b'{"unknown":{"a":1,"a":2}}',
    "member twice, one escaped": b'{"lang":"en","\\u006cang":"ja"}',
    "NaN": b'{"unknown":NaN}',
    "Infinity": b'{"unknown":Infinity}',
    "minus Infinity": b'{"unknown":-Infinity}',
    "number beyond a double": b'{"unknown":1e999}',
    "integer beyond 2**53": b'{"unknown":9007199254740993}',
    "integer of 5,000 digits": b'{"unknown":' + b"9" * 5000 + b"}",
    "5,000 arrays": nested("[", "]", 5000),
    "5,000 objects": nested('{"a":', "}", 5000),
    "33 levels": nested("[", "]", 33),
    "5,000 open arrays": b"[" * 5000,
    "not UTF-8": b'{"clientData":"\xff\xfe"}',
    "UTF-16": '{"clientData":"x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"clientData":"x"}',
    "lone surrogate": b'{"clientData":"\\ud800"}',
    "NUL": b'{"clientData":"a\\u0000b"}',
    "raw control character": b'{"clientData":"a\x01b"}',
    "string at the top": b'"clientData"',
    "number at the top": b"5",
    "filled array at the top": b'["clientData"]',
    "string of 100 KiB": b'{"clientData":"' + b"x" * 102_400 + b'"}',
    "object of 1,000 members": json.dumps({f"m{n}": n for n in range(1000)}).encode(),
    "array of 20,000": json.dumps({"unknown": [1] * 20_000}).encode(),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", BAD_JSON)
def test_IN_01_a_body_that_readers_could_take_in_two_ways_is_400(
    client: CscClient, seed: Seed, method: str, fault: str
) -> None:
    response = send_body(client, seed, method, BAD_JSON[fault])

    assert_invalid(response)
    assert len(response.text) < 1000


@pytest.mark.parametrize("method", METHODS)
def test_IN_01_a_body_of_two_mebibytes_is_refused(client: CscClient, seed: Seed, method: str) -> None:
    body = json.dumps({"clientData": "x" * (2 * 1024 * 1024)}).encode()
    response = send_body(client, seed, method, body)

    assert response.status_code in {400, 413}
    assert refusal(response)["error"] == "invalid_request"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "text/html",
        "application/jsonp",
        "multipart/form-data",
        "json",
    ],
)
def test_IN_01_another_media_type_is_refused(client: CscClient, seed: Seed, method: str, content_type: str) -> None:
    response = send_body(client, seed, method, b'{"clientData":"x"}', content_type)

    assert response.status_code in {400, 415}
    assert refusal(response)["error"] == "invalid_request"


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ";charset=UTF-8"])
def test_R6_the_charset_may_be_said(client: CscClient, seed: Seed, charset: str) -> None:
    response = send_body(client, seed, "credentials/list", b"{}", "application/json" + charset)

    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/", "/csc", "/csc/v1", "/csc/v1/", "/csc/v3/info", "/csc/v1/nothing", "/csc/v2/Info",
                                  "/csc/v1/info/", "/csc/v2/credentials/%2e%2e/info", "/csc/v1/credentials//list",
                                  "/csc/v1/%00", "/csc/v1/%ff", "/admin", "/metrics", "/static/../../etc/passwd"])  # fmt: skip
@pytest.mark.parametrize("verb", ["POST", "GET"])
def test_A2_an_unknown_path_is_404_in_JSON(seed: Seed, path: str, verb: str) -> None:
    headers = [("Content-Type", "application/json")]
    response = send(seed.base_url, verb, path, headers, b"{}" if verb == "POST" else b"")

    assert response.status in {400, 404, 405}, response
    assert_json_error(response)


def assert_json_error(response: RawResponse) -> None:
    assert response.media_type == "application/json", response
    assert isinstance(response.json()["error"], str)
    assert b"<" not in response.body


@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("method", TOKEN_METHODS)
def test_A2_another_verb_is_405_in_JSON_and_says_which_is_allowed(client: CscClient, method: str, verb: str) -> None:
    response = client.http.request(verb, client.url(method), json={}, timeout=60)

    assert response.status_code == 405
    refusal(response)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("method", ["oauth2/token", "oauth2/revoke"])
def test_A2_the_token_endpoint_is_for_POST_alone(client: CscClient, method: str) -> None:
    response = client.http.get(client.url(method), timeout=60, allow_redirects=False)

    assert response.status_code == 405
    refusal(response)


def test_a_method_of_the_API_that_is_not_served_is_refused_in_JSON(client: CscClient) -> None:
    response = client.post("signatures/signDoc", {})

    assert response.status_code in {404, 501}
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    assert isinstance(response.json()["error"], str)


# --- the Authorization header -------------------------------------------------------------------------------

BAD_HEADERS = {
    "missing": [],
    "empty": [("Authorization", "")],
    "scheme alone": [("Authorization", "Bearer")],
    "scheme and blank": [("Authorization", "Bearer ")],
    "two words": [("Authorization", "Bearer abc def")],
    "another scheme": [("Authorization", "Basic dXNlcjpwYXNz")],
    "no scheme": [("Authorization", "abcdef")],
    "not ASCII": [("Authorization", "Bearer ab\xe9cd".encode("latin-1"))],
    "forbidden characters": [("Authorization", 'Bearer "abc"')],
}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("method", TOKEN_METHODS)
@pytest.mark.parametrize("fault", BAD_HEADERS)
def test_IN_07_a_missing_or_malformed_header_is_the_row_of_its_method(
    seed: Seed, version: str, method: str, fault: str
) -> None:
    headers = [("Content-Type", "application/json"), *BAD_HEADERS[fault]]
    response = send(seed.base_url, "POST", f"/csc/{version}/{method}", headers, b"{}")

    assert_json_error(response)
    found = response.status, response.json()["error"], response.json()["error_description"]
    assert found == (400, "invalid_request", HEADER[version][method])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_IN_07_two_authorization_headers_are_refused(seed: Seed, token: str, version: str) -> None:
    pair = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")]
    for headers in (pair, pair[::-1]):
        response = send(
            seed.base_url, "POST", f"/csc/{version}/credentials/list", [("Content-Type", "application/json"), *headers],
            b"{}",
        )  # fmt: skip

        assert response.status in {400, 401}
        assert_json_error(response)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_IN_07_a_token_of_8_KiB_is_refused(seed: Seed, version: str) -> None:
    headers = [("Content-Type", "application/json"), ("Authorization", "Bearer " + "a" * 8192)]
    response = send(seed.base_url, "POST", f"/csc/{version}/credentials/list", headers, b"{}")

    assert response.status in {400, 401, 431}
    assert_json_error(response)


@pytest.mark.parametrize("method", TOKEN_METHODS)
def test_an_unknown_token_is_401_invalid_token(client: CscClient, method: str) -> None:
    response = client.post(method, {}, token="A" * 43)

    assert_refused(response, 401, "invalid_token", INVALID_TOKEN)
    assert response.headers["WWW-Authenticate"].startswith("Bearer"), "RFC 6750, 3"


def test_a_revoked_token_is_401_expired_token(seed: Seed) -> None:
    for version in ("v1", "v2"):
        client = CscClient(seed.base_url, version)
        token = client.login(seed.users[0])
        assert client.post("auth/revoke", {"token": token}, token=token).status_code == 204

        assert_refused(client.post("credentials/list", token=token), 401, "expired_token", EXPIRED_TOKEN)


def test_a_SAD_is_no_service_token(client: CscClient, sign_body: dict[str, Any]) -> None:
    response = client.post("credentials/list", token=sign_body["SAD"])

    assert response.status_code in {400, 401}
    refusal(response)


# --- types and values, one fault at a time -------------------------------------------------------------------

NOT_STRINGS = [5, True, False, 1.5, [], ["x"], {}, {"x": "y"}]


@pytest.mark.parametrize("method", ["credentials/info", "credentials/authorize", "signatures/signHash"])
@pytest.mark.parametrize("value", [None, *NOT_STRINGS], ids=str)
def test_IN_05_credentialID_is_a_string(client: CscClient, method: str, value: object) -> None:
    body = {"credentialID": value, "numSignatures": 1}

    assert_invalid(client.post(method, body), "Missing (or invalid type) string parameter credentialID")


@pytest.mark.parametrize("method", ["credentials/info", "credentials/authorize", "signatures/signHash"])
def test_credentialID_must_be_there(client: CscClient, method: str) -> None:
    assert_invalid(client.post(method, {}), "Missing (or invalid type) string parameter credentialID")


@pytest.mark.parametrize("text", ["nobody", "", " ", "' OR 1=1 --", "../../x", "x" * 5000, "\u202e", "%00"], ids=repr)
def test_an_unknown_credential_is_invalid(client: CscClient, sign_body: dict[str, Any], text: str) -> None:
    info = client.post("credentials/info", {"credentialID": text})
    authorize = client.post("credentials/authorize", {"credentialID": text, "numSignatures": 1, "PIN": "1", "authData": [{"id": "PIN", "value": "1"}]})  # fmt: skip
    sign = client.post("signatures/signHash", sign_body | {"credentialID": text})

    for response in (info, authorize, sign):
        members = refusal(response)
        assert (response.status_code, members["error"]) == (400, "invalid_request")
        assert members["error_description"].endswith("parameter credentialID")


def test_AU_12_anothers_credential_looks_like_an_unknown_one(seed: Seed, client: CscClient) -> None:
    others = [c for c in seed.credentials if c.username != seed.users[0].username]
    assert others, "the seed has two users with credentials"
    for credential in (others[0], others[-1]):
        body = {"credentialID": credential.credential_id, "numSignatures": 1, **factors_of(client, credential)}
        unknown = body | {"credentialID": "nobody"}
        for method in ("credentials/info", "credentials/authorize"):
            answer, reference = client.post(method, body), client.post(method, unknown)

            assert_invalid(answer, "Invalid parameter credentialID")
            assert (answer.status_code, answer.json()) == (reference.status_code, reference.json())


@pytest.mark.parametrize("value", [None, True, False, "1", 1.5, [1], {}, "one"], ids=repr)
def test_IN_05_numSignatures_is_an_integer(client: CscClient, credential: Credential, value: object) -> None:
    body = authorize_body(client, credential) | {"numSignatures": value}
    text = "Missing (or invalid type) integer parameter numSignatures"

    assert_invalid(client.post("credentials/authorize", body), text)
    if value is None:
        del body["numSignatures"]
        assert_invalid(client.post("credentials/authorize", body), text)


@pytest.mark.parametrize("value", [0, -1, -(2**40)])
def test_numSignatures_below_one_is_invalid(client: CscClient, credential: Credential, value: int) -> None:
    body = authorize_body(client, credential) | {"numSignatures": value}

    assert_invalid(client.post("credentials/authorize", body), "Invalid value for parameter numSignatures")


def test_numSignatures_beyond_multisign_is_too_high(client: CscClient, credential: Credential) -> None:
    multisign = client.call("credentials/info", {"credentialID": credential.credential_id})["multisign"]
    for value in (multisign + 1, 2**31, 2**53 - 1):
        body = authorize_body(client, credential) | {"numSignatures": value}

        assert_invalid(client.post("credentials/authorize", body), "Numbers of signatures is too high")


def test_more_hashes_than_signatures_are_refused(client: CscClient, credential: Credential) -> None:
    body = authorize_body(client, credential, [DIGEST, hashlib.sha256(b"two").digest()]) | {"numSignatures": 1}

    assert_invalid(client.post("credentials/authorize", body))


@pytest.mark.parametrize("name", ["credentialID", "SAD", "signAlgo"])
@pytest.mark.parametrize("value", ["absent", None, *NOT_STRINGS], ids=str)
def test_IN_05_strings_of_signHash(client: CscClient, sign_body: dict[str, Any], name: str, value: object) -> None:
    body = sign_body | {name: value}
    if value == "absent":
        del body[name]

    assert_invalid(client.post("signatures/signHash", body), f"Missing (or invalid type) string parameter {name}")
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("value", ["absent", None, 5, "text", {}, {"0": "x"}, True], ids=str)
def test_IN_05_hashes_are_an_array(client: CscClient, sign_body: dict[str, Any], value: object) -> None:
    body = sign_body | {hash_name(client): value}
    if value == "absent":
        del body[hash_name(client)]
    members = refusal(client.post("signatures/signHash", body))

    assert members["error"] == "invalid_request"
    # 2.0.0.2 prints v1's name in this text; either spelling names the member.
    assert members["error_description"] in {
        "Missing (or invalid type) array parameter hash",
        f"Missing (or invalid type) array parameter {hash_name(client)}",
    }


def test_an_empty_array_of_hashes_is_refused(client: CscClient, sign_body: dict[str, Any]) -> None:
    assert_invalid(client.post("signatures/signHash", sign_body | {hash_name(client): []}), "Empty hash array")
    assert_still_signs(client, sign_body)


ENCODED = base64_of(DIGEST)
SPARE_BITS = ENCODED[:-2] + chr(ord(ENCODED[-2]) + 1) + "="
BAD_BASE64 = {
    "no base64": "not base64!",
    "spare bits": SPARE_BITS,
    "spare bits without padding": SPARE_BITS.rstrip("="),
    "spare bits in base64url": base64url_of(DIGEST)[:-1] + SPARE_BITS[-2],
    "padding too long": ENCODED + "=",
    "padding in the middle": ENCODED[:10] + "=" + ENCODED[10:],
    "one character too few": ENCODED[:-3],
    "line break": ENCODED[:20] + "\n" + ENCODED[20:],
    "line break at the end": ENCODED + "\n",
    "blank in front": " " + ENCODED,
    "full-width letters": "\uff21" * 43 + "=",
    "percent escapes": "%41" * 16,
    "data after the padding": ENCODED + "AAAA",
    "PEM": f"-----BEGIN X-----\n{ENCODED}\n-----END X-----",
}


def test_the_example_with_spare_bits_decodes_to_the_same_digest() -> None:
    assert SPARE_BITS != ENCODED
    assert base64.b64decode(SPARE_BITS) == DIGEST, "a lenient reader would take it"


@pytest.mark.parametrize("fault", BAD_BASE64)
def test_IN_02_a_hash_that_is_not_canonical_base64_is_refused(
    client: CscClient, credential: Credential, sign_body: dict[str, Any], fault: str
) -> None:
    bad = [BAD_BASE64[fault]]
    body = authorize_body(client, credential, [DIGEST]) | {hash_name(client): bad}

    response = client.post("signatures/signHash", sign_body | {hash_name(client): bad})
    assert_invalid(response, "Invalid Base64 hash string parameter")
    assert_invalid(client.post("credentials/authorize", body))
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("element", [None, 5, True, [], {}, [ENCODED], ""], ids=repr)
def test_IN_05_each_hash_is_a_string(client: CscClient, sign_body: dict[str, Any], element: object) -> None:
    response = client.post("signatures/signHash", sign_body | {hash_name(client): [element]})

    assert_invalid(response)
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("length", [1, 16, 20, 28, 31, 33, 48, 64, 65, 1000])
def test_SA_06_a_hash_of_another_length_is_refused(client: CscClient, sign_body: dict[str, Any], length: int) -> None:
    response = client.post("signatures/signHash", sign_body | {hash_name(client): [base64_of(bytes(length))]})

    assert_invalid(response, "Invalid digest value length")
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("length", [1, 20, 31, 33, 48])
def test_SA_06_authorize_refuses_a_hash_of_another_length(
    seed: Seed, token: str, credential: Credential, length: int
) -> None:
    client = CscClient(seed.base_url, "v2", token)

    assert_invalid(client.post("credentials/authorize", authorize_body(client, credential, [bytes(length)])))


@pytest.mark.parametrize(
    "algorithm",
    [
        "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.14", "1.2.840.10045.4.3.2", "1.2.3",
        "2.16.840.1.101.3.4.2.1", "sha256WithRSAEncryption", "", "1.2.840.113549.1.1.11 ", "1.2.840.113549.1.1.011",
    ],
)  # fmt: skip
def test_SA_06_an_algorithm_that_the_key_may_not_use_is_refused(
    client: CscClient, sign_body: dict[str, Any], algorithm: str
) -> None:
    response = client.post("signatures/signHash", sign_body | {"signAlgo": algorithm})

    members = refusal(response)
    assert (response.status_code, members["error"]) == (400, "invalid_request")
    assert members["error_description"].endswith("parameter signAlgo")
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("key", ["P-256", "P-384"])
@pytest.mark.parametrize("algorithm", ["1.2.840.10045.4.1", "1.2.840.10045.4.3.1", "1.2.840.113549.1.1.11"])
def test_SA_06_an_elliptic_key_signs_with_ECDSA_and_SHA_2_alone(
    seed: Seed, client: CscClient, key: str, algorithm: str
) -> None:
    credential = seed.choose(key=key)
    sad = client.call("credentials/authorize", authorize_body(client, credential))["SAD"]
    body = client.sign_body(credential.credential_id, [DIGEST], algorithm) | {"SAD": sad}

    assert_invalid(client.post("signatures/signHash", body), "Invalid parameter signAlgo")


@pytest.mark.parametrize("oid", ["1.3.14.3.2.26", "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.4", "1.2.3", "SHA-256"])
def test_SA_06_SHA_1_and_other_hash_algorithms_are_refused(
    client: CscClient, sign_body: dict[str, Any], oid: str
) -> None:
    length = {"1.3.14.3.2.26": 20, "1.2.840.113549.2.5": 16, "2.16.840.1.101.3.4.2.4": 28}.get(oid, 32)
    body = sign_body | {
        "signAlgo": BARE_RSA, algorithm_name(client): oid, hash_name(client): [base64_of(bytes(length))],
    }  # fmt: skip

    assert_invalid(client.post("signatures/signHash", body), f"Invalid parameter {algorithm_name(client)}")
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("oid", ["1.3.14.3.2.26", "1.2.3", ""])
def test_SA_06_authorize_refuses_SHA_1(seed: Seed, token: str, credential: Credential, oid: str) -> None:
    client = CscClient(seed.base_url, "v2", token)
    body = authorize_body(client, credential, [bytes(20) if oid == "1.3.14.3.2.26" else DIGEST])

    assert_invalid(client.post("credentials/authorize", body | {"hashAlgorithmOID": oid}))


def test_R11_a_digest_must_be_named_by_one_of_the_two(client: CscClient, sign_body: dict[str, Any]) -> None:
    name = algorithm_name(client)
    assert_invalid(
        client.post("signatures/signHash", sign_body | {"signAlgo": BARE_RSA}),
        f"Missing (or invalid type) string parameter {name}",
    )
    assert_invalid(client.post("signatures/signHash", sign_body | {name: "2.16.840.1.101.3.4.2.3"}))
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("value", [5, True, [], {}], ids=repr)
def test_IN_05_optional_strings_are_strings(client: CscClient, sign_body: dict[str, Any], value: object) -> None:
    for name in ("signAlgoParams", algorithm_name(client), "clientData"):
        assert_invalid(client.post("signatures/signHash", sign_body | {name: value}))
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize(
    "value",
    ["no base64!", "MA", "MAB=", "MIIB", base64_of(b"0" * 10_000), base64_of(b"\x30\x80" * 2000), base64_of(b"\x04\x01a"),
     base64_of(bytes.fromhex("3003020100") + b"trailing")],
    ids=["no base64", "no padding", "spare bits", "cut off", "long", "nested", "another type", "trailing"],
)  # fmt: skip
def test_IN_03_parameters_that_are_no_RSASSA_PSS_are_refused(
    client: CscClient, sign_body: dict[str, Any], value: str
) -> None:
    body = sign_body | {"signAlgo": "1.2.840.113549.1.1.10", algorithm_name(client): SHA256, "signAlgoParams": value}

    assert_invalid(client.post("signatures/signHash", body))
    assert_still_signs(client, sign_body)


@pytest.mark.parametrize("name", ["clientData", "lang", "signAlgoParams", "unknown"])
def test_R4_null_is_absent(client: CscClient, sign_body: dict[str, Any], name: str) -> None:
    assert_still_signs(client, sign_body | {name: None})


def test_R5_unknown_members_are_ignored(client: CscClient, credential: Credential) -> None:
    unknown = {"client_data": "x", "auth_info": True, "maxresults": 5, "unknown": {"deep": [1, 2, {"a": None}]}}
    sad = client.call("credentials/authorize", authorize_body(client, credential) | unknown)["SAD"]
    body = client.sign_body(credential.credential_id, [DIGEST], algorithm_for(credential)) | {"SAD": sad}

    assert_still_signs(client, body | unknown)
    assert client.call("credentials/list", unknown)["credentialIDs"]
    assert client.call("credentials/info", {"credentialID": credential.credential_id, **unknown})["key"]
    assert client.call("info", unknown)["specs"]


@pytest.mark.parametrize("value", ["all", "Single", "", "none,chain"])
def test_certificates_has_three_values(client: CscClient, credential: Credential, value: str) -> None:
    body = {"credentialID": credential.credential_id, "certificates": value}

    assert_invalid(client.post("credentials/info", body), "Invalid parameter certificates")


def test_a_signer_lists_nobody_elses_credentials(seed: Seed, client: CscClient) -> None:
    for name in (seed.users[0].username, seed.users[1].username, "nobody"):
        assert_invalid(client.post("credentials/list", {"userID": name}), "userID parameter MUST be null")


@pytest.mark.parametrize("value", ["nothing", "", "x" * 5000, "0"], ids=["word", "empty", "long", "zero"])
def test_an_unknown_page_is_refused(seed: Seed, token: str, value: str) -> None:
    client = CscClient(seed.base_url, "v1", token)

    assert_invalid(client.post("credentials/list", {"pageToken": value}), "Invalid parameter pageToken")


# --- auth/login and auth/revoke -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic ", "Basic !!!", "Basic a b", "Bearer abc", "dXNlcjpwYXNz", "Digest x=y"]
)
def test_login_without_a_Basic_header_is_401(client: CscClient, header: str | None) -> None:
    response = login(client, {} if header is None else {"Authorization": header})

    assert_refused(response, 401, "invalid_request", LOGIN_PARAMETER[client.version])


@pytest.mark.parametrize("pair", [b"nocolon", b"x"], ids=["no colon", "one letter"])
def test_login_with_something_else_than_a_pair_is_400(client: CscClient, pair: bytes) -> None:
    assert_invalid(login(client, basic(pair)), LOGIN_PAIR[client.version])


@pytest.mark.parametrize(
    "header",
    [basic(b""), basic(b"\xff\xfe:\xff"), basic(b"\xe3\x81"), basic(b":"), basic(b":x"), basic(b"x:"), basic(b"a:\x00"),
     basic(b"x" * 4096 + b":x"), basic(b"x:" + b"x" * 6000), {"Authorization": "Basic dXNlcjpwYXN"}],
    ids=["empty", "not UTF-8", "half a letter", "colon", "no name", "no password", "NUL", "long name", "8 KiB", "unpadded"],
)  # fmt: skip
def test_IN_07_login_with_an_odd_pair_is_one_of_two_rows(client: CscClient, header: dict[str, str | bytes]) -> None:
    response = login(client, header)
    members = refusal(response)
    rows = {
        (401, "invalid_request", LOGIN_PARAMETER[client.version]), (400, "invalid_request", LOGIN_PAIR[client.version]),
        (400, "authentication_error", "An error occurred during authentication process"),
    }  # fmt: skip

    assert (response.status_code, members["error"], members["error_description"]) in rows


@pytest.mark.parametrize("value", [5, True, [], {}], ids=repr)
def test_a_refresh_token_is_a_string(client: CscClient, value: object) -> None:
    assert_invalid(login(client, {}, {"refresh_token": value}), "Invalid string parameter: refresh_token")


def test_an_unknown_refresh_token_is_invalid(client: CscClient) -> None:
    assert_invalid(login(client, {}, {"refresh_token": "A" * 43}), "Invalid refresh_token")


def test_an_access_token_is_no_refresh_token(client: CscClient) -> None:
    assert_invalid(login(client, {}, {"refresh_token": client.token}), "Invalid refresh_token")


def test_revoke_refuses_by_its_rows(client: CscClient) -> None:
    missing = "Missing (or invalid type) string parameter token"
    assert_invalid(client.post("auth/revoke", {}), missing)
    for value in (None, 5, True, [client.token]):
        assert_invalid(client.post("auth/revoke", {"token": value}), missing)
    assert_invalid(client.post("auth/revoke", {"token": "A" * 43}), "Invalid string parameter token")
    hint = {"token": client.token, "token_type_hint": "id_token"}
    assert_invalid(client.post("auth/revoke", hint), "Invalid string parameter token_type_hint")
    assert client.post("credentials/list").status_code == 200, "nothing was revoked"


def test_OA_19_nobody_revokes_the_token_of_another(seed: Seed, client: CscClient, second_token: str) -> None:
    response = client.post("auth/revoke", {"token": second_token})

    assert response.status_code in {204, 400}
    assert client.post("credentials/list", token=second_token).status_code == 200


@pytest.mark.parametrize("fault", ["missing", "scheme and blank", "unknown token", "unknown path"])
def test_A2_a_refusal_leaves_the_connection_whole(client: CscClient, fault: str) -> None:
    """What is refused before its body was read is answered too, each time, and on the connection it came by."""
    header = {"scheme and blank": "Bearer ", "unknown token": "Bearer " + "A" * 43}.get(fault)
    url = client.url("nothing" if fault == "unknown path" else "credentials/authorize")
    body = {"credentialID": "x", "numSignatures": 1, "clientData": "x" * 200}
    statuses = set()
    for _ in range(REPEATS):
        response = client.http.post(url, json=body, headers={"Authorization": header} if header else {}, timeout=60)
        statuses.add(response.status_code)
        assert response.headers.get("Connection", "keep-alive") == "keep-alive"

    assert statuses <= {400, 401, 404}
