"""credentials/authorize in its modes, authorizeCheck, getChallenge and sendOTP, as an application sees them."""

import threading

import pytest

from csc_server.activation.messages import Authorize, Minted
from csc_server.activation.parts import Evidence
from csc_server.activation.pending_messages import CollectApproval, GetChallenge, Pending, RequestApproval, SendCode
from csc_server.errors import UnavailableError
from csc_server.values import Refusal
from csc_server.web.api.waiting import LONGEST, POLL, SignerWait
from fakes.web_application import WebApplication

WRONG = ("invalid_authentication_data", "The authentication data is invalid")
BODY = {"credentialID": "pin", "numSignatures": 1}
MINTED = Minted("minted.sad.value", 120)


@pytest.fixture
def web():
    return WebApplication(online_codes=True)


def authorized(web, **more):
    return web.post("credentials/authorize", BODY | more, version="v2")


def problem(answer):
    return answer.status_code, answer.get_json()["error"], answer.get_json()["error_description"]


# authData of 2.x


@pytest.mark.parametrize(
    ("given", "evidence"),
    [
        ([{"id": "PIN", "value": "1"}], Evidence("1")),
        ([{"id": "PIN", "value": "1"}, {"id": "OTP", "value": "2"}], Evidence("1", "2")),
        ([{"id": "ONLINE_OTP", "value": "2"}], Evidence(online_otp="2")),
        ([{"id": "KEY", "value": "c.s" * 300}, {"id": "PIN", "value": "1"}], Evidence("1", response="c.s" * 300)),
        ([{"id": "PIN", "value": "1"}, {"id": "OTP"}], Evidence("1")),
        ([{"id": "PIN", "value": "1"}, {"id": "OTP", "value": None}], Evidence("1")),
    ],
)
def test_secrets_reach_the_signer_by_their_ids(web, given, evidence):
    answer = authorized(web, authData=given)
    (asked,) = web.activation.requests

    assert answer.get_json() == {"SAD": "minted.sad.value", "expiresIn": 120}
    assert isinstance(asked, Authorize)
    assert asked.evidence == evidence


@pytest.mark.parametrize(
    "given",
    [
        "PIN", {}, {"id": "PIN"}, ["PIN"], [None], [{}], [{"value": "1"}], [{"id": None}], [{"id": 1, "value": "1"}],
        [{"id": "PIN", "value": 1}], [{"id": "PIN", "value": ["1"]}], [{"id": "PIN", "value": ""}],
        [{"id": "PIN", "value": "1" * 129}], [{"id": "KEY", "value": "1" * 1025}], [{"id": "PIN"}] * 2,
        [{"id": "PIN"}, {"id": "OTP"}, {"id": "ONLINE_OTP"}, {"id": "KEY"}, {"id": "PIN"}],
    ],
)  # fmt: skip
def test_authentication_data_of_another_form_is_refused(web, given):
    answer = authorized(web, authData=given)

    assert problem(answer) == (400, "invalid_request", "Invalid parameter authData")
    assert web.activation.requests == []


@pytest.mark.parametrize("given", [[{"id": "pin", "value": "1"}], [{"id": "FACE"}], [{"id": ""}]])
def test_an_unknown_object_is_wrong_authentication_data(web, given):
    assert problem(authorized(web, authData=given)) == (400, *WRONG)


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal.PIN_INVALID, Refusal.OTP_INVALID, Refusal.OTP_MISSING, Refusal.RESPONSE_INVALID,
        Refusal.RESPONSE_MISSING, Refusal.OBJECTS_INVALID, Refusal.EVIDENCE_REFUSED,
    ],
)  # fmt: skip
def test_v2_tells_all_wrong_data_alike(web, refusal):
    web.activation.refusal = refusal

    assert problem(authorized(web, authData=[{"id": "PIN", "value": "1"}])) == (400, *WRONG)


def test_v1_has_one_member_for_both_kinds_of_codes(web):
    web.post("credentials/authorize", BODY | {"PIN": "1", "OTP": "2"})
    (asked,) = web.activation.requests

    assert asked.evidence == Evidence("1", "2", "2")


def test_R14_a_client_with_the_leniency_may_use_the_other_dialect(web):
    web.post("credentials/authorize", BODY | {"authData": [{"id": "OTP", "value": "2"}]}, token="old")
    web.post("credentials/authorize", BODY | {"OTP": "2"}, token="old", version="v2")

    assert [each.evidence for each in web.activation.requests] == [Evidence(otp="2"), Evidence(None, "2", "2")]


# Approval out of band on 2.x


@pytest.mark.parametrize(
    ("more", "objects"),
    [({}, ()), ({"authData": []}, ()), ({"authData": [{"id": "PIN"}, {"id": "OTP"}]}, ("PIN", "OTP"))],
)
def test_v2_without_secrets_answers_202_with_a_handle(web, more, objects):
    web.activation.pending_answer = Pending("the-handle")
    answer = authorized(web, description="Letter 7", **more)
    (asked,) = web.activation.requests

    assert (answer.status_code, answer.get_json()) == (202, {"handle": "the-handle"})
    assert answer.content_type == "application/json;charset=UTF-8"
    assert isinstance(asked, RequestApproval)
    assert (asked.objects, asked.description, asked.joins) == (objects, "Letter 7", False)


def test_authorize_check_answers_202_until_there_is_a_sad(web):
    web.activation.pending_answer = Pending("the-handle")
    waits = web.post("credentials/authorizeCheck", {"handle": "the-handle"}, version="v2")
    web.activation.pending_answer = None
    done = web.post("credentials/authorizeCheck", {"handle": "the-handle"}, version="v2")

    assert (waits.status_code, waits.get_json()) == (202, {"handle": "the-handle"})
    assert (done.status_code, done.get_json()) == (200, {"SAD": "minted.sad.value", "expiresIn": 120})
    assert all(isinstance(each, CollectApproval) for each in web.activation.requests)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refusal.HANDLE_INVALID, (400, "invalid_request", "Invalid parameter handle")),
        (Refusal.EVIDENCE_REFUSED, (400, *WRONG)),
        (Refusal.PIN_LOCKED, (400, "invalid_request", "Credential locked")),
        (
            Refusal.APPROVAL_REFUSED,
            (401, "access_denied", "The user, authorization server or remote service denied the request."),
        ),
    ],
)
def test_authorize_check_tells_how_an_approval_ended(web, refusal, expected):
    web.activation.refusal = refusal

    assert problem(web.post("credentials/authorizeCheck", {"handle": "x"}, version="v2")) == expected


@pytest.mark.parametrize("body", [{}, {"handle": None}, {"handle": 1}, {"handle": ["x"]}])
def test_authorize_check_needs_a_handle(web, body):
    answer = web.post("credentials/authorizeCheck", body, version="v2")

    assert problem(answer) == (400, "invalid_request", "Missing (or invalid type) string parameter handle")


# The implicit mode of 1.0.4.0


class Answers:
    """A signer that answers what is next in line, and a clock that a wait turns."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.now = 0.0

    def collect(self):
        return self.answers.pop(0) if self.answers else Pending("handle")

    def sleep(self, seconds):
        self.now += seconds

    def room(self):
        return SignerWait(self.sleep, lambda: self.now)


def test_v1_waits_until_the_signer_has_approved():
    signer = Answers(Pending("h"), Pending("h"), MINTED)

    assert signer.room().wait(signer.collect) == MINTED
    assert signer.now == 3 * POLL


def test_v1_waits_ten_seconds_at_most():
    signer = Answers()
    with pytest.raises(UnavailableError) as caught:
        signer.room().wait(signer.collect)

    assert caught.value.retry_after >= 1
    assert signer.now == LONGEST == 10


def test_v1_lets_one_request_of_a_process_wait():
    entered, leave = threading.Event(), threading.Event()

    def sleep(_seconds):
        entered.set()
        leave.wait(10)

    room = SignerWait(sleep, lambda: 0.0)
    first = threading.Thread(target=room.wait, args=(lambda: MINTED,))
    first.start()
    entered.wait(10)
    with pytest.raises(UnavailableError):
        room.wait(lambda: MINTED)
    leave.set()
    first.join()

    assert room.wait(lambda: MINTED) == MINTED


def test_v1_frees_its_place_after_a_failure():
    def fails():
        raise UnavailableError("signer")

    room = Answers().room()
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            room.wait(fails)
        assert caught.value.component == "signer"


def test_v1_joins_and_gives_up_with_503(web):
    web.activation.pending_answer = Pending("the-handle")
    answer = web.post("credentials/authorize", BODY)
    asked = web.activation.requests

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.get_json()["error"] == "temporarily_unavailable"
    assert (asked[0].joins, asked[0].objects) == (True, None)
    assert {each.handle for each in asked[1:]} == {"the-handle"}
    assert len(asked) == 1 + LONGEST / POLL


def test_v1_answers_at_once_what_was_approved_before(web):
    answer = web.post("credentials/authorize", BODY)

    assert (answer.status_code, answer.get_json()) == (200, {"SAD": "minted.sad.value", "expiresIn": 120})


# getChallenge and sendOTP


def test_a_challenge_is_in_the_answer_or_sent_out_of_band(web):
    shown = web.post("credentials/getChallenge", {"credentialID": "pin", "authObjectID": "KEY"}, version="v2")
    sent = web.post("credentials/getChallenge", {"credentialID": "pin", "authObjectID": "ONLINE_OTP"}, version="v2")

    assert (shown.status_code, shown.get_json()) == (200, {"challenge": "challenge"})
    assert (sent.status_code, sent.data) == (204, b"")
    assert [each.object_id for each in web.activation.requests] == ["KEY", "ONLINE_OTP"]
    assert all(isinstance(each, GetChallenge) for each in web.activation.requests)


@pytest.mark.parametrize("missing", ["credentialID", "authObjectID"])
def test_get_challenge_needs_both_of_its_parameters(web, missing):
    body = {"credentialID": "pin", "authObjectID": "KEY"}
    for changed in ({missing: None}, {missing: 7}):
        answer = web.post("credentials/getChallenge", body | changed, version="v2")
        assert problem(answer) == (400, "invalid_request", f"Missing (or invalid type) string parameter {missing}")


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal.OBJECT_INVALID, "Invalid parameter authObjectID"),
        (Refusal.UNKNOWN_CREDENTIAL, "Invalid parameter credentialID"),
    ],
)
def test_get_challenge_names_the_parameter_at_fault(web, refusal, text):
    web.activation.refusal = refusal
    answer = web.post("credentials/getChallenge", {"credentialID": "pin", "authObjectID": "KEY"}, version="v2")

    assert problem(answer) == (400, "invalid_request", text)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_send_otp_answers_204_and_nothing_more(web, version):
    answer = web.post("credentials/sendOTP", {"credentialID": "pin", "clientData": "x"}, version=version)
    (asked,) = web.activation.requests

    assert (answer.status_code, answer.data) == (204, b"")
    assert isinstance(asked, SendCode)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal.OTP_LOCKED, "OTP locked"),
        (Refusal.UNKNOWN_CREDENTIAL, "Invalid parameter credentialID"),
        (Refusal.NO_ONLINE_OTP, "Invalid parameter credentialID"),
    ],
)
def test_send_otp_names_what_is_wrong(web, version, refusal, text):
    web.activation.refusal = refusal

    assert problem(web.post("credentials/sendOTP", {"credentialID": "pin"}, version=version)) == (
        400,
        "invalid_request",
        text,
    )


def test_send_otp_has_its_own_text_for_a_malformed_header(web):
    for version, text in (("v1", "Malformed authroization header."), ("v2", "Malformed authorization header")):
        answer = web.post("credentials/sendOTP", {"credentialID": "pin"}, version=version, token=None)
        assert problem(answer) == (400, "invalid_request", text)


def test_without_a_courier_send_otp_is_not_offered():
    web = WebApplication()
    answer = web.post("credentials/sendOTP", {"credentialID": "pin"})

    assert answer.status_code == 501
    assert "credentials/sendOTP" not in web.post("info").get_json()["methods"]
