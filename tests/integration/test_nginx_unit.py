"""The proxy's systemd unit: its own command line, as a user without rights, with the shipped configuration (AR-09)."""

import contextlib
import datetime as dt
import http.client
import json
import pwd
import shlex
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from csc_server.cli.dev.proxy import write_configuration
from integration.service import NGINX_CONF, free_port
from integration.units import FOLDER, read_unit

UNIT = "csc-server-nginx.service"
USER = "nobody"
START_LIMIT = 10.0


def certificate(folder: Path) -> None:
    """Write a self-made certificate under the three names that the configuration reads."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1)).sign(key, SHA256())
    )
    for file in ("server.pem", "clients.pem"):
        (folder / file).write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def get(port: int) -> tuple[int, str, dict[str, str]]:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=tls)
    with contextlib.closing(connection):
        connection.request("GET", "/csc/v2/info?x=canary")
        answer = connection.getresponse()
        return answer.status, str(answer.headers["Retry-After"]), json.loads(answer.read())


@pytest.mark.root
def test_AR_09_the_units_command_runs_as_a_user_without_rights() -> None:
    unit, account, port = read_unit(UNIT), pwd.getpwnam(USER), free_port()
    command = shlex.split(unit["ExecStart"])
    with tempfile.TemporaryDirectory(prefix="csc-nginx-") as name:
        folder = Path(name)
        certificate(folder)
        write_configuration(NGINX_CONF, folder, port, folder / "web.sock")
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, account.pw_uid, account.pw_gid)
        places = {"/etc/csc-server/nginx.conf": str(folder / "nginx.conf"), "/run/csc-server-nginx": str(folder)}
        assert places.keys() <= set(command)
        process = subprocess.Popen(
            [places.get(part, part) for part in command], user=account.pw_uid, group=account.pw_gid, extra_groups=[],
            stderr=subprocess.PIPE, umask=int(unit["UMask"], 8),
        )  # fmt: skip
        try:
            answer = _first_answer(port, process)
            tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            users = {each.uids().effective for each in tree}
        finally:
            process.send_signal(signal.Signals[unit["KillSignal"]])
            _, printed = process.communicate(timeout=20)

    assert users == {account.pw_uid}
    assert len(tree) > 1
    assert answer == (503, "2", answer[2])
    assert answer[2]["error"] == "temporarily_unavailable"
    assert (process.returncode, b"canary" in printed) == (0, False)


def _first_answer(port: int, process: "subprocess.Popen[bytes]") -> tuple[int, str, dict[str, str]]:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ConnectionError):
            return get(port)
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"nginx does not answer: {process.communicate()[1]!r}")


def test_the_unit_gives_the_one_right_that_it_needs() -> None:
    unit = read_unit(UNIT)

    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    assert (unit["NoNewPrivileges"], unit["ProtectSystem"], unit["UMask"]) == ("yes", "strict", "0077")
    assert unit["User"] not in {"root", "csc-web", "csc-signer"}


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        assert (FOLDER / UNIT).read_text().count("[Service]") == 1
        return
    copied = tmp_path / UNIT
    copied.write_text((FOLDER / UNIT).read_text())
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copied], capture_output=True, text=True, check=False
    )

    assert UNIT not in result.stderr.replace(str(tmp_path), "")
