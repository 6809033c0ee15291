"""The SoftHSM token of a development server: finding the module, its configuration, random PINs."""

import os
from pathlib import Path

from csc_server.cli.dev.folder import DataFolder, write_private
from csc_server.cli.new_secrets import random_digits
from csc_server.errors import CscServerError
from csc_server.settings import DeviceSettings

TOKEN_LABEL = "csc-server-dev"  # noqa: S105 a label, no secret
_PIN_DIGITS = 16

_MODULES = (
    "usr/lib/softhsm/libsofthsm2.so",  # Debian, Ubuntu, Arch Linux
    "usr/lib/*/softhsm/libsofthsm2.so",  # Debian and Ubuntu, by architecture
    "usr/lib64/pkcs11/libsofthsm2.so",  # Fedora, RHEL
    "usr/lib64/softhsm/libsofthsm2.so",  # openSUSE
    "usr/local/lib/softhsm/libsofthsm2.so",  # built from source; Homebrew on Intel
    "opt/homebrew/lib/softhsm/libsofthsm2.so",  # Homebrew on Apple silicon
)


def find_module(named: Path | None = None, *, root: Path = Path("/")) -> Path:
    """Return the PKCS#11 module to use: the named one, or SoftHSM where systems put it.

    Raises:
        CscServerError: there is none; the advice says what to install.
    """
    if named is not None:
        if named.is_file():
            return named.resolve()
        raise CscServerError(f"{named} is no file.", advice="Name a PKCS#11 module with --pkcs11-module.")
    for pattern in _MODULES:
        for found in sorted(root.glob(pattern)):
            return found
    raise CscServerError(
        "SoftHSM, the software key store of the development server, is not installed.",
        advice="Install it: `apt-get install softhsm2` (Debian, Ubuntu), `dnf install softhsm` (Fedora), "
        "`brew install softhsm` (macOS); or name another module with --pkcs11-module.",
    )


def device_settings(folder: DataFolder, module: Path) -> DeviceSettings:
    """Return the settings of the folder's token."""
    return DeviceSettings(module=module, token_label=TOKEN_LABEL, pin_file=folder.user_pin)


def use_configuration(folder: DataFolder) -> None:
    """Write SoftHSM's configuration and name it to this process and its children; a path is no secret."""
    lines = (
        f"directories.tokendir = {folder.token}",
        "objectstore.backend = file",
        "log.level = ERROR",
        "slots.removable = false",
    )
    write_private(folder.token_conf, "\n".join(lines) + "\n")
    os.environ["SOFTHSM2_CONF"] = str(folder.token_conf)


def make_pins(folder: DataFolder) -> tuple[str, str]:
    """Write a new SO PIN and a new user PIN to their files; return both."""
    so_pin, user_pin = (random_digits(_PIN_DIGITS) for _ in range(2))
    write_private(folder.so_pin, so_pin)
    write_private(folder.user_pin, user_pin)
    return so_pin, user_pin
