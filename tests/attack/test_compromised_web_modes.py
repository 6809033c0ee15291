"""Whoever took over web, against the modes in which a signer proves himself out of band (RL-14, AR-02).

Alone it can neither read a one-time code, nor approve what waits for its signer, nor answer a challenge.
"""

import contextlib
import json
import os
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from csc_server.activation.client import SignerClient
from csc_server.activation.framing import frame, receive_frame
from csc_server.activation.lanes import socket_path
from csc_server.activation.messages import (
    LANES,
    Activate,
    Activated,
    Answer,
    Approve,
    Authorize,
    Done,
    Minted,
    Refused,
    Request,
    Sign,
    Signed,
    decode_answer,
    encode,
)
from csc_server.activation.parts import Caller, Evidence, Transaction
from csc_server.activation.pending_messages import (
    AnswerPending,
    Challenge,
    CollectApproval,
    GetChallenge,
    ListPending,
    Pending,
    PendingApprovals,
    RequestApproval,
    SendCode,
)
from csc_server.values import ApprovalId, ClientId, CredentialId, SignerId
from integration.csc_client import SHA256
from integration.modes import Mailbox, respond
from integration.service import Mode, Seed, Service

CLIENT = ClientId("csc2-application")
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
GAINS = (Signed, Minted, Activated)


@dataclass
class Web:
    """A web process in the hands of somebody else: its sockets, and what it knows of the first user."""

    service: Service
    socket_dir: Path
    caller: Caller

    def ask(self, request: Request) -> Answer | None:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.settimeout(20)
            connection.connect(str(socket_path(self.socket_dir, LANES[type(request)], 0)))
            connection.sendall(frame(encode(request)))
            body = receive_frame(connection)
        return None if body is None else decode_answer(body)

    def requested(self, mode: Mode, hashes: tuple[bytes, ...]) -> Pending:
        answer = self.ask(RequestApproval(self.caller, self.transaction(mode, hashes), "drill", None))
        assert isinstance(answer, Pending)
        return answer

    def transaction(self, mode: Mode, hashes: tuple[bytes, ...]) -> Transaction:
        return Transaction(CredentialId(mode.credential_id), len(hashes), hashes, hash_algorithm=SHA256)

    def authorize(self, mode: Mode, hashes: tuple[bytes, ...], evidence: Evidence) -> Answer | None:
        return self.ask(Authorize(self.caller, self.transaction(mode, hashes), evidence))

    def waiting(self) -> tuple[ApprovalId, ...]:
        answer = self.ask(ListPending(self.caller))
        assert isinstance(answer, PendingApprovals)
        return tuple(each.approval_id for each in answer.approvals)


@pytest.fixture(scope="module")
def web(service: Service) -> Web:
    settings = json.loads((service.data_dir / "settings.json").read_text("utf-8"))["web"]
    with closing(sqlite3.connect(settings["database_url"].removeprefix("sqlite:///"))) as rows:
        (signer_id,) = rows.execute(
            "SELECT signer_id FROM accounts WHERE username = ?", (service.seed.users[0].username,)
        ).fetchone()
    return Web(service, Path(settings["socket_dir"]), Caller(CLIENT, SignerId(signer_id), "request-of-web"))


@pytest.fixture(autouse=True)
def nothing_is_signed(service: Service) -> Iterator[None]:
    before = released(service)
    yield
    assert released(service) == before


def released(service: Service) -> int:
    database = service.data_dir / "signer" / "signer.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as rows:
        (count,) = rows.execute("SELECT coalesce(sum(count), 0) FROM consumptions WHERE state = 'done'").fetchone()
    return int(count)


@pytest.fixture
def hashes() -> tuple[bytes, ...]:
    return (secrets.token_bytes(32),)


# Codes that are sent


def test_RL_14_web_never_sees_a_code(web: Web, seed: Seed, service: Service) -> None:
    """Neither in an answer, nor in its own database, logs or settings, nor in the signer's database in clear."""
    mode, mailbox = seed.modes["online-otp"], Mailbox(seed.outbox)
    answers = [
        web.ask(SendCode(web.caller, CredentialId(mode.credential_id))),
        web.ask(GetChallenge(web.caller, CredentialId(mode.credential_id), "ONLINE_OTP")),
    ]
    codes = [mailbox.code(mode.credential_id) for _ in answers]
    places = [path for name in ("web", "signer", "log") for path in (service.data_dir / name).rglob("*")]

    assert answers == [Done(), Done()]
    for path in (path for path in places if path.is_file()):
        content = path.read_bytes()
        assert not any(code.encode() in content for code in codes), path


def test_RL_14_web_that_has_codes_sent_guesses_none(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    mode = seed.modes["online-otp"]
    web.ask(SendCode(web.caller, CredentialId(mode.credential_id)))
    for evidence in (Evidence(), Evidence(online_otp=""), Evidence(otp="00000000"), Evidence(pin="00000000")):
        assert isinstance(web.authorize(mode, hashes, evidence), Refused)
    assert isinstance(web.authorize(mode, hashes, Evidence(online_otp="0000000x")), Refused)


def test_RL_14_a_code_is_no_use_to_another_client_of_web(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    """A code that one application had sent is no use in the name of another."""
    mode, mailbox = seed.modes["online-otp"], Mailbox(seed.outbox)
    web.ask(SendCode(web.caller, CredentialId(mode.credential_id)))
    code = mailbox.code(mode.credential_id)
    other = Caller(ClientId("csc1-application"), web.caller.signer_id, "request-of-web")

    answer = web.ask(Authorize(other, web.transaction(mode, hashes), Evidence(online_otp=code)))
    assert isinstance(answer, Refused)


def test_RL_14_the_courier_takes_nothing_from_a_stranger_and_tells_nothing(web: Web, service: Service) -> None:
    path = web.socket_dir / "courier.sock"
    for body in (b"{}", encode(SendCode(web.caller, CredentialId("x"))), b"\xff" * 100):
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            connection.sendall(frame(body))
            with contextlib.suppress(ConnectionResetError):
                assert receive_frame(connection) is None


# Approvals on a page

NO_EVIDENCE = {
    "none": Evidence(),
    "empty": Evidence("", ""),
    "PIN alone of nobody": Evidence("", "000000"),
    "other members": Evidence(online_otp="000000", response="x.y"),
}


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_RL_14_web_alone_approves_nothing_that_waits(
    web: Web, seed: Seed, hashes: tuple[bytes, ...], name: str
) -> None:
    mode = seed.modes["implicit"]
    handle = web.requested(mode, hashes)
    approval_id = web.waiting()[-1]
    tries = [
        AnswerPending(web.caller, approval_id, NO_EVIDENCE[name]),
        Approve(web.caller, approval_id, NO_EVIDENCE[name]),
        Activate(web.caller, approval_id, secrets.token_bytes(32)),
    ]

    assert all(isinstance(web.ask(each), Refused) for each in tries)
    assert isinstance(web.ask(CollectApproval(web.caller, handle.handle)), Pending)
    web.ask(AnswerPending(web.caller, approval_id, None))


def test_RL_14_the_pin_alone_approves_nothing_that_waits(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    mode = seed.modes["implicit"]
    handle = web.requested(mode, hashes)
    approval_id = web.waiting()[-1]
    right, wrong = Evidence(mode.pin, None), Evidence(mode.pin, "000000")

    for evidence in (right, wrong):
        assert isinstance(web.ask(AnswerPending(web.caller, approval_id, evidence)), Refused)
    assert isinstance(web.ask(CollectApproval(web.caller, handle.handle)), Pending)
    web.ask(AnswerPending(web.caller, approval_id, None))


def test_RL_14_no_handle_can_be_made(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    real = web.requested(seed.modes["implicit"], hashes).handle
    approval_id = web.waiting()[-1]
    made = [str(approval_id), f"{approval_id}.", f"{approval_id}.{secrets.token_urlsafe(32)}", real + "A", real[::-1]]

    for handle in made:
        assert isinstance(web.ask(CollectApproval(web.caller, handle)), Refused)
    web.ask(AnswerPending(web.caller, approval_id, None))


def test_RL_14_what_was_refused_stays_refused(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    mode = seed.modes["implicit-pin"]
    handle = web.requested(mode, hashes)
    approval_id = web.waiting()[-1]
    assert web.ask(AnswerPending(web.caller, approval_id, None)) == Done()

    assert isinstance(web.ask(AnswerPending(web.caller, approval_id, Evidence(mode.pin))), Refused)
    assert isinstance(web.ask(CollectApproval(web.caller, handle.handle)), Refused)


def test_RL_14_an_approval_is_of_its_transaction_however_often_it_is_collected(
    web: Web, seed: Seed, hashes: tuple[bytes, ...]
) -> None:
    """With the evidence of a real signer for one document, web gets that document's SAD, once, and no other."""
    mode = seed.modes["implicit-pin"]
    handle = web.requested(mode, hashes)
    assert web.ask(AnswerPending(web.caller, web.waiting()[-1], Evidence(mode.pin))) == Done()
    answers = [web.ask(CollectApproval(web.caller, handle.handle)) for _ in range(3)]
    minted = [answer for answer in answers if isinstance(answer, GAINS)]

    assert len(minted) == 1
    assert isinstance(minted[0], Minted)
    other = (secrets.token_bytes(32),)
    wanted = Sign(web.caller, CredentialId(mode.credential_id), minted[0].sad, other, ECDSA_SHA256)
    assert isinstance(web.ask(wanted), Refused)


def test_RL_14_a_row_written_as_approved_has_no_evidence_behind_it(web: Web, seed: Seed) -> None:
    """Web's own database knows nothing of pending approvals: there is nothing in it to forge."""
    settings = json.loads((web.service.data_dir / "settings.json").read_text("utf-8"))["web"]
    with closing(sqlite3.connect(settings["database_url"].removeprefix("sqlite:///"))) as rows:
        tables = {name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert not {"approvals", "pending_approvals", "challenges", "factors"} & tables


# Challenges


def test_RL_14_web_answers_no_challenge_without_the_signers_device(
    web: Web, seed: Seed, hashes: tuple[bytes, ...]
) -> None:
    mode = seed.modes["key"]
    answer = web.ask(GetChallenge(web.caller, CredentialId(mode.credential_id), "KEY"))
    assert isinstance(answer, Challenge)
    for response in (answer.challenge, f"{answer.challenge}.{secrets.token_urlsafe(64)}"):
        refused = web.authorize(mode, hashes, Evidence(mode.pin, response=response))
        assert isinstance(refused, Refused)
    honest = respond(mode, CLIENT, answer.challenge, list(hashes), SHA256)
    assert isinstance(web.authorize(mode, hashes, Evidence(mode.pin, response=honest)), Minted)


def test_AU_01_web_turns_a_response_to_no_other_document(web: Web, seed: Seed, hashes: tuple[bytes, ...]) -> None:
    """The one evidence that a web process in other hands can't redirect even while it passes through."""
    mode = seed.modes["key"]
    answer = web.ask(GetChallenge(web.caller, CredentialId(mode.credential_id), "KEY"))
    assert isinstance(answer, Challenge)
    honest = respond(mode, CLIENT, answer.challenge, list(hashes), SHA256)
    evidence = Evidence(mode.pin, response=honest)

    assert isinstance(web.authorize(mode, (secrets.token_bytes(32),), evidence), Refused)
    assert isinstance(web.authorize(mode, (*hashes, *hashes), evidence), Refused)
    assert isinstance(web.authorize(mode, hashes, evidence), Minted)


def test_the_drill_speaks_as_web_does(web: Web, seed: Seed) -> None:
    """What is refused above is refused for its content: the same connection describes a credential."""
    client = SignerClient(web.socket_dir, 1, 1, os.getuid())
    stranger = Caller(CLIENT, SignerId("nobody"), "request-of-web")

    assert client.list_pending(ListPending(stranger)).approvals == ()
    assert isinstance(web.ask(ListPending(web.caller)), PendingApprovals)
    assert isinstance(
        web.ask(GetChallenge(web.caller, CredentialId(seed.modes["key"].credential_id), "KEY")), Challenge
    )
