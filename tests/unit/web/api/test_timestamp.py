"""signatures/timestamp: parameters and their texts, what the authority is asked, what becomes of its answers."""

import base64
import hashlib
import json
import time

import pytest
from asn1crypto import cms, tsp

from csc_server.audit.events import Event
from csc_server.cli.dev.certificates import make_authority
from csc_server.cli.dev.counterparts import counterparts
from csc_server.cli.dev.folder import DataFolder
from csc_server.cli.dev.timestamps import POLICY
from csc_server.errors import ConfigurationError
from csc_server.settings import TimestampSettings
from fakes.web_application import WebApplication
from scripted_server import ScriptedServer, answer, trust

SHA_256, SHA_384, SHA_512 = (f"2.16.840.1.101.3.4.2.{number}" for number in (1, 2, 3))
DIGEST = hashlib.sha256(b"document").digest()
BODY = {"hash": base64.b64encode(DIGEST).decode(), "hashAlgo": SHA_256}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    folder = DataFolder(tmp_path_factory.mktemp("dev") / "data")
    folder.prepare()
    make_authority(folder.authority)
    with counterparts(folder) as running:
        yield running, folder


def application(url, root, tls_root=None, **changes):
    settings = TimestampSettings(url=url, trust=root, **changes)
    web = WebApplication(timestamp=settings, outgoing_trust=tls_root or root)
    web.clock.now = int(time.time())
    return web


@pytest.fixture
def web(others):
    running, folder = others
    return application(running.timestamp_url, folder.trust_root)


def ask(web, version="v2", **changes):
    return web.post("signatures/timestamp", BODY | changes, version=version)


def error_of(given):
    return given.status_code, given.get_json()["error"], given.get_json()["error_description"]


def info_of(given):
    assert given.status_code == 200, given.text
    assert list(given.get_json()) == ["timestamp"]
    token = cms.ContentInfo.load(base64.b64decode(given.get_json()["timestamp"], validate=True), strict=True)
    return tsp.TSTInfo.load(bytes(token["content"]["encap_content_info"]["content"]))


def events(web):
    return [(row.event, json.loads(row.body)) for row in web.store.audit]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("oid", "name"), [(SHA_256, "sha256"), (SHA_384, "sha384"), (SHA_512, "sha512")])
def test_a_digest_is_stamped(web, version, oid, name):
    digest = hashlib.new(name, b"document").digest()
    info = info_of(ask(web, version, hash=base64.b64encode(digest).decode(), hashAlgo=oid))

    assert info["message_imprint"]["hashed_message"].native == digest
    assert info["policy"].dotted == POLICY


def test_the_clients_nonce_comes_back(web):
    assert info_of(ask(web, nonce="00fF"))["nonce"].native == 255


def test_without_a_nonce_each_request_has_one_of_ours(web):
    nonces = {info_of(ask(web, nonce=None))["nonce"].native for _ in range(3)}

    assert len(nonces) == 3


@pytest.mark.parametrize("text", [BODY["hash"], BODY["hash"].rstrip("="), base64.urlsafe_b64encode(DIGEST).decode()])
def test_R1_a_hash_is_its_bytes_in_any_base64(web, text):
    assert info_of(ask(web, hash=text))["message_imprint"]["hashed_message"].native == DIGEST


MISSING, ALGORITHM = "Missing (or invalid type) string parameter hash", "Invalid parameter hashAlgo"
ROWS = [
    ({"hash": None}, MISSING),
    ({"hash": 5}, MISSING),
    ({"hash": [BODY["hash"]]}, MISSING),
    ({"hash": ""}, "Empty hash parameter"),
    ({"hash": "*"}, "Invalid Base64 hash string parameter"),
    ({"hash": BODY["hash"] + "="}, "Invalid Base64 hash string parameter"),
    ({"hash": "AAAA"}, "Invalid digest value length"),
    ({"hash": "A" * 10_000}, "Invalid digest value length"),
    ({"hashAlgo": SHA_512}, "Invalid digest value length"),
    ({"hashAlgo": None}, ALGORITHM),
    ({"hashAlgo": 5}, ALGORITHM),
    ({"hashAlgo": ""}, ALGORITHM),
    ({"hashAlgo": "1.3.14.3.2.26"}, ALGORITHM),
    ({"hashAlgo": "sha256"}, ALGORITHM),
    ({"nonce": 5}, "Invalid parameter nonce"),
    ({"nonce": ""}, "Invalid parameter nonce"),
    ({"nonce": "xyz"}, "Invalid parameter nonce"),
    ({"nonce": "-1"}, "Invalid parameter nonce"),
    ({"nonce": "f" * 65}, "Invalid parameter nonce"),
    ({"nonce": "f" * 300}, "Invalid parameter nonce"),
    ({"clientData": 5}, "Invalid parameter clientData"),
]


@pytest.mark.parametrize(("changes", "text"), ROWS)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_parameters_are_refused_in_the_tables_words(web, version, changes, text):
    assert error_of(ask(web, version, **changes)) == (400, "invalid_request", text)


def test_R4_null_is_absent_and_R5_unknown_members_are_ignored(web):
    info_of(ask(web, nonce=None, clientData=None, hashes=5, hashAlgorithmOID=[]))


def test_a_service_token_is_needed(web):
    body = dict(BODY)

    assert web.post("signatures/timestamp", body, version="v2", token=None).status_code == 400
    assert web.post("signatures/timestamp", body, version="v2", token="credential").status_code == 401


def test_AD_01_what_was_stamped_is_recorded(web):
    info_of(ask(web))
    (event, body), *others = events(web)

    assert not others
    assert event == Event.TIMESTAMP_ISSUED
    assert (body["client_id"], body["signer_id"]) == ("modern", "signer-1")


def test_the_configured_policy_is_asked_for(others):
    running, folder = others
    info_of(ask(application(running.timestamp_url, folder.trust_root, policy=POLICY)))
    refusing = application(running.timestamp_url, folder.trust_root, policy="1.2.3")

    assert ask(refusing).status_code == 503
    assert events(refusing)[0][1]["reason"] == "refused"


def assert_unavailable(web, reason):
    given = ask(web)
    assert (given.status_code, given.get_json()["error"]) == (503, "temporarily_unavailable")
    assert int(given.headers["Retry-After"]) > 0
    assert [(event, body["reason"]) for event, body in events(web)] == [(Event.TIMESTAMP_FAILED, reason)]


def test_an_authority_that_is_not_trusted_gives_no_token(others, tmp_path):
    running, folder = others
    make_authority(tmp_path)

    assert_unavailable(application(running.timestamp_url, tmp_path / "root.pem", folder.trust_root), "tsa_untrusted")


def test_an_authority_whose_time_is_another_gives_no_token(others):
    running, folder = others
    web = application(running.timestamp_url, folder.trust_root)
    web.clock.now -= 1000

    assert_unavailable(web, "other_time")


ANSWERS = {
    "html": (answer(b"<html>", media_type="text/html"), "media_type"),
    "no token": (answer(b"<html>", media_type="application/timestamp-reply"), "malformed"),
    "error": (answer(b"", status="500 Error"), "status"),
    "redirect": (answer(b"", status="302 Found", headers=("Location: https://127.0.0.1/",)), "status"),
    "too large": (answer(b"x" * 70_000, media_type="application/timestamp-reply"), "too_large"),
}


@pytest.mark.parametrize(("script", "reason"), ANSWERS.values(), ids=ANSWERS.keys())
def test_RL_05_an_authority_that_fails_is_503_and_recorded(script, reason):
    with ScriptedServer(script) as server:
        assert_unavailable(application(f"https://127.0.0.1:{server.port}/tsa", trust()), reason)


def test_an_authority_that_is_away_is_503():
    with ScriptedServer(answer(b"")) as server:
        port = server.port

    assert_unavailable(application(f"https://127.0.0.1:{port}/tsa", trust()), "unreachable")


def test_only_the_digest_leaves():
    with ScriptedServer(answer(b"")) as server:
        web = application(f"https://127.0.0.1:{server.port}/tsa", trust())
        ask(web, clientData="a client's secret")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")

    assert b"secret" not in server.requests[0]
    assert b"\r\nContent-Type: application/timestamp-query\r\n" in head
    assert tsp.TimeStampReq.load(body, strict=True)["message_imprint"]["hashed_message"].native == DIGEST


def test_without_an_authority_it_is_not_offered():
    web = WebApplication()

    for version in ("v1", "v2"):
        assert error_of(ask(web, version))[:2] == (501, "not_implemented")
        info = web.post("info", {}, version=version, token=None).get_json()
        assert "signatures/timestamp" not in info["methods"]


def test_with_an_authority_info_lists_it(web):
    for version in ("v1", "v2"):
        assert "signatures/timestamp" in web.post("info", {}, version=version, token=None).get_json()["methods"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/tsa", "https://10.0.0.1/tsa", "tsa.example", "https://a@tsa.example/"]
)
def test_IN_20_the_authoritys_address_stands_under_the_rule_of_all_addresses(url):
    with pytest.raises(ConfigurationError):
        application(url, trust())


def test_a_file_without_certificates_is_no_trust(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for root in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError):
            application("https://tsa.example/", root, trust())
