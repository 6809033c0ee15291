"""What `serve` refuses: each fault alone, and all of them at once (AR-01, AR-08, SC-07)."""

import os
import pwd
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from csc_server.cli.marker import MARKER
from csc_server.cli.safety import Situation, faults
from csc_server.cli.settings_file import Reading, read_settings
from csc_server.settings import Limits, Rates
from timestamp_tokens import root

OWNER = pwd.getpwuid(os.geteuid()).pw_name
OTHER = "nobody" if OWNER != "nobody" else "daemon"

GOOD = """
environment = "production"
revocation = "none"
socket_dir = "{folder}/run"
[users]
web = "{web}"
signer = "{signer}"
[web]
base_url = "https://sign.example.org"
listen = "unix:{folder}/web.sock"
database_url = "sqlite:///{folder}/web.sqlite3"
[signer]
database_url = "sqlite:///{folder}/signer.sqlite3"
[signer.device]
module = "{folder}/module.so"
token_label = "csc-server"
pin_file = "{folder}/pin"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "module.so").write_bytes(b"\x7fELF a vendor's module")
    pin = tmp_path / "pin"
    pin.write_text("8f0e2a771c", encoding="utf-8")
    pin.chmod(0o600)
    return tmp_path


def situation(folder, *changes, sides=("web", "signer"), web=OTHER, signer=OWNER):
    """Return the situation of good settings with some texts changed."""
    text = GOOD.format(folder=folder, web=web, signer=signer)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    reading = read_settings(path)
    return Situation(reading, sides, 0, can_run=lambda _: True, is_current=lambda _: True)


def rules(found):
    """Leave out what depends on who runs the tests: root is a user that `serve` refuses as a side's."""
    return [fault for fault in found if not fault.endswith("must not be root.")]


def only_fault(found):
    (fault,) = rules(found)
    return fault


def test_good_settings_have_no_fault(folder):
    facts = situation(folder)

    assert rules(faults(facts)) == []
    assert facts.reading.settings is not None


@pytest.mark.parametrize(
    "base_url",
    [
        "http://sign.example.org",
        "https://sign.example.org/",
        "https://sign.example.org/csc",
        "https://user@sign.example.org",
        "https://sign.example.org?x=1",
        "https://",
        "https://sign.example.org:99999",
        "sign.example.org",
    ],
)
def test_AR_09_base_url_is_https_and_nothing_else(folder, base_url):
    found = faults(situation(folder, ('"https://sign.example.org"', f'"{base_url}"')))

    assert only_fault(found).startswith("web.base_url must be https")


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "0.0.0.0:443", "unix:relative.sock"])
def test_AR_09_only_a_proxy_reaches_web(folder, listen):
    found = faults(situation(folder, (f"unix:{folder}/web.sock", listen)))

    assert only_fault(found).startswith("web.listen must be unix:/path")


@pytest.mark.parametrize("name", [b"SOFTHSM2_CONF", b"SOFTHSM_CONF"])
def test_AR_08_softhsm_under_any_name_needs_environment_test(folder, name):
    (folder / "module.so").write_bytes(b"\x7fELF" + name + b"\0")

    assert only_fault(faults(situation(folder))).startswith("signer.device.module is SoftHSM")
    assert rules(faults(situation(folder, ('"production"', '"test"')))) == []


def test_a_module_that_is_not_there_is_a_fault(folder):
    (folder / "module.so").unlink()

    assert only_fault(faults(situation(folder))) == f"signer.device.module: {folder}/module.so is no file."


def test_AR_08_nothing_may_come_from_a_development_server(folder):
    (folder / MARKER).touch()

    found = faults(situation(folder))

    made = [fault for fault in found if "made by `csc-server dev`" in fault]
    names = {fault.split(" ")[0] for fault in made}
    assert names == {"socket_dir", "signer.device.pin_file", "web.listen", "web.database_url", "signer.database_url"}


def test_AR_01_one_user_for_both_sides_is_refused(folder):
    found = faults(situation(folder, web=OTHER, signer=OTHER))

    assert any(fault.startswith("users.web and users.signer are one user") for fault in found)


def test_AR_01_root_is_no_user_of_a_side(folder):
    found = faults(situation(folder, web="root", signer=OTHER))

    assert "users.web must not be root." in found


def test_AR_01_a_user_that_is_not_there_is_a_fault(folder):
    found = faults(situation(folder, web="no-such-user-here"))

    assert only_fault(found) == "users.web: this machine has no user no-such-user-here."


@pytest.mark.parametrize(
    ("sides", "uid", "refused"),
    [
        (("web", "signer"), 0, False),
        (("web", "signer"), 4711, True),
        (("web",), pwd.getpwnam(OTHER).pw_uid, False),
        (("signer",), 4711, True),
        (("signer",), pwd.getpwnam(OTHER).pw_uid, True),
    ],
)
def test_AR_01_a_process_runs_a_side_as_root_or_as_its_user(folder, sides, uid, refused):
    facts = replace(situation(folder, signer="bin"), sides=sides, uid=uid)

    found = [fault for fault in faults(facts) if "may not run" in fault]

    assert bool(found) is refused


def test_SC_07_a_pin_file_that_others_can_read_is_refused(folder):
    (folder / "pin").chmod(0o640)

    assert "can be read by others than its owner" in only_fault(faults(situation(folder)))


KEY_FILE = ("[signer]\n", 'key_file = "{folder}/key"\n[signer]\n')


def with_key(folder, **more):
    old, new = KEY_FILE
    return situation(folder, (old, new.format(folder=folder)), **more)


def test_SC_07_the_key_file_of_web_is_its_own(folder):
    (folder / "key").touch(mode=0o600)
    assert rules(faults(with_key(folder, web=OWNER, signer=OTHER))) == [
        f"signer.device.pin_file: {folder}/pin belongs to another user than {OTHER}."
    ]
    (folder / "key").chmod(0o644)

    found = faults(with_key(folder, web=OWNER, signer=OTHER))
    assert f"web.key_file: {folder}/key can be read by others than its owner: chmod 600." in found


def test_SC_07_a_key_file_that_is_not_there_names_the_command_that_makes_it(folder):
    assert only_fault(faults(with_key(folder))) == (f"web.key_file: {folder}/key is no file: run `csc-server setup`.")


def test_AR_08_the_key_file_comes_from_no_development_server(folder):
    (folder / MARKER).touch()
    (folder / "key").touch(mode=0o600)

    assert any(fault.startswith("web.key_file lies in ") for fault in faults(with_key(folder)))


def test_SC_07_a_secret_file_belongs_to_its_side(folder):
    found = faults(situation(folder, web="bin", signer=OTHER))

    assert f"signer.device.pin_file: {folder}/pin belongs to another user than {OTHER}." in found


def test_SC_07_a_database_that_others_can_read_is_refused(folder):
    database = folder / "signer.sqlite3"
    database.touch()
    database.chmod(0o644)

    assert only_fault(faults(situation(folder))).startswith("signer.database_url: ")


def test_SC_07_a_password_stands_in_no_setting(folder):
    url = (f"sqlite:///{folder}/web.sqlite3", "postgresql://web:open-sesame@db/csc")

    fault = only_fault(faults(situation(folder, url)))

    assert fault.startswith("web.database_url holds a password")
    assert "open-sesame" not in fault


def test_SC_07_a_passfile_is_a_secret_file_too(folder):
    passfile = folder / "pgpass"
    passfile.touch()
    passfile.chmod(0o604)
    url = (f"sqlite:///{folder}/signer.sqlite3", f"postgresql://signer@db/csc?passfile={passfile}")

    assert only_fault(faults(situation(folder, url))).startswith("signer.database_url (passfile): ")


@pytest.mark.parametrize("pin", ["1234", "12345678", "000000", "password", "Changeme", "87654321", ""])
def test_AR_08_a_default_pin_is_refused_and_not_told(folder, pin):
    (folder / "pin").write_text(pin + "\n", encoding="utf-8")

    fault = only_fault(faults(situation(folder)))

    assert fault == "signer.device.pin_file holds a PIN that is shorter than 6 characters or well known."


def test_a_pin_file_that_is_not_there_is_a_fault(folder):
    (folder / "pin").unlink()

    assert only_fault(faults(situation(folder))).endswith("cannot be read.")


def test_revocation_has_no_default(folder):
    found = faults(situation(folder, ('revocation = "none"\n', "")))

    assert only_fault(found).startswith("revocation is not configured")


def test_AR_01_both_sides_on_one_database_are_refused(folder):
    found = faults(situation(folder, ("signer.sqlite3", "web.sqlite3")))

    assert any("are the same" in fault for fault in found)


def test_databases_must_be_migrated(folder):
    facts = replace(situation(folder), is_current=lambda side: side == "web")

    assert only_fault(faults(facts)).startswith("signer.database_url: the tables are not there")


def test_a_user_that_cannot_run_the_program_is_a_fault(folder):
    facts = replace(situation(folder), can_run=lambda side: side != "web")

    assert only_fault(faults(facts)).startswith("users.web may not run ")


def test_one_side_alone_needs_nothing_of_the_other(folder):
    text = GOOD.format(folder=folder, web=OTHER, signer=OWNER).partition("[signer]\n")[0]
    path = folder / "web.toml"
    path.write_text(text, encoding="utf-8")
    facts = Situation(read_settings(path), ("web",), 0, can_run=lambda _: True, is_current=lambda _: True)

    assert rules(faults(facts)) == []
    assert rules(faults(replace(facts, sides=("web", "signer")))) == ["the table [signer] is missing."]


def test_all_faults_are_listed_at_once(folder):
    (folder / "pin").write_text("1234", encoding="utf-8")
    (folder / "pin").chmod(0o666)
    (folder / "module.so").write_bytes(b"SOFTHSM2_CONF")
    (folder / MARKER).touch()
    facts = situation(
        folder,
        ('revocation = "none"\n', ""),
        ("https://sign.example.org", "http://sign.example.org"),
        (f"unix:{folder}/web.sock", "0.0.0.0:80"),
        ("[users]\n", 'colour = "blue"\n[users]\n'),
        ("[web]\n", "[web]\nworkers = 0\n"),
        web=OTHER,
        signer=OTHER,
    )
    facts = replace(facts, is_current=lambda _: False, can_run=lambda _: False)

    found = "\n".join(faults(facts))

    for part in (
        "colour is no setting",
        "web.workers",
        "web.base_url must be https",
        "web.listen must be unix:",
        "is SoftHSM",
        "made by `csc-server dev`",
        "are one user",
        "may not run",
        "can be read by others",
        "well known",
        "revocation is not configured",
        "web.database_url: the tables",
        "signer.database_url: the tables",
    ):
        assert part in found


def test_a_file_of_another_shape_raises_nothing(tmp_path):
    reading = Reading(tmp_path, {"web": 7, "signer": [], "users": "x", "socket_dir": 1}, None, ("bad",))
    facts = Situation(reading, ("web", "signer"), 0, can_run=lambda _: True, is_current=lambda _: True)

    found = faults(facts)

    assert "bad" in found
    assert "the table [web] is missing." in found


def test_the_example_settings_name_every_limit_with_its_default():
    example = Path(__file__).parents[3] / "deploy" / "csc-server.toml"

    assert tomllib.loads(example.read_text())["limits"] == Limits().model_dump()


def test_the_example_settings_name_every_rate_with_its_default():
    example = Path(__file__).parents[3] / "deploy" / "csc-server.toml"

    assert tomllib.loads(example.read_text())["web"]["rates"] == Rates().model_dump()


def test_the_example_settings_are_well_formed():
    example = Path(__file__).parents[3] / "deploy" / "csc-server.toml"

    reading = read_settings(example)

    assert reading.faults == ()
    assert reading.settings is not None


OUTGOING = "[[web.outgoing]]\npurpose = {purpose!r}\nhost = {host!r}\n[signer]\n"
TIMESTAMP = '[web.timestamp]\nurl = "{url}"\ntrust = "{trust}"\n[signer]\n'


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "2130706433", "a@b.example", "[::1]"])
def test_IN_20_an_address_that_may_never_be_called_may_not_be_listed(folder, host):
    entry = OUTGOING.format(purpose="response_uri", host=host)

    assert any(fault.startswith("web.outgoing: ") for fault in faults(situation(folder, ("[signer]\n", entry))))


def test_IN_20_http_may_be_listed_for_revocation_data_alone(folder):
    for purpose, number in (("revocation", 0), ("jwks_uri", 1)):
        entry = OUTGOING.format(purpose=purpose, host="a.example").replace("host", 'scheme = "http"\nport = 80\nhost')

        found = faults(situation(folder, ("[signer]\n", entry)))
        assert len([fault for fault in found if fault.startswith("web.outgoing")]) == number


def test_IN_20_a_purpose_that_nobody_knows_is_no_setting(folder):
    found = faults(situation(folder, ("[signer]\n", OUTGOING.format(purpose="anything", host="a.example"))))

    assert any("web.outgoing.0.purpose" in fault for fault in found)


def test_a_time_stamping_authority_needs_https_and_a_file_of_certificates(folder):
    (folder / "none.pem").write_text("nothing")
    (folder / "tsa.pem").write_bytes(root()[1].public_bytes(Encoding.PEM))
    for url, trust, fault in (
        ("http://tsa.example/", "tsa.pem", "web.outgoing: http://tsa.example:80 for timestamp"),
        ("tsa.example", "tsa.pem", "web.timestamp.url"),
        ("https://tsa.example/", "none.pem", "web.timestamp.trust"),
        ("https://tsa.example/", "missing.pem", "web.timestamp.trust"),
    ):
        found = faults(situation(folder, ("[signer]\n", TIMESTAMP.format(url=url, trust=folder / trust))))
        assert [each for each in found if each.startswith(fault)], (url, trust, found)
    good = TIMESTAMP.format(url="https://tsa.example/", trust=folder / "tsa.pem")

    assert not [fault for fault in faults(situation(folder, ("[signer]\n", good))) if fault.startswith("web.")]


def with_custody(folder, trust):
    return ("[signer.device]", f'[signer.custody]\ntrust = "{trust}"\n[signer.device]')


def test_AR_02_an_issuer_needs_authorities_that_the_signer_trusts(folder):
    trust = folder / "trust.pem"
    trust.write_bytes(root()[1].public_bytes(Encoding.PEM))
    issuer = ('base_url = "https', 'certificate_issuer = "/run/issuer.sock"\nbase_url = "https')

    assert rules(faults(situation(folder, issuer, with_custody(folder, trust)))) == []
    for changes in ([issuer], [with_custody(folder, trust)]):
        assert "stand together" in only_fault(faults(situation(folder, *changes)))
    for content in (b"", b"no certificate"):
        trust.write_bytes(content)
        assert "holds no certificate" in only_fault(faults(situation(folder, issuer, with_custody(folder, trust))))
