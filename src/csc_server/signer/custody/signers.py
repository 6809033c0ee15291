"""Signers, and the clients that may act for them without their login (decision 17); every change is audited."""

from csc_server.audit.chain import Record
from csc_server.audit.events import Event, Outcome
from csc_server.signer.custody.journal import Actor, CustodyJournal
from csc_server.signer.custody.keys import CustodyError
from csc_server.storage.ports.custody import CustodyStore, LinkRow
from csc_server.storage.ports.signer import ConflictError
from csc_server.values import SignerId


class SignerCustody:
    """Creates signers and links clients to them."""

    def __init__(self, store: CustodyStore, journal: CustodyJournal) -> None:
        self._store = store
        self._journal = journal

    def create(self, signer_id: SignerId, actor: Actor) -> None:
        """Register a signer; raise CustodyError for one who is there already."""
        record = Record(Event.SIGNER_CREATED, Outcome.SUCCESS, {**actor, "signer_id": signer_id})
        try:
            self._journal.write([record], lambda rows: self._store.insert_signer(signer_id, rows))
        except ConflictError as error:
            raise CustodyError(f"There is a signer {signer_id!r} already.") from error

    def link(self, link: LinkRow, actor: Actor) -> None:
        """Let a client act for a signer; a link that is there is replaced. CustodyError for an unknown signer."""
        record = _link_record(Event.CLIENT_LINKED, link, actor, "custody" if link.custody else "")
        try:
            self._journal.write([record], lambda rows: self._store.put_link(link, rows))
        except ConflictError as error:
            raise CustodyError(
                f"There is no signer {link.signer_id!r}.", advice="Add the person with `csc-server user add`."
            ) from error

    def unlink(self, link: LinkRow, actor: Actor) -> None:
        """Take a link away; raise CustodyError when there is none."""
        record = _link_record(Event.CLIENT_UNLINKED, link, actor)
        try:
            self._journal.write([record], lambda rows: self._store.delete_link(link.client_id, link.signer_id, rows))
        except ConflictError as error:
            raise CustodyError(f"{link.client_id!r} is not linked to {link.signer_id!r}.") from error


def _link_record(event: Event, link: LinkRow, actor: Actor, scope: str = "") -> Record:
    fields = {**actor, "client_id": link.client_id, "signer_id": link.signer_id, "scope": scope}
    return Record(event, Outcome.SUCCESS, fields)
