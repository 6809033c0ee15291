"""info shows a method when what it needs has answered once, and not before."""

import os
import socket
import threading
from contextlib import closing

import pytest

from csc_server.errors import UnavailableError
from csc_server.values import ApiVersion
from csc_server.web.api.tried_methods import TriedMethods
from csc_server.web.certificate_issuer import SocketIssuer

STAMP, MAKE, DELETE = "signatures/timestamp", "credentials/create", "credentials/delete"


def methods():
    return {ApiVersion.V1: ("info", STAMP), ApiVersion.V2: ("info", MAKE, DELETE, STAMP)}


class Counterpart:
    """Answers from some try on."""

    def __init__(self, away=0):
        self.away = away
        self.answered = threading.Event()

    def __call__(self):
        if self.away:
            self.away -= 1
            raise UnavailableError("issuer")
        self.answered.set()


def test_A16_what_answers_is_shown_before_the_first_request():
    shown = methods()
    TriedMethods(shown, {(STAMP,): Counterpart(), (MAKE, DELETE): Counterpart()}).start()

    assert shown == methods()


def test_A16_what_does_not_answer_is_left_out_on_each_version():
    shown = methods()
    tried = TriedMethods(shown, {(STAMP,): Counterpart(away=1000), (MAKE, DELETE): Counterpart()})
    tried.start()
    tried.stop()

    assert shown == {ApiVersion.V1: ("info",), ApiVersion.V2: ("info", MAKE, DELETE)}


def test_A16_what_answers_later_is_shown_later_in_its_place():
    shown, issuer = methods(), Counterpart(away=1)
    tried = TriedMethods(shown, {(MAKE, DELETE): issuer})
    tried.start()
    before = shown[ApiVersion.V2]
    assert issuer.answered.wait(30)
    for thread in threading.enumerate():
        if thread.name == "tried-methods":
            thread.join(30)

    assert before == ("info", STAMP)
    assert shown == methods()


def test_an_issuer_is_reached_where_somebody_listens(tmp_path):
    path = tmp_path / "issuer.sock"
    with pytest.raises(UnavailableError):
        SocketIssuer(path).reach()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(os.fspath(path))
        listener.listen(1)

        SocketIssuer(path).reach()
