"""The metadata of RFC 8414 against what the server does (OA-21): every advertised value has its trial here."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from csc_server.values import ClientProfile
from csc_server.web.authorization.metadata import WELL_KNOWN, describe_server
from csc_server.web.interaction.texts import Language
from fakes.code_flow import (
    PKCE,
    REDIRECT,
    SECRET,
    VERIFIER,
    CodeFlow,
    answer_of,
    basic_header,
    details,
    registered,
)
from fakes.web_application import BASE_URL


@pytest.fixture
def flow():
    return CodeFlow()


@pytest.fixture
def metadata(flow):
    answer = flow.get(WELL_KNOWN)

    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    return answer.json


def path_of(metadata, endpoint):
    address = metadata[f"{endpoint}_endpoint"]

    assert address.startswith(metadata["issuer"] + "/")
    return urlsplit(address).path


def posted(flow, path, data, headers=None):
    return flow.http.post(path, data=data, headers=headers or {}, base_url=BASE_URL)


def test_OA_21_the_issuer_is_that_of_authorization_responses(flow, metadata):
    assert metadata["issuer"] == BASE_URL
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert flow.approve(scope="service")["iss"] == metadata["issuer"]


@pytest.mark.parametrize("base_url", ["https://host.example", "https://host.example/", "https://host.example/sign"])
def test_OA_21_the_document_stands_between_host_and_path_of_the_issuer(base_url):
    flow = CodeFlow()
    settings = flow.settings.model_copy(update={"base_url": base_url})
    issuer = base_url.rstrip("/")

    assert describe_server(settings)["issuer"] == issuer
    assert describe_server(settings)["token_endpoint"] == f"{issuer}/oauth2/token"


def test_OA_21_every_endpoint_of_the_document_is_there_and_each_of_ours_is_in_it(flow, metadata):
    told = {path_of(metadata, name.removesuffix("_endpoint")) for name in metadata if name.endswith("_endpoint")}
    routed = {rule.rule for rule in flow.app.url_map.iter_rules() if rule.rule.startswith("/oauth2/")}

    assert told == routed


def test_OA_21_a_whole_flow_goes_over_the_advertised_addresses(flow, metadata):
    request = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "service"}
    pushed = posted(flow, path_of(metadata, "pushed_authorization_request"), request | PKCE, basic_header()).json
    query = f"client_id=app&request_uri={pushed['request_uri']}"
    address = urlsplit(flow.get(f"{path_of(metadata, 'authorization')}?{query}").location).path
    flow.log_in(address)
    code = answer_of(flow.decide(address, flow.get(address)).location)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    tokens = posted(flow, path_of(metadata, "token"), form, basic_header()).json
    token = {"token": tokens["access_token"]}

    assert posted(flow, path_of(metadata, "introspection"), token, basic_header()).json["active"] is True
    assert posted(flow, path_of(metadata, "revocation"), token, basic_header()).status_code == 200
    assert posted(flow, path_of(metadata, "introspection"), token, basic_header()).json == {"active": False}


@pytest.mark.parametrize("scope", ["service", "credential", "openid", "introspect"])
def test_OA_21_scopes(flow, metadata, scope):
    flow.store.put_client(registered("app", scopes=("service", "credential", "openid", "introspect")))
    asked = {"credentialID": "oauth", "numSignatures": "1"} if scope == "credential" else {}
    answer = answer_of(flow.authorize("rfc", scope=scope, **asked).location)

    assert (answer.get("error") != "invalid_scope") == (scope in metadata["scopes_supported"])


@pytest.mark.parametrize("scope", ["credential-creation", "credential-deletion"])
def test_OA_21_scopes_of_custody_are_there_with_an_issuer(flow, scope):
    with_issuer = flow.settings.model_copy(update={"certificate_issuer": Path("issuer.sock")})
    flow.store.put_client(registered("app", scopes=(scope,)))
    answer = flow.token({"grant_type": "client_credentials", "scope": scope}, "rfc")

    assert answer.status_code == 200
    assert scope in describe_server(with_issuer)["scopes_supported"]
    assert scope not in describe_server(flow.settings)["scopes_supported"]


@pytest.mark.parametrize(
    "response_type", ["code", "token", "id_token", "code token", "code id_token", "none", "code id_token token"]
)
def test_OA_21_response_types(flow, metadata, response_type):
    answer = answer_of(flow.authorize("rfc", response_type=response_type).location)

    assert (answer.get("error") is None) == (response_type in metadata["response_types_supported"])


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post", "jwt"])
def test_OA_21_response_modes(flow, metadata, mode):
    answer = answer_of(flow.authorize("rfc", response_mode=mode).location)

    assert (answer.get("error") is None) == (mode in metadata["response_modes_supported"])


@pytest.mark.parametrize(
    "grant",
    [
        "authorization_code", "client_credentials", "refresh_token", "password", "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:device_code",
    ],
)  # fmt: skip
def test_OA_21_OA_01_grant_types(flow, metadata, grant):
    form = {"grant_type": grant, "code": "x" * 43, "refresh_token": "x" * 43}
    answer = flow.token(form, "rfc").json

    assert (answer.get("error") != "unsupported_grant_type") == (grant in metadata["grant_types_supported"])


@pytest.mark.parametrize("method", ["S256", "plain", "S512"])
def test_OA_21_challenge_methods(flow, metadata, method):
    answer = answer_of(flow.authorize("rfc", code_challenge_method=method).location)

    assert (answer.get("error") is None) == (method in metadata["code_challenge_methods_supported"])


@pytest.mark.parametrize(
    "kind", ["credential", "https://cloudsignatureconsortium.org/2025/credential", "payment", "Credential"]
)
def test_OA_21_types_of_authorization_details(flow, metadata, kind):
    answer = answer_of(flow.authorize("rfc", authorization_details=details(type=kind)).location)
    is_known = answer.get("error") != "invalid_authorization_details"

    assert is_known == (kind in metadata["authorization_details_types_supported"])


def test_OA_21_who_need_not_push(flow, metadata):
    assert metadata["require_pushed_authorization_requests"] is False
    assert "error" not in answer_of(flow.authorize("rfc").location)


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_OA_21_request_objects(flow, metadata, name):
    answer = answer_of(flow.authorize("rfc", **{name: "https://app.example/request"}).location)

    assert metadata[f"{name}_parameter_supported"] is False
    assert answer["error"] == f"{name}_not_supported"


def way(method):
    """Return the form and headers of a request by a method that needs no key."""
    return {
        "client_secret_basic": ({}, basic_header()),
        "client_secret_post": ({"client_id": "app", "client_secret": SECRET}, {}),
        "none": ({"client_id": "native"}, {}),
    }[method]


@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_OA_21_methods_without_a_key(flow, metadata, endpoint, method):
    form, headers = way(method)
    more = {"grant_type": "refresh_token", "refresh_token": "x" * 43, "token": "x" * 43}
    answer = posted(flow, path_of(metadata, endpoint), form | more, headers)
    is_taken = answer.json.get("error") != "invalid_client"

    assert is_taken == (method in metadata[f"{endpoint}_endpoint_auth_methods_supported"])


def test_OA_21_certificates_are_offered_behind_a_proxy_only(flow):
    behind = flow.settings.model_copy(update={"listen": "unix:/run/web.sock"})
    tls = {"tls_client_auth", "self_signed_tls_client_auth"}

    assert tls.isdisjoint(describe_server(flow.settings)["token_endpoint_auth_methods_supported"])
    assert tls <= set(describe_server(behind)["token_endpoint_auth_methods_supported"])
    assert describe_server(flow.settings)["tls_client_certificate_bound_access_tokens"] is False
    assert describe_server(behind)["tls_client_certificate_bound_access_tokens"] is True


def test_OA_21_languages_are_those_of_the_pages(metadata):
    assert metadata["ui_locales_supported"] == sorted(language.value for language in Language)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_OA_21_ui_locales_choose_the_page(flow, metadata, language):
    assert language in metadata["ui_locales_supported"]
    address = urlsplit(flow.authorize("rfc", ui_locales=f"{language} xx").location).path

    assert f'<html lang="{language}"' in flow.get(address).text


def test_the_profiles_of_clients_are_visible(metadata):
    assert metadata["client_profiles_supported"] == [profile.value for profile in ClientProfile]
