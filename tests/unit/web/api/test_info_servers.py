"""How info leads to the authorization server: exactly one way, by setting (CSC 2.1.0.1, 11.1; A16)."""

import pytest

from csc_server.web.authorization.metadata import WELL_KNOWN
from fakes.web_application import BASE_URL, WebApplication

WAYS = ["oauth2", "oauth2Issuer", "oauth2Servers"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_A16_exactly_one_member_names_the_server(way, version):
    web = WebApplication(oauth2_in_info=way)
    info = web.post("info", version=version, token=None).json

    assert [name for name in WAYS if name in info] == [way if version == "v2" else "oauth2"]
    assert ("supportsRar" in info) == (version == "v2" and way != "oauth2Servers")


def test_A16_the_base_has_no_trailing_slash():
    info = WebApplication().post("info", version="v2", token=None).json

    assert (info["oauth2"], info["supportsRar"]) == (f"{BASE_URL}/csc/v2", True)
    assert "oauth2/pushed_authorize" in info["methods"]


def test_the_issuer_leads_to_metadata_that_name_it():
    web = WebApplication(oauth2_in_info="oauth2Issuer")
    issuer = web.post("info", version="v2", token=None).json["oauth2Issuer"]

    assert web.http.get(WELL_KNOWN, base_url=BASE_URL).json["issuer"] == issuer


def test_a_listed_server_covers_the_oauth_types_of_the_service():
    info = WebApplication(oauth2_in_info="oauth2Servers").post("info", version="v2", token=None).json
    (server,) = info["oauth2Servers"]

    assert server == {"issuerIdentifier": BASE_URL, "authType": ["oauth2code", "oauth2client"], "supportsRar": True}
    assert {each for each in info["authType"] if each.startswith("oauth2")} <= set(server["authType"])
