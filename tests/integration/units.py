"""Reads the systemd units of deploy/, as far as starting what they start needs it."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = ("csc-server-signer.service", "csc-server-web.service")


def read_unit(name):
    """Return the settings of [Service]; each stands once."""
    settings = {}
    section = ""
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "Service" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            assert key not in settings, f"{name}: {key} stands twice"
            settings[key] = value
    return settings
