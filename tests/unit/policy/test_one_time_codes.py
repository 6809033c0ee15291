"""One-time codes of accounts and credentials (AU-04)."""

import pytest

from csc_server.policy.one_time_codes import accepted_step

SEED = b"12345678901234567890"
"""The shared secret of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("now", "code", "step"),
    [
        (59, "287082", 1),
        (1111111109, "081804", 37037036),
        (59 + 30, "287082", 1),
        (59 + 60, "287082", None),
        (59, "287 082", None),
        (59, "２８７０８２", None),
        (59, "", None),
    ],
)
def test_AU_04_vectors_of_RFC_6238_appendix_B(now, code, step):
    assert accepted_step(SEED, code, now, 0) == step


def test_AU_04_an_older_step_is_refused():
    assert accepted_step(SEED, "287082", 59, 1) is None
