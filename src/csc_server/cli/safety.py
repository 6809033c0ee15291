"""What `serve` refuses to run, each check a function that yields its faults; all of them are told at once.

AR-01, AR-03, AR-08, SC-07; `doctor` shows the same checks. Checks read the file as written, so
that a fault in one place hides no fault in another.
"""

import re
import stat
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from csc_server.cli.marker import made_by_dev
from csc_server.cli.processes import Account
from csc_server.cli.settings_file import Reading
from csc_server.errors import ConfigurationError
from csc_server.web.api.timestamp_authority import read_trust
from csc_server.web.fetch import settings_faults

SIDES = ("web", "signer")
COURIER = "courier"
"""A process of the signer's side, which may run as a user of its own."""
MIN_PIN = 6
"""Characters: the shortest user PIN of the token that is no guess away."""
_WELL_KNOWN = re.compile(r"(.)\1*|0?123456789?0?|1234|9?87654321?0?|password|changeme|secret|default|test")
_SOFTHSM = (b"SOFTHSM2_CONF", b"SOFTHSM_CONF")
"""The environment variables that SoftHSM 2 and 1 read: in every build, whatever its file is called."""


@dataclass(frozen=True)
class Situation:
    """What the checks look at: the file, the sides that are to run here, and who is asking."""

    reading: Reading
    sides: Collection[str]
    uid: int
    can_run: Callable[[str], bool]
    """Whether the user of a side may run this Python."""
    is_current: Callable[[str], bool]
    """Whether the database of a side has the newest tables."""


Check = Callable[[Situation], Iterator[str]]


def faults(situation: Situation) -> list[str]:
    """Return every fault, those of form first; an empty list means that the settings may run."""
    found = list(situation.reading.faults)
    for check in CHECKS.values():
        found.extend(check(situation))
    return found


def check_form(situation: Situation) -> Iterator[str]:
    """Every side that is to run has its table; other faults of form were found while reading."""
    for side in situation.sides:
        if not situation.reading.has(side):
            yield f"the table [{side}] is missing."


def check_address(situation: Situation) -> Iterator[str]:
    """The public address is https, and only a reverse proxy on this machine reaches web (AR-09)."""
    base_url = situation.reading.text("web", "base_url")
    if base_url is not None and not _is_base_url(base_url):
        yield "web.base_url must be https://host[:port] without path, query or slash at its end."
    listen = situation.reading.text("web", "listen")
    if listen is not None and not listen.startswith("unix:/"):
        yield "web.listen must be unix:/path: a TLS proxy stands before the service."


def _is_base_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        extra = url.path or url.query or url.fragment or url.username is not None or url.port == 0
    except ValueError:
        return False
    return url.scheme == "https" and bool(url.hostname) and not extra and text.isascii()


def check_device(situation: Situation) -> Iterator[str]:
    """The module exists, and a software key store runs only where the settings say "test"."""
    named = situation.reading.text("signer", "device", "module")
    if named is None:
        return
    module = Path(named)
    if not module.is_file():
        yield f"signer.device.module: {module} is no file."
    elif situation.reading.text("environment") != "test" and is_softhsm(module):
        yield 'signer.device.module is SoftHSM, which is no secure device: it needs environment = "test".'


def is_softhsm(module: Path) -> bool:
    """Whether a PKCS#11 module is SoftHSM, by its content."""
    content = module.read_bytes()
    return any(name in content for name in _SOFTHSM)


def check_folders(situation: Situation) -> Iterator[str]:
    """Nothing comes from a development server, whose secrets lie in clear beside it."""
    for name, path in _paths(situation.reading).items():
        folder = made_by_dev(path)
        if folder is not None:
            yield f"{name} lies in {folder}, a folder made by `csc-server dev`."


def check_users(situation: Situation) -> Iterator[str]:
    """Two existing users, neither of them root, and this process may become what it must (AR-01)."""
    reading = situation.reading
    uids: dict[str, int] = {}
    for side in (*SIDES, COURIER):
        name = reading.text("users", side)
        if name is None:
            continue
        try:
            uids[side] = Account.named(name).uid
        except KeyError:
            yield f"users.{side}: this machine has no user {name}."
            continue
        if uids[side] == 0:
            yield f"users.{side} must not be root."
    if "web" in uids and uids["web"] == uids.get("signer"):
        yield "users.web and users.signer are one user: the two sides must not reach each other's files."
    allowed = {0} if len(situation.sides) > 1 else {0, uids.get(next(iter(situation.sides)), uids.get("signer", 0))}
    if uids.keys() >= set(SIDES) and situation.uid not in allowed:
        yield f"uid {situation.uid} may not run {' and '.join(situation.sides)}: start as root or as that side's user."


def user_of(reading: Reading, side: str) -> str | None:
    """Return the name of the user that a side, or the courier, runs as."""
    if side == COURIER:
        return reading.text("users", COURIER) or reading.text("users", "signer")
    return reading.text("users", side)


def check_program(situation: Situation) -> Iterator[str]:
    """The users of the sides reach this Python and this program: not so below another user's home."""
    for side in situation.sides:
        if not situation.can_run(side):
            yield f"users.{side} may not run {sys.executable}: install the service where that user can read it."


def check_secrets(situation: Situation) -> Iterator[str]:
    """Secrets are files of their side alone, and none of them is a default (SC-07, AR-08)."""
    reading = situation.reading
    for name, side, path in _secret_files(reading):
        yield from (f"{name}: {each}" for each in _file_faults(path, user_of(reading, side)))
    pin_file = reading.text("signer", "device", "pin_file")
    if pin_file is not None and "signer" in situation.sides:
        yield from _pin_faults(Path(pin_file))
    key_file = reading.text("web", "key_file")
    if key_file is not None and "web" in situation.sides and not _is_there(Path(key_file)):
        yield f"web.key_file: {key_file} is no file: run `csc-server setup`."
    for side in SIDES:
        url = database_url(reading, side)
        if url is not None and url.password is not None:
            yield f"{side}.database_url holds a password: name a file with ?passfile=FILE instead."


def _is_there(path: Path) -> bool:
    """Whether a file exists, as far as this user may know."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def _file_faults(path: Path, owner: str | None) -> Iterator[str]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except PermissionError:
        return  # the other side's file, as it should be
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"{path} can be read by others than its owner: chmod 600."
    try:
        expected = Account.named(owner).uid if owner else status.st_uid
    except KeyError:
        return
    if status.st_uid != expected:
        yield f"{path} belongs to another user than {owner}."


def _pin_faults(path: Path) -> Iterator[str]:
    try:
        pin = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        yield f"signer.device.pin_file: {path} cannot be read."
        return
    if len(pin) < MIN_PIN or _WELL_KNOWN.fullmatch(pin.lower()):
        yield "signer.device.pin_file holds a PIN that is shorter than 6 characters or well known."


def check_revocation(situation: Situation) -> Iterator[str]:
    """That nobody asks for the status of certificates must be somebody's decision, not a default."""
    if situation.reading.raw.get("revocation") is None:
        yield 'revocation is not configured: write revocation = "none" to sign without asking for revocation status.'


def check_databases(situation: Situation) -> Iterator[str]:
    """Each side has its own database or database role, with the newest tables (AR-01)."""
    urls = {side: situation.reading.text(side, "database_url") for side in SIDES}
    if urls["web"] is not None and urls["web"] == urls["signer"]:
        yield "web.database_url and signer.database_url are the same: each side needs its own database or role."
    for side in situation.sides:
        url = urls.get(side)
        if url is None:
            continue
        if database_url(situation.reading, side) is None:
            yield f"{side}.database_url is no database URL."
        elif not situation.is_current(side):
            yield f"{side}.database_url: the tables are not there or not up to date: run `csc-server migrate`."


def check_outgoing(situation: Situation) -> Iterator[str]:
    """Web calls no address that the rule of outgoing requests forbids (IN-20)."""
    settings = situation.reading.settings
    if settings is None or settings.web is None:
        return
    yield from settings_faults(settings.web)
    if settings.web.timestamp is not None:
        try:
            read_trust(settings.web.timestamp)
        except ConfigurationError as error:
            yield from error.faults


def check_custody(situation: Situation) -> Iterator[str]:
    """Credentials made for applications have certificates of authorities that the settings name (AR-02)."""
    settings = situation.reading.settings
    if settings is None:
        return
    web, signer = settings.web, settings.signer
    if web is not None and signer is not None and (web.certificate_issuer is None) is not (signer.custody is None):
        yield "web.certificate_issuer and signer.custody stand together or not at all."
    if signer is not None and signer.custody is not None and "signer" in situation.sides:
        try:
            x509.load_pem_x509_certificates(signer.custody.trust.read_bytes())
        except (OSError, ValueError):
            yield f"signer.custody.trust: {signer.custody.trust} holds no certificate in PEM."


CHECKS: dict[str, Check] = {
    "form": check_form,
    "address": check_address,
    "device": check_device,
    "folders": check_folders,
    "users": check_users,
    "program": check_program,
    "secrets": check_secrets,
    "revocation": check_revocation,
    "custody": check_custody,
    "databases": check_databases,
    "outgoing": check_outgoing,
}
"""Every check under the name that `doctor` shows."""


def database_url(reading: Reading, side: str) -> URL | None:
    """Return a side's database URL, or None when there is none or it is malformed."""
    text = reading.text(side, "database_url")
    try:
        return make_url(text) if text else None
    except (ArgumentError, ValueError):
        return None


def database_file(reading: Reading, side: str) -> Path | None:
    """Return the file of a side's SQLite database, or None for another kind."""
    url = database_url(reading, side)
    is_file = url is not None and url.drivername.startswith("sqlite") and url.database
    return Path(str(url.database)) if url is not None and is_file else None


def _secret_files(reading: Reading) -> Iterator[tuple[str, str, Path]]:
    """Yield name, side and path of each file that only its side may read."""
    pin_file = reading.text("signer", "device", "pin_file")
    if pin_file is not None:
        yield "signer.device.pin_file", "signer", Path(pin_file)
    key_file = reading.text("web", "key_file")
    if key_file is not None:
        yield "web.key_file", "web", Path(key_file)
    for names in (("smtp", "password_file"), ("webhook", "token_file")):
        secret = reading.text(COURIER, *names)
        if secret is not None:
            yield ".".join((COURIER, *names)), COURIER, Path(secret)
    for side in SIDES:
        path = database_file(reading, side)
        if path is not None:
            yield f"{side}.database_url", side, path
        passfile = _passfile(reading, side)
        if passfile is not None:
            yield f"{side}.database_url (passfile)", side, passfile


def _passfile(reading: Reading, side: str) -> Path | None:
    url = database_url(reading, side)
    named = url.query.get("passfile") if url is not None else None
    return Path(named) if isinstance(named, str) else None


def _paths(reading: Reading) -> dict[str, Path]:
    places = {
        "socket_dir": reading.text("socket_dir"),
        "signer.device.pin_file": reading.text("signer", "device", "pin_file"),
        "web.key_file": reading.text("web", "key_file"),
        "web.listen": (reading.text("web", "listen") or "").removeprefix("unix:"),
    }
    paths = {name: Path(text) for name, text in places.items() if text and text.startswith("/")}
    for side in SIDES:
        path = database_file(reading, side)
        if path is not None:
            paths[f"{side}.database_url"] = path.absolute()
    return paths
