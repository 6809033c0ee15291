"""An OpenAPI document as the reference page shows it: methods with their members, answers and errors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Schema = dict[str, Any]

MAX_DEPTH = 5
"""Levels of members within members; the deepest of the API has three."""


@dataclass(frozen=True)
class Member:
    """A member of a request or an answer; `name` is its path, with `[]` for the elements of an array."""

    name: str
    kind: str
    required: bool
    values: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Answer:
    """A successful answer; without members it has no content, or a content that is told in `description`."""

    status: str
    description: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Failure:
    """An error: `text` is error_description, "" where none is prescribed."""

    status: str
    error: str
    text: str
    case: str


@dataclass(frozen=True)
class Method:
    """Everything about one path; where it takes two verbs, both do the same."""

    anchor: str
    name: str
    verbs: tuple[str, ...]
    summaries: dict[str, str]
    description: str
    clause: str
    tokens: tuple[str, ...]
    media: str
    members: tuple[Member, ...]
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Group:
    """The methods under one tag."""

    name: str
    description: str
    methods: tuple[Method, ...]


def groups_of(document: dict[str, Any]) -> tuple[Group, ...]:
    """Return the methods of a document, grouped and ordered as it orders its tags and paths."""
    reader = _Reader(document)
    methods = [(operations, reader.method(path, operations)) for path, operations in document["paths"].items()]
    return tuple(
        Group(
            tag["name"], tag["description"], tuple(each for raw, each in methods if tag["name"] in _main(raw)["tags"])
        )
        for tag in document["tags"]
    )


def _main(operations: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = operations.get("post") or operations["get"]
    return operation


class _Reader:
    """Follows the references of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def method(self, path: str, operations: dict[str, Any]) -> Method:
        operation = _main(operations)
        media, members = self._request(operation)
        responses = {status: self._resolve(each) for status, each in operation["responses"].items()}
        return Method(
            anchor=operation["operationId"],
            name=path.removeprefix("/"),
            verbs=tuple(verb.upper() for verb in operations),
            summaries={"en": operation["summary"], "ja": operation["x-summary-ja"]},
            description=operation["description"],
            clause=operation["x-clause"],
            tokens=tuple(name for each in operation["security"] for name in each),
            media=media,
            members=members,
            answers=tuple(self._answer(status, each) for status, each in responses.items() if status < "400"),
            failures=tuple(failure for status, each in responses.items() for failure in self._failures(status, each)),
        )

    def _request(self, operation: dict[str, Any]) -> tuple[str, tuple[Member, ...]]:
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            return media, tuple(self._members(content["schema"], ""))
        query = operation.get("parameters", ())
        return "", tuple(
            self._member(each["name"], each["schema"] | {"description": each.get("description", "")}, each["required"])
            for each in query
        )

    def _answer(self, status: str, response: dict[str, Any]) -> Answer:
        for content in response.get("content", {}).values():
            return Answer(status, response["description"], tuple(self._members(content["schema"], "")))
        return Answer(status, response["description"], ())

    def _failures(self, status: str, response: dict[str, Any]) -> Iterator[Failure]:
        for each in response.get("x-errors", ()):
            yield Failure(status, each["error"], each.get("error_description", ""), each["case"])
        for content in response.get("content", {}).values():
            told = set()
            for example in content.get("examples", {}).values():
                value = example["value"]
                told.add(value["error"])
                yield Failure(status, value["error"], value.get("error_description", ""), example["summary"])
            if status >= "400":
                codes = content["schema"]["properties"]["error"]["enum"]
                yield from (Failure(status, code, "", response["description"]) for code in codes if code not in told)

    def _members(self, schema: Schema, prefix: str, depth: int = 0) -> Iterator[Member]:
        resolved = self._resolve(schema)
        if depth < MAX_DEPTH:
            for choice in resolved.get("allOf", ()):
                yield from self._members(choice, prefix, depth + 1)
            for choice in resolved.get("oneOf", ()):
                yield from (replace(each, required=False) for each in self._members(choice, prefix, depth + 1))
            required = resolved.get("required", ())
            for name, member in resolved.get("properties", {}).items():
                yield self._member(prefix + name, member, name in required)
                yield from self._inner(member, prefix + name, depth + 1)

    def _inner(self, schema: Schema, name: str, depth: int) -> Iterator[Member]:
        resolved = self._chosen(schema)
        if "items" in resolved:
            yield from self._members(resolved["items"], f"{name}[].", depth)
        else:
            yield from self._members(resolved, f"{name}.", depth)

    def _member(self, name: str, schema: Schema, required: bool) -> Member:
        resolved = self._chosen(schema)
        described = schema.get("description") or resolved.get("description", "")
        values = tuple(str(value) for value in resolved.get("enum", ()) if value is not None)
        return Member(name, self._kind(resolved), required, values, described)

    def _kind(self, schema: Schema) -> str:
        kind = schema.get("type", "object")
        if isinstance(kind, list):
            kind = next(each for each in kind if each != "null")
        if kind == "array":
            return f"{self._kind(self._chosen(schema['items']))}[]"
        return str(kind)

    def _chosen(self, schema: Schema) -> Schema:
        """Return the schema behind a reference, also behind one that may be null instead."""
        for choice in schema.get("oneOf", ()):
            if choice.get("type") != "null":
                return self._resolve(choice)
        return self._resolve(schema)

    def _resolve(self, schema: Schema) -> Schema:
        name = schema.get("$ref")
        if name is None:
            return schema
        found: Any = self._document
        for part in name.removeprefix("#/").split("/"):
            found = found[part]
        resolved: Schema = found
        return resolved
