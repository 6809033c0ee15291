"""Parameters are read with the tables' texts, types exactly, everything bounded (IN-05, R4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csc_server.errors import ProblemError
from csc_server.web.http.params import MAX_IDENTIFIER, Parameters

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.lists(st.integers())
JSON |= st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)


def text_of(read, *arguments, **options):
    with pytest.raises(ProblemError) as caught:
        read(*arguments, **options)
    assert (caught.value.status, caught.value.error) == (400, "invalid_request")
    return caught.value.description


@pytest.mark.parametrize("value", [None, 1, True, 1.5, [], {}, ["x"]])
def test_IN_05_a_required_string_is_nothing_else(value):
    assert text_of(Parameters({"x": value}).required_string, "x") == "Missing (or invalid type) string parameter x"


@pytest.mark.parametrize("value", ["", "x" * (MAX_IDENTIFIER + 1)])
def test_a_string_is_neither_empty_nor_endless(value):
    assert text_of(Parameters({"x": value}).required_string, "x") == "Invalid parameter x"
    assert text_of(Parameters({"x": value}).optional_string, "x") == "Invalid parameter x"


def test_R4_null_and_absence_are_the_same():
    for members in ({}, {"x": None}):
        parameters = Parameters(members)
        assert parameters.optional_string("x") is None
        assert parameters.free_text("x") == ""
        assert parameters.boolean("x") is False
        assert parameters.hashes(("x",), 1) is None
        assert parameters.base64("x") == b""
        assert parameters.choice("x", ("a", "b"), "b") == "b"


@pytest.mark.parametrize("value", [0, 1, "true", "", [], "yes"])
def test_IN_05_a_boolean_is_nothing_else(value):
    assert text_of(Parameters({"x": value}).boolean, "x") == "Invalid parameter x"


@pytest.mark.parametrize("value", ["True", "TRUE", "1", " true", ""])
def test_R15_the_leniency_takes_two_words_and_no_others(value):
    assert Parameters({"x": "true"}, text_booleans=True).boolean("x") is True
    assert Parameters({"x": "false"}, text_booleans=True).boolean("x") is False
    assert text_of(Parameters({"x": value}, text_booleans=True).boolean, "x") == "Invalid parameter x"


@pytest.mark.parametrize("value", [["chain"], {"chain": 1}, "CHAIN", 1, ""])
def test_A7_a_choice_is_one_of_its_words(value):
    assert text_of(Parameters({"x": value}).choice, "x", ("single", "chain"), "single") == "Invalid parameter x"


def test_an_array_of_hashes_has_at_least_one_and_at_most_so_many():
    assert text_of(Parameters({"hash": []}).hashes, ("hash",), 2) == "Empty hash array"
    assert text_of(Parameters({"hash": ["AA"] * 3}).hashes, ("hash",), 2) == "Invalid parameter hash"
    assert Parameters({"hash": ["AA"] * 2}).hashes(("hash",), 2) == (b"\0", b"\0")


@pytest.mark.parametrize("item", [None, 1, [], {}, True])
def test_IN_05_each_hash_is_a_string(item):
    assert text_of(Parameters({"hash": [item]}).hashes, ("hash",), 2) == "Invalid Base64 hash string parameter"


@pytest.mark.parametrize("item", ["", "A" * 129])
def test_a_hash_has_a_length_that_a_digest_can_have(item):
    assert text_of(Parameters({"hash": [item]}).hashes, ("hash",), 2) == "Invalid digest value length"


@pytest.mark.parametrize("value", ["hash", 1, {"0": "AA"}])
def test_IN_05_hashes_are_an_array(value):
    description = text_of(Parameters({"hashes": value}).hashes, ("hashes",), 2)

    assert description == "Missing (or invalid type) array parameter hash"


@pytest.mark.parametrize("value", ["MDmg_w==", "MDk", "MDl=", "MD k", "*"])
def test_IN_02_other_fields_take_padded_standard_base64_only(value):
    assert text_of(Parameters({"x": value}).base64, "x") == "Invalid parameter x"


@given(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.booleans())
def test_IN_06_no_reader_raises_anything_but_a_problem(members, text_booleans):
    parameters = Parameters(members, text_booleans=text_booleans)
    readers = [
        parameters.required_string,
        parameters.optional_string,
        parameters.free_text,
        parameters.required_integer,
        parameters.boolean,
        parameters.base64,
        lambda name: parameters.choice(name, ("x",), "x"),
        lambda name: parameters.hashes((name,), 5),
        lambda name: parameters.required_hashes((name,), 5),
    ]
    for reader in readers:
        try:
            reader("a")
        except ProblemError as problem:
            assert problem.status == 400
