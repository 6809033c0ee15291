"""All of the signer's store behind one name."""

from sqlalchemy import Engine

from csc_server.storage.activation_store import SqlActivationStore
from csc_server.storage.custody_store import SqlCustodyStore
from csc_server.storage.signer_purge import SqlSignerPurge
from csc_server.storage.signing_store import SqlSigningStore
from csc_server.storage.units_of_work import Database


class SqlSignerStore(SqlSigningStore, SqlActivationStore, SqlCustodyStore, SqlSignerPurge):
    """Implements SigningStore, ActivationStore, CustodyStore and PurgeStore on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)
