"""What the records of an approval and of its SADs say of the signer's evidence (AD-02)."""

import json

import pytest
from sqlalchemy import text

from csc_server.activation.messages import Extend
from csc_server.audit.chain import SCHEMA
from csc_server.storage.engine import make_engine
from csc_server.values import CredentialId, Scal
from fakes.signer_inside import SEED, authorize, caller, digest

WITH_EVIDENCE = ["approval.given", "sad.minted", "sad.extended"]


def records(inside):
    with make_engine(inside.url).connect() as connection:
        rows = connection.execute(text("SELECT event, body FROM signer_audit ORDER BY time, sequence")).all()
    return [(event, json.loads(body)) for event, body in rows]


@pytest.fixture
def extended(inside):
    operations = inside.operations()
    minted = operations.authorize(authorize("explicit", [digest("a"), digest("b")]))
    operations.extend(Extend(caller(), CredentialId("explicit"), minted.sad, ()))
    return {event: body for event, body in records(inside) if event in WITH_EVIDENCE}


def test_AD_02_an_approval_and_its_SADs_name_the_methods_and_the_evidence(extended):
    assert sorted(extended) == sorted(WITH_EVIDENCE)
    assert {tuple(body["authentication_methods"]) for body in extended.values()} == {("pin",)}
    (evidence,) = {body["evidence_digest"] for body in extended.values()}
    assert len(evidence) == 43


def test_AD_02_they_name_the_key_the_signer_and_the_credential(extended):
    for name in ("key_fingerprint", "signer_id", "credential_id", "client_id", "request_id"):
        assert len({body[name] for body in extended.values()}) == 1, name


def test_AD_02_two_factors_are_two_methods(inside):
    inside.create("both", scal=Scal.TWO, seed=SEED)
    code = inside.code() if hasattr(inside, "code") else None
    if code is None:
        import pyotp

        code = pyotp.TOTP(__import__("base64").b32encode(SEED).decode()).at(inside.clock.now)
    inside.operations().authorize(authorize("both", [digest("a")], otp=code))
    bodies = [body for event, body in records(inside) if event == "sad.minted"]

    assert bodies[-1]["authentication_methods"] == ["pin", "otp"]


def test_AD_02_every_record_says_its_schema(inside, extended):
    assert {body["schema"] for _, body in records(inside)} == {SCHEMA}
