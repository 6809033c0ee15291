"""What every record of the authorization server tells of its request (AD-02)."""

from csc_server.audit.events import Event
from fakes.code_flow import CodeFlow

OF_REQUESTS = {
    Event.LOGIN,
    Event.CONSENT_GIVEN,
    Event.CODE_ISSUED,
    Event.CODE_REUSED,
    Event.TOKEN_ISSUED,
    Event.TOKEN_REFRESHED,
    Event.TOKEN_REVOKED,
    Event.REFRESH_REUSED,
    Event.REQUEST_REFUSED,
}


def test_AD_02_records_name_the_request_and_the_peers_network():
    flow = CodeFlow()
    code = flow.approve(scope="service")["code"]
    first = flow.redeem(code).json
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    flow.token(refresh)
    flow.token(refresh)
    flow.redeem(code)
    flow.token({"grant_type": "client_credentials"})
    flow.token({"token": flow.redeem(flow.approve(scope="service")["code"]).json["access_token"]}, path="revoke")

    told = [(event, fields) for event, _, fields in flow.events() if event in OF_REQUESTS]

    assert {event for event, _ in told} == OF_REQUESTS
    assert [event for event, fields in told if not fields.get("request_id") or not fields.get("address")] == []
