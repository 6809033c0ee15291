"""Reads the settings file and the environment, and keeps every fault instead of the first."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from csc_server.cli.processes import Account
from csc_server.errors import ConfigurationError
from csc_server.settings import Settings

ADVICE = "Correct the settings file; `csc-server doctor --settings FILE` checks it without starting anything."


@dataclass(frozen=True)
class Reading:
    """What a settings file says: `raw` as written, `settings` when all of it is well formed, else `faults`."""

    path: Path
    raw: Mapping[str, Any]
    settings: Settings | None
    faults: tuple[str, ...]

    def text(self, *names: str) -> str | None:
        """Return the text at a place of the file, or None: for checks that also run on a faulty file."""
        value: Any = self.raw
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else None

    def has(self, side: str) -> bool:
        """Whether the file has a side's table."""
        return isinstance(self.raw.get(side), Mapping)


def read_settings(path: Path) -> Reading:
    """Read a settings file; ConfigurationError when it is no TOML at all."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError([f"there is no settings file {path}."], advice=ADVICE) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} is not TOML: {error}."], advice=ADVICE) from error
    raw = _merged(written, EnvSettingsSource(Settings)())
    _fill_in(raw)
    try:
        return Reading(path, raw, Settings(**raw), ())
    except ValidationError as error:
        faults = tuple(_fault(each["loc"], each["msg"]) for each in error.errors(include_input=False))
        return Reading(path, raw, None, faults)


def _fault(location: tuple[int | str, ...], message: str) -> str:
    """Return pydantic's finding as a sentence; the value stays out, it may be a secret in the wrong place."""
    place = ".".join(str(each) for each in location)
    texts = {"Extra inputs are not permitted": "is no setting", "Field required": "is missing"}
    text = texts.get(message, message[:1].lower() + message[1:])
    return f"{place} {text}." if place else f"{text}."


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(low)
    for name, value in high.items():
        below = result.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[name] = _merged(below, value) if both else value  # type: ignore[arg-type]  # `both` says so
    return result


def _fill_in(raw: dict[str, Any]) -> None:
    """Derive what need not be written twice: uids from the users, the issuer from the base URL, the deadline.

    A courier's table makes the signer look for it and web offer it.
    """
    web, signer, users = (raw.get(name) for name in ("web", "signer", "users"))
    accounts = users if isinstance(users, Mapping) else {}
    if isinstance(web, dict):
        web.setdefault("signer_uid", _uid(accounts.get("signer")))
    if isinstance(signer, dict):
        signer.setdefault("web_uids", [_uid(accounts.get("web"))])
        if isinstance(web, dict) and "base_url" in web:
            signer.setdefault("issuer", web["base_url"])
        device = signer.get("device")
        if isinstance(web, dict) and isinstance(device, Mapping) and "call_deadline" in device:
            web.setdefault("call_deadline", device["call_deadline"])

    _fill_in_courier(raw, accounts)


def _fill_in_courier(raw: dict[str, Any], accounts: Mapping[str, Any]) -> None:
    """A courier listens beside the signer's sockets, in a folder of its own user."""
    courier, signer, web, socket_dir = (raw.get(name) for name in ("courier", "signer", "web", "socket_dir"))
    if not isinstance(courier, dict):
        return
    courier.setdefault("signer_uid", _uid(accounts.get("signer")))
    if isinstance(socket_dir, str):
        courier.setdefault("socket", f"{socket_dir.rstrip('/')}-courier/courier.sock")
    if isinstance(signer, dict):
        signer.setdefault("courier_socket", courier.get("socket"))
        signer.setdefault("courier_uid", _uid(accounts.get("courier") or accounts.get("signer")))
    if isinstance(web, dict):
        web.setdefault("online_codes", True)


NO_USER = -1


def _uid(name: object) -> int:
    """Return a user's uid, or a value no process has: `safety` reports the missing user."""
    try:
        return Account.named(str(name)).uid
    except KeyError:
        return NO_USER
