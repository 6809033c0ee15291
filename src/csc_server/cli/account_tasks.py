"""Login accounts as operators change them, on web's side; every change has its audit record."""

import base64

from csc_server.audit.chain import Record
from csc_server.audit.change_log import ChangeLog
from csc_server.audit.events import Event, Outcome
from csc_server.cli.new_secrets import new_seed
from csc_server.clock import Clock
from csc_server.errors import CscServerError
from csc_server.storage.ports.registry import RegistryStore
from csc_server.storage.ports.signer import ConflictError
from csc_server.storage.ports.web import AccountRow
from csc_server.values import SignerId
from csc_server.web.authorization.passwords import hash_password
from csc_server.web.authorization.seed_key import SeedKey
from csc_server.wire import Json


class Accounts:
    """The operations of `csc-server user` on web's store."""

    def __init__(
        self, store: RegistryStore, log: ChangeLog, operator: str, clock: Clock, seed_key: SeedKey | None
    ) -> None:
        self._store = store
        self._log = log
        self._operator = operator
        self._clock = clock
        self._seed_key = seed_key

    def add(self, username: str, signer_id: str, password: str, wants_totp: bool) -> Json:
        """Add an account; answer the seed of its one-time codes (base32), if it is to have one."""
        seed = new_seed() if wants_totp else ""
        sealed = self._sealed(username, base64.b32decode(seed))
        row = AccountRow(username, SignerId(signer_id), _verifier(password), sealed)
        try:
            self._log.write(
                [self._record(Event.ACCOUNT_CREATED, row)], lambda rows: self._store.insert_account(row, rows)
            )
        except ConflictError as error:
            raise CscServerError(f"There is a user {username!r} already.", advice="Choose another name.") from error
        totp = {"totp_secret": seed} if seed else {}
        return {"username": username, "signer_id": signer_id, **totp}

    def list(self) -> Json:
        """Answer every account, without its secrets."""
        return {"users": [_members(row, self._clock.seconds()) for row in self._store.accounts()]}

    def disable(self, username: str) -> Json:
        """Disable an account; its sessions and its signer's tokens end."""
        row = self._known(username)
        self._log.write(
            [self._record(Event.ACCOUNT_DISABLED, row)],
            lambda rows: self._store.disable_account(username, self._clock.seconds(), rows),
        )
        return {"username": username, "disabled": True}

    def password(self, username: str, password: str) -> Json:
        """Replace a password; what was opened with the old one ends."""
        row = self._known(username)
        verifier = _verifier(password)
        self._log.write(
            [self._record(Event.ACCOUNT_PASSWORD_SET, row)],
            lambda rows: self._store.change_password(username, verifier, self._clock.seconds(), rows),
        )
        return {"username": username}

    def unlock(self, username: str) -> Json:
        """Clear the failures of an account."""
        row = self._known(username)
        self._log.write(
            [self._record(Event.ACCOUNT_UNLOCKED, row)], lambda rows: self._store.unlock_account(username, rows)
        )
        return {"username": username, "locked": False}

    def _sealed(self, username: str, seed: bytes) -> bytes:
        if not seed:
            return b""
        if self._seed_key is None:
            raise CscServerError(
                "Codes at login need web.key_file, which is not set.",
                advice="Name a file in the settings and run `csc-server setup`.",
            )
        return self._seed_key.seal(username, seed)

    def _known(self, username: str) -> AccountRow:
        row = self._store.account(username)
        if row is None:
            raise CscServerError(f"There is no user {username!r}.", advice="Look at `csc-server user list`.")
        return row

    def _record(self, event: Event, row: AccountRow) -> Record:
        fields = {"operator": self._operator, "username": row.username, "signer_id": row.signer_id}
        return Record(event, Outcome.SUCCESS, fields)


def _verifier(password: str) -> str:
    try:
        return hash_password(password)
    except ValueError as error:
        raise CscServerError(f"Not a password: {error}.", advice="Choose another one.") from error


def _members(row: AccountRow, now: int) -> dict[str, Json]:
    return {
        "username": row.username,
        "signer_id": row.signer_id,
        "totp": bool(row.totp_seed),
        "disabled": row.disabled,
        "failures": row.failures,
        "locked": row.locked_until > now,
    }
