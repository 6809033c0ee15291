"""The table is complete and fits its handlers: a missing check would be a visible gap, and here a failing test."""

from dataclasses import fields

import pytest

from csc_server.errors import ProblemError, RefusedError
from csc_server.values import ApiVersion, Refusal
from csc_server.web.api.call import Scope
from csc_server.web.api.paging import page_after, page_token
from csc_server.web.api.refusals import _TEXTS, refusal_problem
from csc_server.web.api.table import ENDPOINTS, NOT_IMPLEMENTED

OPEN = {"info", "auth/login"}
OF_THEIR_OWN = {"credentials/create": Scope.CREATION, "credentials/delete": Scope.DELETION}
ALSO_FOR_A_CREDENTIAL_TOKEN = {("v2", "credentials/info"), ("v2", "signatures/signHash")}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.method)
def test_checks_fill_exactly_the_arguments_in_their_order(endpoint):
    names = [name for name, _ in endpoint.checks]

    assert len(names) == len(set(names))
    assert set(names) == {field.name for field in fields(endpoint.arguments)}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.method)
def test_only_info_and_login_are_open_and_scopes_are_as_small_as_the_tables_allow(endpoint):
    for version in endpoint.versions:
        expected = set() if endpoint.method in OPEN else {OF_THEIR_OWN.get(endpoint.method, Scope.SERVICE)}
        if (version.value, endpoint.method) in ALSO_FOR_A_CREDENTIAL_TOKEN:
            expected.add(Scope.CREDENTIAL)
        assert endpoint.scopes[version] == expected


def test_every_method_stands_once_and_is_offered_or_not():
    for version in ApiVersion:
        offered = [endpoint.method for endpoint in ENDPOINTS if version in endpoint.versions]
        assert len(offered) == len(set(offered))
        assert not set(offered) & set(NOT_IMPLEMENTED[version])


@pytest.mark.parametrize("version", list(ApiVersion))
def test_every_refusal_of_the_signer_has_an_answer(version):
    for refusal in Refusal:
        problem = refusal_problem(version, RefusedError(refusal))
        assert problem.status in {400, 401, 503}
        assert problem.description


def test_texts_name_the_versions_own_members():
    assert not [text for text in _TEXTS[ApiVersion.V1].values() if "hashes" in text or "OID" in text]
    assert not [text for text in _TEXTS[ApiVersion.V2].values() if "hashAlgo" in text and "OID" not in text]


@pytest.mark.parametrize("last", ["a", "credential-1", "処方箋", "x" * 255])
def test_page_tokens_are_opaque_and_bound(last):
    token = page_token("secret", last)

    assert page_after("secret", token) == last
    assert last not in token or len(last) == 1
    with pytest.raises(ProblemError):
        page_after("other secret", token)
