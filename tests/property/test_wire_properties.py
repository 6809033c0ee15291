"""wire.py against arbitrary input (RL-08 in small, IN-01, IN-02)."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from csc_server.errors import MalformedInputError
from csc_server.wire import (
    canonical_json,
    decode_base64,
    decode_base64_any,
    decode_base64url,
    dump_json,
    encode_base64,
    encode_base64url,
    parse_json,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters=[chr(c) for c in range(32)]), max_size=50)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5), max_leaves=30
)
NEARLY_JSON = st.text('[]{}",:\\u0d8 \t1eE+-.ntrf', max_size=60).map(str.encode)


@given(st.binary(max_size=200) | NEARLY_JSON)
@example(b'"\\')
@example(b'{"a":1')
@example(b"\xff" * 40)
def test_IN_01_any_bytes_are_a_value_or_malformed(data):
    try:
        value = parse_json(data)
    except MalformedInputError:
        return

    assert parse_json(dump_json(value)) == value


@given(VALUES)
def test_IN_01_what_is_written_is_read_back(value):
    assert parse_json(dump_json(value)) == value
    assert parse_json(canonical_json(value)) == value


@given(VALUES)
def test_IN_01_other_writers_are_understood(value):
    assert parse_json(json.dumps(value, indent=1).encode()) == value


@given(st.dictionaries(TEXT, SCALARS, max_size=6))
def test_canonical_json_does_not_know_the_order_of_members(members):
    assert canonical_json(members) == canonical_json(dict(reversed(members.items())))


@given(st.text(min_size=1, max_size=10), st.integers(0, 5))
def test_IN_01_a_member_that_occurs_twice_is_never_taken(name, other):
    text = "{" + f"{json.dumps(name)}:1," * 2 + f'"x{other}":1' + "}"
    try:
        parse_json(text.encode())
    except MalformedInputError:
        return

    raise AssertionError(text)


@given(st.integers(1, 60))
def test_IN_01_depth_has_one_limit(depth):
    data = b'{"a":' * depth + b"1" + b"}" * depth
    try:
        parse_json(data)
    except MalformedInputError:
        assert depth > 32
    else:
        assert depth <= 32


@given(st.binary(max_size=100))
def test_IN_02_base64_round_trips(data):
    assert decode_base64(encode_base64(data)) == data
    assert decode_base64url(encode_base64url(data)) == data
    for text in (encode_base64(data), encode_base64url(data), encode_base64(data).rstrip("=")):
        assert decode_base64_any(text) == data


@given(st.text(max_size=40) | st.text("AZaz09+/-_=", max_size=20))
@example("AA==\n")
@example("\u0661")
def test_IN_02_any_text_has_one_reading_or_none(text):
    for decode, encode in [(decode_base64, encode_base64), (decode_base64url, encode_base64url)]:
        try:
            data = decode(text)
        except MalformedInputError:
            continue
        assert encode(data) == text


@given(st.text("AZaz09+/-_=", max_size=20))
def test_IN_02_any_base64_loses_nothing_but_alphabet_and_padding(text):
    try:
        data = decode_base64_any(text)
    except MalformedInputError:
        return

    assert encode_base64url(data) == text.rstrip("=").replace("+", "-").replace("/", "_")
