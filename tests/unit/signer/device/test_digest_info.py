"""DigestInfo against the prefixes that RFC 8017 prints (9.2, note 1) and against an ASN.1 reader."""

import hashlib

import pytest
from asn1crypto.algos import DigestInfo

from csc_server.policy.algorithms import HashAlgorithm
from csc_server.signer.device.digest_info import digest_info

RFC_8017_NOTE_1 = {
    HashAlgorithm.SHA_256: "30 31 30 0d 06 09 60 86 48 01 65 03 04 02 01 05 00 04 20",
    HashAlgorithm.SHA_384: "30 41 30 0d 06 09 60 86 48 01 65 03 04 02 02 05 00 04 30",
    HashAlgorithm.SHA_512: "30 51 30 0d 06 09 60 86 48 01 65 03 04 02 03 05 00 04 40",
}


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_SA_06_prefix_is_the_one_of_rfc_8017(algorithm):
    digest = hashlib.new(algorithm.value, b"a document").digest()

    assert bytes.fromhex(RFC_8017_NOTE_1[algorithm]) + digest == digest_info(algorithm, digest)


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_SA_06_digest_info_reads_as_what_it_says(algorithm):
    digest = hashlib.new(algorithm.value, b"a document").digest()
    read = DigestInfo.load(digest_info(algorithm, digest), strict=True)

    assert algorithm.value == read["digest_algorithm"]["algorithm"].native
    assert digest == read["digest"].native


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
@pytest.mark.parametrize("difference", [-1, 1])
def test_SA_06_digest_of_another_length_is_refused(algorithm, difference):
    with pytest.raises(ValueError, match="length"):
        digest_info(algorithm, bytes(algorithm.digest_length + difference))
