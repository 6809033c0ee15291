"""Attacks on client assertions, DPoP proofs and the tokens that are bound by them (OA-10 to OA-14)."""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attack.raw_http import RawResponse, send
from client_keys import (
    ASSERTION_TYPE,
    ClientKey,
    Members,
    asserted,
    assertion_claims,
    base64url,
    proof,
    proof_claims,
    sign_with_secret,
)
from integration.service import KeyClient, Seed

FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")
GRANT = {"grant_type": "client_credentials", "scope": "service"}
FACES = ("/oauth2", "/csc/v1/oauth2", "/csc/v2/oauth2")
PARALLEL = 12
OTHER = ClientKey.make("ES256")


class Attacker:
    """Who knows everything of the client but its key, or has the key and bends the rules."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.client: KeyClient = seed.key_client("private_key_jwt")
        self.key = ClientKey.read(json.loads(self.client.key.read_text()))
        self.issuer = seed.base_url
        self.dpop = ClientKey.make("ES256")

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/oauth2/token"

    @property
    def list_url(self) -> str:
        return f"{self.issuer}/csc/v2/credentials/list"

    def claims(self, **changes: Any) -> Members:
        return assertion_claims(self.client.client_id, self.issuer, **changes)

    def assertion(self, header: Members | None = None, **changes: Any) -> str:
        return self.key.sign(header or {}, self.claims(**changes))

    def at_token(self, key: ClientKey | None = None, url: str = "", **changes: Any) -> str:
        return proof(key or self.dpop, proof_claims("POST", url or self.token_url, **changes))

    def at_list(self, token: str, key: ClientKey | None = None, **changes: Any) -> str:
        return proof(key or self.dpop, proof_claims("POST", self.list_url, token, **changes))

    def post(self, path: str, data: Members, headers: list[tuple[str, str]] | None = None) -> RawResponse:
        return send(self.seed.base_url, "POST", path, [FORM, *(headers or [])], urlencode(data).encode())

    def ask(self, assertion: str, face: str = "/oauth2", sent: str | None = None, **data: str) -> RawResponse:
        """Ask for a token with an assertion and a good proof."""
        made = sent or self.at_token(url=f"{self.issuer}{face}/token")
        return self.post(f"{face}/token", GRANT | asserted(assertion) | data, [("DPoP", made)])

    def token(self) -> str:
        answer = self.ask(self.assertion())
        assert answer.status == 200, answer.body
        token = answer.json()["access_token"]
        assert isinstance(token, str)
        return token

    def call(
        self, token: str, proofs: list[str], scheme: str = "DPoP", path: str = "/csc/v2/credentials/list"
    ) -> RawResponse:
        headers = [JSON, ("Authorization", f"{scheme} {token}"), *(("DPoP", each) for each in proofs)]
        body = json.dumps({"userID": self.seed.users[0].username}).encode()
        return send(self.seed.base_url, "POST", path, headers, body)


@pytest.fixture(scope="module")
def attacker(seed: Seed) -> Attacker:
    return Attacker(seed)


@pytest.fixture(scope="module")
def token(attacker: Attacker) -> str:
    return attacker.token()


def assert_refused(answer: RawResponse, status: int, *errors: str) -> None:
    assert answer.media_type == "application/json", answer.body[:200]
    assert (answer.status, answer.json()["error"] in errors) == (status, True), answer.body[:300]
    assert "access_token" not in answer.json()


def der(key: ClientKey) -> bytes:
    return key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def swapped(text: str, place: int, replacement: str) -> str:
    parts = text.split(".")
    parts[place] = replacement
    return ".".join(parts)


def der_signature(attacker: Attacker) -> str:
    """The signature as DER, as other formats have it, and not as RFC 7518, 3.4 wants it."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    text = attacker.assertion()
    signed = text.rpartition(".")[0]
    return f"{signed}.{base64url(attacker.key.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))}"


LATER = int(time.time()) + 3600
ASSERTIONS: dict[str, Callable[[Attacker], str]] = {
    "none": lambda a: sign_with_secret({"alg": "none"}, a.claims(), b""),
    "None": lambda a: sign_with_secret({"alg": "none"}, a.claims(), b"").replace("eyJhbGciOiAibm9uZSJ9", base64url(b'{"alg":"None"}')) + "AA",
    "none with a signature": lambda a: a.assertion({"alg": "none"}),
    "HS256 with the public key": lambda a: sign_with_secret({"alg": "HS256"}, a.claims(), der(a.key)),
    "HS256 with the JWK": lambda a: sign_with_secret({"alg": "HS256"}, a.claims(), json.dumps(a.key.registered).encode()),
    "HS256 with the client id": lambda a: sign_with_secret({"alg": "HS256"}, a.claims(), a.client.client_id.encode()),
    "RS256": lambda a: ClientKey.make("RS256").sign({}, a.claims()),
    "ES384": lambda a: ClientKey.make("ES384").sign({}, a.claims()),
    "Ed448": lambda a: ClientKey.make("Ed448").sign({"alg": "EdDSA"}, a.claims()),
    "another key": lambda a: OTHER.sign({}, a.claims()),
    "another key of the same name": lambda a: OTHER.sign({"kid": a.key.key_id}, a.claims()),
    "its key under another name": lambda a: a.assertion({"kid": "another"}),
    "name of another type": lambda a: a.assertion({"kid": 7}),
    "key in the header": lambda a: OTHER.sign({"jwk": OTHER.public}, a.claims()),
    "its own key in the header": lambda a: a.assertion({"jwk": a.key.public}),
    "jku": lambda a: a.assertion({"jku": "https://attacker.example/keys"}),
    "x5u": lambda a: a.assertion({"x5u": "https://attacker.example/certificate"}),
    "x5c": lambda a: a.assertion({"x5c": [base64.b64encode(der(OTHER)).decode()]}),
    "crit": lambda a: a.assertion({"crit": ["exp"], "exp": LATER}),
    "crit of nothing": lambda a: a.assertion({"crit": []}),
    "b64 false": lambda a: a.assertion({"b64": False, "crit": ["b64"]}),
    "zip": lambda a: a.assertion({"zip": "DEF"}),
    "typ of a proof": lambda a: a.assertion({"typ": "dpop+jwt"}),
    "typ of an access token": lambda a: a.assertion({"typ": "at+jwt"}),
    "alg twice": lambda a: swapped(a.assertion(), 0, base64url(b'{"alg":"none","alg":"ES256"}')),
    "aud list": lambda a: a.assertion(aud=[a.issuer]),
    "aud list of two": lambda a: a.assertion(aud=[a.issuer, "https://other.example"]),
    "aud token endpoint": lambda a: a.assertion(aud=a.token_url),
    "aud with a slash": lambda a: a.assertion(aud=a.issuer + "/"),
    "aud another server": lambda a: a.assertion(aud="https://other.example"),
    "aud missing": lambda a: a.assertion(aud=None),
    "iss another": lambda a: a.assertion(iss="csc2-application"),
    "sub another": lambda a: a.assertion(sub="csc2-application"),
    "iss and sub of a client with a secret": lambda a: a.assertion(iss="csc2-application", sub="csc2-application"),
    "iss and sub of nobody": lambda a: a.assertion(iss="nobody", sub="nobody"),
    "sub a list": lambda a: a.assertion(sub=[a.client.client_id]),
    "future": lambda a: a.assertion(iat=LATER),
    "not yet": lambda a: a.assertion(nbf=LATER),
    "long": lambda a: a.assertion(exp=LATER),
    "endless": lambda a: a.assertion(exp=2**53 - 1),
    "endless as a float": lambda a: a.assertion(exp=1e300),
    "expired": lambda a: a.assertion(exp=int(time.time()) - 1),
    "exp as text": lambda a: a.assertion(exp=str(LATER)),
    "exp missing": lambda a: a.assertion(exp=None),
    "jti missing": lambda a: a.assertion(jti=None),
    "jti long": lambda a: a.assertion(jti="x" * 5000),
    "deep payload": lambda a: a.key.sign({}, b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    "huge": lambda a: a.assertion(x="x" * 20_000),
    "claim twice": lambda a: a.key.sign({}, json.dumps(a.claims()).replace('"iss"', '"iss": "x", "iss"', 1).encode()),
    "NaN": lambda a: a.key.sign({}, json.dumps(a.claims()).replace('"exp": ', '"exp": NaN, "x": ').encode()),
    "not UTF-8": lambda a: a.key.sign({}, b'{"iss":"\xff"}'),
    "array": lambda a: a.key.sign({}, b"[]"),
    "signature cut": lambda a: a.assertion()[:-4],
    "signature gone": lambda a: a.assertion().rpartition(".")[0] + ".",
    "signature of zeros": lambda a: swapped(a.assertion(), 2, base64url(bytes(64))),
    "signature in DER": der_signature,
    "payload of another": lambda a: swapped(a.assertion(), 1, base64url(json.dumps(a.claims(jti="x")).encode())),
    "padded": lambda a: a.assertion() + "==",
    "standard base64": lambda a: a.assertion() + "+/",
    "spare bits": lambda a: a.assertion()[:-1] + "B",
    "five parts": lambda a: a.assertion() + ".a.b",
    "two parts": lambda a: a.assertion().rpartition(".")[0],
    "white space": lambda a: " " + a.assertion(),
    "JSON serialisation": lambda a: json.dumps(dict(zip(("protected", "payload", "signature"), a.assertion().split("."), strict=True))),
    "a DPoP proof": lambda a: a.at_token(a.key),
    "not a token": lambda _: "x",
}  # fmt: skip


@pytest.mark.parametrize("case", ASSERTIONS)
def test_OA_11_no_forged_assertion_authenticates(attacker: Attacker, case: str) -> None:
    forged = ASSERTIONS[case](attacker)
    answer = attacker.ask(forged)

    assert_refused(answer, 401, "invalid_client")
    assert forged[-40:] not in answer.body.decode()


@pytest.mark.parametrize("face", FACES)
def test_OA_11_a_good_assertion_passes_once_on_each_face(attacker: Attacker, face: str) -> None:
    assertion = attacker.assertion({"typ": "JWT", "kid": attacker.key.key_id})

    assert attacker.ask(assertion, face).status == 200
    for other in FACES:
        assert_refused(attacker.ask(assertion, other), 401, "invalid_client")


def test_RL_03_of_parallel_uses_of_an_assertion_one_passes(attacker: Attacker) -> None:
    assertion = attacker.assertion()
    with ThreadPoolExecutor(PARALLEL) as pool:
        statuses = list(pool.map(lambda _: attacker.ask(assertion).status, range(PARALLEL)))

    assert sorted(statuses) == [200] + [401] * (PARALLEL - 1)


@pytest.mark.parametrize("endpoint", ["token", "revoke", "introspect", "pushed_authorize"])
def test_OA_10_each_endpoint_wants_the_clients_own_proof(attacker: Attacker, endpoint: str) -> None:
    data = GRANT | {"token": "x" * 43, "response_type": "code", "client_id": attacker.client.client_id}
    basic = base64.b64encode(f"{attacker.client.client_id}:x".encode()).decode()

    assert_refused(attacker.post(f"/oauth2/{endpoint}", data), 401, "invalid_client")
    assert_refused(attacker.post(f"/oauth2/{endpoint}", data | {"client_secret": "x"}), 401, "invalid_client")
    assert_refused(
        attacker.post(f"/oauth2/{endpoint}", data, [("Authorization", f"Basic {basic}")]), 401, "invalid_client"
    )
    assert_refused(
        attacker.post(f"/oauth2/{endpoint}", data | asserted(OTHER.sign({}, attacker.claims()))), 401, "invalid_client"
    )


@pytest.mark.parametrize("second", ["client_secret", "basic", "assertion twice", "other type"])
def test_OA_10_two_methods_in_a_request_are_refused(attacker: Attacker, second: str) -> None:
    data = GRANT | asserted(attacker.assertion())
    headers = [("DPoP", attacker.at_token())]
    body = urlencode(data)
    if second == "basic":
        headers.append(("Authorization", "Basic " + base64.b64encode(b"csc2-application:x").decode()))
    body += {
        "client_secret": "&client_secret=x",
        "assertion twice": "&" + urlencode({"client_assertion": attacker.assertion()}),
        "other type": "&client_assertion_type=x",
    }.get(second, "")
    answer = send(attacker.issuer, "POST", "/oauth2/token", [FORM, *headers], body.encode())

    assert answer.status in {400, 401}
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}


def test_OA_11_an_assertion_in_the_query_is_not_read(attacker: Attacker) -> None:
    query = urlencode(GRANT | {"client_assertion": attacker.assertion(), "client_assertion_type": ASSERTION_TYPE})
    answer = send(attacker.issuer, "POST", f"/oauth2/token?{query}", [FORM, ("DPoP", attacker.at_token())])

    assert answer.status in {400, 401}


Proofs = Callable[[Attacker, str], list[str]]


def raw_proof(attacker: Attacker, token: str, header: Members, **changes: Any) -> list[str]:
    claims = proof_claims("POST", attacker.list_url, token, **changes)
    return [attacker.dpop.sign({"typ": "dpop+jwt", "jwk": attacker.dpop.public} | header, claims)]


PROOFS: dict[str, Proofs] = {
    "no proof": lambda _a, _t: [],
    "empty": lambda _a, _t: [""],
    "two headers": lambda a, t: [a.at_list(t), a.at_list(t)],
    "two headers, one of another key": lambda a, t: [a.at_list(t), a.at_list(t, OTHER)],
    "two in one header": lambda a, t: [f"{a.at_list(t)}, {a.at_list(t)}"],
    "another key": lambda a, t: [a.at_list(t, OTHER)],
    "another key with this key's thumbprint": lambda a, t: raw_proof(a, t, {"jwk": OTHER.public}),
    "this key in the header, another signs": lambda a, t: [
        OTHER.sign({"typ": "dpop+jwt", "jwk": a.dpop.public}, proof_claims("POST", a.list_url, t))
    ],
    "wrong htm": lambda a, t: [a.at_list(t, htm="GET")],
    "htm in lower case": lambda a, t: [a.at_list(t, htm="post")],
    "wrong htu": lambda a, t: [a.at_list(t, htu=a.list_url.replace("list", "info"))],
    "htu of v1": lambda a, t: [a.at_list(t, htu=a.list_url.replace("v2", "v1"))],
    "htu of another host": lambda a, t: [a.at_list(t, htu="https://attacker.example/csc/v2/credentials/list")],
    "htu of the token endpoint": lambda a, t: [a.at_list(t, htu=a.token_url)],
    "htu relative": lambda a, t: [a.at_list(t, htu="/csc/v2/credentials/list")],
    "htu with dots": lambda a, t: [a.at_list(t, htu=a.list_url.replace("/list", "/x/../list"))],
    "wrong ath": lambda a, t: [a.at_list(t, ath=base64url(bytes(32)))],
    "ath of another token": lambda a, _: [a.at_list("x" * 43)],
    "no ath": lambda a, t: [a.at_list(t, ath=None)],
    "old": lambda a, t: [a.at_list(t, iat=int(time.time()) - 130)],
    "future": lambda a, t: [a.at_list(t, iat=LATER)],
    "iat as text": lambda a, t: [a.at_list(t, iat=str(int(time.time())))],
    "no jti": lambda a, t: [a.at_list(t, jti=None)],
    "jti a number": lambda a, t: [a.at_list(t, jti=1)],
    "alg none": lambda a, t: raw_proof(a, t, {"alg": "none"}),
    "alg HS256": lambda a, t: [
        sign_with_secret(
            {"alg": "HS256", "typ": "dpop+jwt", "jwk": {"kty": "oct", "k": base64url(b"k" * 32)}},
            proof_claims("POST", a.list_url, t), b"k" * 32,
        )
    ],
    "alg ES384": lambda a, t: raw_proof(a, t, {"alg": "ES384"}),
    "alg PS256 with this key": lambda a, t: raw_proof(a, t, {"alg": "PS256"}),
    "alg missing": lambda a, t: raw_proof(a, t, {"alg": None}),
    "typ JWT": lambda a, t: raw_proof(a, t, {"typ": "JWT"}),
    "typ missing": lambda a, t: raw_proof(a, t, {"typ": None}),
    "typ in capitals": lambda a, t: raw_proof(a, t, {"typ": "DPOP+JWT"}),
    "private jwk": lambda a, t: raw_proof(a, t, {"jwk": a.dpop.secret}),
    "jwk missing": lambda a, t: raw_proof(a, t, {"jwk": None}),
    "jwk as text": lambda a, t: raw_proof(a, t, {"jwk": json.dumps(a.dpop.public)}),
    "jku": lambda a, t: raw_proof(a, t, {"jku": "https://attacker.example/keys"}),
    "kid of the client": lambda a, t: raw_proof(a, t, {"kid": a.key.key_id}),
    "crit": lambda a, t: raw_proof(a, t, {"crit": ["htm"], "htm": "POST"}),
    "an assertion": lambda a, _: [a.assertion()],
    "signature cut": lambda a, t: [a.at_list(t)[:-4]],
    "huge": lambda a, t: [a.at_list(t, x="x" * 9_000)],
    "deep": lambda a, t: [a.at_list(t, x=json.loads("[" * 30 + "]" * 30))],
}  # fmt: skip


@pytest.mark.parametrize("case", PROOFS)
def test_OA_12_no_wrong_proof_opens_the_api(attacker: Attacker, token: str, case: str) -> None:
    answer = attacker.call(token, PROOFS[case](attacker, token))

    assert_refused(answer, 401, "invalid_dpop_proof")
    assert "DPoP" in str(answer.headers["WWW-Authenticate"])


AT_TOKEN: dict[str, Callable[[Attacker], str]] = {
    "wrong htm": lambda a: a.at_token(htm="GET"),
    "wrong htu": lambda a: a.at_token(htu=a.issuer + "/oauth2/revoke"),
    "old": lambda a: a.at_token(iat=int(time.time()) - 130),
    "alg none": lambda a: a.dpop.sign({"alg": "none", "typ": "dpop+jwt", "jwk": a.dpop.public}, proof_claims("POST", a.token_url)),
    "private jwk": lambda a: proof(a.dpop, proof_claims("POST", a.token_url), jwk=a.dpop.secret),
    "two": lambda a: f"{a.at_token()},{a.at_token()}",
    "not a token": lambda _: "x",
}  # fmt: skip


@pytest.mark.parametrize("case", AT_TOKEN)
def test_OA_12_no_wrong_proof_gets_a_token(attacker: Attacker, case: str) -> None:
    assert_refused(attacker.ask(attacker.assertion(), sent=AT_TOKEN[case](attacker)), 400, "invalid_dpop_proof")


def test_OA_12_a_proof_counts_once_on_all_processes(attacker: Attacker, token: str) -> None:
    sent = attacker.at_list(token)
    with ThreadPoolExecutor(PARALLEL) as pool:
        statuses = list(pool.map(lambda _: attacker.call(token, [sent]).status, range(PARALLEL)))

    assert sorted(statuses) == [200] + [401] * (PARALLEL - 1)


def test_OA_12_a_proof_for_a_token_counts_once(attacker: Attacker) -> None:
    sent = attacker.at_token()

    assert attacker.ask(attacker.assertion(), sent=sent).status == 200
    assert_refused(attacker.ask(attacker.assertion(), sent=sent), 400, "invalid_dpop_proof")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
@pytest.mark.parametrize("with_proof", [True, False])
def test_OA_12_a_bound_token_is_refused_as_bearer(
    attacker: Attacker, token: str, scheme: str, with_proof: bool
) -> None:
    answer = attacker.call(token, [attacker.at_list(token)] if with_proof else [], scheme)

    assert_refused(answer, 401, "invalid_token")
    assert str(answer.headers["WWW-Authenticate"]).startswith("DPoP ")


@pytest.mark.parametrize("scheme", ["Basic", "DPoP Bearer", "DPoPx", "MAC"])
def test_IN_07_another_scheme_is_malformed(attacker: Attacker, token: str, scheme: str) -> None:
    assert_refused(attacker.call(token, [attacker.at_list(token)], scheme), 400, "invalid_request")


def test_OA_12_an_unknown_token_is_unknown_with_the_best_of_proofs(attacker: Attacker) -> None:
    assert_refused(attacker.call("x" * 43, [attacker.at_list("x" * 43)]), 401, "invalid_token")


def test_OA_12_a_host_header_does_not_move_the_target_of_a_proof(attacker: Attacker, token: str) -> None:
    """A proof for the attacker's server, replayed here under its name (RFC 9449, 11.1)."""
    sent = attacker.at_list(token, htu="http://localhost/csc/v2/credentials/list")
    headers = [JSON, ("Authorization", f"DPoP {token}"), ("DPoP", sent)]
    answer = send(attacker.issuer, "POST", "/csc/v2/credentials/list", headers, b"{}", host="localhost")

    assert_refused(answer, 401, "invalid_dpop_proof")


def test_OA_19_a_stranger_learns_nothing_of_a_bound_token(attacker: Attacker, token: str) -> None:
    stranger = attacker.seed.csc2
    basic = base64.b64encode(f"{stranger.client_id}:{stranger.client_secret}".encode()).decode()
    answer = attacker.post("/oauth2/introspect", {"token": token}, [("Authorization", f"Basic {basic}")])

    assert (answer.status, answer.json()) == (200, {"active": False})
