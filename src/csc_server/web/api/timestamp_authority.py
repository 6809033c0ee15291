"""The configured time-stamping authority, asked through the guarded fetcher and believed after checks (RFC 3161)."""

import datetime as dt
import hashlib
import secrets

from csc_server.clock import Clock
from csc_server.errors import ConfigurationError
from csc_server.policy.timestamp_signers import Trust
from csc_server.policy.timestamps import Wanted, make_request, read_answer
from csc_server.settings import TimestampSettings
from csc_server.values import FetchPurpose
from csc_server.web.fetch import Content, Expected, Fetcher

QUERY = "application/timestamp-query"
SHA_256 = "2.16.840.1.101.3.4.2.1"
REPLY = Expected(media_types=frozenset({"application/timestamp-reply"}), max_bytes=65_536)
"""RFC 3161, 3.4. A token with its certificates takes 2 to 10 KiB."""


class TimestampAuthority:
    """The configured authority.

    Raises:
        ConfigurationError: the file of trusted certificates cannot be read or holds none.
    """

    def __init__(self, settings: TimestampSettings, fetcher: Fetcher, clock: Clock) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._clock = clock
        self._trust = read_trust(settings)

    def stamp(self, digest: bytes, hash_algorithm: str, nonce: int) -> bytes:
        """Return a checked token in DER.

        Raises:
            FetchError: the authority does not answer.
            TimestampError: its answer is of no use.
        """
        settings = self._settings
        wanted = Wanted(digest, hash_algorithm, nonce, settings.policy or "")
        query = Content(QUERY, make_request(wanted))
        reply = self._fetcher.post(FetchPurpose.TIMESTAMP, settings.url, query, REPLY)
        now = dt.datetime.fromtimestamp(self._clock.seconds(), dt.UTC)
        return read_answer(reply, wanted, self._trust, now, dt.timedelta(seconds=settings.clock_skew))

    def probe(self) -> None:
        """Have a digest of nothing stamped; raises as `stamp` does."""
        self.stamp(hashlib.sha256().digest(), SHA_256, secrets.randbits(64))


def read_trust(settings: TimestampSettings) -> Trust:
    """Return the certificates that `timestamp.trust` names, else raise ConfigurationError."""
    try:
        return Trust.read(settings.trust.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(["web.timestamp.trust is no file of certificates in PEM."]) from error
