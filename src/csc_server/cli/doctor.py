"""`csc-server doctor`: a tree of checks that changes nothing and says what to do."""

import json
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from csc_server.cli.dev.folder import DataFolder, default_folder
from csc_server.cli.dev.seeds import read_seed
from csc_server.cli.findings import Finding, Status, as_json, as_text, group
from csc_server.cli.outcome import DONE, FAILING_CHECKS
from csc_server.cli.probe import Place, check_service
from csc_server.cli.safety import CHECKS, Situation
from csc_server.cli.settings_file import Reading, read_settings
from csc_server.cli.sides import only_option, situation
from csc_server.errors import ConfigurationError, CscServerError

MIN_FREE_BYTES = 200 * 1024 * 1024
_ADVICE = {
    "form": "Correct the settings file.",
    "address": "Put a TLS proxy such as nginx before the service.",
    "device": "Name the module of your device.",
    "folders": "Make new folders, databases and keys for production.",
    "users": "Make two system users and name them in [users].",
    "program": "Install it below /opt or /usr, in an environment that every user may read.",
    "secrets": "Give each secret file to its side's user with mode 600.",
    "revocation": 'Write revocation = "none" if that is your decision.',
    "custody": "Name the authorities in [signer.custody] and the issuer in web.certificate_issuer.",
    "databases": "Run `csc-server migrate`.",
    "outgoing": "List public hosts with https in [[web.outgoing]].",
}


@click.command()
@click.option("--settings", "path", type=click.Path(path_type=Path, dir_okay=False), help="Check a settings file.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Check a development server's folder."
)
@only_option
@click.option("--json", "wants_json", is_flag=True, help="Print the tree as JSON.")
@click.pass_context
def doctor(
    context: click.Context, path: Path | None, data_dir: Path | None, only: str | None, wants_json: bool
) -> None:
    """Find out what is wrong; nothing is changed.

    \b
      csc-server doctor --settings /etc/csc-server/csc-server.toml
      csc-server doctor --data-dir DIR
      csc-server doctor               (the development server's default folder)

    Exit code 4 when a check fails; warnings alone are 0.
    """  # noqa: D301 click wants the character itself
    if path is not None and data_dir is not None:
        raise click.UsageError("--settings and --data-dir exclude each other.")
    checks = (
        check_settings(path, only) if path else check_data_folder(DataFolder((data_dir or default_folder()).absolute()))
    )
    tree = group("csc-server", [check_machine(), *checks])
    if wants_json:
        click.echo(json.dumps(as_json(tree), indent=2))
    else:
        click.echo("\n".join(as_text(tree)))
    context.exit(FAILING_CHECKS if tree.status is Status.FAIL else DONE)


def check_machine() -> Finding:
    """Return what the machine itself has to offer."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    python = Finding("Python", Status.OK if sys.version_info >= (3, 11) else Status.FAIL, version, "Use 3.11 or newer.")
    system = Finding(
        "system",
        Status.OK if sys.platform == "linux" else Status.FAIL,
        sys.platform,
        "Use Linux: the two sides know each other by SO_PEERCRED.",
    )
    return group("machine", [python, system])


def check_settings(path: Path, only: str | None) -> Iterator[Finding]:
    """Yield what `serve` would refuse, and how the running service is."""
    try:
        reading = read_settings(path)
    except ConfigurationError as error:
        yield group("settings", [Finding("file", Status.FAIL, error.message, error.advice)])
        return
    yield group("settings", [*_form(reading), *_checks(situation(reading, only))])
    listen, base_url = (reading.text("web", name) for name in ("listen", "base_url"))
    if listen is not None and base_url is not None and only != "signer":
        yield check_service(Place(listen, base_url), f"csc-server serve --settings {path}")


def _form(reading: Reading) -> Iterator[Finding]:
    for fault in reading.faults:
        yield Finding("form", Status.FAIL, fault, _ADVICE["form"])


def _checks(facts: Situation) -> Iterator[Finding]:
    for name, check in CHECKS.items():
        faults = [Finding(name, Status.FAIL, fault, _ADVICE[name]) for fault in check(facts)]
        yield from faults or [Finding(name, Status.OK)]


def check_data_folder(folder: DataFolder) -> Iterator[Finding]:
    """Yield what a development server's folder holds, and how its service is."""
    if not folder.marker.exists():
        yield group(
            "data folder", [Finding("folder", Status.WARN, f"{folder.root}: none yet", "Run `csc-server dev`.")]
        )
        return
    yield group("data folder", [_private(folder.root), *_seed(folder), _space(folder.root)])
    settings = _last_settings(folder)
    if settings is None:
        return
    module = Path(settings["signer"]["device"]["module"])
    found = Status.OK if module.is_file() else Status.FAIL
    yield group("device", [Finding("module", found, str(module), "Install softhsm2."), _private(folder.user_pin)])
    yield check_service(
        Place(settings["web"]["listen"], settings["web"]["base_url"]), f"csc-server dev --data-dir {folder.root}"
    )


def _last_settings(folder: DataFolder) -> Mapping[str, Any] | None:
    try:
        settings: Mapping[str, Any] = json.loads(folder.settings.read_bytes())
    except (OSError, ValueError):
        return None
    return settings


def _seed(folder: DataFolder) -> Iterator[Finding]:
    try:
        seed = read_seed(folder.seed)
    except CscServerError as error:
        yield Finding("seed", Status.WARN, error.message, error.advice)
        return
    yield _private(folder.seed)
    yield Finding("credentials", Status.OK, f"{len(seed.credentials)} of {len(seed.users)} signers")


def _private(path: Path) -> Finding:
    """Return whether nobody but the owner can reach a file or folder."""
    try:
        is_open = path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except FileNotFoundError:
        return Finding(path.name, Status.FAIL, f"{path} is missing", "Start with a new folder.")
    except PermissionError:
        return Finding(
            path.name, Status.FAIL, f"{path} is another user's", "Run this as the user that runs the server."
        )
    return Finding(path.name, Status.FAIL if is_open else Status.OK, str(path), f"Run `chmod go= {path}`.")


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    message = f"{free // 1024**2} MiB free"
    return Finding("disk", Status.OK if free > MIN_FREE_BYTES else Status.WARN, message, "Make room on this disk.")
