"""Web's store of accepted signature requests, on every database."""

from dataclasses import replace

import pytest

from csc_server.storage.job_store import AT_ONCE
from csc_server.storage.ports.jobs import JobState, SignatureJobRow
from csc_server.storage.ports.signer import ConflictError
from csc_server.values import ClientId, SignerId
from stores import NOW, at_once, digest

JOB = SignatureJobRow(
    job_hash=digest("response"),
    client_id=ClientId("client"),
    signer_id=SignerId("signer-1"),
    state=JobState.ACCEPTED,
    fails_at=NOW + 60,
    expires_at=NOW + 660,
    validity=600,
)
DONE = replace(JOB, state=JobState.DONE, result=b"sealed \x00", expires_at=NOW + 600)
FAILED = replace(JOB, state=JobState.FAILED, error="invalid_request", error_description="SAD expired «一»")


def test_a_request_is_read_back_as_it_was_stored(web_store):
    for job in (JOB, replace(DONE, job_hash=digest("a")), replace(FAILED, job_hash=digest("b"))):
        web_store.insert_signature_job(job, NOW)

        assert web_store.signature_job(job.job_hash) == job


def test_a_token_of_no_client_and_no_signer_is_kept_so(web_store):
    job = replace(JOB, client_id=None, signer_id=None)
    web_store.insert_signature_job(job, NOW)

    assert web_store.signature_job(job.job_hash) == job


def test_nobody_is_found_under_another_hash(web_store):
    web_store.insert_signature_job(JOB, NOW)

    assert web_store.signature_job(digest("another")) is None


def test_a_responses_id_stands_once(web_store):
    web_store.insert_signature_job(JOB, NOW)

    with pytest.raises(ConflictError):
        web_store.insert_signature_job(JOB, NOW)


@pytest.mark.parametrize("end", [DONE, FAILED], ids=["done", "failed"])
def test_a_request_ends_once(web_store, end):
    web_store.insert_signature_job(JOB, NOW)

    assert web_store.end_signature_job(end, NOW + 1)
    assert not web_store.end_signature_job(DONE, NOW + 2)
    assert not web_store.end_signature_job(FAILED, NOW + 2)
    assert web_store.signature_job(JOB.job_hash) == end


def test_a_request_that_counts_as_failed_never_becomes_done(web_store):
    web_store.insert_signature_job(JOB, NOW)

    assert not web_store.end_signature_job(DONE, JOB.fails_at)
    assert web_store.signature_job(JOB.job_hash) == JOB
    assert web_store.end_signature_job(DONE, JOB.fails_at - 1)


def test_an_unknown_request_does_not_end(web_store):
    assert not web_store.end_signature_job(DONE, NOW)


def test_of_many_ends_at_the_same_time_one_is_kept(web_store):
    web_store.insert_signature_job(JOB, NOW)
    ends = [replace(DONE, result=bytes([number])) for number in range(8)]
    won = at_once(8, lambda place: web_store.end_signature_job(ends[place], NOW + 1))

    assert won.count(True) == 1
    assert won.count(False) == 7
    assert web_store.signature_job(JOB.job_hash) == ends[won.index(True)]


def test_what_has_expired_goes_with_later_requests_and_nothing_else_does(web_store):
    old = [replace(JOB, job_hash=digest(f"old {number}"), expires_at=NOW + number) for number in range(AT_ONCE + 5)]
    for job in old:
        web_store.insert_signature_job(job, 0)
    kept = replace(JOB, job_hash=digest("kept"), expires_at=NOW + 101)
    web_store.insert_signature_job(kept, 0)

    web_store.insert_signature_job(replace(JOB, job_hash=digest("new 1"), expires_at=NOW + 999), NOW + 100)
    assert [job for job in old if web_store.signature_job(job.job_hash)] == old[AT_ONCE:]
    web_store.insert_signature_job(replace(JOB, job_hash=digest("new 2"), expires_at=NOW + 999), NOW + 100)
    assert [job for job in old if web_store.signature_job(job.job_hash)] == []
    assert web_store.signature_job(kept.job_hash) == kept
