"""The OpenAPI documents say what the server does: the same routes, verbs and statuses; and the pages made of them."""

import csv
import importlib.util
import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

from csc_server.values import ApiVersion
from csc_server.web.api.table import ENDPOINTS, NOT_IMPLEMENTED
from csc_server.web.operations.documents import document_text, read_document
from csc_server.web.operations.reference_texts import LANGUAGES, TEXTS
from csc_server.web.operations.reference_view import groups_of
from fakes.web_application import BASE_URL, WebApplication

ROOT = Path(__file__).resolve().parents[3]
VERSIONS = pytest.mark.parametrize("version", list(ApiVersion))
ROW_VERSIONS = {ApiVersion.V1: {"1.0.4.0"}, ApiVersion.V2: {"2.0.0.2", "2.1.0.1", "2.2.0.0"}}
EVERYWHERE = {"401", "429", "500", "503"}
"""Statuses of the common rows that concern every method with a token; 302 is authorize's and 501 depends on settings."""
NO_METHODS = {"openapi.json"}


def tool():
    specification = importlib.util.spec_from_file_location("openapi_tool", ROOT / "tools" / "openapi.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def web():
    return WebApplication()


def operations(version):
    for path, verbs in read_document(version)["paths"].items():
        for verb, operation in verbs.items():
            yield path.removeprefix("/"), verb.upper(), operation


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolve(document, reference):
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@VERSIONS
def test_the_json_that_is_served_is_the_yaml_that_was_written(version):
    written = tool().served_text(ROOT / "specs" / "openapi" / f"csc-{version}.yaml")

    assert written.encode() == document_text(version), "run: python tools/openapi.py"


@VERSIONS
def test_routes_and_documents_are_equal(web, version):
    base = f"/csc/{version}/"
    refused = {each.method for each in ENDPOINTS if not each.is_offered(web.settings)} | set(NOT_IMPLEMENTED[version])
    routed = {
        (rule.rule.removeprefix(base), verb)
        for rule in web.http.application.url_map.iter_rules()
        if rule.rule.startswith(base)
        for verb in rule.methods - {"HEAD"}
        if not (verb == "GET" and rule.rule.removeprefix(base) in refused)  # 501 whatever the verb
    }
    documented = {(method, verb) for method, verb, _ in operations(version)}

    assert {each for each in routed if each[0] not in NO_METHODS} == documented


@VERSIONS
def test_every_row_of_the_endpoint_table_is_documented_with_its_verbs(version):
    documented = {(method, verb) for method, verb, _ in operations(version)}
    for endpoint in ENDPOINTS:
        if version in endpoint.versions:
            assert {(endpoint.method, verb) for verb in endpoint.verbs} <= documented


@VERSIONS
def test_tokens_of_the_table_and_of_the_document_are_the_same(version):
    schemes = {"serviceToken": "service", "credentialToken": "credential"}
    documented = {method: operation["security"] for method, verb, operation in operations(version) if verb == "POST"}
    for endpoint in ENDPOINTS:
        if version in endpoint.versions:
            named = {schemes[name] for each in documented[endpoint.method] for name in each if name in schemes}
            wanted = {str(scope) for scope in endpoint.scopes[version]} & set(schemes.values())
            assert named == wanted, endpoint.method


def rows(version):
    with (ROOT / "specs" / "rows" / "errors.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            differs = re.fullmatch(r"(\d{3}) (\w+): .*", row["here"])
            if row["version"] in ROW_VERSIONS[version] and (differs or not row["here"]):
                yield row | ({"status": differs[1], "error": differs[2]} if differs else {})


@VERSIONS
def test_every_documented_error_has_its_status_in_the_document(version):
    statuses = {}
    for method, _, operation in operations(version):
        statuses.setdefault(method, set()).update(operation["responses"])
    missing = []
    for row in rows(version):
        wanted = set(re.findall(r"\d{3}", row["status"]))
        if row["method"] == "*":
            for method, known in statuses.items():
                if "401" in known and not method.startswith("oauth2/") and wanted <= EVERYWHERE and not wanted <= known:
                    missing.append((method, row["status"]))
        elif row["method"] != "signatures/signDoc" and not wanted <= statuses[row["method"]]:
            missing.append((row["method"], row["status"], row["case"]))

    assert missing == []
    assert "302" in statuses["oauth2/authorize"]
    assert any("501" in known for known in statuses.values())


@VERSIONS
def test_every_error_code_of_a_row_is_a_code_of_the_document(version):
    document = read_document(version)
    for row in rows(version):
        if row["method"] in {"*", "signatures/signDoc"} or not row["error"] or "302" in row["status"]:
            continue
        for status in re.findall(r"\d{3}", row["status"]):
            (response,) = [
                operation["responses"][status]
                for verb, operation in document["paths"][f"/{row['method']}"].items()
                if verb == ("get" if row["method"] == "oauth2/authorize" else "post")
            ]
            response = resolve(document, response["$ref"]) if "$ref" in response else response
            codes = response["content"]["application/json"]["schema"]["properties"]["error"]["enum"]
            assert row["error"] in codes, (row["method"], status, row["error"])


KINDS = {"String": "string", "Number": "integer", "Boolean": "boolean", "Object": "object", "Array": "array"}


def kind_of(text):
    """Return the JSON type that a row's type means: `Array of String (base64)` is an array of strings."""
    words = text.split()
    return f"{kind_of(' '.join(words[2:]))}[]" if words[0] == "Array" else KINDS[words[0]]


def parameter_rows(version):
    """Rows of parameters that are members or query parameters by themselves."""
    with (ROOT / "specs" / "rows" / "parameters.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            name, method, direction = row["parameter"], row["method"], row["direction"]
            inside_text = name.startswith(("authorization_details[", "account_token.")) and method.startswith("oauth2/")
            redirected = (method, direction) == ("oauth2/authorize", "response")
            of_documents = method == "signatures/signDoc" or (
                method == "signatures/signPolling" and direction == "response" and name != "signatures"
            )
            left_out = inside_text or redirected or of_documents or "(" in name
            if row["version"] in ROW_VERSIONS[version] and not left_out:
                yield row


@VERSIONS
def test_every_parameter_row_is_a_member_of_the_document_with_its_type(version):
    methods = {method.name: method for group in groups_of(read_document(version)) for method in group.methods}
    rows = list(parameter_rows(version))
    missing = []
    for row in rows:
        method = methods[row["method"]]
        listed = method.members if row["direction"] == "request" else [m for a in method.answers for m in a.members]
        kinds = {member.kind for member in listed if member.name == row["parameter"]}
        wanted = (
            {"string"}
            if method.name.startswith("oauth2/") and row["direction"] == "request"
            else {kind_of(row["type"])}
        )
        if kinds != wanted:
            missing.append((row["id"], row["method"], row["parameter"], kinds, wanted))

    assert missing == []
    assert len(rows) > 80


@VERSIONS
def test_references_lead_somewhere_and_nothing_is_left_over(version):
    document = read_document(version)
    used = set(references(document))

    assert all(resolve(document, reference) for reference in used)
    for kind in ("schemas", "responses", "headers"):
        unused = {f"#/components/{kind}/{name}" for name in document["components"][kind]} - used
        assert unused == set()


@VERSIONS
def test_links_lead_to_members_of_other_methods(version):
    by_id = {operation["operationId"]: operation for _, _, operation in operations(version)}
    linked = 0
    for operation in by_id.values():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                body = by_id[link["operationId"]]["requestBody"]["content"]["application/json"]["schema"]
                assert link["requestBody"].keys() <= body["properties"].keys()
                linked += 1

    assert linked >= 4


@VERSIONS
def test_schemas_are_json_schemas_and_answers_are_closed(version):
    document = read_document(version)
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        assert name[0].isupper()
    for _, _, operation in operations(version):
        for status, response in operation["responses"].items():
            if status < "300" and "content" in response:
                schema = response["content"]["application/json"]["schema"]
                for each in schema.get("oneOf", [schema]):
                    answer = resolve(document, each["$ref"]) if "$ref" in each else each
                    assert answer.get("additionalProperties") is False or "allOf" in answer


@VERSIONS
def test_examples_of_errors_fit_their_own_schema(version):
    document = read_document(version)
    for method, _, operation in operations(version):
        for response in operation["responses"].values():
            content = response.get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                (
                    jsonschema_rs.validate(
                        content["schema"] | {"components": document["components"]}, example["value"]
                    ),
                    method,
                )


@VERSIONS
def test_the_document_is_served_as_json(web, version):
    response = web.http.get(f"/csc/{version}/openapi.json", base_url=BASE_URL)

    assert response.status_code == 200
    assert response.content_type == "application/json;charset=UTF-8"
    assert json.loads(response.data)["servers"] == [{"url": f"/csc/{version}"}]


@VERSIONS
@pytest.mark.parametrize("language", LANGUAGES)
def test_AU_11_the_reference_page_needs_no_script_and_names_every_method(web, version, language):
    response = web.http.get(f"/reference/{version}?lang={language}", base_url=BASE_URL)
    text = response.get_data(as_text=True)

    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert "style=" not in text
    assert f'<html lang="{language}">' in text
    for method, _, _ in operations(version):
        assert f"<code>{method}</code>" in text


def test_the_reference_page_speaks_the_browsers_language(web):
    def page(tag):
        return web.http.get("/reference/v1", base_url=BASE_URL, headers={"Accept-Language": tag}).get_data(as_text=True)

    assert '<html lang="ja">' in page("ja-JP,en;q=0.5")
    assert '<html lang="en">' in page("fr")
    assert web.http.get("/reference", base_url=BASE_URL).headers["Location"] == "/reference/v2"


def test_both_languages_have_all_words():
    assert TEXTS["en"].keys() == TEXTS["ja"].keys() == TEXTS["en"].keys()
    for version in ApiVersion:
        for group in groups_of(read_document(version)):
            assert f"group_{group.name}" in TEXTS["ja"]
            for method in group.methods:
                assert {f"token_{token}" for token in method.tokens} <= TEXTS["ja"].keys()
                assert method.summaries["ja"]


def test_the_page_shows_members_of_members_and_texts_of_errors():
    groups = {
        group.name: {method.name: method for method in group.methods}
        for group in groups_of(read_document(ApiVersion.V2))
    }
    listed = {member.name for answer in groups["credentials"]["credentials/list"].answers for member in answer.members}
    signing = {(failure.status, failure.text) for failure in groups["signatures"]["signatures/signHash"].failures}

    assert {"credentialInfos", "credentialInfos[].auth.objects[].id"} <= listed
    assert {("400", "SAD expired"), ("401", "The access or refresh token is expired or has been revoked.")} <= signing
