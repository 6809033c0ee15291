"""The audit of custody: signers, keys and factors change with their records or not at all (AD-05)."""

from collections.abc import Mapping

from csc_server.audit.chain import Record
from csc_server.audit.change_log import ChangeLog
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock
from csc_server.storage.ports.custody import CustodyStore
from csc_server.storage.ports.signer import CredentialRow
from csc_server.wire import Json, encode_base64url

Actor = Mapping[str, Json]
"""Who asked, as fields of a record: an operator's name, or a client with its request."""


class CustodyJournal(ChangeLog):
    """The audit writer of a command, or of the worker of the custody lane."""

    def __init__(self, store: CustodyStore, clock: Clock, writer: str) -> None:
        super().__init__(store, clock, writer)
        self._custody_store = store

    def note(self, *records: Record) -> None:
        """Write records of what changed nothing in the store."""
        self.write(records, self._custody_store.append_custody_audit)


def credential_record(event: Event, row: CredentialRow, actor: Actor, **fields: Json) -> Record:
    """Return the record of something that was done to a credential."""
    about: dict[str, Json] = {
        "signer_id": row.signer_id,
        "credential_id": row.credential_id,
        "key_fingerprint": encode_base64url(row.key_fingerprint),
    }
    return Record(event, Outcome.SUCCESS, {**actor, **about, **fields})
