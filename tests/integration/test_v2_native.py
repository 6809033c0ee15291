"""/csc/v2 in its own words: names of 2.x, authorization_details, credential tokens as bearers."""

import base64
import hashlib
import itertools
import json
import re
from collections import Counter

import pytest
from asn1crypto.algos import RSASSAPSSParams
from cryptography.x509 import KeyUsage

from integration.code_flow import Application, checked_tokens, credential_request, rich_request
from integration.csc_client import (
    COMBINED,
    RSASSA_PSS,
    SHA256,
    CscClient,
    Scheme,
    algorithm_for,
    auth_data,
    base64_of,
    base64url_of,
    digests_of,
    verify,
)
from integration.one_time_codes import OneTimeCodes
from integration.service import Credential, Seed

KEYS = ["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"]
RSA_KEYS = [key for key in KEYS if key.startswith("RSA")]
CURVES = {"P-256": "1.2.840.10045.3.1.7", "P-384": "1.3.132.0.34"}
BARE = {"RSA": "1.2.840.113549.1.1.1", "P": "1.2.840.10045.2.1"}


@pytest.fixture(scope="module")
def application(seed: Seed) -> Application:
    """The confidential client of profile csc2."""
    return Application(seed.base_url, "v2", seed.csc2)


@pytest.fixture(scope="module")
def client(seed: Seed, application: Application) -> CscClient:
    return CscClient(seed.base_url, "v2", application.service_token(seed.users[0]))


@pytest.fixture
def soonest(seed: Seed, codes: OneTimeCodes) -> Credential:
    """The oauth2code credential whose next code comes first."""
    return min(seed.of_kind("oauth2code", "2"), key=lambda c: codes.wait(c.totp_secret or ""))


def credential_token(application: Application, seed: Seed, credential: Credential, digests: list[bytes]) -> str:
    grant = application.ask(
        rich_request(credential.credential_id, digests, SHA256), seed.user(credential.username), credential
    )
    tokens = application.tokens(grant)
    assert tokens["token_type"] == "Bearer"
    token = tokens["access_token"]
    assert isinstance(token, str)
    return token


def assert_signed(client: CscClient, credential: Credential, digests: list[bytes], signatures: list[bytes]) -> None:
    certificate = client.certificates(credential.credential_id)[0]
    assert len(signatures) == len(digests) > 0
    for digest, signature in zip(digests, signatures, strict=True):
        verify(certificate, digest, signature, Scheme(SHA256))


@pytest.mark.parametrize("key", KEYS)
def test_A5_the_first_algorithm_of_a_credential_signs_with_a_pin(seed: Seed, client: CscClient, key: str) -> None:
    credential = seed.choose(key=key)
    algorithm = client.algorithms(credential.credential_id)[0]
    digest_oid = COMBINED[algorithm]
    digests = digests_of(3, digest_oid, key)
    sad = client.authorize(credential, digests, digest_oid)
    signatures = client.sign(credential.credential_id, digests, algorithm, sad=sad)
    certificate = client.certificates(credential.credential_id)[0]

    for digest, signature in zip(digests, signatures, strict=True):
        verify(certificate, digest, signature, Scheme(digest_oid))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("combined", list(COMBINED), ids=str)
def test_R9_each_combined_algorithm_of_a_credential_signs(
    seed: Seed, client: CscClient, key: str, combined: str
) -> None:
    credential = seed.choose(key=key)
    if combined.startswith("1.2.840.113549") is not key.startswith("RSA"):
        assert combined not in client.algorithms(credential.credential_id)
        return
    digests = digests_of(1, COMBINED[combined], f"{key} {combined}")
    sad = client.authorize(credential, digests, COMBINED[combined])
    (signature,) = client.sign(credential.credential_id, digests, combined, sad=sad)

    verify(client.certificates(credential.credential_id)[0], digests[0], signature, Scheme(COMBINED[combined]))


@pytest.mark.parametrize("key", KEYS)
def test_R10_the_bare_key_algorithm_signs_with_the_digest_beside_it(seed: Seed, client: CscClient, key: str) -> None:
    credential = seed.choose(key=key)
    digests = digests_of(2, SHA256, key)
    sad = client.authorize(credential, digests, SHA256)
    bare = BARE[key.partition("-")[0]]
    signatures = client.sign(credential.credential_id, digests, bare, sad=sad, digest_oid=SHA256)

    assert_signed(client, credential, digests, signatures)


@pytest.mark.parametrize("key", RSA_KEYS)
@pytest.mark.parametrize("salt", [1, 20, 32, 222])
def test_R12_the_salt_of_the_parameters_is_the_salt_of_the_signature(
    seed: Seed, client: CscClient, key: str, salt: int
) -> None:
    credential = seed.choose(key=key)
    digests = digests_of(1, SHA256, f"{key} {salt}")
    sad = client.authorize(credential, digests, SHA256)
    parameters = RSASSAPSSParams(
        {
            "hash_algorithm": {"algorithm": "sha256"},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": "sha256"}},
            "salt_length": salt,
        }
    ).dump()
    (signature,) = client.sign(
        credential.credential_id, digests, RSASSA_PSS, sad=sad, digest_oid=SHA256, parameters=parameters
    )

    verify(client.certificates(credential.credential_id)[0], digests[0], signature, Scheme(SHA256, salt))


def test_pss_without_parameters_has_a_salt_as_long_as_the_digest(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="RSA-2048")
    digests = digests_of(1, SHA256, "no parameters")
    sad = client.authorize(credential, digests, SHA256)
    (signature,) = client.sign(credential.credential_id, digests, RSASSA_PSS, sad=sad, digest_oid=SHA256)

    verify(client.certificates(credential.credential_id)[0], digests[0], signature, Scheme(SHA256, 32))


def test_pin_and_one_time_code_sign_together(seed: Seed, client: CscClient, codes: OneTimeCodes) -> None:
    credential = min(seed.of_kind("explicit", "2"), key=lambda c: codes.wait(c.totp_secret or ""))
    digests = digests_of(5, SHA256, "pin and code")
    sad = client.authorize(credential, digests, SHA256)
    signatures = client.sign(credential.credential_id, digests, algorithm_for(credential), sad=sad)

    assert_signed(client, credential, digests, signatures)


def test_R17_a_credential_token_alone_is_the_bearer_of_signhash(
    seed: Seed, application: Application, client: CscClient, soonest: Credential
) -> None:
    digests = digests_of(2, SHA256, "bearer")
    token = credential_token(application, seed, soonest, digests)
    signatures = client.sign(soonest.credential_id, digests, algorithm_for(soonest), token=token)

    assert_signed(client, soonest, digests, signatures)
    body = client.sign_body(soonest.credential_id, digests, algorithm_for(soonest))
    status, _ = client.refused("signatures/signHash", body, token=token)
    assert status in {400, 401}, "a credential token dies with its last signature"


def test_R17_a_credential_token_stands_as_sad_beside_a_service_token(
    seed: Seed, application: Application, client: CscClient, soonest: Credential
) -> None:
    digests = digests_of(2, SHA256, "beside")
    token = credential_token(application, seed, soonest, digests)
    signatures = client.sign(soonest.credential_id, digests, algorithm_for(soonest), sad=token)

    assert_signed(client, soonest, digests, signatures)


def test_R16_a_credential_token_reads_its_own_credential(
    seed: Seed, application: Application, client: CscClient, soonest: Credential
) -> None:
    token = credential_token(application, seed, soonest, digests_of(1, SHA256, "own"))
    other = next(c for c in seed.credentials if c.credential_id != soonest.credential_id)
    own = client.certificates(soonest.credential_id, token=token)

    assert own == client.certificates(soonest.credential_id)
    client.refused("credentials/info", {"credentialID": other.credential_id}, token=token)


def test_O11_a_token_answer_repeats_what_was_granted(seed: Seed, application: Application, soonest: Credential) -> None:
    digests = digests_of(2, SHA256, "granted")
    request = rich_request(soonest.credential_id, digests, SHA256, numSignatures=2)
    grant = application.ask(request, seed.users[0], soonest)
    tokens = checked_tokens(application.redeem(grant))

    assert "refresh_token" not in tokens
    (granted,) = tokens["authorization_details"]
    assert granted["type"] == "credential"
    assert granted["credentialID"] == soonest.credential_id
    assert granted["numSignatures"] == 2
    assert granted["hashAlgorithmOID"] == SHA256
    assert [entry["hash"] for entry in granted["documentDigests"]] == [base64_of(digest) for digest in digests]


def test_O9_the_type_of_2_2_is_understood_too(
    seed: Seed, application: Application, client: CscClient, soonest: Credential
) -> None:
    digests = digests_of(1, SHA256, "type of 2.2")
    kind = "https://cloudsignatureconsortium.org/2025/credential"
    request = rich_request(soonest.credential_id, digests, SHA256, type=kind, numSignatures=1, locations=[])
    tokens = application.tokens(application.ask(request, seed.users[0], soonest))
    signatures = client.sign(soonest.credential_id, digests, algorithm_for(soonest), token=tokens["access_token"])

    assert_signed(client, soonest, digests, signatures)


def test_scope_credential_signs_without_rich_requests(
    seed: Seed, application: Application, client: CscClient, soonest: Credential
) -> None:
    digests = digests_of(2, SHA256, "scope credential")
    request = credential_request("v2", soonest.credential_id, digests, SHA256)
    tokens = application.tokens(application.ask(request, seed.users[0], soonest))
    signatures = client.sign(soonest.credential_id, digests, algorithm_for(soonest), token=tokens["access_token"])

    assert tokens["token_type"] == "Bearer"
    assert_signed(client, soonest, digests, signatures)


@pytest.mark.parametrize("form", ["base64", "base64url", "base64url-unpadded", "base64-unpadded"])
def test_R1_hashes_are_compared_as_bytes_not_as_text(seed: Seed, client: CscClient, form: str) -> None:
    credential = seed.choose(key="P-256")
    # A digest whose base64 has both letters in which the two alphabets differ.
    digest = next(d for d in digests_of(2000, SHA256, "encodings") if {"+", "/"} <= set(base64_of(d)))
    texts = {
        "base64": base64_of(digest),
        "base64url": base64.urlsafe_b64encode(digest).decode(),
        "base64url-unpadded": base64url_of(digest),
        "base64-unpadded": base64_of(digest).rstrip("="),
    }
    body = {"credentialID": credential.credential_id, "hashes": [texts[form]], "hashAlgorithmOID": SHA256}
    answer = client.call("credentials/authorize", body | {"numSignatures": 1, "authData": auth_data(credential)})
    signatures = client.sign(credential.credential_id, [digest], algorithm_for(credential), sad=answer["SAD"])

    assert_signed(client, credential, [digest], signatures)


def test_R2_one_hash_authorized_four_times_gives_four_signatures(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="P-256")
    digests = digests_of(1, SHA256, "four times") * 4
    sad = client.authorize(credential, digests, SHA256)
    signatures = client.sign(credential.credential_id, digests, algorithm_for(credential), sad=sad)

    assert_signed(client, credential, digests, signatures)
    assert len(set(signatures)) == 4, "ECDSA signatures of one device differ"


def test_R2_signatures_come_in_the_order_of_the_request(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="RSA-2048")
    digests = digests_of(6, SHA256, "order")
    sad = client.authorize(credential, digests, SHA256)
    backwards = digests[::-1]
    signatures = client.sign(credential.credential_id, backwards, algorithm_for(credential), sad=sad)

    assert_signed(client, credential, backwards, signatures)


def test_R3_a_sad_is_spent_over_several_calls_and_a_refused_call_spends_nothing(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="P-256")
    digests = digests_of(17, SHA256, "several calls")
    stranger = hashlib.sha256(b"never authorized").digest()
    sad = client.authorize(credential, digests, SHA256)
    algorithm = algorithm_for(credential)
    spent: list[bytes] = []
    for number, size in enumerate([4, 4, 1, 1, 3, 1, 3]):
        part = digests[len(spent) : len(spent) + size]
        if number == 3:
            refused = client.sign_body(credential.credential_id, [*part, stranger], algorithm) | {"SAD": sad}
            assert client.refused("signatures/signHash", refused) == (400, "invalid_request")
        signatures = client.sign(credential.credential_id, part, algorithm, sad=sad)
        assert_signed(client, credential, part, signatures)
        spent += part

    assert Counter(spent) == Counter(digests)
    again = client.sign_body(credential.credential_id, digests[:1], algorithm) | {"SAD": sad}
    assert client.refused("signatures/signHash", again) == (400, "invalid_request")


def test_extend_transaction_binds_a_hash_to_a_slot_and_retires_the_old_sad(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="P-256")
    digest = hashlib.sha256(b"bound later").digest()
    slots = {"credentialID": credential.credential_id, "numSignatures": 1, "authData": auth_data(credential)}
    old = client.call("credentials/authorize", slots)["SAD"]
    request = {
        "credentialID": credential.credential_id, "SAD": old, "hashes": [base64_of(digest)],
        "hashAlgorithmOID": SHA256,
    }  # fmt: skip
    new = client.call("credentials/extendTransaction", request)["SAD"]
    algorithm = algorithm_for(credential)

    assert new != old
    late = client.sign_body(credential.credential_id, [digest], algorithm) | {"SAD": old}
    assert client.refused("signatures/signHash", late) == (400, "invalid_request")
    signatures = client.sign(credential.credential_id, [digest], algorithm, sad=new)
    assert_signed(client, credential, [digest], signatures)


def test_R14_names_of_v1_on_v2_are_for_csc1_clients_alone(seed: Seed, client: CscClient) -> None:
    credential = seed.choose(key="P-256")
    digests = digests_of(1, SHA256, "names of v1")
    names_of_v1 = CscClient(seed.base_url, "v1").sign_body(credential.credential_id, digests, algorithm_for(credential))
    lenient = Application(seed.base_url, "v2", seed.csc1).service_token(seed.users[0])
    asked = {"credentialID": credential.credential_id, "numSignatures": 1, "PIN": credential.pin}
    asked["hash"] = [base64_of(digests[0])]

    assert client.refused("credentials/authorize", asked)[0] == 400
    sad = client.call("credentials/authorize", asked, token=lenient)["SAD"]
    answer = client.call("signatures/signHash", names_of_v1 | {"SAD": sad}, token=lenient)
    assert_signed(client, credential, digests, [base64.b64decode(answer["signatures"][0])])
    own = client.authorize(credential, digests, SHA256)
    assert client.refused("signatures/signHash", names_of_v1 | {"SAD": own}) == (400, "invalid_request")


def test_A16_info_of_v2_is_what_wallets_need(seed: Seed) -> None:
    client = CscClient(seed.base_url, "v2")
    info = client.call("info")

    assert info["specs"] == "2.2.0.0"
    assert {"oauth2code", "oauth2client", "basic"} <= set(info["authType"])
    assert not info["oauth2"].endswith("/")
    assert "oauth2Issuer" not in info
    assert "oauth2Servers" not in info
    assert {"auth/login", "credentials/list", "credentials/info", "signatures/signHash"} <= set(info["methods"])
    assert all(isinstance(text, str) for text in info["signAlgorithms"]["algos"])
    assert all(isinstance(text, str) for text in info["signAlgorithms"]["algoParams"])
    assert isinstance(info["supportedHashTypes"], list)
    assert isinstance(info["conformance_levels"], list)
    assert "null" not in json.dumps(info)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("auth_mode", "scal"), [("explicit", "1"), ("explicit", "2"), ("oauth2code", "2")])
def test_A4_credentials_info_describes_each_kind(
    seed: Seed, client: CscClient, key: str, auth_mode: str, scal: str
) -> None:
    credential = seed.choose(key=key, auth_mode=auth_mode, scal=scal)
    body = {"credentialID": credential.credential_id, "certificates": "chain", "certInfo": True, "authInfo": True}
    info = client.call("credentials/info", body)

    assert info["key"]["status"] == "enabled"
    assert info["key"]["len"] == int(key.partition("-")[2])
    assert info["key"].get("curve") == CURVES.get(key)
    assert info["key"]["algo"][-1] == BARE[key.partition("-")[0]]
    assert info["SCAL"] == scal
    assert type(info["multisign"]) is int
    assert info["multisign"] >= 20
    assert info["auth"]["mode"] == auth_mode
    expected = [] if auth_mode == "oauth2code" else ["PIN", "OTP"][: int(scal)]
    assert [entry["id"] for entry in info["auth"]["objects"]] == expected
    assert re.fullmatch(r"[0-9]{14}Z", info["cert"]["validFrom"])
    assert re.fullmatch(r"[0-9]{14}Z", info["cert"]["validTo"])
    assert info["cert"]["subjectDN"]
    assert info["cert"]["issuerDN"]
    assert "null" not in json.dumps(info)


def test_A6_the_chain_starts_with_the_signer_and_each_link_signs_the_one_before(seed: Seed, client: CscClient) -> None:
    for credential in seed.of_kind("explicit", "1"):
        chain = client.certificates(credential.credential_id)
        usage = chain[0].extensions.get_extension_for_class(KeyUsage).value

        assert len(chain) > 1
        assert usage.content_commitment, "SA-07: the end entity's key usage is for signatures"
        for subject, issuer in itertools.pairwise(chain):
            subject.verify_directly_issued_by(issuer)


def test_list_shows_the_users_own_credentials_with_their_descriptions(seed: Seed, client: CscClient) -> None:
    known = [*seed.credentials, *seed.modes.values()]
    own = {c.credential_id for c in known if c.username == seed.users[0].username}
    answer = client.call("credentials/list", {"credentialInfo": True, "certInfo": True, "authInfo": True})

    assert own <= set(answer["credentialIDs"])
    assert set(answer["credentialIDs"]).isdisjoint({c.credential_id for c in known} - own)
    assert [entry["credentialID"] for entry in answer["credentialInfos"]] == answer["credentialIDs"]
    assert all(entry["auth"]["mode"] in {"explicit", "implicit", "oauth2code"} for entry in answer["credentialInfos"])
