"""Mode "A" of signHash and signPolling: refused like mode "S", signed once, kept sealed, for one caller, for a while."""

import threading
import time
from dataclasses import replace

import pytest

from csc_server.activation.client import LONGEST
from csc_server.activation.messages import Sign
from csc_server.errors import UnavailableError
from csc_server.settings import OutgoingHost
from csc_server.storage.ports.jobs import JobState
from csc_server.values import FetchPurpose, Refusal
from csc_server.web.api import signature_jobs
from csc_server.web.api.asynchronous import ACCEPTED
from csc_server.web.api.signature_jobs import FAILED, GRACE, WAITING_TIME
from csc_server.web.api.tasks import Tasks
from csc_server.web.app import JOBS
from csc_server.web.authorization.secret_values import secret_hash
from fakes.web_application import DIGEST, NOW, RSA_SHA_256, WebApplication
from scripted_server import ScriptedServer, answer, trust

BODY = {"credentialID": "pin", "SAD": "a.b.c", "signAlgo": RSA_SHA_256, "hashes": [DIGEST], "operationMode": "A"}
SIGNATURE = "c2lnbmF0dXJlAA=="


@pytest.fixture
def web():
    return WebApplication()


def sign(web, *, token="service", **changes):
    return web.post("signatures/signHash", BODY | changes, version="v2", token=token)


def accepted(web, **changes):
    answer = sign(web, **changes)
    assert (answer.status_code, list(answer.get_json())) == (200, ["responseID"]), answer.text
    return answer.get_json()["responseID"]


def poll(web, response_id, *, token="service", **changes):
    return web.post("signatures/signPolling", {"requestID": response_id} | changes, version="v2", token=token)


def error_of(answer):
    return answer.status_code, answer.get_json()["error"], answer.get_json()["error_description"]


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def row_of(web, response_id):
    return web.store.jobs[secret_hash(response_id)]


@pytest.fixture
def held(web):
    """The signer answers when the event is set; nothing is waited for longer than a test takes."""
    web.activation.held = threading.Event()
    yield web.activation.held
    web.activation.held.set()


def test_an_accepted_request_is_signed_and_polled(web):
    response_id = accepted(web)

    answer = poll(web, response_id)
    assert (answer.status_code, answer.get_json()) == (200, {"signatures": [SIGNATURE]})
    assert poll(web, response_id).get_json() == {"signatures": [SIGNATURE]}
    assert len(web.activation.requests) == 1


def test_the_signer_is_asked_exactly_as_in_mode_s(web):
    sign(web, operationMode="S")
    accepted(web)
    in_turn, later = web.activation.requests

    assert isinstance(later, Sign)
    assert replace(later, caller=in_turn.caller) == in_turn
    assert (later.caller.client_id, later.caller.signer_id) == (in_turn.caller.client_id, in_turn.caller.signer_id)


def test_while_it_is_under_way_polling_says_202_and_writes_no_refusal(web, held):
    response_id = accepted(web)
    records = len(web.store.audit)

    answer = poll(web, response_id)
    assert error_of(answer) == (202, "accepted_request", ACCEPTED)
    assert answer.headers["Retry-After"] == "1"
    assert len(web.store.audit) == records
    held.set()
    until(lambda: row_of(web, response_id).state is JobState.DONE)
    assert poll(web, response_id).get_json() == {"signatures": [SIGNATURE]}


@pytest.mark.parametrize("refusal", [Refusal.SAD_EXPIRED, Refusal.HASH_NOT_AUTHORIZED, Refusal.CERTIFICATE_EXPIRED])
def test_what_the_signer_refuses_is_refused_at_once_in_the_words_of_mode_s(web, refusal):
    web.activation.refusal = refusal

    assert error_of(sign(web)) == error_of(sign(web, operationMode="S"))
    assert not web.store.audit


def test_a_signer_that_is_away_is_told_at_once(web):
    web.activation.failure = UnavailableError("device")

    answer = sign(web)
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
    assert "Retry-After" in answer.headers


def test_a_refusal_that_comes_late_is_the_answer_to_polling(web, held):
    web.activation.refusal = Refusal.SAD_EXPIRED
    response_id = accepted(web)
    held.set()
    until(lambda: row_of(web, response_id).state is JobState.FAILED)

    assert error_of(poll(web, response_id)) == (400, "invalid_request", "SAD expired")


@pytest.mark.parametrize("failure", [UnavailableError("device"), KeyError("a secret")])
def test_a_failure_that_comes_late_ends_the_request(web, held, failure):
    web.activation.failure = failure
    response_id = accepted(web)
    held.set()
    until(lambda: web.activation.requests)
    web.clock.now += WAITING_TIME + int(LONGEST)

    assert error_of(poll(web, response_id)) == (400, *FAILED)


def test_a_request_whose_process_died_counts_as_failed_and_is_never_signed(web, held):
    """SA-03: the task and its SAD are in no store, so nothing can run it later."""
    response_id = accepted(web)
    row = row_of(web, response_id)
    web.clock.now = row.fails_at - 1
    assert poll(web, response_id).status_code == 202
    web.clock.now = row.fails_at

    other = WebApplication()
    other.clock, other.store.jobs = web.clock, web.store.jobs
    assert error_of(poll(web, response_id)) == (400, *FAILED)
    held.set()
    until(lambda: web.activation.requests)
    time.sleep(0.05)
    assert error_of(poll(web, response_id)) == (400, *FAILED)
    assert not other.activation.requests


def test_a_request_that_waited_too_long_is_not_begun(web, held):
    first = [accepted(web) for _ in range(signature_jobs.AT_ONCE)]
    late = accepted(web)
    web.clock.now += WAITING_TIME
    held.set()
    until(lambda: row_of(web, late).state is not JobState.ACCEPTED)

    assert error_of(poll(web, late)) == (400, *FAILED)
    assert len(web.activation.requests) == len(first)


def test_RL_05_tasks_beyond_the_queue_are_refused_and_those_taken_are_run():
    tasks, gate, done = Tasks("test", threads=1, waiting=2), threading.Event(), []

    def task():
        gate.wait(20)
        done.append(1)

    tasks.submit(task)
    until(lambda: not tasks._queue.qsize())
    tasks.submit(task)
    tasks.submit(task)
    with pytest.raises(UnavailableError):
        tasks.submit(task)
    gate.set()
    tasks.close(10)

    assert len(done) == 3
    with pytest.raises(UnavailableError):
        tasks.submit(task)


def test_a_task_that_fails_takes_no_thread_along():
    tasks, done = Tasks("test", threads=1, waiting=5), []
    tasks.submit(lambda: {}["a secret"])
    tasks.submit(lambda: done.append(1))
    tasks.close(10)

    assert done == [1]


@pytest.mark.parametrize("token", ["old", "login", "client"])
def test_JIPDEC_another_client_or_subject_gets_no_result(web, token):
    response_id = accepted(web)

    assert error_of(poll(web, response_id, token=token)) == (400, "invalid_request", "Invalid parameter requestID")
    assert poll(web, response_id).status_code == 200


@pytest.mark.parametrize("token", ["login", "client", "old"])
def test_each_kind_of_token_gets_its_own_result(web, token):
    assert poll(web, accepted(web, token=token), token=token).status_code == 200


def test_a_signature_of_a_credential_token_is_polled_with_the_service_token_of_client_and_signer(web):
    response_id = accepted(web, token="credential", SAD=None)

    assert poll(web, response_id).status_code == 200
    assert poll(web, response_id, token="credential").status_code == 401


@pytest.mark.parametrize("response_id", ["x", "x" * 43, "x" * 255, "\u51e6"])
def test_an_unknown_request_is_an_invalid_parameter(web, response_id):
    assert error_of(poll(web, response_id)) == (400, "invalid_request", "Invalid parameter requestID")


@pytest.mark.parametrize(
    ("asked", "seconds"), [(1, 1), (1000, 1), (1001, 2), (60_000, 60), (None, 3600), (86_400_000, 86_400)]
)
def test_a_result_is_kept_for_its_validity_period_and_then_gone(web, asked, seconds):
    web.add_token("long", client_id="modern", expires_at=NOW + 100_000)
    response_id = accepted(web, token="long", validity_period=asked)
    web.clock.now = NOW + seconds - 1
    assert poll(web, response_id, token="long").status_code == 200
    web.clock.now = NOW + seconds

    assert error_of(poll(web, response_id, token="long")) == (400, "invalid_request", "Invalid parameter requestID")
    accepted(web, token="long")
    assert secret_hash(response_id) not in web.store.jobs


INVALID, BOUNDS = "Invalid parameter validity_period", "Out of bounds parameter validity_period"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1000", INVALID),
        (1000.0, INVALID),
        (True, INVALID),
        ([], INVALID),
        ({}, INVALID),
        (0, BOUNDS),
        (-1, BOUNDS),
        (86_400_001, BOUNDS),
        (2**53, BOUNDS),
    ],
)
def test_validity_period_is_a_number_within_bounds(web, value, text):
    assert error_of(sign(web, validity_period=value)) == (400, "invalid_request", text)
    assert not web.activation.requests


@pytest.mark.parametrize("value", ["a", "s", "", 1, True, ["A"], {"A": 1}])
def test_an_operation_mode_is_s_or_a(web, value):
    assert error_of(sign(web, operationMode=value)) == (400, "invalid_request", "Invalid parameter operationMode")


@pytest.mark.parametrize("mode", ["S", None])
def test_in_mode_s_the_other_parameters_are_ignored(web, mode):
    answer = sign(web, operationMode=mode, validity_period="x", response_uri=5)

    assert answer.get_json() == {"signatures": [SIGNATURE]}


def test_v1_knows_no_operation_mode(web):
    body = {"credentialID": "pin", "SAD": "a.b.c", "signAlgo": RSA_SHA_256, "hash": [DIGEST], "operationMode": "A"}

    assert web.post("signatures/signHash", body, version="v1").get_json() == {"signatures": [SIGNATURE]}
    assert web.post("signatures/signPolling", {}, version="v1").status_code == 404


@pytest.mark.parametrize(
    "value", ["https://callback.example/", "http://127.0.0.1/", "x", "", 5, "https://a@b.example/"]
)
def test_IN_20_a_response_uri_that_the_operator_did_not_list_is_invalid(web, value):
    assert error_of(sign(web, response_uri=value)) == (400, "invalid_request", "Invalid parameter response_uri")
    assert not web.activation.requests


@pytest.fixture
def listening():
    with ScriptedServer(answer(b"", status="204 No Content", length=0)) as server:
        allowed = OutgoingHost(purpose=FetchPurpose.RESPONSE_URI, host="127.0.0.1", port=server.port)
        yield WebApplication(outgoing=(allowed,), outgoing_trust=trust()), server


def test_the_response_uri_is_told_the_response_id_and_nothing_else(listening):
    web, server = listening
    response_id = accepted(web, response_uri=f"https://127.0.0.1:{server.port}/done?x=1")
    until(lambda: server.requests)
    head, _, body = server.requests[0].decode().partition("\r\n\r\n")

    assert head.startswith("POST /done?x=1 HTTP/1.1\r\n")
    assert "\r\nContent-Type: application/json\r\n" in head
    assert body == f'{{"responseID":"{response_id}"}}'
    assert SIGNATURE not in server.requests[0].decode()


def test_the_response_uri_is_told_of_a_late_refusal_and_not_of_one_that_was_answered(listening):
    web, server = listening
    uri = f"https://127.0.0.1:{server.port}/"
    web.activation.refusal = Refusal.SAD_EXPIRED
    assert sign(web, response_uri=uri).status_code == 400
    web.activation.held = threading.Event()
    late = accepted(web, response_uri=uri)
    web.activation.held.set()
    until(lambda: server.requests)
    time.sleep(0.1)

    assert len(server.requests) == 1
    assert late in server.requests[0].decode()


def test_an_address_that_does_not_take_the_notification_harms_nothing():
    with ScriptedServer(answer(b"", status="500 Error")) as server:
        allowed = OutgoingHost(purpose=FetchPurpose.RESPONSE_URI, host="127.0.0.1", port=server.port)
        web = WebApplication(outgoing=(allowed,), outgoing_trust=trust())
        response_id = accepted(web, response_uri=f"https://127.0.0.1:{server.port}/")
        until(lambda: server.requests)

        assert poll(web, response_id).status_code == 200


def test_what_is_stored_opens_with_the_response_id_alone(web):
    response_id = accepted(web)
    row = row_of(web, response_id)

    assert row.state is JobState.DONE
    for secret in (SIGNATURE.encode(), b"signature", b"a.b.c", response_id.encode()):
        assert secret not in repr(row).encode() + row.result
    web.store.jobs[row.job_hash] = replace(row, result=row.result[:-1] + bytes([row.result[-1] ^ 1]))
    assert error_of(poll(web, response_id)) == (400, *FAILED)


def test_a_sealed_result_cannot_be_moved_to_another_request(web):
    first, second = accepted(web), accepted(web)
    web.store.jobs[secret_hash(second)] = replace(row_of(web, first), job_hash=secret_hash(second))

    assert error_of(poll(web, second)) == (400, *FAILED)


def test_user_id_is_for_tokens_that_name_no_signer(web):
    response_id = accepted(web)
    assert error_of(poll(web, response_id, userID="alice")) == (
        400,
        "invalid_request",
        "userID parameter SHALL be null",
    )
    assert error_of(poll(web, response_id, userID=5)) == (400, "invalid_request", "userID parameter SHALL be null")

    own = accepted(web, token="client")
    assert poll(web, own, token="client", userID="alice").status_code == 200
    for value in (5, "", "x" * 256, ["alice"]):
        answer = poll(web, own, token="client", userID=value)
        assert error_of(answer) == (400, "invalid_request", 'Invalid parameter "userID"')


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"requestID": None}, "Missing (or invalid type) string parameter requestID"),
        ({"requestID": 5}, "Missing (or invalid type) string parameter requestID"),
        ({"requestID": ""}, "Invalid parameter requestID"),
        ({"requestID": "x" * 256}, "Invalid parameter requestID"),
        ({"clientData": 5}, "Invalid parameter clientData"),
    ],
)
def test_parameters_of_polling(web, changes, text):
    assert error_of(poll(web, accepted(web), **changes)) == (400, "invalid_request", text)


def test_switched_off_it_is_not_in_info_and_answers_501():
    web = WebApplication(asynchronous=False)
    info = web.post("info", {}, version="v2", token=None).get_json()

    assert info["asynchronousOperationMode"] is False
    assert "signatures/signPolling" not in info["methods"]
    assert poll(web, "x").status_code == 501
    assert error_of(sign(web)) == (400, "invalid_request", "Invalid parameter operationMode")


def test_an_end_of_the_process_waits_for_what_was_accepted(web, held):
    response_id = accepted(web)
    ending = threading.Thread(target=web.app.extensions[JOBS].close, args=(10,))
    ending.start()
    answer = sign(web)
    held.set()
    ending.join(10)

    assert answer.status_code == 503
    assert row_of(web, response_id).state is JobState.DONE


def test_accepting_takes_no_longer_than_its_moment(web, held):
    started = time.monotonic()
    accepted(web)

    assert time.monotonic() - started < GRACE + 1
