"""Which rows of web's store are dead: long expired, and no question about a reuse can come any more (OA-03, OA-13)."""

from collections.abc import Mapping

from sqlalchemy import Engine, exists

from csc_server.storage.purge import DAY, Dead, Removals, long_ago
from csc_server.storage.units_of_work import Database
from csc_server.storage.web_tables import (
    codes,
    granted_details,
    interactions,
    pushed_requests,
    request_counts,
    revoked_families,
    sessions,
    signature_jobs,
    tokens,
    used_identifiers,
)

SHORT = 600
"""Seconds: identifiers come with each request, and clocks of clients differ by less."""
MINUTE = 60

_family_of_code = exists().where(tokens.c.family_id == codes.c.family_id)
_family_has_token = exists().where(tokens.c.family_id == revoked_families.c.family_id)
_family_has_code = exists().where(codes.c.family_id == revoked_families.c.family_id)

DEAD = (
    Dead(sessions, sessions.c.expires_at < long_ago(DAY), sessions.c.expires_at),
    Dead(interactions, interactions.c.expires_at < long_ago(DAY), interactions.c.expires_at),
    Dead(pushed_requests, pushed_requests.c.expires_at < long_ago(DAY), pushed_requests.c.expires_at),
    Dead(granted_details, granted_details.c.expires_at < long_ago(DAY), granted_details.c.expires_at),
    Dead(tokens, tokens.c.expires_at < long_ago(DAY), tokens.c.expires_at),
    Dead(codes, (codes.c.expires_at < long_ago(DAY)) & ~_family_of_code, codes.c.expires_at),
    Dead(
        revoked_families,
        (revoked_families.c.revoked_at < long_ago(DAY)) & ~_family_has_token & ~_family_has_code,
        revoked_families.c.revoked_at,
    ),
    Dead(used_identifiers, used_identifiers.c.expires_at < long_ago(SHORT), used_identifiers.c.expires_at, (SHORT,)),
    Dead(request_counts, request_counts.c.minute * MINUTE < long_ago(SHORT), request_counts.c.minute, (SHORT,)),
    Dead(signature_jobs, signature_jobs.c.expires_at < long_ago(SHORT), signature_jobs.c.expires_at, (SHORT,)),
)
"""A code stays as long as a token of its family: its second use has to end them. A replaced refresh token expires with
its family, so its reuse is noticed to the last."""

REMOVALS = Removals(DEAD)


class SqlWebPurge:
    """Implements PurgeStore on web's store."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    def purge(self, now: int, most: int) -> Mapping[str, int]:
        with self._database.write() as unit:
            return REMOVALS.run(unit, now, most)
