"""How values stand in columns."""

from hypothesis import given
from hypothesis import strategies as st

from csc_server.storage.column_types import decode_slots, encode_slots
from csc_server.storage.ports.signer import Slot

counts = st.integers(0, 1000)
slots = st.dictionaries(st.one_of(st.just(b""), st.binary(min_size=32, max_size=64)), st.builds(Slot, counts, counts))


@given(slots)
def test_slots_come_back(value):
    assert decode_slots(encode_slots(value)) == value


def test_slots_are_canonical_json():
    value = {b"\xff" * 2: Slot(2, 1), b"": Slot(1, 0), b"\x00" * 2: Slot(3, 3)}

    assert encode_slots(value) == '{"":[1,0],"AAA":[3,3],"__8":[2,1]}'
    assert encode_slots(dict(reversed(value.items()))) == encode_slots(value)
