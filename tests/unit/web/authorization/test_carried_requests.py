"""Addresses that carry a request: what anybody may do to them (IN-01, IN-10, OA-05)."""

import zlib
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csc_server.errors import ProblemError
from csc_server.web.authorization.carried_requests import MAX_QUERY, carry, read_carried
from csc_server.web.authorization.faces import Face
from csc_server.wire import encode_base64url
from fakes.code_flow import REQUEST, CodeFlow, answer_of, registered

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


def address_with(query, face="v2"):
    return f"{face}.{'n' * 43}.{encode_base64url(zlib.compress(query))}"


def page_of(flow, parameters, face="v2"):
    query = urlencode({"client_id": "app"} | REQUEST | parameters).encode()
    return flow.get(f"/interaction/{address_with(query, face)}")


@pytest.fixture
def flow():
    return CodeFlow()


@given(face=st.sampled_from(Face), parameters=st.dictionaries(TEXT, TEXT, max_size=8))
def test_what_is_carried_comes_back(face, parameters):
    carried = read_carried(carry(face, parameters))

    assert (carried.face, carried.parameters) == (face, parameters)


@given(
    st.text() | st.builds(address_with, st.binary(max_size=200)) | st.from_regex(r"(v1|rfc)\.[a-z]{43}\.[A-Za-z0-9_-]*")
)
def test_IN_06_any_other_address_is_refused_or_read(address):
    try:
        read_carried(address)
    except ProblemError as problem:
        assert problem.status == 400


def test_IN_10_a_small_address_does_not_unfold_into_a_large_request():
    with pytest.raises(ProblemError):
        read_carried(address_with(b"a=" + b"x" * (MAX_QUERY * 10)))


def test_nothing_may_follow_the_request():
    packed = zlib.compress(b"a=b") + b"more"
    with pytest.raises(ProblemError):
        read_carried(f"v2.{'n' * 43}.{encode_base64url(packed)}")


def test_an_address_that_somebody_made_is_checked_like_a_request(flow):
    assert page_of(flow, {}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/cb"},
        {"client_id": "nobody"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"scope": "admin"},
        {"scope": "credential"},
        {"authorization_details": "[]"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:" + "x" * 43},
    ],
)
def test_OA_05_an_address_that_somebody_made_leads_nowhere(flow, changes):
    answer = page_of(flow, changes)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "evil" not in answer.text
    assert flow.store.interactions == {}


def test_a_client_that_was_disabled_has_no_page(flow):
    address = urlsplit(flow.authorize().location).path
    flow.store.put_client(registered("app", disabled=True))

    assert flow.get(address).status_code == 400


def test_two_browsers_have_two_interactions_of_one_address(flow):
    address = urlsplit(flow.authorize(scope="service").location).path
    for _ in range(2):
        flow.http = flow.app.test_client()
        flow.log_in(address)
        assert "code" in answer_of(flow.decide(address, flow.get(address)).location)

    assert len(flow.store.interactions) == 2


def test_AU_10_the_form_of_one_browser_does_not_fit_another(flow):
    address = urlsplit(flow.authorize(scope="service").location).path
    form = flow.form_of(flow.get(address))
    flow.http = flow.app.test_client()
    flow.get(address)

    assert flow.submit(address, "login", form | {"decision": "refuse"}).status_code == 403


def test_AU_10_a_browser_that_never_saw_the_page_posts_nothing(flow):
    address = urlsplit(flow.authorize(scope="service").location).path

    assert flow.submit(address, "login", {"decision": "refuse"}).status_code == 400
    assert flow.store.interactions == {}


def test_refusing_before_login_is_told_and_stores_nothing(flow):
    address = urlsplit(flow.authorize(scope="service").location).path
    answer = flow.submit(address, "login", flow.form_of(flow.get(address)) | {"decision": "refuse"})

    assert answer_of(answer.location)["error"] == "access_denied"
    assert flow.store.interactions == {}


def test_a_wrong_password_stores_no_interaction(flow):
    address = urlsplit(flow.authorize(scope="service").location).path
    assert flow.log_in(address, password="wrong").status_code == 400

    assert flow.store.interactions == {}


def test_an_answered_request_is_finished_in_its_browser(flow):
    address, page = flow.consent_page(scope="service")
    flow.decide(address, page)

    assert flow.get(address).status_code == 410
