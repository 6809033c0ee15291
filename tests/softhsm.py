"""A throw-away SoftHSM token in a folder of its own; a gate that has no SoftHSM fails (see conftest)."""

import os
import secrets
from pathlib import Path

import pytest

from csc_server.settings import DeviceSettings
from csc_server.signer.device.provisioning import create_module_keys, initialise_token

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def module():
    """Return the path of SoftHSM's module, or skip the test by name."""
    for path in map(Path, MODULES):
        if path.exists():
            return path
    pytest.skip("SoftHSM is not installed")


def make_token(folder):
    """Make a token with the module's keys in a folder and point this process at it; return its settings."""
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(secrets.token_hex(8))
    initialise_token(module(), "csc-test", secrets.token_hex(8), pin_file.read_text())
    settings = DeviceSettings(module=module(), token_label="csc-test", pin_file=pin_file)
    create_module_keys(settings)
    return settings
