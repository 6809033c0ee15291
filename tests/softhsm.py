"""A throw-away SoftHSM token in a folder of its own.

`softhsm_token` is one token for a whole run: its settings, ready for `open_device`. Import the fixture where
it is used. Without SoftHSM a test is skipped by name, and a gate turns that into a failure (see conftest).
"""

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
LABEL = "csc-test"
CONFIGURATION = "SOFTHSM2_CONF"


@pytest.fixture(scope="session")
def softhsm_token(tmp_path_factory):
    before = os.environ.get(CONFIGURATION)
    yield make_token(tmp_path_factory.mktemp("token"))
    if before is None:
        del os.environ[CONFIGURATION]
    else:
        os.environ[CONFIGURATION] = before


def module():
    """Return the path of SoftHSM's module, or skip the test by name."""
    for path in map(Path, MODULES):
        if path.exists():
            return path
    pytest.skip("SoftHSM is not installed")


def use_folder(folder):
    """Point this process, and what it starts, at the tokens of a folder."""
    tokens = folder / "tokens"
    tokens.mkdir(exist_ok=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
    )
    os.environ[CONFIGURATION] = str(configuration)


def make_token(folder):
    """Make a token with the module's keys in a folder and point this process at it; return its settings."""
    path = module()
    use_folder(folder)
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(secrets.token_hex(8))
    initialise_token(path, LABEL, secrets.token_hex(8), pin_file.read_text())
    settings = DeviceSettings(module=path, token_label=LABEL, pin_file=pin_file)
    create_module_keys(settings)
    return settings
