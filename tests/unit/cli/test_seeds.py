"""The seed: its shape is a promise to tests and people; its secrets are random and private."""

import base64
import json

import pytest

from csc_server.cli.dev.provisioning import account_row, client_row
from csc_server.cli.dev.seeds import Seed, make_seed, read_seed
from csc_server.errors import CscServerError
from csc_server.values import KeyType
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.seed_key import SeedKey


@pytest.fixture
def seed(tmp_path):
    return make_seed("http://127.0.0.1:8080", tmp_path / "root.pem")


@pytest.fixture
def members(seed):
    return json.loads(seed.model_dump_json())


def test_the_members_are_those_of_the_issue(members):
    assert set(members) == {
        "base_url", "trust_root", "clients", "account_client", "users", "credentials", "key_clients", "response_uri",
        "modes", "outbox",
    }  # fmt: skip
    assert {frozenset(each) for each in members["clients"]} == {
        frozenset({"client_id", "client_secret", "profile", "redirect_uris"})
    }
    assert {frozenset(each) for each in members["users"]} == {frozenset({"username", "password", "totp_secret"})}
    assert {frozenset(each) for each in members["credentials"]} == {
        frozenset({"credential_id", "username", "key", "auth_mode", "scal", "pin", "totp_secret", "state"})
    }


def test_there_are_three_clients_of_the_two_profiles(members):
    clients = [(each["profile"], each["client_secret"] is None) for each in members["clients"]]

    assert sorted(clients) == [("csc1", False), ("csc2", False), ("csc2", True)]


def test_only_the_first_user_logs_in_without_a_one_time_code(members):
    first, *others = members["users"]

    assert first["totp_secret"] is None
    assert others
    assert all(other["totp_secret"] for other in others)


@pytest.mark.parametrize(
    ("auth_mode", "scal", "has_totp"), [("explicit", "1", False), ("explicit", "2", True), ("oauth2code", "2", True)]
)
@pytest.mark.parametrize("key", list(KeyType))
def test_the_first_user_owns_one_credential_of_each_kind(members, key, auth_mode, scal, has_totp):
    first = members["users"][0]["username"]
    matching = [
        each
        for each in members["credentials"]
        if (each["username"], each["key"], each["auth_mode"], each["scal"], bool(each["totp_secret"]))
        == (first, key.value, auth_mode, scal, has_totp)
    ]

    assert len(matching) == 1


def test_the_second_user_has_credentials_too(members):
    second = members["users"][1]["username"]

    assert any(each["username"] == second for each in members["credentials"])


def test_AR_08_no_secret_occurs_twice_or_again(seed, tmp_path):
    again = make_seed(seed.base_url, tmp_path / "root.pem")
    secrets = [
        secret
        for each in (seed, again)
        for secret in (
            *(client.client_secret for client in each.clients),
            *(user.password for user in each.users),
            *(credential.totp_secret for credential in each.credentials),
        )
        if secret
    ]

    assert len(secrets) > 20
    assert len(set(secrets)) == len(secrets)
    assert [each.pin for each in seed.credentials] != [each.pin for each in again.credentials]


def test_AU_04_one_time_code_seeds_have_160_bits(seed):
    seeds = [credential.totp_secret for credential in seed.credentials if credential.totp_secret]

    assert {len(base64.b32decode(each)) for each in seeds} == {20}


def test_AD_08_the_repr_shows_no_secret(seed):
    text = repr(seed)

    assert seed.users[0].password not in text
    assert seed.credentials[0].pin not in text
    assert seed.clients[0].client_secret not in text


def test_a_written_seed_reads_back(seed, tmp_path):
    path = tmp_path / "seed.json"
    path.write_text(seed.model_dump_json(), encoding="utf-8")

    assert read_seed(path) == seed


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json"])
def test_a_file_that_is_no_seed_is_refused_with_advice(tmp_path, content):
    path = tmp_path / "seed.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(CscServerError) as caught:
        read_seed(path)

    assert caught.value.advice


def test_an_unknown_credential_is_refused_with_the_known_ones(seed):
    with pytest.raises(CscServerError) as caught:
        seed.credential("no-such")

    assert seed.credentials[0].credential_id in caught.value.advice
    assert seed.credential() == seed.credentials[0]


def test_OA_16_clients_are_registered_with_a_salted_secret(seed):
    rows = {client.client_id: client_row(client) for client in seed.clients}

    for client in seed.clients:
        row = rows[client.client_id]
        assert (client.client_secret or "none").encode() not in row.secret_hash + row.secret_salt
        if client.client_secret:
            assert RegisteredClient(row).check_client_secret(client.client_secret)
            assert "client_credentials" in row.grant_types
        else:
            assert row.auth_methods == ("none",)
            assert "client_credentials" not in row.grant_types


def test_AU_05_accounts_are_registered_with_a_verifier(seed):
    key = SeedKey(bytes(32))
    row = account_row(seed.users[1], key)

    assert row.password_verifier.startswith("$argon2id$")
    assert seed.users[1].password not in row.password_verifier
    secret = base64.b32decode(seed.users[1].totp_secret)
    assert secret not in row.totp_seed
    assert key.open(row.username, row.totp_seed) == secret


def test_a_seed_with_a_member_too_many_is_refused(seed, tmp_path):
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({**json.loads(seed.model_dump_json()), "more": 1}), encoding="utf-8")

    with pytest.raises(CscServerError):
        read_seed(path)

    assert isinstance(seed, Seed)
