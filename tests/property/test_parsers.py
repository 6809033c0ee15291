"""Every parser of input from outside against arbitrary bytes: what the fuzz targets hold, over hypothesis (RL-08).

The same properties as in tests/fuzz, with generated instead of guided inputs; a failure here is shrunk.
"""

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.engine import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_IN_06_a_parser_takes_refuses_and_never_breaks(name):
    target = importlib.import_module(f"fuzz.targets.{name}")

    @given(st.binary(max_size=200) | st.sampled_from(target.SEEDS))
    def holds(data):
        target.run(data)

    holds()
