"""wire.parse_json: strict JSON, or MalformedInputError and nothing else (IN-01)."""

import json

from csc_server import wire
from csc_server.errors import MalformedInputError
from fuzz.source import Source, write

TEMPLATE = {"credentialID": "a", "hash": ["AA=="], "numSignatures": 1, "authData": [{"id": "PIN", "value": "1"}]}
SEEDS = [b"\x00" + text for text in (b'{"a":1,"a":2}', b'[1e999,"\\ud800"]', b"\xef\xbb\xbf{}", b"[" * 40 + b"]" * 40)]
WORDS = [b'{"', b'":', b"\\u0000", b"\\ud800", b"NaN", b"-Infinity", b"1e400", b"9007199254740993", b"[[[[[[[["]


def run(data: bytes) -> None:
    source = Source(data)
    kind = source.below(3)
    text = source.rest() if kind == 0 else write(source.json(6)) if kind == 1 else source.json_text(TEMPLATE)
    try:
        value = wire.parse_json(text)
    except MalformedInputError:
        return
    expected = json.loads(text.decode("utf-8"), object_pairs_hook=_members)
    assert repr(expected) == repr(value)
    assert depth(value) <= 32
    assert repr(wire.parse_json(wire.dump_json(value))) == repr(value)
    assert wire.parse_json(wire.canonical_json(value)) == value


def plant() -> None:
    """The depth of nesting is not looked at."""
    wire._check_depth = lambda _data, _limit: None


def depth(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def _members(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "a member twice"
    return dict(pairs)
