"""Making a device ready for the service, as the signer's user: its PIN file, a new token, the service's own keys."""

import os
from pathlib import Path

from csc_server.cli.new_secrets import random_digits
from csc_server.errors import CscServerError
from csc_server.settings import DeviceSettings
from csc_server.signer.device.provisioning import create_module_keys, has_token, initialise_token
from csc_server.wire import Json

_PIN_DIGITS = 16


def write_pin(device: DeviceSettings, pin: str) -> Json:
    """Write the device's user PIN to its file, which must not exist yet."""
    _write_new(device.pin_file, pin)
    return {"pin_file": str(device.pin_file)}


def make_token(device: DeviceSettings) -> Json:
    """Initialise a free slot as the service's token; answer the new SO PIN. A token that is there stays untouched."""
    if has_token(device.module, device.token_label):
        return {"new": False}
    if not device.pin_file.exists():
        _write_new(device.pin_file, random_digits(_PIN_DIGITS))
    so_pin = random_digits(_PIN_DIGITS)
    initialise_token(device.module, device.token_label, so_pin, device.pin_file.read_text(encoding="utf-8").strip())
    return {"new": True, "so_pin": so_pin}


def make_keys(device: DeviceSettings) -> Json:
    """Make the service's own keys in the token: for SADs, for PINs and links, for seeds. Those that exist stay."""
    create_module_keys(device)
    return {"keys": "there"}


def _write_new(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CscServerError(
            f"{path} cannot be written: {error.strerror}.", advice="Look who owns its folder."
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
