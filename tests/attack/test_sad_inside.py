"""The list of attacks on a SAD, straight at the signer: as a web process could send them (SA-01 to SA-10)."""

import base64
import hashlib

import pytest
from sqlalchemy import text

from csc_server.activation.messages import Refused, Sign, Signed, Unavailable
from csc_server.errors import RefusedError, UnavailableError
from csc_server.storage.engine import make_engine
from csc_server.values import ClientId, CredentialId, Refusal, SignerId
from fakes.signer_inside import SHA_256, authorize, caller, digest, inside_of, sign

A, B, C = (digest(letter) for letter in "abc")
WHERE_ECDSA = "1.2.840.10045.4.3."
SHA_384 = "2.16.840.1.101.3.4.2.2"
SHA_1 = "1.3.14.3.2.26"


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)


def minted(inside, hashes, number=None):
    return inside.operations().authorize(authorize("explicit", hashes, number=number)).sad


def change(inside, statement):
    with make_engine(inside.url).begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1


def signed_rows(inside):
    with make_engine(inside.url).connect() as connection:
        return connection.execute(text("SELECT count(*) FROM consumptions")).scalar_one()


def answer(inside, request):
    """Return what the signer says: a refusal whether it is raised or answered."""
    try:
        (said,) = inside.signing().sign([request])
    except (RefusedError, UnavailableError) as error:
        return error
    return said


def assert_refused(inside, request, *refusals):
    said = answer(inside, request)
    assert isinstance(said, Refused | RefusedError), said
    assert Refusal(said.refusal) in refusals
    assert signed_rows(inside) == 0


TEXTS = {
    "nothing": lambda sad: "",
    "a blank before": lambda sad: f" {sad}",
    "a line break behind": lambda sad: f"{sad}\n",
    "padding": lambda sad: f"{sad}=",
    "upper case": lambda sad: sad.upper(),
    "without its signature": lambda sad: sad.rpartition(".")[0] + ".",
    "without its header": lambda sad: "." + sad.partition(".")[2],
    "twice": lambda sad: f"{sad}.{sad}",
    "the hash that is stored, in hexadecimal": lambda sad: hashlib.sha256(sad.encode()).hexdigest(),
    "the hash that is stored, in base64": lambda sad: base64.b64encode(hashlib.sha256(sad.encode()).digest()).decode(),
    "a lone surrogate": lambda sad: sad[:-1] + "\ud800",
    "another letter of the same bits": lambda sad: sad[:-1] + chr(ord(sad[-1]) + 1),
}


@pytest.mark.parametrize("name", TEXTS)
def test_SA_01_only_the_very_text_is_the_sad(inside, name):
    sad = minted(inside, [A])

    assert_refused(inside, sign("explicit", TEXTS[name](sad), [A]), Refusal.SAD_INVALID)
    assert isinstance(answer(inside, sign("explicit", sad, [A])), Signed)


HASHES = {
    "another": [C],
    "one swapped": [A, C],
    "one added": [A, B, C],
    "one twice": [A, A],
    "one cut short": [A[:-1]],
    "one with a byte more": [A + b"\0"],
    "none": [],
    "the digest of a digest": [hashlib.sha256(A).digest()],
    "all zeros": [bytes(32)],
}


@pytest.mark.parametrize("name", HASHES)
def test_SA_05_only_the_hashes_that_were_bound_are_signed(inside, name):
    sad = minted(inside, [A, B])
    known = {
        Refusal.HASH_NOT_AUTHORIZED, Refusal.SAD_EXHAUSTED, Refusal.DIGEST_LENGTH, Refusal.HASHES_REQUIRED,
        Refusal.HASH_COUNT_INVALID,
    }  # fmt: skip

    assert_refused(inside, sign("explicit", sad, HASHES[name]), *known)
    both = answer(inside, sign("explicit", sad, [B, A]))
    assert len(both.signatures) == 2


CALLERS = {
    "another client": caller(client=ClientId("other")),
    "another signer": caller(signer=SignerId("other")),
    "another client's own token": caller(signer=None, client=ClientId("other")),
    "client and signer exchanged": caller(signer=SignerId("client"), client=ClientId("signer")),
    "a client in capitals": caller(client=ClientId("CLIENT")),
}


@pytest.mark.parametrize("name", CALLERS)
def test_SA_03_a_sad_is_good_for_its_client_and_signer_alone(inside, name):
    sad = minted(inside, [A])
    request = sign("explicit", sad, [A], who=CALLERS[name])

    assert_refused(inside, request, Refusal.SAD_INVALID, Refusal.UNKNOWN_CREDENTIAL)


ALGORITHMS = {
    "RSA with an elliptic key": ("1.2.840.113549.1.1.11", ""),
    "RSASSA-PSS with an elliptic key": ("1.2.840.113549.1.1.10", SHA_256),
    "SHA-384 for a digest of SHA-256": (f"{WHERE_ECDSA}3", ""),
    "SHA-512 for a digest of SHA-256": (f"{WHERE_ECDSA}4", ""),
    "ECDSA with SHA-1": ("1.2.840.10045.4.1", ""),
    "ECDSA that names no digest": ("1.2.840.10045.2.1", ""),
    "ECDSA with SHA-1 named": ("1.2.840.10045.2.1", SHA_1),
    "two that contradict": (f"{WHERE_ECDSA}2", SHA_384),
    "unknown": ("1.2.3", ""),
    "empty": ("", ""),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_SA_06_another_algorithm_signs_nothing(inside, name):
    sad = minted(inside, [A])
    sign_algorithm, hash_algorithm = ALGORITHMS[name]
    request = Sign(caller(), CredentialId("explicit"), sad, (A,), sign_algorithm, hash_algorithm)
    known = {
        Refusal.SIGN_ALGORITHM_INVALID, Refusal.HASH_ALGORITHM_INVALID, Refusal.HASH_ALGORITHM_MISSING,
        Refusal.DIGEST_LENGTH, Refusal.SIGN_PARAMETERS_INVALID, Refusal.SIGN_PARAMETERS_MISSING,
    }  # fmt: skip

    assert_refused(inside, request, *known)


def test_SA_03_another_credential_of_the_same_signer_is_out_of_reach(inside):
    inside.create("second")
    sad = minted(inside, [A])

    assert_refused(inside, sign("second", sad, [A]), Refusal.SAD_INVALID)
    assert_refused(inside, sign("nobody's", sad, [A]), Refusal.SAD_INVALID, Refusal.UNKNOWN_CREDENTIAL)


@pytest.mark.parametrize("policy", ["generic/0", "generic/2", "", "hpki/1"])
def test_SA_10_a_sad_of_another_policy_signs_nothing_and_is_not_extended(inside, policy):
    sad = minted(inside, [A])
    change(inside, f"UPDATE sads SET policy = '{policy}'")

    assert_refused(inside, sign("explicit", sad, [A]), Refusal.SAD_INVALID)


@pytest.mark.parametrize("seconds", [120, 121, 300, 86_400])
def test_SA_09_an_expired_sad_signs_nothing(inside, seconds):
    sad = minted(inside, [A])
    inside.clock.now += seconds

    assert_refused(inside, sign("explicit", sad, [A]), Refusal.SAD_EXPIRED)


@pytest.mark.parametrize("seconds", [6, 60, 86_400])
def test_SA_09_a_sad_from_the_future_signs_nothing(inside, seconds):
    sad = minted(inside, [A])
    signing = inside.signing()
    assert isinstance(signing.sign([sign("explicit", minted(inside, [B]), [B])])[0], Signed)
    inside.clock.now -= seconds

    try:
        (said,) = signing.sign([sign("explicit", sad, [A])])
    except UnavailableError:
        return
    assert isinstance(said, Unavailable)


@pytest.mark.parametrize("spent", [1, 2, 3])
def test_SA_03_partial_use_leaves_the_rest_and_no_more(inside, spent):
    sad = minted(inside, [A, B, C])
    used, rest = [A, B, C][:spent], [A, B, C][spent:]
    assert len(answer(inside, sign("explicit", sad, used)).signatures) == spent

    again = answer(inside, sign("explicit", sad, used))
    assert isinstance(again, Refused | RefusedError)
    if rest:
        assert len(answer(inside, sign("explicit", sad, rest)).signatures) == len(rest)
    assert not isinstance(answer(inside, sign("explicit", sad, [A])), Signed)
