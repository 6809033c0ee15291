"""The fixture of the signer's tests: its inside, on a real SQLite file."""

import pytest

from fakes.signer_inside import inside_of


@pytest.fixture
def inside(tmp_path):
    return inside_of(tmp_path)
