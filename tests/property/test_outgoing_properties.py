"""Parsers on the way out: URLs, addresses and answers of authorities never raise anything but their own errors."""

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csc_server.errors import MalformedInputError
from csc_server.policy.outgoing import Target, is_public, read_host
from csc_server.policy.timestamps import TimestampError, read_answer, read_nonce
from timestamp_tokens import NOW, SKEW, WANTED, Signer, response, trust

PIECES = st.sampled_from(
    ["https://", "http://", "//", "a.example", "127.0.0.1", "[::1]", "[fe80::1%25a]", ":443", ":", "@", "/", "\\", "#",
     "?", "%", "..", "0x7f", "0177", "2130706433", "\n", "\r", "\t", " ", "\x00", "\u3002", "\uff0f", "a", "1"]
)  # fmt: skip
URLS = st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join))


@given(URLS)
@example("https://a.example\\@b.example/")
def test_IN_20_a_url_is_read_as_everybody_reads_it_or_not_at_all(url):
    try:
        target = Target.read(url)
    except MalformedInputError:
        return
    parts = urlsplit(url)

    assert (parts.scheme, parts.hostname, parts.username, parts.fragment) == (target.scheme, target.host, None, "")
    assert target.port == (parts.port or {"https": 443, "http": 80}[parts.scheme])
    assert target.path.startswith("/")
    assert target.path.isascii()
    assert target.path.isprintable()
    assert " " not in target.path
    assert Target.read(f"{target.scheme}://{target.authority}{target.path}") == target


@given(st.text(max_size=80))
def test_IN_20_a_host_is_stable_once_read(text):
    try:
        host = read_host(text)
    except MalformedInputError:
        return

    assert read_host(f"[{host}]" if ":" in host else host) == host


INSIDE = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "::/3", "4000::/2", "8000::/1", "2001::/32", "2001:db8::/32", "2002::/16",
    )
]  # fmt: skip


@given(st.sampled_from(INSIDE), st.integers(min_value=0))
def test_IN_20_no_address_of_a_special_network_is_public(network, number):
    address = network[number % network.num_addresses]

    assert not is_public(str(address))
    if address.version == 4:
        assert not is_public(f"::ffff:{address}")
        assert not is_public(f"::{address}")


@given(st.ip_addresses())
def test_IN_20_what_is_public_is_global_and_for_one_receiver(address):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.text())
def test_IN_20_another_text_is_no_public_address(text):
    if is_public(text):
        ipaddress.ip_address(text)


@given(st.text(max_size=80))
def test_a_nonce_is_a_number_or_nothing(text):
    number = read_nonce(text)

    assert number is None or (0 <= number < 2**256 and int(text, 16) == number)


@given(st.binary(max_size=400))
def test_an_answer_of_any_bytes_is_refused(data):
    with pytest.raises(TimestampError):
        read_answer(data, WANTED, trust(), NOW, SKEW)


ANSWER = response(signer=Signer())
INFO = ANSWER.index(WANTED.digest)


@given(st.integers(0, len(ANSWER) * 8 - 1))
def test_an_answer_with_one_bit_changed_passes_or_is_refused_and_does_nothing_else(bit):
    data = bytearray(ANSWER)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read_answer(bytes(data), WANTED, trust(), NOW, SKEW)
    except TimestampError:
        return

    assert not INFO - 30 <= bit // 8 < INFO + 60, "a bit of the signed content"


@given(st.integers(0, len(ANSWER)), st.binary(max_size=8), st.integers(0, 8))
def test_an_answer_with_a_piece_replaced_does_nothing_else_either(place, piece, cut):
    data = ANSWER[:place] + piece + ANSWER[place + cut :]
    try:
        read_answer(data, WANTED, trust(), NOW, SKEW)
    except TimestampError:
        return
