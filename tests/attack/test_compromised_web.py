"""Whoever took over web: its uid, its sockets to the signer, its database, and no evidence of a signer (RL-14).

Each try speaks to a real signer as web would. None may make it sign, mint or activate what its signer has not
approved, and after each the same workers still serve an honest signature.
"""

import base64
import hashlib
import json
import os
import secrets
import socket
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from attack.parallel import at_once
from csc_server.activation.client import SignerClient
from csc_server.activation.framing import MAX_FRAME, frame, receive_frame
from csc_server.activation.lanes import socket_path
from csc_server.activation.messages import (
    LANES,
    Activate,
    Activated,
    Answer,
    Approve,
    Authorize,
    Begin,
    Extend,
    Minted,
    Ping,
    Refused,
    Request,
    Sign,
    Signed,
    Unavailable,
    VoidApproval,
    decode_answer,
    encode,
)
from csc_server.activation.parts import Caller, Evidence, Lane, Transaction
from csc_server.errors import RefusedError
from csc_server.values import ApprovalId, ClientId, CredentialId, SignerId
from fault.processes import with_device
from integration.code_flow import Application
from integration.csc_client import SHA256, CscClient, Scheme, base64_of, verify
from integration.one_time_codes import codes_of_this_run
from integration.service import Credential, Seed, Service

GAINS = (Signed, Minted, Activated)
"""Answers that a taken-over web process must not get for what nobody approved."""

PATIENCE = 20.0
CLIENT = ClientId("csc2-application")
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
ECDSA_SHA384 = "1.2.840.10045.4.3.3"
RSA_SHA256 = "1.2.840.113549.1.1.11"
RSASSA_PSS = "1.2.840.113549.1.1.10"
MANY = 10_000


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


APPROVED = digest("what the signer approved")
OTHER = digest("what nobody approved")


@dataclass(frozen=True)
class Web:
    """The position of web: what its settings and its database tell."""

    service: Service
    seed: Seed
    socket_dir: Path
    signing_workers: int
    database: Path
    signer_id: SignerId
    other_signer: SignerId

    @property
    def caller(self) -> Caller:
        return Caller(CLIENT, self.signer_id, "request-of-web", "127.0.0.0/24")

    def path(self, lane: Lane, index: int = 0) -> Path:
        return socket_path(self.socket_dir, lane, index)

    def client(self) -> SignerClient:
        return SignerClient(self.socket_dir, self.signing_workers, 1, os.getuid())

    def connect(self, lane: Lane, index: int = 0) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.path(lane, index)))
        return connection

    def ask(self, request: Request, lane: Lane | None = None) -> Answer | None:
        """Send one request on a connection of its own; None when the signer closed it."""
        (answer,) = self.send(lane or LANES[type(request)], frame(encode(request)))
        return answer

    def send(self, lane: Lane, data: bytes, *, answers: int = 1, index: int = 0) -> list[Answer | None]:
        """Send bytes as they are; return as many answers, None from where the signer closed the connection."""
        with closing(self.connect(lane, index)) as connection:
            try:
                connection.sendall(data)
                bodies = [receive_frame(connection) for _ in range(answers)]
            except (BrokenPipeError, ConnectionResetError):
                return [None]
        return [None if body is None else decode_answer(body) for body in bodies]

    def send_body(self, lane: Lane, kind: str, body: dict[str, Any]) -> Answer | None:
        text = json.dumps({"kind": kind, "body": body}).encode()
        return self.send(lane, frame(text))[0]

    def begun(self, credential: Credential, hashes: Sequence[bytes] = (APPROVED,)) -> ApprovalId:
        transaction = Transaction(CredentialId(credential.credential_id), len(hashes), tuple(hashes))
        return self.client().begin(Begin(self.caller, transaction)).approval_id

    def approved(self, credential: Credential, hashes: Sequence[bytes] = (APPROVED,)) -> ApprovalId:
        """Return an approval that its signer gave: the only tries that start from real evidence use it."""
        approval_id = self.begun(credential, hashes)
        code = codes_of_this_run.next(credential.totp_secret or "")
        self.client().approve(Approve(self.caller, approval_id, Evidence(credential.pin, code)))
        return approval_id

    def sad(self, credential: Credential, hashes: Sequence[bytes] = (APPROVED,)) -> str:
        """Return a SAD that the signer's PIN gave for these hashes."""
        transaction = Transaction(CredentialId(credential.credential_id), len(hashes), tuple(hashes))
        return self.client().authorize(Authorize(self.caller, transaction, Evidence(credential.pin, None))).sad

    def sign_request(self, credential: Credential, sad: str, hashes: Sequence[bytes] = (APPROVED,)) -> Sign:
        return Sign(self.caller, CredentialId(credential.credential_id), sad, tuple(hashes), ECDSA_SHA256)


@pytest.fixture(scope="module")
def web(service: Service) -> Web:
    settings = json.loads((service.data_dir / "settings.json").read_text("utf-8"))["web"]
    database = Path(settings["database_url"].removeprefix("sqlite:///"))
    with closing(sqlite3.connect(database)) as rows:
        signers = dict(rows.execute("SELECT username, signer_id FROM accounts").fetchall())
    first, second = (user.username for user in service.seed.users[:2])
    return Web(
        service=service,
        seed=service.seed,
        socket_dir=Path(settings["socket_dir"]),
        signing_workers=settings["signing_workers"],
        database=database,
        signer_id=signers[first],
        other_signer=signers[second],
    )


@pytest.fixture(scope="module")
def explicit(seed: Seed) -> Credential:
    """SCAL 1, PIN alone."""
    return seed.choose(key="P-256")


@pytest.fixture(scope="module")
def oauth(seed: Seed) -> Credential:
    """SCAL 2, approved on pages."""
    return seed.choose(key="P-256", auth_mode="oauth2code", scal="2")


@pytest.fixture(scope="module")
def two_factors(seed: Seed) -> Credential:
    """SCAL 2, PIN and one-time code in one call."""
    return seed.choose(key="P-256", scal="2")


def workers(service: Service) -> list[int]:
    return sorted(process.pid for process in with_device(service) if process.status() != psutil.STATUS_ZOMBIE)


def released(service: Service) -> int:
    """Return how many signatures the signer has let out, by its own book."""
    database = service.data_dir / "signer" / "signer.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as rows:
        (count,) = rows.execute("SELECT coalesce(sum(count), 0) FROM consumptions WHERE state = 'done'").fetchone()
    return int(count)


def sign_honestly(web: Web, credential: Credential) -> None:
    """Authorize with the PIN and sign, over HTTP, as an application does."""
    client = CscClient(web.seed.base_url, "v2")
    client.token = client.login(web.seed.users[0])
    wanted = secrets.token_bytes(32)
    sad = client.authorize(credential, [wanted], SHA256)
    (signature,) = client.sign(credential.credential_id, [wanted], ECDSA_SHA256, sad=sad, digest_oid=SHA256)
    verify(client.certificates(credential.credential_id)[0], wanted, signature, Scheme(SHA256))


@dataclass
class Book:
    """What the signer may let out during a test: 0, or what its signer approved on the way."""

    approved: int = 0


@pytest.fixture(autouse=True)
def book(web: Web, explicit: Credential) -> Iterator[Book]:
    """No signature but those that a signer approved; the workers live on and serve."""
    before, signed = workers(web.service), released(web.service)
    made = Book()
    yield made
    assert released(web.service) - signed == made.approved
    sign_honestly(web, explicit)
    assert workers(web.service) == before


def assert_nothing(answers: Sequence[Answer | None]) -> None:
    assert answers
    for answer in answers:
        assert not isinstance(answer, GAINS), type(answer).__name__


def assert_refused(answer: Answer | None) -> None:
    assert isinstance(answer, Refused), answer


# Approving, activating, authorizing without evidence

NO_EVIDENCE = {
    "none": Evidence(),
    "empty": Evidence("", ""),
    "blank": Evidence(" ", " "),
    "code alone": Evidence(None, "000000"),
    "short PIN": Evidence("1", "000000"),
    "PIN of control characters": Evidence("\t\n\r\t", "000000"),
    "digits of another script": Evidence("\uff11\uff12\uff13\uff14", "\u0660\u0661\u0662\u0663\u0664\u0665"),
}


@pytest.mark.parametrize("name", NO_EVIDENCE)
def test_RL_14_no_evidence_approves_nothing(web: Web, seed: Seed, name: str) -> None:
    # Three of them count as wrong PINs: each on a credential of its own, below the lock.
    credential = seed.of_kind("oauth2code", "2")[list(NO_EVIDENCE).index(name) % 2]
    approval_id = web.begun(credential)

    assert_refused(web.ask(Approve(web.caller, approval_id, NO_EVIDENCE[name])))
    assert_refused(web.ask(Activate(web.caller, approval_id, digest("token"))))
    assert_nothing([web.ask(web.sign_request(credential, "token"))])


def test_RL_14_the_pin_alone_approves_no_scal_2(web: Web, oauth: Credential, two_factors: Credential) -> None:
    approval_id = web.begun(oauth)
    transaction = Transaction(CredentialId(two_factors.credential_id), 1, (APPROVED,))

    assert_refused(web.ask(Approve(web.caller, approval_id, Evidence(oauth.pin, None))))
    assert_refused(web.ask(Authorize(web.caller, transaction, Evidence(two_factors.pin, None))))
    assert_refused(web.ask(Activate(web.caller, approval_id, digest("token"))))


def test_RL_14_evidence_for_one_credential_opens_no_other(web: Web, explicit: Credential, seed: Seed) -> None:
    other = seed.choose(key="P-384")
    transaction = Transaction(CredentialId(other.credential_id), 1, (APPROVED,))

    assert_refused(web.ask(Authorize(web.caller, transaction, Evidence(explicit.pin, None))))


def test_RL_14_evidence_is_used_up_by_its_transaction(web: Web, oauth: Credential) -> None:
    code = codes_of_this_run.next(oauth.totp_secret or "")
    evidence = Evidence(oauth.pin, code)
    first, second = web.begun(oauth), web.begun(oauth, (OTHER,))
    web.client().approve(Approve(web.caller, first, evidence))

    assert_refused(web.ask(Approve(web.caller, second, evidence)))
    assert_refused(web.ask(Activate(web.caller, second, digest("token"))))


def test_RL_14_one_code_typed_once_approves_one_of_many_at_once(web: Web, seed: Seed) -> None:
    credential = seed.choose(key="P-384", auth_mode="oauth2code", scal="2")
    evidence = Evidence(credential.pin, codes_of_this_run.next(credential.totp_secret or ""))
    approvals = [web.begun(credential, (digest(f"document {number}"),)) for number in range(4)]

    def approve(approval_id: ApprovalId) -> Answer | None:
        return web.ask(Approve(web.caller, approval_id, evidence))

    answers = at_once([lambda each=each: approve(each) for each in approvals])

    given = [each for each, answer in zip(approvals, answers, strict=True) if not isinstance(answer, Refused)]
    assert len(given) == 1
    others = [web.ask(Activate(web.caller, each, digest(each))) for each in approvals if each not in given]
    assert_nothing(others)


@pytest.mark.parametrize("mode", ["OAuth credential by authorize", "explicit credential by begin"])
def test_RL_14_a_credential_is_authorized_its_own_way(
    web: Web, oauth: Credential, explicit: Credential, mode: str
) -> None:
    if mode == "explicit credential by begin":
        answer = web.ask(Begin(web.caller, Transaction(CredentialId(explicit.credential_id), 1, (APPROVED,))))
    else:
        transaction = Transaction(CredentialId(oauth.credential_id), 1, (APPROVED,))
        answer = web.ask(Authorize(web.caller, transaction, Evidence(oauth.pin, "000000")))

    assert_refused(answer)


# Activating what others approved, or twice

HASHES_OF_TOKENS = {"none": b"", "short": bytes(31), "long": bytes(33), "as hexadecimal": b"0" * 64}


@pytest.mark.parametrize("name", HASHES_OF_TOKENS)
def test_RL_14_what_is_no_hash_of_a_token_activates_nothing(web: Web, oauth: Credential, name: str) -> None:
    approval_id = web.begun(oauth)

    assert_refused(web.ask(Activate(web.caller, approval_id, HASHES_OF_TOKENS[name])))


UNKNOWN_APPROVALS = ["", "x", "'; DROP TABLE approvals; --", "%", "a" * 60_000, "\u202eabc", "\U0001f4a5"]


@pytest.mark.parametrize("name", UNKNOWN_APPROVALS, ids=range(len(UNKNOWN_APPROVALS)))
def test_RL_14_an_unknown_approval_activates_nothing(web: Web, name: str) -> None:
    approval_id = ApprovalId(name)
    answers = [
        web.ask(Activate(web.caller, approval_id, digest("token"))),
        web.ask(Approve(web.caller, approval_id, Evidence("12345678", "000000"))),
        web.ask(VoidApproval(web.caller, approval_id)),
    ]

    assert_nothing(answers)


def test_RL_14_an_approval_belongs_to_its_client_and_signer_and_gives_one_token(
    web: Web, oauth: Credential, seed: Seed
) -> None:
    approval_id = web.approved(oauth)
    strangers = (
        replace(web.caller, client_id=ClientId("csc1-application")),
        replace(web.caller, client_id=ClientId("")),
        replace(web.caller, signer_id=web.other_signer),
        replace(web.caller, signer_id=None),
    )
    assert_nothing([web.ask(Activate(who, approval_id, digest("stolen"))) for who in strangers])

    answers = at_once(
        [lambda each=each: web.ask(Activate(web.caller, approval_id, digest(f"token {each}"))) for each in range(8)]
    )
    assert Counter(type(answer) for answer in answers) == {Activated: 1, Refused: 7}
    again = [web.ask(Activate(web.caller, approval_id, digest(f"late {each}"))) for each in range(3)]
    assert_nothing(again)
    # Nor does the token carry over to another hash, number, key, client or signer.
    token = f"token {next(place for place, answer in enumerate(answers) if isinstance(answer, Activated))}"
    right = web.sign_request(oauth, token)
    other = seed.choose(key="P-384", auth_mode="oauth2code", scal="2")
    tries = (
        replace(right, hashes=(OTHER,)),
        replace(right, hashes=(APPROVED, APPROVED)),
        replace(right, hashes=(APPROVED, OTHER)),
        replace(right, credential_id=CredentialId(other.credential_id)),
        *(replace(right, caller=who) for who in strangers[:3]),
        replace(right, sad=digest(token).hex()),
        replace(right, sad=base64_of(digest(token))),
        replace(right, sad=approval_id),
    )
    assert_nothing([web.ask(each) for each in tries])
    extend = Extend(web.caller, right.credential_id, token, (OTHER,))
    assert_nothing([web.ask(extend), web.ask(replace(extend, hashes=(APPROVED, APPROVED)))])
    assert_nothing([web.ask(replace(extend, hashes=(APPROVED,), caller=who)) for who in strangers[:3]])


def test_RL_14_a_hash_of_a_token_stands_for_one_approval(web: Web, seed: Seed) -> None:
    first, second = seed.of_kind("oauth2code", "2")[:2]
    one, two = web.approved(first), web.approved(second)
    token = digest("one token for two")
    answers = [web.ask(Activate(web.caller, each, token)) for each in (one, two)]

    assert isinstance(answers[0], Activated)
    assert_refused(answers[1])


def test_RL_14_what_was_voided_stays_void(web: Web, seed: Seed) -> None:
    credential = seed.choose(key="RSA-3072", auth_mode="oauth2code", scal="2")
    approval_id = web.approved(credential)
    assert isinstance(web.ask(Activate(web.caller, approval_id, digest("token to void"))), Activated)
    web.client().void_approval(VoidApproval(web.caller, approval_id))
    request = replace(web.sign_request(credential, "token to void"), sign_algorithm=RSA_SHA256)
    answers = [
        web.ask(request),
        web.ask(Activate(web.caller, approval_id, digest("token to void"))),
        web.ask(Activate(web.caller, approval_id, digest("another"))),
        web.ask(Approve(web.caller, approval_id, Evidence(credential.pin, "000000"))),
        web.ask(Extend(web.caller, request.credential_id, "token to void", (APPROVED,))),
    ]

    assert_nothing(answers)


# What a transaction may not be

ODD_TRANSACTIONS: dict[str, dict[str, Any]] = {
    "nothing": {"num_signatures": 0, "hashes": []},
    "a negative number": {"num_signatures": -1},
    "a number of 2**53": {"num_signatures": 2**53},
    "a float": {"num_signatures": 1.5},
    "a huge float": {"num_signatures": 1e300},
    "a whole float": {"num_signatures": 1.0},
    "a number in a string": {"num_signatures": "1"},
    "a boolean": {"num_signatures": True},
    "no number": {"num_signatures": None},
    "more hashes than signatures": {"hashes": 2},
    "ten thousand hashes": {"num_signatures": MANY, "hashes": MANY},
    "an empty hash": {"hashes": [""]},
    "a hash of SHA-1": {"hashes": [base64.urlsafe_b64encode(bytes(20)).decode().rstrip("=")]},
    "a hash that is no base64": {"hashes": ["*" * 43]},
    "a hash that is a number": {"hashes": [7]},
    "hashes in an object": {"hashes": {"0": "AA"}},
    "labels without hashes": {"labels": ["a", "b", "c"]},
    "a label without end": {"labels": ["x" * 60_000]},
    "an algorithm that is none": {"hash_algorithm": "1.3.14.3.2.26"},
    "an algorithm of spaces": {"hash_algorithm": " " * 1000},
}


@pytest.mark.parametrize("name", ODD_TRANSACTIONS)
def test_RL_14_an_odd_transaction_is_not_authorized(
    web: Web, explicit: Credential, oauth: Credential, name: str
) -> None:
    hash_text = base64.urlsafe_b64encode(APPROVED).decode().rstrip("=")
    changes = dict(ODD_TRANSACTIONS[name])
    if isinstance(changes.get("hashes"), int):
        changes["hashes"] = [hash_text] * changes["hashes"]
    transaction = {"credential_id": explicit.credential_id, "num_signatures": 1, "hashes": [hash_text], **changes}
    caller = dict(vars(web.caller))
    evidence = {"pin": explicit.pin, "otp": None}
    body = {"caller": caller, "transaction": transaction, "evidence": evidence}
    by_begin = {"caller": caller, "transaction": transaction | {"credential_id": oauth.credential_id}}

    assert_nothing([web.send_body(Lane.EVIDENCE, "Authorize", body)])
    answer = web.send_body(Lane.REGISTRY, "Begin", by_begin)
    assert answer is None or isinstance(answer, Refused)


ODD_IDENTIFIERS = [
    "",
    " ",
    "%",
    "_",
    "{}\u200b",
    "{} ",
    " {}",
    "{}\u0301",
    "\ufeff{}",
    "../{}",
    "{}' OR '1'='1",
    "x" * 60_000,
]


@pytest.mark.parametrize("shape", ODD_IDENTIFIERS, ids=range(len(ODD_IDENTIFIERS)))
def test_RL_14_an_identifier_is_itself_and_nothing_like_it(web: Web, explicit: Credential, shape: str) -> None:
    sad = web.sad(explicit)
    right = web.sign_request(explicit, sad)
    evidence = Evidence(explicit.pin, None)
    name = CredentialId(shape.format(explicit.credential_id))
    who = Caller(ClientId(shape.format(CLIENT)), web.signer_id, "request-of-web")
    signer = Caller(CLIENT, SignerId(shape.format(web.signer_id)), "request-of-web")
    answers = [
        web.ask(replace(right, credential_id=name)),
        web.ask(replace(right, caller=who)),
        web.ask(replace(right, caller=signer)),
        web.ask(replace(right, sad=shape.format(sad))),
        web.ask(Authorize(web.caller, Transaction(name, 1, (APPROVED,)), evidence)),
        web.ask(Authorize(signer, Transaction(right.credential_id, 1, (APPROVED,)), evidence)),
        web.ask(Extend(who, right.credential_id, sad, (APPROVED,))),
    ]

    assert_nothing(answers)


def test_RL_14_letters_of_another_case_are_another_name(web: Web, explicit: Credential) -> None:
    sad = web.sad(explicit)
    right = web.sign_request(explicit, sad)
    answers = [
        web.ask(replace(right, credential_id=CredentialId(explicit.credential_id.upper()))),
        web.ask(replace(right, caller=replace(web.caller, client_id=ClientId(CLIENT.upper())))),
        web.ask(replace(right, sad=sad.swapcase())),
    ]

    assert_nothing(answers)


# SADs: forged, edited, foreign, for other hashes, more often than approved

FORGERIES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "without its signature": lambda sad: sad.rpartition(".")[0] + ".",
    "alg none": lambda sad: f"{encoded({'alg': 'none', 'typ': 'sad+jwt'})}.{sad.split('.')[1]}.",
    "more signatures": lambda sad: edited(sad, n=1000),
    "longer": lambda sad: edited(sad, exp=2**40),
    "another hash": lambda sad: edited(sad, hh=base64.urlsafe_b64encode(OTHER).decode().rstrip("=")),
    "of another number": lambda sad: edited(sad, jti=secrets.token_urlsafe(16)),
    "with a byte more": lambda sad: sad + "A",
    "with a blank": lambda sad: sad + " ",
    "twice": lambda sad: f"{sad},{sad}",
    "its hash": lambda sad: hashlib.sha256(sad.encode()).hexdigest(),
    "64 KiB": lambda sad: (sad * 100)[:65_000],
}


def encoded(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def edited(sad: str, **changes: object) -> str:
    header, payload, signature = sad.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{encoded(claims | changes)}.{signature}"


@pytest.mark.parametrize("name", FORGERIES)
def test_RL_14_a_forged_sad_signs_and_extends_nothing(web: Web, explicit: Credential, name: str) -> None:
    forged = FORGERIES[name](web.sad(explicit))
    request = web.sign_request(explicit, forged)

    assert_nothing([web.ask(request), web.ask(Extend(web.caller, request.credential_id, forged, (APPROVED,)))])


WANTED: dict[str, dict[str, Any]] = {
    "another hash": {"hashes": (OTHER,)},
    "the hash twice": {"hashes": (APPROVED, APPROVED)},
    "another beside it": {"hashes": (APPROVED, OTHER)},
    "no hash": {"hashes": ()},
    "an empty hash": {"hashes": (b"",)},
    "half the hash": {"hashes": (APPROVED[:16],)},
    "the hash with more behind it": {"hashes": (APPROVED + APPROVED[:16],)},
    "the hash ten thousand times": {"hashes": (APPROVED,) * MANY},
    "a longer algorithm": {"sign_algorithm": ECDSA_SHA384},
    "an RSA algorithm": {"sign_algorithm": RSA_SHA256},
    "RSASSA-PSS": {"sign_algorithm": RSASSA_PSS, "parameters": b"\x30\x00"},
    "no algorithm": {"sign_algorithm": ""},
    "an algorithm without end": {"sign_algorithm": "1." * 30_000},
    "SHA-1 named": {"hash_algorithm": "1.3.14.3.2.26"},
    "another hash algorithm": {"hash_algorithm": "2.16.840.1.101.3.4.2.2"},
    "another client": {"caller": Caller(ClientId("csc1-application"), None, "request-of-web")},
    "another signer": {"caller": Caller(CLIENT, SignerId("hanako"), "request-of-web")},
}


@pytest.mark.parametrize("name", WANTED)
def test_RL_14_a_sad_signs_what_it_was_given_for(web: Web, explicit: Credential, name: str) -> None:
    request = replace(web.sign_request(explicit, web.sad(explicit)), **WANTED[name])

    assert_nothing([web.ask(request)])


def test_RL_14_a_sad_of_a_credential_signs_with_no_other(web: Web, explicit: Credential, seed: Seed) -> None:
    sad = web.sad(explicit)
    others = [each for each in seed.credentials if each.credential_id != explicit.credential_id]

    assert_nothing([web.ask(web.sign_request(other, sad)) for other in others])


def test_RL_14_odd_parameters_of_a_signature_sign_nothing(web: Web, seed: Seed) -> None:
    rsa = seed.choose(key="RSA-2048")
    request = replace(web.sign_request(rsa, web.sad(rsa)), sign_algorithm=RSASSA_PSS)
    odd = [
        b"\x30", b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 500, b"\xa0" * 512, bytes(513), bytes(40_000),
        bytes.fromhex("3007a2050203010000"), bytes.fromhex("3005a2030201ff"), bytes.fromhex("3005a303020102"),
        bytes.fromhex("300da00b30090605") + bytes.fromhex("2b0e03021a0500"),
    ]  # fmt: skip

    assert_nothing([web.ask(replace(request, parameters=each)) for each in odd])


def test_RL_14_a_replayed_frame_is_refused(web: Web, explicit: Credential, book: Book) -> None:
    book.approved = 1
    body = frame(encode(web.sign_request(explicit, web.sad(explicit))))
    (first,) = web.send(Lane.SIGN, body)
    replayed = [web.send(Lane.SIGN, body, index=index)[0] for index in range(web.signing_workers) for _ in range(5)]

    assert isinstance(first, Signed)
    assert_nothing(replayed)


def test_RL_14_one_approval_signs_once_however_often_it_is_sent_at_once(
    web: Web, explicit: Credential, book: Book
) -> None:
    book.approved = 1
    body = frame(encode(web.sign_request(explicit, web.sad(explicit))))

    def send(place: int) -> list[Answer | None]:
        return web.send(Lane.SIGN, body * 4, answers=4, index=place % web.signing_workers)

    answers = [each for many in at_once([lambda place=place: send(place) for place in range(16)]) for each in many]

    assert sum(isinstance(answer, Signed) for answer in answers) == 1
    assert len(answers) == 64


def test_RL_14_an_extension_never_widens(web: Web, explicit: Credential, book: Book) -> None:
    book.approved = 2
    sad = web.sad(explicit, (APPROVED, digest("also approved")))
    name = CredentialId(explicit.credential_id)
    assert isinstance(web.ask(web.sign_request(explicit, sad)), Signed)
    for hashes in ((OTHER,), (APPROVED,), (digest("also approved"),) * 2, (digest("x"),) * MANY, (b"",)):
        assert_nothing([web.ask(Extend(web.caller, name, sad, hashes))])
    frames = frame(encode(Extend(web.caller, name, sad, (digest("also approved"),))))
    answers = web.send(Lane.REGISTRY, frames * 8, answers=8)

    successors = [answer.sad for answer in answers if isinstance(answer, Minted)]
    assert len(successors) == 1
    assert_nothing([web.ask(web.sign_request(explicit, sad, (digest("also approved"),)))])
    assert_nothing([web.ask(web.sign_request(explicit, successors[0], (each,))) for each in (OTHER, APPROVED)])
    assert isinstance(web.ask(web.sign_request(explicit, successors[0], (digest("also approved"),))), Signed)
    assert_nothing([web.ask(web.sign_request(explicit, successors[0], (digest("also approved"),)))])


def test_RL_14_signing_and_extending_at_once_gives_what_was_approved(
    web: Web, explicit: Credential, book: Book
) -> None:
    sad = web.sad(explicit)
    name = CredentialId(explicit.credential_id)
    tries: list[Request] = [web.sign_request(explicit, sad), Extend(web.caller, name, sad, (APPROVED,))] * 8
    answers = at_once([lambda each=each: web.ask(each) for each in tries])
    successors = [answer.sad for answer in answers if isinstance(answer, Minted)]
    later = [web.ask(web.sign_request(explicit, each)) for each in (*successors, *successors, sad)]

    book.approved = sum(isinstance(answer, Signed) for answer in (*answers, *later))
    assert book.approved == 1


# The wire


def test_RL_14_a_message_on_another_lane_does_nothing(web: Web, explicit: Credential, oauth: Credential) -> None:
    sad = web.sad(explicit)
    name = CredentialId(explicit.credential_id)
    wrong: list[tuple[Request, Lane]] = [
        (web.sign_request(explicit, sad), Lane.REGISTRY),
        (web.sign_request(explicit, sad), Lane.EVIDENCE),
        (Authorize(web.caller, Transaction(name, 1, (OTHER,)), Evidence(None, None)), Lane.SIGN),
        (Approve(web.caller, web.begun(oauth), Evidence("", "")), Lane.SIGN),
        (Activate(web.caller, web.begun(oauth), digest("token")), Lane.SIGN),
        (Extend(web.caller, name, sad, (APPROVED,)), Lane.SIGN),
    ]
    answers = [web.ask(request, lane) for request, lane in wrong]

    assert_nothing(answers)
    assert all(isinstance(answer, (Unavailable, Refused)) for answer in answers)


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\x00" * 64,
    "an answer": encode(Signed((bytes(64),))),
    "a SAD of its own": encode(Minted("sad", 300)),
    "an unknown kind": b'{"kind":"SignAnything","body":{}}',
    "a kind that is no name": b'{"kind":["Sign"],"body":{}}',
    "no members": b'{"kind":"Sign","body":{}}',
    "a member twice": b'{"kind":"Ping","body":{},"kind":"Sign"}',
    "null": b'{"kind":"Sign","body":null}',
    "an array": b'{"kind":"Sign","body":[]}',
    "depth": b'{"kind":"Sign","body":' + b"[" * 100_000,
    "a string that never ends": b"[" + b"[]," * 40 + b'"' + b'\\"' * 500_000,
    "brackets": b"[]" * 500_000,
    "ten thousand and one": b'{"kind":"Sign","body":[' + b"0," * MANY + b"0]}",
    "digits without end": b'{"kind":"Sign","body":' + b"9" * 1_000_000 + b"}",
    "half a pair": b'{"kind":"Ping\\ud800","body":{}}',
    "the longest": b" " * MAX_FRAME,
}


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize("name", BODIES)
def test_RL_14_a_malformed_frame_ends_its_connection_alone(web: Web, lane: Lane, name: str) -> None:
    assert web.send(lane, frame(BODIES[name])) == [None]


@pytest.mark.parametrize("lane", list(Lane))
def test_RL_14_frames_too_long_or_never_finished_hold_nobody_up(web: Web, lane: Lane) -> None:
    whole = frame(encode(Ping()))
    with closing(web.connect(lane)) as half, closing(web.connect(lane)) as header, closing(web.connect(lane)) as large:
        half.sendall(whole[:-1])
        header.sendall(b"\x00")
        large.sendall(struct.pack("!I", MAX_FRAME) + bytes(1000))
        assert web.send(lane, struct.pack("!I", MAX_FRAME + 1) + b"{}") == [None]
        assert web.send(lane, b"\xff" * 4) == [None]
        assert web.send(lane, whole) != [None]


def test_RL_14_a_flood_of_frames_and_connections_is_served_in_the_end(web: Web, explicit: Credential) -> None:
    ping = frame(encode(Ping()))
    nothing = frame(encode(web.sign_request(explicit, "no sad", ())))
    with closing(web.connect(Lane.SIGN)) as deaf:
        deaf.sendall(ping * 200)  # and never reads
        idle = [web.connect(Lane.SIGN) for _ in range(100)]
        answers = [each for _ in range(10) for each in web.send(Lane.SIGN, nothing * 200, answers=200)]
        for connection in idle:
            connection.close()

    assert_nothing(answers)
    assert len(answers) == 2000


# Web's own database


def insert(web: Web, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    with closing(sqlite3.connect(web.database, timeout=30)) as rows, rows:
        rows.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def token_row(web: Web, token: str, scope: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "token_hash": digest(token), "kind": "access_token", "family_id": secrets.token_urlsafe(16),
        "client_id": CLIENT, "signer_id": web.signer_id, "scope": scope, "face": "v2", "origin": "oauth2",
        "issued_at": now, "expires_at": now + 600, "credential_id": None, "approval_id": None, "revoked_at": 0,
        "replaced_at": 0, **changes,
    }  # fmt: skip


def test_RL_14_a_token_written_into_webs_database_signs_nothing(web: Web, oauth: Credential) -> None:
    token = secrets.token_urlsafe(32)
    approval_id = web.begun(oauth)
    changes = {"credential_id": oauth.credential_id, "approval_id": approval_id}
    insert(web, "tokens", token_row(web, token, "credential", **changes))
    client = CscClient(web.seed.base_url, "v2", token)
    body = client.sign_body(oauth.credential_id, [APPROVED], ECDSA_SHA256, SHA256)

    assert client.refused("signatures/signHash", body)[0] == 400
    assert client.refused("signatures/signHash", body | {"SAD": token})[0] == 400


def test_RL_14_a_login_written_into_webs_database_needs_the_pin_all_the_same(web: Web, two_factors: Credential) -> None:
    token = secrets.token_urlsafe(32)
    insert(web, "tokens", token_row(web, token, "service"))
    client = CscClient(web.seed.base_url, "v2", token)
    body = {
        "credentialID": two_factors.credential_id, "numSignatures": 1, "hashes": [base64_of(OTHER)],
        "hashAlgorithmOID": SHA256,
    }  # fmt: skip

    assert client.refused("credentials/authorize", body)[0] == 400
    assert (
        client.refused("credentials/authorize", body | {"authData": [{"id": "PIN", "value": two_factors.pin}]})[0]
        == 400
    )


def test_RL_14_a_code_written_into_webs_database_is_worth_no_approval(web: Web, oauth: Credential, seed: Seed) -> None:
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    row = {
        "code_hash": digest(code), "client_id": seed.csc2.client_id, "redirect_uri": seed.csc2.redirect_uris[0],
        "redirect_uri_given": True,
        "code_challenge": base64.urlsafe_b64encode(digest(verifier)).decode().rstrip("="), "scope": "credential",
        "signer_id": web.signer_id, "family_id": secrets.token_urlsafe(16), "expires_at": int(time.time()) + 60,
        "request": "{}", "approval_id": web.begun(oauth), "credential_id": oauth.credential_id, "used_at": 0,
    }  # fmt: skip
    insert(web, "codes", row)
    application = Application(seed.base_url, "v2", seed.csc2)
    answer = application.token(
        {
            "grant_type": "authorization_code", "code": code, "code_verifier": verifier,
            "redirect_uri": seed.csc2.redirect_uris[0],
        }
    )  # fmt: skip

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


def test_RL_14_web_is_told_why_and_nothing_more(web: Web, oauth: Credential) -> None:
    with pytest.raises(RefusedError) as caught:
        web.client().activate(Activate(web.caller, web.begun(oauth), digest("token")))

    assert len(caught.value.message) < 80
