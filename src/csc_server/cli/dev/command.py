"""`csc-server dev`: a complete service on this machine's loopback address, for trying out and for tests."""

import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import ValidationError

from csc_server.cli.dev.banner import banner, write_examples
from csc_server.cli.dev.folder import DataFolder, default_folder, write_private
from csc_server.cli.dev.seeds import read_seed
from csc_server.cli.dev.token import device_settings, find_module, use_configuration
from csc_server.cli.listening import LOOPBACK
from csc_server.cli.processes import Processes, run_process, stop_signals
from csc_server.errors import CscServerError
from csc_server.settings import Limits, SignerSettings, WebSettings

READY_DEADLINE = 60.0
"""Seconds until the service must answer; on an idle machine it takes two."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    folder: DataFolder
    port: int
    workers: int
    module: Path
    limits: Limits
    seed_file: Path | None

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept; a second start on the same folder keeps keys and secrets. "
    "Default: csc-server/dev in your data home (~/.local/share).",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--seed-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the seed (JSON, mode 0600) to this file, as soon as the service answers.",
)
@click.option(
    "--workers", type=click.IntRange(1, 16), help="Processes of each side. Default: one for each core, at most 4."
)
@click.option(
    "--pkcs11-module",
    "module",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another PKCS#11 module than SoftHSM's; it must read SoftHSM's configuration.",
)
@click.option("--limit", "limits", multiple=True, metavar="NAME=NUMBER", help="Change a limit: sad_lifetime=10.")
def dev(
    data_dir: Path | None,
    port: int,
    seed_file: Path | None,
    workers: int | None,
    module: Path | None,
    limits: Sequence[str],
) -> None:
    """Start a complete service on 127.0.0.1, with clients, signers and keys. NOT FOR PRODUCTION.

    \b
      csc-server dev
      csc-server dev --data-dir DIR --port 8081 --seed-file seed.json

    It makes what it needs, prints three lines that end in a signature, and runs until Ctrl-C.
    """  # noqa: D301 click wants the character itself
    folder = DataFolder((data_dir or default_folder()).expanduser().absolute())
    found = find_module(module)
    folder.prepare()
    with folder.locked():
        options = Options(folder, _free_port(port), workers or _cores(), found, read_limits(limits), seed_file)
        _run(options)


def _run(options: Options) -> None:
    folder = options.folder
    with stop_signals() as stop, folder.socket_folder() as socket_dir:
        task = {"root": str(folder.root), "module": str(options.module), "base_url": options.base_url}
        run_process("csc_server.cli.dev.provisioning", json.dumps(task).encode(), stop=stop)
        if stop.asked:
            return
        use_configuration(folder)
        seed = read_seed(folder.seed).model_copy(
            update={"base_url": options.base_url, "trust_root": str(folder.trust_root)}
        )
        seed_text = seed.model_dump_json(indent=2) + "\n"
        write_private(folder.seed, seed_text)
        write_examples(folder, seed)
        processes = Processes(stop)
        try:
            _start(processes, options, socket_dir)
            if processes.wait_until(lambda: is_ready(options.base_url), READY_DEADLINE):
                if options.seed_file is not None:
                    write_private(options.seed_file.absolute(), seed_text)
                click.echo(banner(folder, seed, options.module))
                processes.wait()
        finally:
            processes.end()


def _start(processes: Processes, options: Options, socket_dir: Path) -> None:
    signer = signer_settings(options, socket_dir)
    web = web_settings(options, socket_dir)
    known = {"web": web.model_dump(mode="json"), "signer": signer.model_dump(mode="json")}
    write_private(options.folder.settings, json.dumps(known, indent=2) + "\n")
    processes.start("signer", signer, log=options.folder.logs / "signer.log")
    processes.start("web", web, log=options.folder.logs / "web.log")


def signer_settings(options: Options, socket_dir: Path) -> SignerSettings:
    """Return the signer's settings: one uid for both sides, said in the banner and refused by `serve`."""
    return SignerSettings(
        database_url=options.folder.database_url("signer"),
        socket_dir=socket_dir,
        device=device_settings(options.folder, options.module),
        web_uids=(os.geteuid(),),
        issuer=options.base_url,
        node="dev",
        signing_workers=options.workers,
        limits=options.limits,
    )


def web_settings(options: Options, socket_dir: Path) -> WebSettings:
    """Return web's settings."""
    return WebSettings(
        base_url=options.base_url,
        database_url=options.folder.database_url("web"),
        socket_dir=socket_dir,
        listen=f"{LOOPBACK}:{options.port}",
        signer_uid=os.geteuid(),
        workers=options.workers,
        signing_workers=options.workers,
        limits=options.limits,
        name="csc-server (development)",
        environment="test",
    )


def read_limits(texts: Sequence[str]) -> Limits:
    """Return the limits with the changes of `--limit NAME=NUMBER`; click.BadParameter for a wrong one."""
    changes = dict(text.partition("=")[::2] for text in texts)
    try:
        return Limits.model_validate(changes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(each) for each in first["loc"])
        raise click.BadParameter(f"{place}: {first['msg']}", param_hint="--limit") from error


def is_ready(base_url: str) -> bool:
    """Whether the service says that all of its parts work (`/readyz`)."""
    try:
        with urllib.request.urlopen(f"{base_url}/readyz", timeout=5) as answer:  # noqa: S310 our own loopback address
            return bool(answer.status == 200)  # noqa: PLR2004 HTTP's word for yes
    except (urllib.error.URLError, OSError):
        return False


def _free_port(port: int) -> int:
    """Return the port, or a free one for 0; raise CscServerError when another program has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise CscServerError(
                f"Port {port} of {LOOPBACK} is taken.", advice="Name another with --port; 0 takes a free one."
            ) from error
        return int(probe.getsockname()[1])


def _cores() -> int:
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
