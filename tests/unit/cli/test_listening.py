"""Where web listens."""

import socket

import pytest

from csc_server.cli.listening import Listen
from csc_server.errors import CscServerError


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a short relative name: a socket's path is limited
    return "web.sock"


def test_a_socket_that_a_crash_left_is_removed(path):
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(path)
    listen = Listen.read(f"unix:{path}")
    assert listen.path.exists()

    listen.clear()

    assert not listen.path.exists()


def test_a_socket_that_is_served_is_left_alone(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        listen = Listen.read(f"unix:{path}")

        with pytest.raises(CscServerError, match="Another server"):
            listen.clear()

        assert listen.path.exists()


def test_another_file_is_left_alone(path, tmp_path):
    (tmp_path / path).write_text("mine", encoding="utf-8")

    with pytest.raises(CscServerError, match="no socket"):
        Listen.read(f"unix:{path}").clear()

    assert (tmp_path / path).exists()


@pytest.mark.parametrize("text", ["0.0.0.0:80", "localhost:80", "127.0.0.1:", "127.0.0.1:x", "8080", ""])
def test_AR_09_no_other_address_than_loopback(text):
    with pytest.raises(CscServerError):
        Listen.read(text)


def test_nothing_to_clear_is_fine(path):
    Listen.read(f"unix:{path}").clear()
    Listen.read("127.0.0.1:8080").clear()

    assert Listen.read("127.0.0.1:8080").port == 8080
