"""Messages to the signer: exactly the fields of their kind, or MalformedInputError (IN-05, AR-03)."""

from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, get_args, get_origin, get_type_hints

from csc_server.activation import messages
from csc_server.errors import MalformedInputError
from csc_server.wire import parse_json
from fuzz.source import Source


def example(kind):
    """Return a value of a type: every field of a message filled."""
    if is_dataclass(kind):
        return kind(**{name: example(hint) for name, hint in get_type_hints(kind, include_extras=True).items()})
    if get_origin(kind) is Annotated:
        return bytes(32) if get_args(kind)[0] is bytes else example(get_args(kind)[0])
    if get_origin(kind) is tuple:
        return (example(get_args(kind)[0]), example(get_args(kind)[0]))
    if isinstance(kind, UnionType):
        return example(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return {bool: True, int: 2, bytes: bytes(32)}.get(kind, "a")


EXAMPLES = [example(kind) for kind in messages.Request.__args__]
TEMPLATES = [parse_json(messages.encode(each)) for each in EXAMPLES]
SEEDS = [bytes([number]) + bytes(80) for number in range(len(EXAMPLES))] + [bytes(range(80))]
WORDS = [b"kind", b"body", b"Sign", b"caller", b"evidence"]


def run(data: bytes) -> None:
    source = Source(data)
    text = source.rest() if source.chance(16) else source.json_text(source.choice(TEMPLATES))
    try:
        message = messages.decode_request(text)
    except MalformedInputError:
        return
    members = parse_json(text)
    assert type(message).__name__ == members["kind"]
    _same_fields(message, members["body"])
    assert messages.decode_request(messages.encode(message)) == message


def plant() -> None:
    """Unknown fields are ignored."""
    messages.decode_request = lambda data: messages._decode(data, messages._REQUESTS, "ignore")


def _same_fields(message, members) -> None:
    assert isinstance(members, dict)
    known = {field.name: getattr(message, field.name) for field in fields(message)}
    assert members.keys() <= known.keys(), "an unknown field was taken"
    for name, value in members.items():
        found = known[name]
        if is_dataclass(found):
            _same_fields(found, value)
        elif isinstance(found, str | int) and not isinstance(found, bool):
            assert type(value) is type(found) or isinstance(value, str), (name, value)
            assert found == value
