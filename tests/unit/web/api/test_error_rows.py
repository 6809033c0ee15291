"""Each row of specs/errors.tsv is brought about by a request, and the answer is compared word for word."""

import csv
from pathlib import Path

import pytest

from csc_server.errors import UnavailableError
from csc_server.values import Refusal
from fakes.web_application import DIGEST, RSA_SHA_256, SHA_256, WebApplication, basic, certificate, description

CATALOGUE = Path(__file__).parents[4] / "specs" / "errors.tsv"
VERSIONS = {"1.0.4.0": "v1", "2.0.0.2": "v2"}

with CATALOGUE.open(newline="", encoding="utf-8") as lines:
    ROWS = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))

GOOD = {
    "auth/revoke": {"token": "x"},
    "credentials/list": {},
    "credentials/info": {"credentialID": "pin"},
    "credentials/authorize": {"credentialID": "pin", "numSignatures": 1},
    "credentials/extendTransaction": {"credentialID": "pin", "SAD": "a.b.c"},
    "signatures/signHash": {"credentialID": "pin", "SAD": "a.b.c", "signAlgo": RSA_SHA_256},
}
HASH = {"v1": "hash", "v2": "hashes"}
HASH_ALGORITHM = {"v1": "hashAlgo", "v2": "hashAlgorithmOID"}

REFUSED_BY_THE_SIGNER = {
    "SAD expired": Refusal.SAD_EXPIRED,
    "SAD invalid": Refusal.SAD_INVALID,
    "SAD used up": Refusal.SAD_EXHAUSTED,
    "OTP locked": Refusal.OTP_LOCKED,
    "PIN locked": Refusal.PIN_LOCKED,
    "PIN missing": Refusal.PIN_MISSING,
    "credential disabled": Refusal.CREDENTIAL_DISABLED,
    "credential of OAuth 2.0": Refusal.CREDENTIAL_NOT_EXPLICIT,
    "credential unknown": Refusal.UNKNOWN_CREDENTIAL,
    "digest length": Refusal.DIGEST_LENGTH,
    "hash algorithm invalid": Refusal.HASH_ALGORITHM_INVALID,
    "hash not authorized": Refusal.HASH_NOT_AUTHORIZED,
    "number too high": Refusal.NUM_SIGNATURES_TOO_HIGH,
    "sign algorithm invalid": Refusal.SIGN_ALGORITHM_INVALID,
    "sign parameters missing": Refusal.SIGN_PARAMETERS_MISSING,
    "wrong OTP": Refusal.OTP_INVALID,
    "wrong PIN": Refusal.PIN_INVALID,
}

CHANGED_MEMBERS = {
    "PIN no string": {"PIN": 1234},
    "OTP no string": {"OTP": 123456},
    "SAD missing": {"SAD": None},
    "authData malformed": {"authData": [{"id": "PIN", "value": 1}]},
    "certificates invalid": {"certificates": "Chain", "credentialInfo": True},
    "client data no string": {"clientData": 1},
    "credential id missing": {"credentialID": None},
    "number below one": {"numSignatures": 0},
    "number missing": {"numSignatures": True},
    "operation mode invalid": {"operationMode": "A"},
    "page token invalid": {"pageToken": "eHh4"},
    "sign algorithm missing": {"signAlgo": None},
    "sign parameters no base64": {"signAlgoParams": "MDmg*"},
    "sign parameters no string": {"signAlgoParams": 1},
    "token hint invalid": {"token_type_hint": "id_token"},
    "token missing": {"token": None},
    "token unknown": {"token": "nobody's"},
    "unknown authentication object": {"authData": [{"id": "SMS", "value": "1"}]},
    "user id not allowed": {"userID": "alice"},
}
CHANGED_HASHES = {"hash no base64": ["*"], "hashes empty": [], "too many hashes": [DIGEST] * 1001}


def provoke(web, method, case, version):
    if method == "auth/login":
        return login(web, case, version)
    method = "signatures/signHash" if method == "*" else method
    body = dict(GOOD[method])
    if method == "signatures/signHash" or case == "hash algorithm invalid":
        body |= {HASH[version]: [DIGEST], HASH_ALGORITHM[version]: SHA_256}
    if case in REFUSED_BY_THE_SIGNER:
        web.activation.refusal = REFUSED_BY_THE_SIGNER[case]
        if case == "credential unknown":
            body["credentialID"] = "nobody's"
        return web.post(method, body, version=version)
    if case in CHANGED_MEMBERS:
        return web.post(method, body | CHANGED_MEMBERS[case], version=version)
    if case in CHANGED_HASHES:
        return web.post(method, body | {HASH[version]: CHANGED_HASHES[case]}, version=version)
    return OTHERWISE[case](web, method, body, version)


def login(web, case, version):
    body, headers = {
        "no basic header": ({}, {"Authorization": "Digest x"}),
        "no name and password": ({}, {"Authorization": "Basic bm9jb2xvbg=="}),
        "refresh token no string": ({"refresh_token": 1}, {}),
        "refresh token unknown": ({"refresh_token": "x" * 43}, {}),
        "login failed": ({}, basic("alice", "wrong")),
    }[case]
    return web.post("auth/login", body, version=version, token=None, headers=headers)


def hashes_missing(web, method, body, version):
    """At signHash web sees it; at authorize only the signer knows that the credential needs them."""
    web.activation.refusal = Refusal.HASHES_REQUIRED
    body.pop(HASH[version], None)
    return web.post(method, body, version=version)


def hash_algorithm_missing(web, method, body, version):
    """At authorize web sees it; at signHash the signer knows whether signAlgo implies one."""
    web.activation.refusal = Refusal.HASH_ALGORITHM_MISSING
    body = body | {HASH[version]: [DIGEST]}
    body.pop(HASH_ALGORITHM[version], None)
    return web.post(method, body, version=version)


def certificate_expired(web, method, body, version):
    old = certificate(not_after=web.clock.now - 1)
    web.activation.credentials["pin"] = description("pin", certificates=(old,))
    web.activation.refusal = Refusal.CERTIFICATE_EXPIRED
    return web.post(method, body, version=version)


def expired_token(web, method, body, version):
    web.clock.now += 3600
    return web.post(method, body, version=version)


def other_scope(web, method, body, version):
    return web.post("credentials/list", {}, version=version, token="credential")


def broken(web, method, body, version):
    web.activation.failure = KeyError("a secret that must not be told")
    return web.post(method, body, version=version)


def away(web, method, body, version):
    web.activation.failure = UnavailableError("device")
    return web.post(method, body, version=version)


OTHERWISE = {
    "a part is away": away,
    "another media type": lambda web, method, body, version: web.post(
        method, body, version=version, headers={"Content-Type": "text/plain"}
    ),
    "body is no JSON object": lambda web, method, body, version: web.post(method, version=version, data=b"[]"),
    "body too large": lambda web, method, body, version: web.post(
        method, version=version, data=b'{"x":"' + b"x" * 2_097_152 + b'"}'
    ),
    "certificate expired": certificate_expired,
    "expired token": expired_token,
    "hash algorithm missing": hash_algorithm_missing,
    "hashes missing": hashes_missing,
    "method not offered": lambda web, method, body, version: web.post("signatures/timestamp", version=version),
    "no bearer header": lambda web, method, body, version: web.post(method, body, version=version, token=None),
    "token of another scope": other_scope,
    "unexpected condition": broken,
    "unknown path": lambda web, method, body, version: web.post("signatures/signhash", body, version=version),
    "unknown token": lambda web, method, body, version: web.post(method, body, version=version, token="x" * 43),
    "user id invalid": lambda web, method, body, version: web.post(method, {}, version=version, token="client"),
    "wrong verb": lambda web, method, body, version: web.post(method, body, version=version, verb="PUT"),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['version']} {row['method']} {row['case']}")
def test_row_of_the_error_catalogue(row):
    web = WebApplication()
    response = provoke(web, row["method"], row["case"], VERSIONS[row["version"]])
    answer = response.get_json()

    assert response.status_code == int(row["status"])
    assert response.content_type.startswith("application/json")
    assert answer == {"error": row["error"], "error_description": row["description"]}


def test_A2_catalogue_has_each_case_once_and_both_versions_of_most():
    keys = [(row["version"], row["method"], row["case"]) for row in ROWS]

    assert len(keys) == len(set(keys))
    assert {row["version"] for row in ROWS} == set(VERSIONS)
