"""The store of accepted signature requests."""

from sqlalchemy import Engine, bindparam, delete, insert, select, update

from csc_server.storage.ports.jobs import JobState, SignatureJobRow
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import signature_jobs

AT_ONCE = 20
"""Rows that one insert removes at most: more than come in, and too few to be felt."""

INSERT_JOB = Prepared(insert(signature_jobs))
JOB = Prepared(select(*columns(signature_jobs, SignatureJobRow)).where(signature_jobs.c.job_hash == bindparam("hash")))
_ENDING = ("state", "expires_at", "result", "error", "error_description")
END_JOB = Prepared(
    update(signature_jobs)
    .where(signature_jobs.c.job_hash == bindparam("of_job"))
    .where(signature_jobs.c.state == JobState.ACCEPTED, signature_jobs.c.fails_at > bindparam("now"))
    .values({name: bindparam(f"new_{name}", type_=signature_jobs.c[name].type) for name in _ENDING})
)
REMOVE_EXPIRED = Prepared(
    delete(signature_jobs).where(
        signature_jobs.c.job_hash.in_(
            select(signature_jobs.c.job_hash)
            .where(signature_jobs.c.expires_at <= bindparam("now"))
            .order_by(signature_jobs.c.expires_at)
            .limit(bindparam("at_once"))
        )
    )
)


class SqlSignatureJobStore:
    """Implements SignatureJobStore."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def insert_signature_job(self, row: SignatureJobRow, now: int) -> None:
        with self._database.write() as unit:
            unit.change(REMOVE_EXPIRED, {"now": now, "at_once": AT_ONCE})
            unit.change(INSERT_JOB, vars(row))

    def signature_job(self, job_hash: bytes) -> SignatureJobRow | None:
        with self._database.look_up() as unit:
            row = unit.row(JOB, {"hash": job_hash})
        return SignatureJobRow(*row) if row else None

    def end_signature_job(self, row: SignatureJobRow, now: int) -> bool:
        values = {f"new_{name}": getattr(row, name) for name in _ENDING}
        with self._database.write() as unit:
            return unit.change(END_JOB, {"of_job": row.job_hash, "now": now, **values}) == 1
