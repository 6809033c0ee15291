"""The shipped nginx configuration before the server: TLS, client certificates, what it overwrites, slow clients (AR-09)."""

import contextlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from cryptography import x509

from integration.documents import blank_pdf
from integration.service import NGINX_CONF, KeyClient, Seed, Service, clean_environment, console_script
from slow_clients import HEAD, is_closed

SLOW_CLIENTS = 40
"""In the gate; the load tests have a thousand."""
DEADLINE = 5.0
"""Seconds that a slow client gets (AR-09)."""
LATE = 3.0
"""Seconds more on a busy machine."""


def context(seed: Seed, client: KeyClient | None = None, highest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    tls = ssl.create_default_context(cafile=seed.trust_root)
    if client is not None and client.certificate is not None:
        tls.load_cert_chain(client.certificate, client.key)
    if highest is not None:
        tls.maximum_version = highest
    return tls


def address(seed: Seed) -> tuple[str, int]:
    parts = urlsplit(seed.base_url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def send(
    seed: Seed, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: str = "",
    client: KeyClient | None = None, host: str | None = None,
) -> tuple[int, dict[str, str], Any]:  # fmt: skip
    """Return status, headers and JSON of one request with exactly these headers."""
    connection = http.client.HTTPSConnection(*address(seed), timeout=30, context=context(seed, client))
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or urlsplit(seed.base_url).netloc)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode())
        response = connection.getresponse()
        text = response.read()
        assert response.headers["Content-Type"].partition(";")[0] == "application/json", text[:200]
        return response.status, {name.lower(): value for name, value in response.getheaders()}, json.loads(text)


def token_request(client: KeyClient) -> str:
    return urlencode({"grant_type": "client_credentials", "scope": "service", "client_id": client.client_id})


FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


def ask_token(seed: Seed, client: KeyClient, *headers: tuple[str, str], shown: KeyClient | None = None) -> Any:
    return send(seed, "POST", "/oauth2/token", [FORM, *headers], token_request(client), shown)


@pytest.fixture
def certified(tls_seed: Seed) -> KeyClient:
    return tls_seed.key_client("tls_client_auth")


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_AR_09_nothing_below_tls_1_3(tls_seed: Seed, highest: ssl.TLSVersion) -> None:
    tls = context(tls_seed, highest=highest)
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(address(tls_seed), timeout=10) as plain, pytest.raises(ssl.SSLError) as refused:
        tls.wrap_socket(plain, server_hostname=address(tls_seed)[0])

    assert "PROTOCOL_VERSION" in str(refused.value)


def test_AR_09_tls_1_3_with_a_certificate_of_the_server(tls_seed: Seed) -> None:
    with (
        socket.create_connection(address(tls_seed), timeout=10) as plain,
        context(tls_seed).wrap_socket(plain, server_hostname=address(tls_seed)[0]) as tls,
    ):
        assert tls.version() == "TLSv1.3"
        assert not tls.session_reused

    status, headers, answer = send(tls_seed, "POST", "/csc/v1/info", [JSON], "{}")

    assert status == 200
    assert headers["strict-transport-security"]
    assert headers["server"] == "nginx"
    assert answer["oauth2"].startswith(tls_seed.base_url)


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_OA_10_a_client_certificate_reaches_the_server(tls_seed: Seed, method: str) -> None:
    client = tls_seed.key_client(method)
    status, _, answer = ask_token(tls_seed, client, shown=client)

    assert (status, answer["token_type"]) == (200, "Bearer")


def test_OA_10_another_certificate_or_none_does_not(tls_seed: Seed, certified: KeyClient) -> None:
    own = tls_seed.key_client("self_signed_tls_client_auth")
    answers = [ask_token(tls_seed, certified, shown=shown) for shown in (None, own)]
    answers.append(ask_token(tls_seed, own, shown=certified))

    assert [(status, answer["error"]) for status, _, answer in answers] == [(401, "invalid_client")] * 3


@pytest.mark.parametrize(
    "spelling", ["X-Client-Certificate", "x-client-certificate", "X_Client_Certificate", "X-CLIENT_Certificate"]
)
@pytest.mark.parametrize("shown", [False, True])
def test_AU_08_a_certificate_in_a_header_is_nobody(
    tls_seed: Seed, certified: KeyClient, spelling: str, shown: bool
) -> None:
    """The victim's certificate is public: whoever sends it along without its key is not the victim."""
    assert certified.certificate is not None
    victim = urlencode({"": certified.certificate.read_text()})[1:].replace("+", "%20")
    own = tls_seed.key_client("self_signed_tls_client_auth")
    headers = [(spelling, victim), (spelling.replace("ertificate", "erify"), "SUCCESS"), ("X-Client-Verify", "SUCCESS")]
    headers += [("Client-Cert", victim), ("X-SSL-Client-Cert", victim), ("X-Client-Verify", "SUCCESS")]
    status, _, answer = ask_token(tls_seed, certified, *headers, shown=own if shown else None)

    assert (status, answer["error"]) == (401, "invalid_client")


def test_OA_12_a_bound_token_works_on_its_own_connection_only(tls_seed: Seed, certified: KeyClient) -> None:
    token = ask_token(tls_seed, certified, shown=certified)[2]["access_token"]
    body = json.dumps({"userID": tls_seed.users[0].username})
    headers = [JSON, ("Authorization", f"Bearer {token}")]
    others = (None, tls_seed.key_client("self_signed_tls_client_auth"))
    refused = [send(tls_seed, "POST", "/csc/v2/credentials/list", headers, body, other) for other in others]

    assert [(status, answer["error"]) for status, _, answer in refused] == [(401, "invalid_token")] * 2
    assert send(tls_seed, "POST", "/csc/v2/credentials/list", headers, body, certified)[0] == 200


def audit_of(service: Service) -> str:
    import sqlite3

    with contextlib.closing(sqlite3.connect(service.data_dir / "web" / "web.sqlite3")) as database:
        return "\n".join(str(row[0]) for row in database.execute("SELECT body FROM web_audit"))


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"],
)
def test_IN_09_forwarded_headers_of_a_client_are_not_believed(
    tls_service: Service, certified: KeyClient, header: str
) -> None:
    seed = tls_service.seed
    value = {"Forwarded": "for=203.0.113.9;host=attacker.example"}.get(header, "203.0.113.9")
    token = ask_token(seed, certified, (header, value), shown=certified)[2]["access_token"]
    headers = [JSON, ("Authorization", f"Bearer {token}"), (header, value)]
    status, _, answer = send(seed, "POST", "/csc/v2/credentials/info", headers, "{}", certified)
    _, _, info = send(seed, "POST", "/csc/v2/info", [JSON, (header, value)], "{}")

    assert (status, answer["error"]) == (400, "invalid_request")
    assert "203.0.113" not in audit_of(tls_service)
    assert '"address":"127.0.0.0/24"' in audit_of(tls_service)
    assert "attacker" not in json.dumps(info)
    assert "203.0.113" not in json.dumps(info)


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "attacker.example:443", "localhost", "[::1]"]
)
def test_IN_09_another_host_is_not_served(tls_seed: Seed, host: str) -> None:
    status, _, answer = send(tls_seed, "GET", "/.well-known/oauth-authorization-server", host=host)

    assert (status, answer["error"]) == (421, "invalid_request")


def test_IN_09_two_hosts_are_none(tls_seed: Seed) -> None:
    status, _, answer = send(tls_seed, "GET", "/csc/v2/info", [("Host", "attacker.example")])

    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("headers", "path", "body", "status"),
    [
        ([JSON], "/csc/v2/info", '"' + "x" * 1_048_577 + '"', 413),
        ([JSON, ("X-Long", "x" * 9_000)], "/csc/v2/info", "", 431),
        ([JSON, *((f"X-{number}", "x" * 4_000) for number in range(5))], "/csc/v2/info", "", 431),
        ([JSON], "/csc/v2/info?" + "x" * 9_000, "", 414),
    ],
    ids=["body", "header", "headers", "address"],
)
def test_A2_what_nginx_refuses_is_json_too(
    tls_seed: Seed, headers: list[tuple[str, str]], path: str, body: str, status: int
) -> None:
    answered, _, answer = send(tls_seed, "POST", path, headers, body)

    assert (answered, answer["error"]) == (status, "invalid_request")


def connect(seed: Seed) -> ssl.SSLSocket:
    host, port = address(seed)
    return context(seed).wrap_socket(socket.create_connection((host, port), timeout=30), server_hostname=host)


@contextlib.contextmanager
def dripping(connections: list[ssl.SSLSocket]) -> Iterator[None]:
    """Send a byte of headers now and then, so that no connection ever falls silent."""
    over = threading.Event()

    def drip() -> None:
        while not over.wait(1.0):
            for each in connections:
                with contextlib.suppress(OSError):
                    each.send(b"X")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


SLOW_PARTS = {"headers": b"X-Slow: ", "body": b"Content-Length: 1000\r\n\r\n{"}


def test_AR_09_slow_clients_are_sent_away_and_hold_up_nobody(tls_seed: Seed) -> None:
    netloc = urlsplit(tls_seed.base_url).netloc.encode()
    with contextlib.ExitStack() as stack:
        slow = {part: [stack.enter_context(connect(tls_seed)) for _ in range(SLOW_CLIENTS)] for part in SLOW_PARTS}
        for part, connections in slow.items():
            for each in connections:
                each.sendall(HEAD % netloc + SLOW_PARTS[part])
        started = time.monotonic()
        with dripping(slow["headers"]):
            durations = []
            while time.monotonic() - started < 2:
                before = time.monotonic()
                assert send(tls_seed, "POST", "/csc/v2/info", [JSON], "{}")[0] == 200
                durations.append(time.monotonic() - before)
            for each in [*slow["headers"], *slow["body"]]:
                each.settimeout(max(0.1, started + DEADLINE + LATE - time.monotonic()))
                assert is_closed(each), "a slow client is still there"

    assert sorted(durations)[len(durations) // 2] < 0.5


def test_AR_09_one_address_holds_so_many_requests_and_no_more(tls_seed: Seed) -> None:
    netloc = urlsplit(tls_seed.base_url).netloc.encode()
    with contextlib.ExitStack() as stack:
        for _ in range(256):
            host, port = address(tls_seed)
            plain = socket.create_connection((host, port), timeout=30, source_address=("127.0.0.2", 0))
            held = stack.enter_context(context(tls_seed).wrap_socket(plain, server_hostname=host))
            held.sendall(HEAD % netloc + SLOW_PARTS["body"])
        refused = [_status_from(tls_seed, "127.0.0.2") for _ in range(3)]
        others = _status_from(tls_seed, "127.0.0.1")

    assert {(status, retry) for status, retry in refused} == {(429, "2")}
    assert others[0] == 200


def _status_from(seed: Seed, source: str) -> tuple[int, str | None]:
    host, port = address(seed)
    connection = http.client.HTTPSConnection(host, port, timeout=30, context=context(seed), source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("POST", "/csc/v2/info", "{}", {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.headers["Content-Type"].partition(";")[0] == "application/json"
        json.loads(response.read())
        return response.status, response.headers["Retry-After"]


def test_AD_08_logs_of_nginx_hold_no_query_and_no_secret(tls_service: Service, certified: KeyClient) -> None:
    seed = tls_service.seed
    token = ask_token(seed, certified, shown=certified)[2]["access_token"]
    send(seed, "GET", f"/csc/v2/oauth2/revoke?token={token}&canary=canary")
    send(seed, "GET", f"/nowhere/{'x' * 20}?canary", host="attacker.example")
    folder = tls_service.data_dir
    logs = "".join(path.read_text() for path in (folder / "tls" / "access.log", folder / "log" / "nginx.log"))

    assert '"path":"/csc/v2/oauth2/revoke"' in logs
    assert "canary" not in logs
    assert token not in logs
    for line in (folder / "tls" / "access.log").read_text().splitlines():
        json.loads(line)


def test_the_development_server_changes_only_what_a_site_must(tls_service: Service) -> None:
    shipped = NGINX_CONF.read_text().splitlines()
    used = (tls_service.data_dir / "tls" / "nginx.conf").read_text().splitlines()
    changed = [(before.strip(), after.strip()) for before, after in zip(shipped, used, strict=True) if before != after]
    directives = [re.split(r"\s", before)[0] for before, _ in changed]

    assert sorted(directives) == sorted(
        [
            "ssl_certificate",
            "ssl_certificate_key",
            "ssl_client_certificate",
            "server",
            "listen",
            "listen",
            "server_name",
        ]
    )


def test_nginx_itself_finds_nothing_wrong_in_the_configuration(tls_service: Service) -> None:
    folder = tls_service.data_dir / "tls"
    command = ["/usr/sbin/nginx", "-t", "-q", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


def test_SC_07_keys_of_the_proxy_and_of_clients_are_private(tls_service: Service) -> None:
    folder = tls_service.data_dir
    keys: list[Path] = [folder / "tls" / "server.key", *(each.key for each in tls_service.seed.key_clients)]

    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    server = x509.load_pem_x509_certificate((folder / "tls" / "server.pem").read_bytes())
    assert (
        server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value[0].dotted_string == "1.3.6.1.5.5.7.3.1"
    )


def test_try_sign_and_the_lines_of_the_banner_work_behind_tls(tls_service: Service, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(blank_pdf())
    command = [*console_script(), "try", "sign", "letter.pdf", "--seed-file", str(tls_service.seed_file)]
    signed = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in tls_service.output().splitlines() if re.match(r"TOKEN=|SAD=|curl ", line)]
    pasted = subprocess.run(
        ["sh", "-c", "\n".join(lines)], env=clean_environment(), capture_output=True, text=True, timeout=60, check=False
    )

    assert signed.returncode == 0, signed.stdout + signed.stderr
    assert (tmp_path / "letter.signed.pdf").read_bytes().startswith(b"%PDF")
    assert len(lines) == 3
    assert len(json.loads(pasted.stdout)["signatures"]) == 1, pasted.stderr
