"""Which algorithms verify, and that each call says so itself (OA-14; RFC 8725, 3.1)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_keys import ClientKey
from csc_server.errors import MalformedInputError
from csc_server.web.authorization.public_keys import read_public_key
from csc_server.web.authorization.signed_tokens import ALGORITHMS, MAX_TOKEN, read_signed_token, verify

SOURCE = Path(__file__).resolve().parents[4] / "src" / "csc_server"
VERIFYING = frozenset({"deserialize_compact", "deserialize_json", "deserialize", "decode"})


def open_verifications(tree: ast.AST) -> Iterator[str]:
    """Calls of joserfc that verify without a list of algorithms of their own."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        owner, _, name = ast.unparse(node.func).rpartition(".")
        if owner in {"jws", "jwt", "jwe"} and name in VERIFYING and "algorithms" not in {k.arg for k in node.keywords}:
            yield ast.unparse(node.func)


def test_OA_14_each_verification_names_its_algorithms() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
    found = [f"{path.relative_to(SOURCE)}: {call}" for path, tree in trees.items() for call in open_verifications(tree)]

    assert found == []
    assert any("jws.deserialize_compact" in ast.unparse(tree) for tree in trees.values())


@pytest.mark.parametrize("source", ["jws.deserialize_compact(text, key)", "jwt.decode(text, key, registry=r)"])
def test_OA_14_the_check_sees_a_call_without_algorithms(source: str) -> None:
    assert list(open_verifications(ast.parse(source)))


def test_OA_14_exactly_these_algorithms() -> None:
    assert ALGORITHMS == ("PS256", "ES256", "Ed25519", "EdDSA")


@pytest.mark.parametrize("algorithm", ["ES384", "RS256", "Ed448"])
def test_OA_14_keys_and_signatures_of_others_are_refused(algorithm: str) -> None:
    key = ClientKey.make(algorithm)
    with pytest.raises(MalformedInputError):
        read_signed_token(key.sign({}, {}), ("alg",))
    if algorithm != "RS256":  # an RSA key does not say how it signs
        with pytest.raises(MalformedInputError):
            read_public_key(key.public)


def test_OA_14_an_rsa_key_verifies_pss_alone() -> None:
    key = ClientKey.make("RS256")
    signed = key.sign({"alg": "PS256"}, {})

    with pytest.raises(MalformedInputError):
        verify(read_signed_token(signed, ("alg",)), read_public_key(key.public))


def test_IN_10_length_is_looked_at_before_anything_else() -> None:
    key = ClientKey.make()
    text = key.sign({}, {"x": "x" * MAX_TOKEN})
    with pytest.raises(MalformedInputError):
        read_signed_token(text, ("alg",))


def test_AD_08_a_token_does_not_show_itself() -> None:
    text = ClientKey.make().sign({}, {"jti": "secret"})
    token = read_signed_token(text, ("alg",))

    assert text not in repr(token)
    assert "secret" not in repr(token)
