"""Statements on codes under way and challenges."""

from sqlalchemy import BigInteger, bindparam, func, insert, select, update

from csc_server.storage.ports.challenges import ChallengeRow
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.prepared import Prepared
from csc_server.storage.rows import columns
from csc_server.storage.signer_tables import challenges
from csc_server.storage.units_of_work import UnitOfWork
from csc_server.values import CredentialId, FactorKind

_now = bindparam("now", type_=BigInteger)
_of_kind = (challenges.c.credential_id == bindparam("of_credential")) & (challenges.c.kind == bindparam("of_kind"))
_is_open = (challenges.c.used_at == 0) & (challenges.c.expires_at > _now)

INSERT = Prepared(insert(challenges))
BY_ID = Prepared(select(*columns(challenges, ChallengeRow)).where(challenges.c.challenge_id == bindparam("id")))
OPEN = Prepared(
    select(*columns(challenges, ChallengeRow))
    .where(_of_kind, _is_open)
    .order_by(challenges.c.created_at.desc(), challenges.c.challenge_id)
    .limit(1)
)
COUNT = Prepared(
    select(func.count().label("number"))
    .select_from(challenges)
    .where(_of_kind, challenges.c.created_at >= bindparam("since", type_=BigInteger))
)
REPLACE = Prepared(update(challenges).where(_of_kind, challenges.c.used_at == 0).values(used_at=_now))
USE = Prepared(update(challenges).where(challenges.c.challenge_id == bindparam("of_id"), _is_open).values(used_at=_now))


class ChallengeRows:
    """The part of a transaction that knows challenges."""

    _unit: UnitOfWork

    def insert_challenge(self, row: ChallengeRow) -> None:
        self._unit.change(INSERT, vars(row))

    def challenge(self, challenge_id: str) -> ChallengeRow | None:
        row = self._unit.row(BY_ID, {"id": challenge_id})
        return ChallengeRow(*row) if row else None

    def open_challenge(self, credential_id: CredentialId, kind: FactorKind, now: int) -> ChallengeRow | None:
        row = self._unit.row(OPEN, {"of_credential": credential_id, "of_kind": kind, "now": now})
        return ChallengeRow(*row) if row else None

    def challenges_since(self, credential_id: CredentialId, kind: FactorKind, since: int) -> int:
        (number,) = self._unit.one(COUNT, {"of_credential": credential_id, "of_kind": kind, "since": since})
        return int(number)

    def replace_challenges(self, credential_id: CredentialId, kind: FactorKind, now: int) -> None:
        self._unit.change(REPLACE, {"of_credential": credential_id, "of_kind": kind, "now": now})

    def use_challenge(self, challenge_id: str, now: int) -> None:
        if self._unit.change(USE, {"of_id": challenge_id, "now": now}) != 1:
            raise ConflictError("a challenge was used before")
