"""Attacks on the signature activation data: who may use it, for what, how often, how long (SA-01 to SA-05)."""

import base64
import hashlib
import json
import time
from collections import Counter
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attack.conftest import SHORT_SAD
from attack.parallel import at_once, post_json
from attack.prescribed import NOT_AUTHORIZED, assert_invalid, refusal
from integration.code_flow import Application, rich_request
from integration.csc_client import (
    SHA256,
    CscClient,
    Scheme,
    algorithm_for,
    auth_data,
    base64_of,
    base64url_of,
    digests_of,
    strict_base64,
    verify,
)
from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, Seed

CROWD = 64
ONES = (bytes(31) + bytes([1])) * 2
"""r = s = 1: a signature for whoever checks neither."""
STRANGER = hashlib.sha256(b"never authorized").digest()


@pytest.fixture
def credential(seed: Seed) -> Credential:
    return seed.choose(key="P-256")


def request_of(client: CscClient, credential: Credential, digests: list[bytes], sad: str) -> dict[str, Any]:
    return client.sign_body(credential.credential_id, digests, algorithm_for(credential)) | {"SAD": sad}


def sign(client: CscClient, credential: Credential, digests: list[bytes], sad: str) -> requests.Response:
    return client.post("signatures/signHash", request_of(client, credential, digests, sad))


def assert_signs(client: CscClient, credential: Credential, digests: list[bytes], sad: str) -> None:
    assert_signed(client, credential, digests, sign(client, credential, digests, sad))


def assert_signed(client: CscClient, credential: Credential, digests: list[bytes], response: requests.Response) -> None:
    assert response.status_code == 200, response.text[:500]
    certificate = client.certificates(credential.credential_id)[0]
    values = [strict_base64(value) for value in response.json()["signatures"]]
    assert len(values) == len(digests) > 0
    for digest, value in zip(digests, values, strict=True):
        verify(certificate, digest, value, Scheme(SHA256))


def slots(client: CscClient, credential: Credential, count: int) -> str:
    """Return a SAD of SCAL 1 whose hashes are not named yet."""
    body: dict[str, Any] = {"credentialID": credential.credential_id, "numSignatures": count}
    body |= {"PIN": credential.pin} if client.version == "v1" else {"authData": auth_data(credential)}
    sad = client.call("credentials/authorize", body)["SAD"]
    assert isinstance(sad, str)
    return sad


def extend_body(client: CscClient, credential: Credential, sad: str, digests: list[bytes] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"credentialID": credential.credential_id, "SAD": sad}
    if digests is not None:
        body["hash" if client.version == "v1" else "hashes"] = [base64_of(digest) for digest in digests]
        if client.version == "v2":
            body["hashAlgorithmOID"] = SHA256
    return body


def extend(
    client: CscClient, credential: Credential, sad: str, digests: list[bytes] | None = None
) -> requests.Response:
    return client.post("credentials/extendTransaction", extend_body(client, credential, sad, digests))


def soonest(seed: Seed, auth_mode: str) -> Credential:
    """Return the SCAL 2 credential whose next one-time code comes first."""
    return min(seed.of_kind(auth_mode, "2"), key=lambda c: codes_of_this_run.wait(c.totp_secret or ""))


# --- wrong ones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sad", ["none", "", "A" * 43, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 60_000, "..", "null"], ids=lambda s: s[:12] or "empty"
)  # fmt: skip
def test_SA_01_what_is_no_sad_signs_nothing(client: CscClient, credential: Credential, sad: str) -> None:
    members = refusal(sign(client, credential, [STRANGER], sad))

    assert members["error"] == "invalid_request"
    assert members["error_description"].endswith("parameter SAD")
    assert sad == "" or len(sad) < 10 or sad not in json.dumps(members), "IN-06: a SAD is not repeated"
    assert_invalid(extend(client, credential, sad, [STRANGER]))


def test_SA_01_a_forged_sad_signs_nothing(client: CscClient, credential: Credential) -> None:
    """Each claim edited, each part swapped, the signature stripped, made with another key or another algorithm."""
    digests = digests_of(1, SHA256, "forged")
    sad = client.authorize(credential, digests, SHA256)
    other = client.authorize(credential, [STRANGER], SHA256)
    forgeries = forge(sad) | {
        "payload of another": splice(other, sad, 1), "signature of another": splice(other, sad, 2),
        "header with a blank": " " + sad, "line break": sad + "\n", "twice": sad + "." + sad, "upper case": sad.upper(),
        "padded": sad + "=", "one character less": sad[:-1], "first letter changed": "f" + sad[1:],
    }  # fmt: skip
    assert len(forgeries) > 25, "a SAD has at least the claims of SA-01"
    for name, forged in forgeries.items():
        assert forged != sad, name
        response = sign(client, credential, digests, forged)
        assert response.status_code == 400, f"{name}: {response.status_code} {response.text[:300]}"
        assert_invalid(response, "Invalid parameter SAD")
        assert_invalid(extend(client, credential, forged, digests))

    assert_signs(client, credential, digests, sad)
    assert_signs(client, credential, [STRANGER], other)


def test_SA_01_a_sad_is_a_JWS_with_the_claims_of_its_rule(client: CscClient, credential: Credential) -> None:
    header, payload, _ = client.authorize(credential, [STRANGER], SHA256).split(".")
    claims = decoded(payload)

    assert decoded(header)["alg"] in {"ES256", "EdDSA", "Ed25519"}
    assert decoded(header)["typ"] == "sad+jwt"
    wanted = {"iss", "aud", "jti", "iat", "nbf", "exp", "sub", "client_id", "cred", "kfp", "cser", "n", "hh", "halg",
              "salg", "sid", "idv", "acr", "amr", "auth_time", "evh", "scal", "pol"}  # fmt: skip
    assert not {"jwk", "jku", "x5u", "x5c"} & decoded(header).keys()
    assert {"iss", "aud", "jti", "iat", "exp", "sub", "client_id", "cred", "kfp", "n", "scal"} <= claims.keys()
    assert not claims.keys() - wanted, "no claim of another name, and none with a secret"
    assert claims["cred"] == credential.credential_id
    assert claims["n"] == 1
    assert credential.pin not in json.dumps(claims)


def forge(sad: str) -> dict[str, str]:
    header, payload, signature = sad.split(".")
    claims, head = decoded(payload), decoded(header)
    forged = {f"claim {name}": ".".join([header, encoded(claims | {name: other_value(value)}), signature])
              for name, value in claims.items()}  # fmt: skip
    forged |= {f"claim {name} left out": ".".join(
        [header, encoded({n: v for n, v in claims.items() if n != name}), signature]) for name in claims}  # fmt: skip
    wider = encoded(claims | {"n": 1000, "exp": claims["exp"] + 86_400})
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": base64url_of(numbers.x.to_bytes(32, "big")),
           "y": base64url_of(numbers.y.to_bytes(32, "big"))}  # fmt: skip
    own = {
        "another key": head, "jwk in the header": head | {"jwk": jwk}, "kid of a file": head | {"kid": "/dev/null"},
        "jku": head | {"jku": "https://127.0.0.1/keys"}, "unknown crit": head | {"crit": ["x"], "x": 1},
    }  # fmt: skip
    forged |= {name: signed(key, encoded(value), wider) for name, value in own.items()}
    forged |= {
        "stripped": f"{header}.{payload}.", "stripped with its dot": f"{header}.{payload}",
        "zeros": f"{header}.{payload}.{base64url_of(bytes(64))}",
        "r and s of one": f"{header}.{payload}.{base64url_of(ONES)}",
        "wider, old signature": f"{header}.{wider}.{signature}",
    }  # fmt: skip
    for name in ("none", "None", "NONE", "nOnE", "HS256", "ES384", "RS256", ""):
        forged[f"alg {name}"] = f"{encoded(head | {'alg': name})}.{payload}."
        forged[f"alg {name} with a signature"] = f"{encoded(head | {'alg': name})}.{payload}.{signature}"
    return forged


def splice(sad: str, into: str, part: int) -> str:
    parts = into.split(".")
    parts[part] = sad.split(".")[part]
    return ".".join(parts)


def signed(key: ec.EllipticCurvePrivateKey, header: str, payload: str) -> str:
    r, s = decode_dss_signature(key.sign(f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256())))
    return f"{header}.{payload}.{base64url_of(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def decoded(part: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(value, dict)
    return value


def encoded(value: dict[str, Any]) -> str:
    return base64url_of(json.dumps(value, separators=(",", ":")).encode())


def other_value(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [*value, "x"]
    return f"{value}x"


# --- somebody else's --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_SA_03_the_sad_of_another_client_signs_nothing(
    seed: Seed, tokens_of_clients: dict[str, str], credential: Credential, version: str
) -> None:
    owner = CscClient(seed.base_url, version, tokens_of_clients[seed.csc2.client_id])
    thief = CscClient(seed.base_url, version, tokens_of_clients[seed.csc1.client_id])
    digests = digests_of(1, SHA256, "another client")
    sad = owner.authorize(credential, digests, SHA256)

    assert_invalid(sign(thief, credential, digests, sad), "Invalid parameter SAD")
    assert_invalid(extend(thief, credential, sad, digests))
    assert_signs(owner, credential, digests, sad)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_SA_03_the_sad_of_another_signer_signs_nothing(
    seed: Seed, tokens_of_clients: dict[str, str], second_token: str, credential: Credential, version: str
) -> None:
    """The same client, another user's token: neither with the owner's credential nor with the thief's own."""
    owner = CscClient(seed.base_url, version, tokens_of_clients[seed.csc2.client_id])
    thief = CscClient(seed.base_url, version, second_token)
    digests = digests_of(1, SHA256, "another signer")
    sad = owner.authorize(credential, digests, SHA256)
    own = next(c for c in seed.credentials if c.username == seed.users[1].username)

    for attempt in (sign(thief, credential, digests, sad), sign(thief, own, digests, sad)):
        assert_invalid(attempt)
    assert_invalid(extend(thief, credential, sad, digests))
    assert_signs(owner, credential, digests, sad)


def test_SA_03_a_sad_is_for_its_credential_alone(seed: Seed, client: CscClient, credential: Credential) -> None:
    digests = digests_of(1, SHA256, "another credential")
    sad = client.authorize(credential, digests, SHA256)
    for other in (seed.choose(key="RSA-2048"), seed.choose(key="P-384"), seed.choose(key="P-256", scal="2")):
        assert_invalid(sign(client, other, digests, sad), "Invalid parameter SAD")
        assert_invalid(extend(client, other, sad, digests))

    assert_signs(client, credential, digests, sad)


# --- how often, and over what -----------------------------------------------------------------------------------


def test_SA_05_a_hash_that_was_not_authorized_is_refused(client: CscClient, credential: Credential) -> None:
    digests = digests_of(2, SHA256, "bound")
    sad = client.authorize(credential, digests, SHA256)
    text = NOT_AUTHORIZED[client.version]
    for attempt in ([STRANGER], [digests[0], STRANGER], [STRANGER, digests[0]], [*digests, STRANGER]):
        members = refusal(sign(client, credential, attempt, sad))
        assert members["error"] == "invalid_request"
        if len(attempt) <= len(digests):
            assert members["error_description"] == text

    assert_signs(client, credential, digests, sad)


def test_SA_05_a_hash_is_signed_as_often_as_it_was_authorized(client: CscClient, credential: Credential) -> None:
    one, two = digests_of(2, SHA256, "how often")
    sad = client.authorize(credential, [one, one, two], SHA256)

    assert_invalid(sign(client, credential, [one, one, one], sad))
    assert_invalid(sign(client, credential, [two, two], sad))
    assert_signs(client, credential, [one], sad)
    assert_invalid(sign(client, credential, [one, one], sad))
    assert_signs(client, credential, [two, one], sad)
    for spent in ([one], [two], [one, two]):
        assert_invalid(sign(client, credential, spent, sad))


def test_SA_05_the_order_of_hashes_is_free(client: CscClient, credential: Credential) -> None:
    digests = digests_of(5, SHA256, "order")
    sad = client.authorize(credential, digests, SHA256)

    assert_signs(client, credential, [digests[n] for n in (3, 0, 4, 2, 1)], sad)


def test_SA_03_a_spent_sad_is_refused_for_ever(client: CscClient, credential: Credential) -> None:
    digests = digests_of(2, SHA256, "replayed")
    sad = client.authorize(credential, digests, SHA256)
    assert_signs(client, credential, digests, sad)
    for version in ("v1", "v2"):
        elsewhere = CscClient(client.base_url, version, client.token)
        for attempt in (digests, digests[:1], digests[1:], [STRANGER]):
            assert_invalid(sign(elsewhere, credential, attempt, sad))


def test_SA_03_a_refused_call_spends_nothing(client: CscClient, credential: Credential) -> None:
    digests = digests_of(6, SHA256, "spends nothing")
    sad = client.authorize(credential, digests, SHA256)
    good = request_of(client, credential, digests[:2], sad)
    name = "hash" if client.version == "v1" else "hashes"
    bad: list[dict[str, Any]] = [
        good | {name: [*good[name], base64_of(STRANGER)]}, good | {name: []}, good | {name: ["?"]},
        good | {"signAlgo": "1.2.3"}, good | {"signAlgo": "1.2.840.10045.4.3.4"}, good | {"credentialID": "nobody"},
        good | {name: good[name] * 2}, good | {"SAD": sad[:-2]},
    ]  # fmt: skip
    for request in bad:
        assert_invalid(client.post("signatures/signHash", request))
    assert client.post("signatures/signHash", good, token="A" * 43).status_code == 401

    assert_signs(client, credential, digests[:2], sad)
    for request in bad[:1]:
        assert_invalid(client.post("signatures/signHash", request))
    assert_signs(client, credential, digests[2:5], sad)
    assert_signs(client, credential, digests[5:], sad)
    assert_invalid(sign(client, credential, digests[5:], sad))


def test_SA_03_slots_without_a_hash_are_counted_too(client: CscClient, credential: Credential) -> None:
    sad = slots(client, credential, 2)
    digests = digests_of(3, SHA256, "slots")

    assert_invalid(sign(client, credential, digests, sad))
    assert_signs(client, credential, digests[:1], sad)
    assert_invalid(sign(client, credential, digests[1:], sad))
    assert_signs(client, credential, digests[2:], sad)
    assert_invalid(sign(client, credential, digests[1:2], sad))


def test_SA_05_scal_2_signs_what_was_approved_and_nothing_else(seed: Seed, client: CscClient) -> None:
    credential = soonest(seed, "explicit")
    digests = digests_of(4, SHA256, f"scal 2 {client.version}")
    algorithm = {"P-384": "1.2.840.10045.4.3.2"}.get(credential.key, algorithm_for(credential))
    sad = client.authorize(credential, digests, SHA256)

    def attempt(part: list[bytes], value: str) -> requests.Response:
        return client.post(
            "signatures/signHash", client.sign_body(credential.credential_id, part, algorithm) | {"SAD": value}
        )

    assert_invalid(attempt([STRANGER], sad), NOT_AUTHORIZED[client.version])
    assert_signed(client, credential, digests[:1], attempt(digests[:1], sad))
    assert_invalid(attempt(digests[:1], sad))
    # Decision 15: extendTransaction names a part of what is unspent, never more and nothing else.
    stranger = extend(client, credential, sad, [STRANGER])
    assert_invalid(stranger)
    assert "not authorized by the SAD" in stranger.json()["error_description"]
    assert_invalid(extend(client, credential, sad, digests[:1]))
    assert_invalid(extend(client, credential, sad, [*digests[1:], digests[1]]))
    assert_invalid(extend(client, credential, sad, [digests[1]] * 2))
    successor = extend(client, credential, sad, digests[2:0:-1])
    assert successor.status_code == 200, successor.text[:300]
    new = successor.json()["SAD"]

    assert_invalid(attempt(digests[1:2], sad))
    assert_invalid(attempt([STRANGER], new))
    assert_signed(client, credential, digests[1:3], attempt(digests[1:3], new))
    assert_invalid(attempt(digests[1:3], new))


# --- extendTransaction ------------------------------------------------------------------------------------------


def test_extend_never_widens_hashes_that_were_bound(client: CscClient, credential: Credential) -> None:
    digests = digests_of(2, SHA256, "widen")
    sad = client.authorize(credential, digests, SHA256)

    assert_invalid(extend(client, credential, sad, [STRANGER]))
    assert_invalid(extend(client, credential, sad, [digests[0], STRANGER]))
    assert_invalid(extend(client, credential, sad, [*digests, digests[0]]))
    assert_invalid(extend(client, credential, sad, []))
    assert_signs(client, credential, digests, sad)


def test_extend_takes_no_more_hashes_than_remain(client: CscClient, credential: Credential) -> None:
    sad = slots(client, credential, 3)
    digests = digests_of(4, SHA256, "remain")
    assert_signs(client, credential, digests[:1], sad)

    assert_invalid(extend(client, credential, sad, digests[:3]))
    new = extend(client, credential, sad, digests[1:3])
    assert new.status_code == 200, new.text[:300]
    assert_signs(client, credential, digests[1:3], new.json()["SAD"])
    assert_invalid(sign(client, credential, digests[3:], new.json()["SAD"]))


def test_extend_refuses_a_spent_sad(client: CscClient, credential: Credential) -> None:
    digests = digests_of(1, SHA256, "spent")
    for sad in (client.authorize(credential, digests, SHA256), slots(client, credential, 1)):
        assert_signs(client, credential, digests, sad)

        assert_invalid(extend(client, credential, sad, digests))
        assert_invalid(extend(client, credential, sad))


def test_extend_kills_the_old_sad_and_carries_the_count_over(client: CscClient, credential: Credential) -> None:
    digests = digests_of(3, SHA256, "carry")
    first = client.authorize(credential, digests, SHA256)
    assert_signs(client, credential, digests[:1], first)
    answer = extend(client, credential, first)
    assert answer.status_code == 200, answer.text[:300]
    second = answer.json()["SAD"]

    assert_invalid(sign(client, credential, digests[1:2], first))
    assert_invalid(extend(client, credential, first))
    assert_invalid(sign(client, credential, digests[:1], second))
    assert_signs(client, credential, digests[1:], second)
    assert_invalid(sign(client, credential, digests[1:], second))


def test_RL_03_one_successor_of_64_extensions_at_once(client: CscClient, credential: Credential) -> None:
    digests = digests_of(2, SHA256, f"successor {client.version}")
    sad = slots(client, credential, 2)
    url = client.url("credentials/extendTransaction")
    body = extend_body(client, credential, sad, digests)
    responses = at_once([lambda: post_json(url, body, client.token)] * CROWD)
    statuses = Counter(response.status_code for response in responses)
    successors = [response.json()["SAD"] for response in responses if response.status_code == 200]

    assert statuses == {200: 1, 400: CROWD - 1}, statuses
    for response in responses:
        if response.status_code == 400:
            assert_invalid(response)
    assert_invalid(sign(client, credential, digests, sad))
    assert_signs(client, credential, digests, successors[0])


# --- at the same time -------------------------------------------------------------------------------------------


def in_parallel(client: CscClient, requests_of: list[dict[str, Any]]) -> list[requests.Response]:
    url = client.url("signatures/signHash")
    return at_once([lambda body=body: post_json(url, body, client.token) for body in requests_of])


def test_RL_03_a_sad_for_one_signature_gives_one_of_64_at_once(client: CscClient, credential: Credential) -> None:
    digests = digests_of(1, SHA256, f"one of 64 {client.version}")
    sad = client.authorize(credential, digests, SHA256)
    responses = in_parallel(client, [request_of(client, credential, digests, sad)] * CROWD)
    statuses = Counter(response.status_code for response in responses)

    assert statuses == {200: 1, 400: CROWD - 1}, statuses
    for response in responses:
        if response.status_code == 200:
            assert_signed(client, credential, digests, response)
        else:
            assert_invalid(response)


def test_RL_03_a_sad_for_ten_gives_exactly_ten_at_once(client: CscClient, credential: Credential) -> None:
    digests = digests_of(10, SHA256, f"ten {client.version}")
    sad = client.authorize(credential, digests, SHA256)
    asked = [[digests[number % 10]] for number in range(CROWD)]
    responses = in_parallel(client, [request_of(client, credential, part, sad) for part in asked])
    won = [part for part, response in zip(asked, responses, strict=True) if response.status_code == 200]

    assert Counter(response.status_code for response in responses) == {200: 10, 400: CROWD - 10}
    assert sorted(part[0] for part in won) == sorted(digests), "each hash once"
    for part, response in zip(asked, responses, strict=True):
        if response.status_code == 200:
            assert_signed(client, credential, part, response)


def test_RL_03_slots_raced_by_overlapping_batches_are_never_overdrawn(
    client: CscClient, credential: Credential
) -> None:
    """Batches of three over a SAD for eight: two fit, a third does not, and what is left still signs."""
    sad = slots(client, credential, 8)
    digests = digests_of(3, SHA256, f"overdrawn {client.version}")
    responses = in_parallel(client, [request_of(client, credential, digests, sad)] * CROWD)

    assert Counter(response.status_code for response in responses) == {200: 2, 400: CROWD - 2}
    assert_signs(client, credential, digests[:2], sad)
    assert_invalid(sign(client, credential, digests[:1], sad))


def test_RL_03_signing_raced_with_extending_gives_each_signature_once(
    client: CscClient, credential: Credential
) -> None:
    digests = digests_of(6, SHA256, f"race {client.version}")
    sad = client.authorize(credential, digests, SHA256)
    sign_url, extend_url = client.url("signatures/signHash"), client.url("credentials/extendTransaction")
    bodies = [request_of(client, credential, [digest], sad) for digest in digests]
    extension = extend_body(client, credential, sad, None)
    calls = [lambda body=body: post_json(sign_url, body, client.token) for body in bodies]
    extensions = [lambda: post_json(extend_url, extension, client.token)] * 6
    answers = at_once([call for pair in zip(calls, extensions, strict=True) for call in pair])
    signed_first = [d for d, response in zip(digests, answers[::2], strict=True) if response.status_code == 200]
    successors = [response.json()["SAD"] for response in answers[1::2] if response.status_code == 200]

    assert {response.status_code for response in answers} <= {200, 400}
    assert len(successors) <= 1
    assert successors or len(signed_first) == len(digests), "someone wins"
    if successors:
        left = [digest for digest in digests if digest not in signed_first]
        for digest in signed_first:
            assert_invalid(sign(client, credential, [digest], successors[0]))
        if left:
            assert_signs(client, credential, left, successors[0])
    for digest in digests:
        assert_invalid(sign(client, credential, [digest], sad))


# --- for how long -----------------------------------------------------------------------------------------------


def test_SA_09_an_expired_sad_signs_nothing_and_is_not_extended(own_seed: Seed, own_token: str) -> None:
    clients = [CscClient(own_seed.base_url, version, own_token) for version in ("v1", "v2")]
    credential = own_seed.choose(key="P-384")
    digests = digests_of(1, SHA256, "expired")
    sads = [client.authorize(credential, digests, SHA256) for client in clients]
    alive = clients[0].authorize(credential, digests, SHA256)
    assert_signs(clients[0], credential, digests, alive)
    # The clock is the event that is waited for.
    time.sleep(SHORT_SAD + 1.5)

    for client, sad in zip(clients, sads, strict=True):
        assert_invalid(sign(client, credential, digests, sad), "SAD expired")
        assert_invalid(extend(client, credential, sad, digests))


# --- credential-scope tokens ------------------------------------------------------------------------------------


def test_a_credential_token_is_good_for_its_credential_hashes_and_count_alone(
    seed: Seed, tokens_of_clients: dict[str, str]
) -> None:
    credential = soonest(seed, "oauth2code")
    application = Application(seed.base_url, "v2", seed.csc2)
    digests = digests_of(3, SHA256, "credential token")
    grant = application.ask(rich_request(credential.credential_id, digests, SHA256), seed.users[0], credential)
    bearer = application.tokens(grant)["access_token"]
    client = CscClient(seed.base_url, "v2", bearer)
    algorithm = algorithm_for(credential)
    other = next(c for c in seed.of_kind("oauth2code", "2") if c is not credential and c.key[0] == credential.key[0])

    for method in ("credentials/list", "credentials/authorize", "auth/revoke"):
        response = client.post(method, {"credentialID": credential.credential_id, "numSignatures": 1, "token": "x"})
        members = refusal(response)
        assert response.status_code in {400, 401, 403}
        assert members["error"] in {"unauthorized_client", "access_denied", "insufficient_scope", "invalid_token", "invalid_request"}  # fmt: skip
        assert response.status_code != 400 or method == "auth/revoke", members
    refused = [
        client.sign_body(other.credential_id, digests[:1], algorithm_for(other)),
        client.sign_body(credential.credential_id, [STRANGER], algorithm),
        client.sign_body(credential.credential_id, [*digests, STRANGER], algorithm),
    ]
    for body in refused:
        response = client.post("signatures/signHash", body)
        refusal(response)
        assert response.status_code in {400, 401, 403}
    # Beside the service token of another client it is a foreign SAD, in either version.
    for version in ("v1", "v2"):
        thief = CscClient(seed.base_url, version, tokens_of_clients[seed.csc1.client_id])
        body = thief.sign_body(credential.credential_id, digests[:1], algorithm) | {"SAD": bearer}
        assert_invalid(thief.post("signatures/signHash", body), "Invalid parameter SAD")

    body = client.sign_body(credential.credential_id, digests, algorithm)
    assert_signed(client, credential, digests, client.post("signatures/signHash", body))
    response = client.post("signatures/signHash", body)
    refusal(response)
    assert response.status_code in {400, 401}, "the token dies when its number of signatures is used up"


def test_RL_03_a_credential_token_raced_by_64_gives_its_number(seed: Seed) -> None:
    credential = soonest(seed, "oauth2code")
    application = Application(seed.base_url, "v2", seed.csc2)
    digests = digests_of(2, SHA256, "raced credential token")
    grant = application.ask(rich_request(credential.credential_id, digests, SHA256), seed.users[0], credential)
    client = CscClient(seed.base_url, "v2", application.tokens(grant)["access_token"])
    bodies = [
        client.sign_body(credential.credential_id, [digests[n % 2]], algorithm_for(credential)) for n in range(CROWD)
    ]
    responses = in_parallel(client, bodies)
    won = [n % 2 for n, response in enumerate(responses) if response.status_code == 200]

    assert sorted(won) == [0, 1]
    assert {response.status_code for response in responses} <= {200, 400, 401}
