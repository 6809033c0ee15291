"""IN-20: what strangers and taken-over servers do to the one fetcher. Each case is refused, and none takes long."""

import socket
import ssl
import threading
import time

import pytest

from csc_server.errors import ConfigurationError
from csc_server.settings import OutgoingHost
from csc_server.values import FetchPurpose
from csc_server.web.fetch import (
    CONNECT_SECONDS,
    MAX_ADDRESSES,
    MAX_AT_ONCE,
    TOTAL_SECONDS,
    Content,
    Expected,
    Fault,
    Fetcher,
    FetchError,
)
from csc_server.web.name_resolution import SystemResolver
from scripted_server import HOUR, ScriptedServer, answer, trust

PUBLIC = "93.184.215.14"
JSON = Expected(media_types=frozenset({"application/json"}), max_bytes=1000)
PURPOSE = FetchPurpose.JWKS_URI


def fetcher(*hosts, is_test=True, **changes):
    allowed = [OutgoingHost(purpose=PURPOSE, host=host, port=port) for host, port in hosts]
    return Fetcher(allowed, is_test=is_test, trust=trust(), **changes)


def beside(server):
    """A fetcher that may call this server on its loopback address."""
    return fetcher(("127.0.0.1", server.port))


def named(server, *answers, host="keys.example"):
    """A fetcher for a name, whose resolver gives these answers in turn; connections land on the server."""
    looked_up, reached = [], []

    def resolve(name, _port):
        looked_up.append(name)
        return answers[min(len(looked_up), len(answers)) - 1]

    def connect(address, seconds):
        reached.append(address[0])
        return socket.create_connection(("127.0.0.1", server.port), seconds)

    return fetcher((host, 443), resolve=resolve, connect=connect), looked_up, reached


def fault_of(call, *arguments):
    started = time.monotonic()
    with pytest.raises(FetchError) as raised:
        call(*arguments)
    assert time.monotonic() - started < TOTAL_SECONDS + 1
    return raised.value.fault


def fault(server, url=None, expected=JSON):
    return fault_of(beside(server).get, PURPOSE, url or f"https://127.0.0.1:{server.port}/keys", expected)


def test_IN_20_a_listed_address_is_fetched_and_the_request_bears_no_credential():
    with ScriptedServer(answer(b'{"keys":[]}', media_type="Application/JSON; charset=utf-8")) as server:
        body = beside(server).get(PURPOSE, f"https://127.0.0.1:{server.port}/keys?x=1", JSON)

    assert body == b'{"keys":[]}'
    head = server.requests[0].decode().lower()
    assert head.startswith("get /keys?x=1 http/1.1\r\n")
    assert f"host: 127.0.0.1:{server.port}\r\n" in head
    assert not {"authorization:", "cookie:", "referer:", "proxy"} & set(head.replace(":", ": ").split())


def test_IN_20_a_body_is_sent_as_it_is():
    with ScriptedServer(answer(b"", status="204 No Content", length=0)) as server:
        sent = Content("application/json", b'{"responseID":"x"}')
        expected = Expected(statuses=frozenset({200, 204}))
        assert beside(server).post(PURPOSE, f"https://127.0.0.1:{server.port}/", sent, expected) == b""

    assert server.requests[0].endswith(b'\r\nContent-Length: 18\r\n\r\n{"responseID":"x"}')


def test_IN_20_environment_proxies_are_not_asked(monkeypatch):
    with ScriptedServer(answer(b"{}")) as server, ScriptedServer(answer(b"{}"), tls=False) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert beside(server).get(PURPOSE, f"https://127.0.0.1:{server.port}/", JSON) == b"{}"

    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("purpose", "url"),
    [
        (FetchPurpose.TIMESTAMP, "https://keys.example/"),
        (PURPOSE, "https://keys.example:8443/"),
        (PURPOSE, "https://keys.example.evil.example/"),
        (PURPOSE, "https://evil.example/keys.example"),
        (PURPOSE, "http://keys.example/"),
        (PURPOSE, "http://keys.example:443/"),
        (PURPOSE, "https://127.0.0.1/"),
        (PURPOSE, "https://[::1]/"),
        (PURPOSE, "https://localhost/"),
        (PURPOSE, "https://169.254.169.254/latest/meta-data"),
    ],
)
def test_IN_20_only_purpose_scheme_host_and_port_together_are_allowed(purpose, url):
    allowed, looked_up, _ = named(None, [PUBLIC])

    assert not allowed.permits(purpose, url)
    assert fault_of(allowed.get, purpose, url, JSON) is Fault.NOT_ALLOWED
    assert looked_up == []


STRANGE_URLS = {
    "user name": "https://keys.example@evil.example/",
    "user name and password": "https://a:b@keys.example/",
    "name as user": "https://keys.example:443@evil.example/",
    "backslash": "https://keys.example\\@evil.example/",
    "fragment": "https://keys.example#@evil.example/",
    "decimal address": "https://2130706433/",
    "short address": "https://127.1/",
    "octal address": "https://0177.0.0.1/",
    "hexadecimal address": "https://0x7f.0.0.1/",
    "hexadecimal number": "https://0x7f000001/",
    "leading zeros": "https://127.000.000.001/",
    "five parts": "https://1.2.3.4.5/",
    "zone": "https://[fe80::1%25eth0]/",
    "bare zone": "https://[fe80::1%eth0]/",
    "IPv6 without brackets": "https://::1/",
    "empty host": "https:///keys",
    "no host": "https:keys.example",
    "other scheme": "file:///etc/passwd",
    "gopher": "gopher://keys.example/",
    "upper scheme with blank": "HTTPS ://keys.example/",
    "line end in path": "https://keys.example/\r\nX-Injected: 1",
    "line end in host": "https://keys.example\r\nX: 1/",
    "line feed at the end": "https://keys.example/\n",
    "blank in path": "https://keys.example/a b",
    "zero byte": "https://keys.example/\x00",
    "tab": "https://keys\t.example/",
    "full-width dot": "https://keys\uff0eexample/",
    "full-width letters": "https://\uff4beys.example/",
    "port zero": "https://keys.example:0/",
    "port too high": "https://keys.example:65536/",
    "port with sign": "https://keys.example:+443/",
    "two ports": "https://keys.example:443:443/",
    "trailing dot": "https://keys.example./",
    "empty label": "https://keys..example/",
    "label with hyphen": "https://-keys.example/",
    "too long": "https://keys.example/" + "a" * 2048,
    "empty": "",
}


@pytest.mark.parametrize("url", STRANGE_URLS.values(), ids=STRANGE_URLS.keys())
def test_IN_20_a_url_that_readers_take_differently_is_none(url):
    allowed, looked_up, _ = named(None, [PUBLIC])

    assert not allowed.permits(PURPOSE, url)
    assert fault_of(allowed.get, PURPOSE, url, JSON) is Fault.URL
    assert looked_up == []


NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "loopback elsewhere": "127.8.8.8",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "shared": "100.64.0.1",
    "link-local": "169.254.169.254",
    "protocol assignments": "192.0.0.1",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "relay": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped public": "::ffff:93.184.215.14",
    "compatible": "::127.0.0.1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "6to4 of loopback": "2002:7f00:1::",
    "Teredo": "2001::1",
    "documentation 6": "2001:db8::1",
    "unique local": "fc00::1",
    "unique local d": "fd00:ec2::254",
    "link-local 6": "fe80::1",
    "link-local with zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast 6": "ff02::1",
    "discard": "100::1",
    "not assigned": "4000::1",
    "no address": "evil.example",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_IN_20_a_name_that_leads_inside_is_refused_even_beside_a_public_address(address):
    for addresses in ([address], [PUBLIC, address], [address, PUBLIC]):
        allowed, _, reached = named(None, addresses)

        assert fault_of(allowed.get, PURPOSE, "https://keys.example/", JSON) is Fault.ADDRESS
        assert reached == []


def test_IN_20_rebinding_leads_nowhere_because_the_checked_address_is_the_one_that_is_called():
    with ScriptedServer(answer(b"{}"), names=("keys.example",)) as server:
        allowed, looked_up, reached = named(server, [PUBLIC], ["127.0.0.1"])
        assert allowed.get(PURPOSE, "https://Keys.Example/", JSON) == b"{}"

        assert (looked_up, reached) == (["keys.example"], [PUBLIC])
        assert server.names == ["keys.example"]
        assert b"\r\nHost: keys.example\r\n" in server.requests[0]

        assert fault_of(allowed.get, PURPOSE, "https://keys.example/", JSON) is Fault.ADDRESS
        assert reached == [PUBLIC]


def test_IN_20_the_certificate_must_be_for_the_name_that_was_asked():
    with ScriptedServer(answer(b"{}"), names=("other.example",)) as server:
        allowed, _, _ = named(server, [PUBLIC])

        assert fault_of(allowed.get, PURPOSE, "https://keys.example/", JSON) is Fault.UNREACHABLE
        assert server.requests == []


def test_IN_20_an_expired_certificate_is_refused():
    with ScriptedServer(answer(b"{}"), until=-HOUR) as server:
        assert fault(server) is Fault.UNREACHABLE
        assert server.requests == []


def test_IN_20_an_authority_that_is_not_trusted_is_refused():
    with ScriptedServer(answer(b"{}")) as server:
        entry = OutgoingHost(purpose=PURPOSE, host="127.0.0.1", port=server.port)
        system = Fetcher([entry], is_test=True)

        assert fault_of(system.get, PURPOSE, f"https://127.0.0.1:{server.port}/", JSON) is Fault.UNREACHABLE
        assert server.requests == []


def test_IN_20_a_server_without_tls_is_refused():
    with ScriptedServer(answer(b"{}"), tls=False) as server:
        assert fault(server) in {Fault.UNREACHABLE, Fault.TOO_SLOW}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_IN_20_redirects_are_not_followed(status):
    with ScriptedServer(answer(b"{}")) as inside:
        location = f"Location: https://127.0.0.1:{inside.port}/keys"
        with ScriptedServer(answer(b"", status=status, headers=(location,))) as server:
            assert fault(server) is Fault.STATUS

        assert inside.connections == 0


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "206 Partial", "404 Not Found", "500 Error"])
def test_IN_20_any_other_status_is_refused(status):
    with ScriptedServer(answer(b"{}", status=status)) as server:
        assert fault(server) is Fault.STATUS


@pytest.mark.parametrize(
    "media_type", ["text/html", "application/jsonx", "x/application/json", "", "application/json,text/html"]
)
def test_IN_20_another_media_type_is_refused(media_type):
    with ScriptedServer(answer(b"{}", media_type=media_type)) as server:
        assert fault(server) is Fault.MEDIA_TYPE


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_IN_20_a_packed_body_is_refused_because_its_size_is_not_known(encoding):
    with ScriptedServer(answer(b"\x1f\x8b", headers=(f"Content-Encoding: {encoding}",))) as server:
        assert fault(server) is Fault.MEDIA_TYPE


def sends(*pieces):
    def script(connection, _request):
        for piece in pieces:
            connection.sendall(piece)

    return script


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ENDLESS = [b"x" * 4096] * 500
OVERSIZE = {
    "announced": answer(b"x" * 1001),
    "announced, far too long": answer(b"x" * 100_000),
    "not announced": sends(HEAD + b"\r\n", *ENDLESS),
    "chunked": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 500),
    "long chunk extension": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", *ENDLESS),
    "tiny chunks": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1;aaaaaaaaaaaaaaaa\r\nx\r\n"] * 5000),
    "endless status line": sends(b"HTTP/1.1 200 ", *ENDLESS),
    "endless header": sends(HEAD + b"X: ", *ENDLESS),
    "many headers": sends(HEAD, *[b"X: y\r\n"] * 5000),
    "endless continues": sends(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 5000),
}


@pytest.mark.parametrize("script", OVERSIZE.values(), ids=OVERSIZE.keys())
def test_IN_20_an_answer_that_is_too_long_is_not_read_to_its_end(script):
    with ScriptedServer(script) as server:
        assert fault(server) in {Fault.TOO_LARGE, Fault.MALFORMED}


def test_IN_20_a_body_of_exactly_the_limit_is_taken():
    with ScriptedServer(answer(b"x" * 1000)) as server:
        assert len(beside(server).get(PURPOSE, f"https://127.0.0.1:{server.port}/", JSON)) == 1000


MALFORMED = {
    "not HTTP": sends(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "nothing": sends(),
    "shorter than announced": answer(b"{}", length=500),
    "status no number": sends(b"HTTP/1.1 OK\r\n\r\n"),
    "chunk size no number": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "negative chunk": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nxx"),
    "chunks end early": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
}


@pytest.mark.parametrize("script", MALFORMED.values(), ids=MALFORMED.keys())
def test_IN_20_a_malformed_answer_is_refused(script):
    with ScriptedServer(script) as server:
        assert fault(server) in {Fault.MALFORMED, Fault.UNREACHABLE}


def trickles(data, pause=0.3):
    def script(connection, _request):
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return script


@pytest.mark.parametrize(
    "script",
    [
        trickles(HEAD),
        pytest.param(trickles(b"H" * 100), marks=pytest.mark.nightly),
        pytest.param(lambda *_: time.sleep(8), marks=pytest.mark.nightly),
    ],
)
def test_IN_20_a_slow_answer_ends_with_the_whole_time_not_with_each_byte(script):
    started = time.monotonic()
    with ScriptedServer(script) as server:
        assert fault(server) is Fault.TOO_SLOW

    assert time.monotonic() - started >= TOTAL_SECONDS - 0.5


def test_IN_20_a_server_that_never_answers_the_handshake_ends_with_the_time_to_connect():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        started = time.monotonic()
        silent = fetcher(("127.0.0.1", port))
        assert fault_of(silent.get, PURPOSE, f"https://127.0.0.1:{port}/", JSON) is Fault.TOO_SLOW

    assert CONNECT_SECONDS - 0.5 <= time.monotonic() - started < TOTAL_SECONDS


def test_RL_05_a_slow_peer_takes_a_few_threads_and_no_more():
    released = threading.Event()

    def script(connection, request):
        released.wait(20)
        answer(b"{}")(connection, request)

    with ScriptedServer(script) as server:
        shared, url, faults = beside(server), f"https://127.0.0.1:{server.port}/", []

        def ask():
            try:
                shared.get(PURPOSE, url, JSON)
            except FetchError as error:
                faults.append(error.fault)

        threads = [threading.Thread(target=ask) for _ in range(MAX_AT_ONCE + 3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 4
        while len(faults) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        assert faults == [Fault.BUSY] * 3
        other = OutgoingHost(purpose=FetchPurpose.TIMESTAMP, host="127.0.0.1", port=server.port)
        released.set()
        for thread in threads:
            thread.join(10)

        assert len(faults) == 3
        assert shared.get(PURPOSE, url, JSON) == b"{}"
        assert Fetcher([other], is_test=True, trust=trust()).get(FetchPurpose.TIMESTAMP, url, JSON) == b"{}"


def test_IN_20_many_dead_addresses_share_one_time():
    asked = []

    def connect(address, seconds):
        asked.append((address[0], seconds))
        raise ConnectionRefusedError

    many = [f"93.184.215.{number}" for number in range(1, 101)]
    dead = fetcher(("keys.example", 443), resolve=lambda *_: many, connect=connect)

    assert fault_of(dead.get, PURPOSE, "https://keys.example/", JSON) is Fault.UNREACHABLE
    assert [address for address, _ in asked] == many[:MAX_ADDRESSES]
    assert all(seconds <= CONNECT_SECONDS for _, seconds in asked)


def test_IN_20_a_name_without_addresses_is_unreachable():
    def resolve(*_):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    unknown = fetcher(("keys.example", 443), resolve=resolve)

    assert fault_of(unknown.get, PURPOSE, "https://keys.example/", JSON) is Fault.UNREACHABLE


def test_IN_20_the_systems_resolver_is_asked_for_the_listed_name_and_its_answer_is_checked():
    inside = fetcher(("localhost", 443), resolve=SystemResolver(CONNECT_SECONDS))

    assert fault_of(inside.get, PURPOSE, "https://localhost/", JSON) is Fault.ADDRESS


@pytest.mark.parametrize(
    ("entry", "is_test"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "10.0.0.1"}, True),
        ({"host": "169.254.169.254"}, True),
        ({"host": "fd00::1"}, True),
        ({"host": "0.0.0.0"}, True),
        ({"host": "keys.example", "scheme": "http"}, True),
        ({"host": "127.0.0.1", "scheme": "http"}, True),
        ({"host": "2130706433"}, True),
        ({"host": "*.example"}, True),
        ({"host": "keys.example/path"}, True),
        ({"host": "user@keys.example"}, True),
        ({"host": "keys.example:443"}, True),
        ({"host": ""}, True),
    ],
)
def test_IN_20_the_list_itself_takes_nothing_that_the_rule_forbids(entry, is_test):
    with pytest.raises(ConfigurationError):
        Fetcher([OutgoingHost(purpose=PURPOSE, **entry)], is_test=is_test)


def test_IN_20_http_is_for_revocation_data_alone():
    with ScriptedServer(answer(b"crl", media_type="application/pkix-crl"), tls=False) as server:
        entry = OutgoingHost(purpose=FetchPurpose.REVOCATION, host="127.0.0.1", port=server.port, scheme="http")
        crl = Expected(media_types=frozenset({"application/pkix-crl"}), max_bytes=1000)
        plain = Fetcher([entry], is_test=True)

        assert plain.get(FetchPurpose.REVOCATION, f"http://127.0.0.1:{server.port}/", crl) == b"crl"


def test_IN_20_old_versions_of_tls_are_refused():
    with ScriptedServer(answer(b"{}")) as server:
        context = beside(server)._tls()

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_IN_20_a_failure_tells_nothing_of_the_answer_or_the_path():
    with ScriptedServer(answer(b"a secret", status="500 a-secret")) as server, pytest.raises(FetchError) as raised:
        beside(server).get(PURPOSE, f"https://127.0.0.1:{server.port}/a-secret?token=a-secret", JSON)

    assert "secret" not in str(raised.value) + repr(raised.value)
