"""What commands do on each side, in process: registrations that are right, secrets that are shown once and kept nowhere."""

import json

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from csc_server.audit.change_log import ChangeLog
from csc_server.cli.account_tasks import Accounts
from csc_server.cli.answers import show, show_table
from csc_server.cli.client_rules import faults
from csc_server.cli.client_tasks import Clients
from csc_server.cli.custody_tasks import CustodyTasks
from csc_server.cli.main import main
from csc_server.cli.secret_input import read_secret
from csc_server.errors import CscServerError
from csc_server.signer.custody.journal import CustodyJournal
from csc_server.storage.engine import make_engine
from csc_server.storage.ports.web import ClientRow
from csc_server.storage.registry_store import SqlRegistryStore
from csc_server.values import AuthMode, ClientId, ClientProfile, FactorKind, KeyType, Scal, TokenBinding
from csc_server.web.authorization.clients import RegisteredClient
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.wire import encode_base64
from fakes.signer_inside import TurnableClock, inside_of
from stores import migrated_database

CALLBACK = "https://app.example/callback"
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


@pytest.fixture
def store(tmp_path):
    engine = make_engine(migrated_database(tmp_path, "web"))
    yield SqlRegistryStore(engine)
    engine.dispose()


@pytest.fixture
def clients(store):
    clock = TurnableClock()
    return Clients(store, ChangeLog(store, clock, "commands"), "tester", clock, SeedKey(bytes(32)))


@pytest.fixture
def accounts(store):
    clock = TurnableClock()
    return Accounts(store, ChangeLog(store, clock, "commands"), "tester", clock, None)


def registration(**changes):
    values = {
        "client_id": "app", "name": "App", "profile": ClientProfile.CSC2, "redirect_uris": (CALLBACK,),
        "grant_types": ("authorization_code",), "scopes": ("service",),
        "auth_methods": ("client_secret_basic", "client_secret_post"), "jwks": {}, "tls_subject": "",
        "token_binding": TokenBinding.NONE, "rate_factor": 1, "secret": None, "account_token": False,
    }  # fmt: skip
    return {**values, **changes}


def row(**changes):
    given = registration(**changes)
    members = {name: value for name, value in given.items() if name not in {"secret", "account_token"}}
    kept = {} if "none" in given["auth_methods"] else {"secret_hash": b"x"}
    return ClientRow(**{**members, "client_id": ClientId("app"), **kept})


def test_OA_16_new_secret_is_answered_once_and_stored_as_a_hash(clients, store):
    made = clients.add(**registration())["client_secret"]
    stored = store.client(ClientId("app"))

    assert RegisteredClient(stored).check_client_secret(made)
    assert made not in json.dumps([clients.list(), clients.show("app")])
    assert made.encode() not in stored.secret_hash + stored.secret_salt


def test_OA_16_rotation_replaces_the_secret(clients, store):
    first = clients.add(**registration())["client_secret"]
    second = clients.rotate("app", None)["client_secret"]
    after = RegisteredClient(store.client(ClientId("app")))

    assert not after.check_client_secret(first)
    assert after.check_client_secret(second)


def test_secret_that_somebody_brings_is_not_answered(clients):
    assert "client_secret" not in clients.add(**registration(secret="brought" * 6))
    assert "client_secret" not in clients.rotate("app", "another" * 6)


def test_client_with_a_key_has_no_secret_to_rotate(clients):
    answer = clients.add(**registration(auth_methods=("private_key_jwt",), jwks={"keys": [EC_KEY]}))

    assert "client_secret" not in answer
    with pytest.raises(CscServerError, match="has no secret"):
        clients.rotate("app", None)


def test_disabled_client_is_shown_as_such(clients):
    clients.add(**registration())
    clients.disable("app")

    assert clients.list() == {"clients": [{"client_id": "app", "name": "App", "profile": "csc2", "disabled": True}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"auth_methods": ("none",), "redirect_uris": ("http://127.0.0.1/callback", "http://[::1]:8080/")},
        {"auth_methods": ("private_key_jwt",), "jwks": {"keys": [EC_KEY]}, "profile": ClientProfile.FAPI2,
         "token_binding": TokenBinding.DPOP},
        {"auth_methods": ("tls_client_auth",), "tls_subject": "tls_client_auth_san_dns=a.example",
         "token_binding": TokenBinding.TLS, "profile": ClientProfile.FAPI2},
        {"grant_types": ("client_credentials",), "redirect_uris": ()},
    ],
)  # fmt: skip
def test_right_registrations_have_no_fault(changes):
    assert list(faults(row(**changes))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redirect_uris": ("http://app.example/cb",)}, "http is for loopback"),
        ({"redirect_uris": ("http://127.0.0.1/cb",)}, "http is for loopback"),
        ({"redirect_uris": ("https://app.example/cb#x",)}, "without fragment"),
        ({"redirect_uris": ("https://user@app.example/cb",)}, "without fragment"),
        ({"redirect_uris": ("https://app.example\\@b.example/",)}, "without fragment"),
        ({"redirect_uris": ("https:///cb",)}, "without fragment"),
        ({"redirect_uris": ("https://app.example:0/",)}, "without fragment"),
        ({"redirect_uris": ("https://[::1/",)}, "without fragment"),
        ({"redirect_uris": ("ftp://app.example/cb",)}, "neither https nor http"),
        ({"redirect_uris": ()}, "needs a redirect URI"),
        ({"auth_methods": ("client_secret_basic", "private_key_jwt"), "jwks": {"keys": [EC_KEY]}}, "exactly one"),
        ({"auth_methods": ("private_key_jwt",)}, "needs the client's public keys"),
        ({"auth_methods": ("private_key_jwt",), "jwks": {"keys": [{**EC_KEY, "d": "AA"}]}}, "public keys"),
        ({"auth_methods": ("self_signed_tls_client_auth",), "jwks": {"keys": [EC_KEY]}}, "certificates"),
        ({"auth_methods": ("tls_client_auth",)}, "needs --tls-subject"),
        ({"tls_subject": "tls_client_auth_san_dns=a.example"}, "nothing else does"),
        ({"jwks": {"keys": [EC_KEY]}}, "alone"),
        ({"token_binding": TokenBinding.TLS}, "where the client authenticates with one"),
        ({"grant_types": (), "redirect_uris": ()}, "can do nothing"),
        ({"scopes": ()}, "can do nothing"),
        ({"auth_methods": ("none",), "grant_types": ("client_credentials",)}, "clients that authenticate"),
        ({"profile": ClientProfile.FAPI2, "token_binding": TokenBinding.DPOP}, "authenticates with a key"),
        ({"profile": ClientProfile.FAPI2, "auth_methods": ("private_key_jwt",), "jwks": {"keys": [EC_KEY]}}, "bound"),
    ],
)
def test_OA_04_OA_10_faults_of_a_registration_are_named(changes, words):
    assert any(words in each for each in faults(row(**changes)))


def test_account_without_a_key_file_has_no_code(accounts):
    with pytest.raises(CscServerError, match="key_file"):
        accounts.add("alice", "signer-alice", "password", True)
    accounts.add("alice", "signer-alice", "password", False)
    with pytest.raises(CscServerError, match="already"):
        accounts.add("alice", "signer-alice", "password", False)
    with pytest.raises(CscServerError, match="Not a password"):
        accounts.password("alice", "")

    assert accounts.list()["users"][0]["disabled"] is False
    accounts.disable("alice")
    accounts.unlock("alice")
    assert accounts.list()["users"][0]["disabled"] is True


@pytest.fixture
def tasks(tmp_path):
    inside = inside_of(tmp_path)
    journal = CustodyJournal(inside.store, inside.clock, "commands")
    return CustodyTasks(inside.store, lambda: inside.device, journal, "tester")


def test_signer_is_added_once(tasks):
    assert tasks.add_signer("bob") == {"signer_id": "bob", "new": True}
    assert tasks.add_signer("bob") == {"signer_id": "bob", "new": False}
    assert "bob" in tasks.list_signers()["signers"]


def test_factor_is_made_or_brought(tasks):
    made = tasks.put_factor("explicit", FactorKind.OTP, None, replaces=False)["secret"]
    again = tasks.put_factor("explicit", FactorKind.OTP, made.lower() + " ", replaces=True)

    assert len(made) == 32
    assert "secret" not in again
    for wrong in ("not base32!", "AAAA"):
        with pytest.raises(CscServerError):
            tasks.put_factor("explicit", FactorKind.OTP, wrong, replaces=True)
    for kind in (FactorKind.KEY, FactorKind.ONLINE_OTP):
        with pytest.raises(CscServerError, match="the signer's own"):
            tasks.put_factor("explicit", kind, None, replaces=False)


def test_address_and_key_of_the_signer_are_enrolled(tasks, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    tasks.put_factor("explicit", FactorKind.ONLINE_OTP, "alice@example.org", replaces=False)
    tasks.put_factor("explicit", FactorKind.KEY, encode_base64(info), replaces=False)
    for kind, wrong in ((FactorKind.ONLINE_OTP, "a b"), (FactorKind.KEY, encode_base64(b"no key"))):
        with pytest.raises(CscServerError):
            tasks.put_factor("explicit", kind, wrong, replaces=True)

    assert tasks.list_credentials(None)["credentials"][0]["factors"] == ["PIN", "ONLINE_OTP", "KEY"]


@pytest.mark.parametrize(
    "options",
    [
        ["ONLINE_OTP"],
        ["KEY", "--generate"],
        ["PIN", "--address", "a@example.org"],
        ["OTP", "--generate", "--secret-file", "-"],
    ],
)
def test_options_of_another_factor_are_wrong_use(options):
    result = CliRunner().invoke(main, ["factor", "set", "alice-1", *options, "--settings", "none.toml"])

    assert result.exit_code == 2


def test_list_shows_factors_and_failures_and_no_secret(tasks):
    (entry,) = tasks.list_credentials(None)["credentials"]

    assert (entry["credential_id"], entry["factors"], entry["failures"]) == ("explicit", ["PIN"], {"PIN": 0})
    assert tasks.list_credentials("nobody") == {"credentials": []}


def test_credential_with_a_subject_that_is_none_makes_no_key(tasks):
    with pytest.raises(CscServerError):
        tasks.add_credential("x", "signer", KeyType.P_256, AuthMode.EXPLICIT, Scal.TWO, 1, "nonsense", "")

    assert len(tasks._open_device().keys()) == 1


def test_SC_07_secret_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("secret\n")
    path.chmod(0o640)
    with pytest.raises(CscServerError, match="can be read by others"):
        read_secret(path, "password", option="--password-file")
    path.chmod(0o600)

    assert read_secret(path, "password", option="--password-file") == "secret"
    path.write_text("\n")
    with pytest.raises(CscServerError, match="empty"):
        read_secret(path, "password", option="--password-file")


def test_new_secret_is_shown_with_a_warning_that_json_leaves_out(capsys):
    show({"client_id": "app", "client_secret": "s3cret"}, "Registered.", wants_json=False)
    told = capsys.readouterr()
    show({"client_id": "app", "client_secret": "s3cret"}, "Registered.", wants_json=True)
    as_json = capsys.readouterr()

    assert told.out == "Registered.\nclient_secret: s3cret\n"
    assert "not shown again" in told.err
    assert json.loads(as_json.out) == {"client_id": "app", "client_secret": "s3cret"}
    assert as_json.err == ""


def test_tables_are_aligned_and_say_when_they_are_empty(capsys):
    show_table([{"id": "a", "on": True}, {"id": "bbb", "on": False}], "things", wants_json=False)
    show_table([], "things", wants_json=False)

    assert capsys.readouterr().out == "id   on\na    yes\nbbb  no\nNo things.\n"
