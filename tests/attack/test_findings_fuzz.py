"""What the fuzzers found, one test a finding."""

import json

import pytest

from csc_server.errors import ProblemError
from csc_server.web.authorization.details import read_details
from fakes.web_application import DIGEST, SHA_256

ENTRY = {
    "type": "credential", "credentialID": "a", "hashAlgorithmOID": SHA_256,
    "documentDigests": [{"hash": DIGEST, "label": "x"}],
}  # fmt: skip


@pytest.mark.parametrize("kind", [[], {}, ["credential"], 1, True, None, ""])
def test_IN_06_a_type_that_is_no_text_is_refused_and_no_fault(kind):
    assert read_details(json.dumps([ENTRY]), max_hashes=4)

    with pytest.raises(ProblemError) as refused:
        read_details(json.dumps([ENTRY | {"type": kind}]), max_hashes=4)

    assert refused.value.error in {"invalid_authorization_details", "invalid_request"}
