"""wire.py: JSON and base64 from outside (IN-01, IN-02)."""

import pytest

from csc_server.errors import MalformedInputError
from csc_server.wire import (
    MAX_ARRAY,
    MAX_MEMBERS,
    MAX_STRING,
    canonical_json,
    decode_base64,
    decode_base64_any,
    decode_base64url,
    dump_json,
    parse_json,
    parse_object,
)

REFUSED = {
    "empty": b"",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "Latin-1": b'{"a":"\xe9"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate as name": b'{"\\udfff":1}',
    "NUL": b'{"a":"\\u0000"}',
    "escape": b'{"a":"\\u001b"}',
    "raw control character": b'{"a":"\x01"}',
    "member twice": b'{"a":1,"a":1}',
    "member twice, spelt apart": b'{"a":1,"\\u0061":1}',
    "member twice, inside": b'[{"b":{"a":1,"a":2}}]',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "overflowing float": b'{"a":1e999}',
    "integer beyond 2**53": b'{"a":9007199254740993}',
    "integer of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "trailing comma": b'{"a":1,}',
    "comment": b"{}//",
    "two values": b"{}{}",
    "single quotes": b"{'a':1}",
    "depth 33": b"[" * 33 + b"]" * 33,
    "depth 5,000": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "depth, never closed": b"[" * 100_000,
    "a string that never ends, full of quotes": b"[" + b"[]," * 40 + b'"' + b'\\"' * 500_000,
    "brackets after a string with an escaped quote": b'["\\"",' + b"[" * 40 + b"]" * 41,
    "too many members": b"{" + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS + 1)) + b"}",
    "too long an array": b"[" + b"1," * MAX_ARRAY + b"1]",
    "too long a string": b'"' + b"x" * (MAX_STRING + 1) + b'"',
}


@pytest.mark.parametrize("name", REFUSED)
def test_IN_01_refused(name):
    with pytest.raises(MalformedInputError) as caught:
        parse_json(REFUSED[name])

    assert len(str(caught.value)) < 80


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":9007199254740992}', {"a": 2**53}),
        (b'{"a":-9007199254740992}', {"a": -(2**53)}),
        (b'{"a":"tab\\tline\\n"}', {"a": "tab\tline\n"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b"[" * 32 + b"]" * 32, None),
        (b'{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 36}),
        (b'{"a":[' + b"[]," * 50 + b"[]]}", {"a": [[]] * 51}),
        (b" { } ", {}),
        (b"1.5", 1.5),
    ],
)
def test_IN_01_accepted(data, value):
    parsed = parse_json(data)

    assert value is None or parsed == value


def test_an_object_is_asked_for_by_name():
    assert parse_object(b'{"a":null}') == {"a": None}
    with pytest.raises(MalformedInputError):
        parse_object(b"[]")


def test_json_is_written_compactly_and_canonically():
    assert dump_json({"b": "é", "a": 1}) == '{"b":"é","a":1}'.encode()
    assert canonical_json({"b": "é", "a": 1}) == b'{"a":1,"b":"\\u00e9"}'
    with pytest.raises(ValueError, match="JSON"):
        dump_json(float("nan"))


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "AA=", "AB==", "AAB=", "A===", "====", "AA==AA==", "AA==\n", "A-A_"]
)
def test_IN_02_standard_base64_is_exact(text):
    with pytest.raises(MalformedInputError):
        decode_base64(text)


@pytest.mark.parametrize("text", ["A", "AB", "AAB", "A===", "AA=", "=", "AA ==", "AA\u0661A", "AAB=", "AB=="])
def test_IN_02_any_base64_is_still_canonical(text):
    with pytest.raises(MalformedInputError):
        decode_base64_any(text)


@pytest.mark.parametrize("text", ["AA==", "A+AA", "A/AA", "AB"])
def test_IN_02_base64url_is_unpadded(text):
    with pytest.raises(MalformedInputError):
        decode_base64url(text)


def test_IN_02_all_spellings_of_the_same_bytes():
    assert {decode_base64_any(text) for text in ("+/8=", "-_8=", "+/8", "-_8", "+_8=")} == {b"\xfb\xff"}
