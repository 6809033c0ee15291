"""A server on loopback that says, byte for byte, what a test tells it to; with TLS of a throw-away authority."""

import contextlib
import datetime as dt
import functools
import ipaddress
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOUR = dt.timedelta(hours=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, key, issuer, issuer_key, extension, *, until=HOUR):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * HOUR)
        .not_valid_after(now + until)
        .add_extension(extension, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _pem(*things):
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return b"".join(
        each.public_bytes(serialization.Encoding.PEM)
        if isinstance(each, x509.Certificate)
        else each.private_bytes(*private)
        for each in things
    )


@functools.cache
def authority():
    """The root of all servers here: a folder with `root.pem`, its key and its certificate."""
    folder = Path(tempfile.mkdtemp(prefix="scripted-server-"))
    key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Scripted Root", key, "Scripted Root", key, x509.BasicConstraints(ca=True, path_length=0))
    (folder / "root.pem").write_bytes(_pem(root))
    return folder, key


def trust():
    """The file of the root that fetchers of a test trust."""
    return authority()[0] / "root.pem"


@functools.cache
def server_context(*names, until=HOUR):
    """TLS of a server whose certificate is for these names and addresses."""
    folder, issuer_key = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address(name)) if name[-1].isdigit() else x509.DNSName(name) for name in names]
    )
    certificate = _certificate(names[0], key, "Scripted Root", issuer_key, alternatives, until=until)
    file = folder / f"{names[0]}-{until.total_seconds():.0f}.pem"
    file.write_bytes(_pem(key, certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class ScriptedServer:
    """Answers each connection with a script: a function of the connection and what was asked.

    `requests` are the requests that came, whole; `names` what they named in TLS (SNI).
    """

    def __init__(self, script, *, names=("127.0.0.1",), tls=True, until=HOUR):
        self.script = script
        self.requests = []
        self.names = []
        self.connections = 0
        self._context = server_context(*names, until=until) if tls else None
        if self._context is not None:
            self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self._stopping.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        self.connections += 1
        connection.settimeout(10)
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if self._context is not None:
                connection = stack.enter_context(self._context.wrap_socket(connection, server_side=True))
            request = self._read(connection)
            self.requests.append(request)
            self.script(connection, request)

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65_536)
            if not received:
                return data
            data += received
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def answer(body=b"", *, status="200 OK", media_type="application/json", headers=(), length=None):
    """Return a script that sends one answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}"]
    lines += [f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    data = "\r\n".join(lines).encode() + body

    def script(connection, _request):
        connection.sendall(data)

    return script
