"""Addresses are cut before anything keeps them (decision 14; IN-09)."""

import pytest
from flask import Flask

from csc_server.web.http.peer import PROXY_TRUSTED, address_block


def block(address, *, forwarded=None, trusted=False):
    app = Flask(__name__)
    app.config[PROXY_TRUSTED] = trusted
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with app.test_request_context("/", headers=headers, environ_base={"REMOTE_ADDR": address}):
        return address_block()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff:3::4", "2001:db8:1:200::/56"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", ""),
        ("unix:", ""),
        ("x" * 100, ""),
    ],
)
def test_an_address_becomes_its_block(address, expected):
    assert block(address) == expected


def test_IN_09_behind_the_proxy_the_last_forwarded_address_counts():
    assert block("", forwarded="203.0.113.9, 198.51.100.7", trusted=True) == "198.51.100.0/24"


def test_IN_09_without_the_proxy_it_does_not():
    assert block("192.0.2.77", forwarded="203.0.113.9") == "192.0.2.0/24"
