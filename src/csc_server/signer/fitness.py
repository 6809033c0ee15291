"""The look at every credential when the service starts: a key that is not fit is disabled, the rest go on (AR-07)."""

import logging

from csc_server.audit.chain import Chain, Record
from csc_server.audit.events import Event, Outcome
from csc_server.clock import Clock
from csc_server.errors import RefusedError
from csc_server.signer.signing.credential import Credentials, UnusableCredentialError
from csc_server.storage.ports.custody import CustodyStore
from csc_server.storage.ports.signer import CredentialRow
from csc_server.values import CredentialState

log = logging.getLogger(__name__)


def disable_unusable(store: CustodyStore, credentials: Credentials, chain: Chain, clock: Clock) -> None:
    """Disable, with a record each, active credentials whose key or certificate is not fit."""
    for row in store.all_credentials():
        if row.state is not CredentialState.ACTIVE:
            continue
        try:
            credentials.prove(row)
        except UnusableCredentialError as error:
            rows = chain.extend([_disabled(row, error)], clock.milliseconds())
            store.change_state(row.credential_id, CredentialState.DISABLED, rows)
            chain.accept(rows)
        except RefusedError:
            log.warning("the device does not hold the key of %s, which is refused until it does", row.credential_id)


def _disabled(row: CredentialRow, error: UnusableCredentialError) -> Record:
    fields = {"credential_id": row.credential_id, "signer_id": row.signer_id, "reason": error.message}
    return Record(Event.CREDENTIAL_DISABLED, Outcome.FAILURE, fields)
