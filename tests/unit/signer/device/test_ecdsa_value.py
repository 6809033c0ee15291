"""From r || s to DER: every pair comes back, nothing else is turned into a signature."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from csc_server.signer.device.ecdsa_value import to_der

SIZES = st.sampled_from([32, 48])


@st.composite
def values(draw):
    size = draw(SIZES)
    numbers = st.integers(min_value=1, max_value=2 ** (8 * size) - 1)
    return size, draw(numbers), draw(numbers)


@given(values())
def test_A10_every_pair_comes_back(value):
    size, r, s = value
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")

    assert (r, s) == decode_dss_signature(to_der(raw, size))


def test_A10_known_bytes():
    raw = bytes(31) + b"\x80" + bytes(31) + b"\x01"

    assert bytes.fromhex("3007 0202 0080 0201 01") == to_der(raw, 32)


@given(SIZES, st.binary(max_size=128))
def test_A10_other_lengths_are_refused(size, raw):
    if len(raw) == 2 * size:
        raw += b"\x01"
    with pytest.raises(ValueError, match="curve"):
        to_der(raw, size)


@pytest.mark.parametrize("raw", [bytes(64), bytes(32) + b"\x01" * 32, b"\x01" * 32 + bytes(32)])
def test_A10_zero_is_no_part_of_a_signature(raw):
    with pytest.raises(ValueError, match="curve"):
        to_der(raw, 32)
