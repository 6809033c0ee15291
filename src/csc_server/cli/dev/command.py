"""`csc-server dev`: a complete service on this machine's loopback address, for trying out and for tests."""

import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import ValidationError

from csc_server.cli.dev.banner import banner, write_examples
from csc_server.cli.dev.certificates import load_authority
from csc_server.cli.dev.counterparts import Counterparts, counterparts
from csc_server.cli.dev.folder import DataFolder, default_folder, write_private
from csc_server.cli.dev.issuer import PART as ISSUER
from csc_server.cli.dev.issuer import POLICY, IssuerPart
from csc_server.cli.dev.proxy import PART, write_configuration
from csc_server.cli.dev.seeds import read_seed
from csc_server.cli.dev.tls import write_server_certificate
from csc_server.cli.dev.token import device_settings, find_module, use_configuration
from csc_server.cli.listening import LOOPBACK
from csc_server.cli.processes import Processes, Stop, run_process, stop_signals
from csc_server.errors import CscServerError
from csc_server.policy.signature_qualifiers import ANY_POLICY
from csc_server.settings import (
    CourierSettings,
    CustodySettings,
    Limits,
    OutgoingHost,
    Rates,
    SignerSettings,
    TimestampSettings,
    WebSettings,
)
from csc_server.values import FetchPurpose

RAISED = 10_000
"""Tests and benchmarks send as much as they can, all of it from one address."""
WEB_SOCKET = "web.sock"
ISSUER_SOCKET = "issuer.sock"
QUALIFIER = "jp_test_aes"
"""The kind of signature that every credential of a development server makes (CSC 2.0.0.2, 8.4.2)."""
COURIER_SOCKET = "courier.sock"
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
    rate_factor: int
    seed_file: Path | None
    tls_proxy: Path | None = None

    @property
    def base_url(self) -> str:
        return f"http{'s' if self.tls_proxy else ''}://{LOOPBACK}:{self.port}"

    @property
    def trust(self) -> Path | None:
        """The root that whoever connects has to trust, None without TLS."""
        return self.folder.trust_root if self.tls_proxy else None

    def listen(self, socket_dir: Path) -> str:
        """Return where web listens: behind nginx on a socket, else where everybody connects."""
        return f"unix:{socket_dir / WEB_SOCKET}" if self.tls_proxy else f"{LOOPBACK}:{self.port}"


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
@click.option(
    "--rate-factor",
    type=click.IntRange(1, 1_000_000),
    default=RAISED,
    show_default=True,
    help="How many times the usual requests a minute: on loopback, everybody has one address.",
)
@click.option(
    "--tls-proxy",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Start nginx before the server with this configuration, deploy/nginx.conf, and a certificate of the test CA.",
)
def dev(
    data_dir: Path | None,
    port: int,
    seed_file: Path | None,
    workers: int | None,
    module: Path | None,
    limits: Sequence[str],
    rate_factor: int,
    tls_proxy: Path | None,
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
        options = Options(
            folder, _free_port(port), workers or _cores(), found, read_limits(limits), rate_factor, seed_file, tls_proxy
        )
        _run(options)


def _run(options: Options) -> None:
    folder = options.folder
    with stop_signals() as stop, folder.socket_folder() as socket_dir:
        task = {"root": str(folder.root), "module": str(options.module), "base_url": options.base_url}
        run_process("csc_server.cli.dev.provisioning", json.dumps(task).encode(), stop=stop)
        if stop.asked:
            return
        with counterparts(folder) as others:
            _serve(options, stop, socket_dir, others)


def _serve(options: Options, stop: Stop, socket_dir: Path, others: Counterparts) -> None:
    folder = options.folder
    use_configuration(folder)
    seed = read_seed(folder.seed).model_copy(
        update={"base_url": options.base_url, "trust_root": str(folder.trust_root), "response_uri": others.response_uri}
    )
    seed_text = seed.model_dump_json(indent=2) + "\n"
    write_private(folder.seed, seed_text)
    write_examples(folder, seed)
    processes = Processes(stop)
    try:
        _start(processes, options, socket_dir, others)
        if processes.wait_until(lambda: is_ready(options.base_url, options.trust), READY_DEADLINE):
            if options.seed_file is not None:
                write_private(options.seed_file.absolute(), seed_text)
            click.echo(banner(folder, seed, options.module))
            processes.wait()
    finally:
        processes.end()


def _start(processes: Processes, options: Options, socket_dir: Path, others: Counterparts) -> None:
    signer = signer_settings(options, socket_dir)
    web = web_settings(options, socket_dir, others)
    known = {"web": web.model_dump(mode="json"), "signer": signer.model_dump(mode="json")}
    write_private(options.folder.settings, json.dumps(known, indent=2) + "\n")
    issuer = IssuerPart(authority=options.folder.authority, socket=socket_dir / ISSUER_SOCKET)
    processes.start(ISSUER, issuer, log=options.folder.logs / "issuer.log")
    courier = courier_settings(options, socket_dir)
    processes.start("courier", courier, log=options.folder.logs / "courier.log")
    processes.start("signer", signer, log=options.folder.logs / "signer.log")
    processes.start("web", web, log=options.folder.logs / "web.log")
    if options.tls_proxy is not None:
        _start_proxy(processes, options, options.tls_proxy, socket_dir / WEB_SOCKET)


def _start_proxy(processes: Processes, options: Options, shipped: Path, socket_path: Path) -> None:
    """Start nginx last, so that it ends first and no request is left without an answer."""
    folder = options.folder
    write_server_certificate(load_authority(folder.authority), folder.tls, LOOPBACK)
    proxy = write_configuration(shipped, folder.tls, options.port, socket_path)
    processes.start(PART, proxy, log=folder.logs / "nginx.log")


def signer_settings(options: Options, socket_dir: Path) -> SignerSettings:
    """Return the signer's settings: one uid for both sides, said in the banner and refused by `serve`."""
    return SignerSettings(
        database_url=options.folder.database_url("signer"),
        socket_dir=socket_dir,
        device=device_settings(options.folder, options.module),
        web_uids=(os.geteuid(),),
        issuer=options.base_url,
        node="dev",
        custody=CustodySettings(trust=options.folder.trust_root, credentials_per_signer=1000),
        signing_workers=options.workers,
        limits=options.limits.model_copy(update={"sent_codes": options.limits.sent_codes * options.rate_factor}),
        courier_socket=socket_dir / COURIER_SOCKET,
    )


def courier_settings(options: Options, socket_dir: Path) -> CourierSettings:
    """Return the courier's settings: codes become files."""
    return CourierSettings(
        socket=socket_dir / COURIER_SOCKET,
        signer_uid=os.geteuid(),
        outbox=options.folder.outbox,
        environment="test",
    )


def web_settings(options: Options, socket_dir: Path, others: Counterparts) -> WebSettings:
    """Return web's settings."""
    return WebSettings(
        base_url=options.base_url,
        database_url=options.folder.database_url("web"),
        socket_dir=socket_dir,
        listen=options.listen(socket_dir),
        signer_uid=os.geteuid(),
        workers=options.workers,
        signing_workers=options.workers,
        limits=options.limits,
        rates=Rates(factor=options.rate_factor),
        key_file=options.folder.web_key,
        certificate_issuer=socket_dir / ISSUER_SOCKET,
        certificate_policies=(POLICY,),
        signature_qualifiers={QUALIFIER: (ANY_POLICY,)},
        name="csc-server (development)",
        environment="test",
        online_codes=True,
        outgoing=(OutgoingHost(purpose=FetchPurpose.RESPONSE_URI, host=LOOPBACK, port=others.port),),
        outgoing_trust=options.folder.trust_root,
        timestamp=TimestampSettings(url=others.timestamp_url, trust=options.folder.trust_root),
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


def is_ready(base_url: str, trust: Path | None = None) -> bool:
    """Whether the service says that all of its parts work (`/readyz`); `trust` is the root of its TLS certificate."""
    tls = ssl.create_default_context(cafile=trust) if trust else None
    try:
        with urllib.request.urlopen(f"{base_url}/readyz", timeout=5, context=tls) as answer:  # noqa: S310 loopback
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
