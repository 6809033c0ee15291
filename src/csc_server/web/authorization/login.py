"""Login of a signer by name and password, and the tokens of auth/login (CSC 1.0.4.0, 11.2; AU-06, AU-12).

It opens scope service only: no signature can be made with it (decision 17).
"""

import structlog

from csc_server.audit.events import Event, Outcome
from csc_server.errors import ProblemError
from csc_server.policy.one_time_codes import accepted_step
from csc_server.storage.ports.web import AccountRow, TokenKind
from csc_server.values import ApiVersion, SignerId
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.grants import end_family
from csc_server.web.authorization.passwords import SHARED_CHECK, PasswordCheck
from csc_server.web.authorization.secret_values import is_secret, new_secret, secret_hash
from csc_server.web.authorization.tokens import IssuedTokens, TokenOwner, service_tokens
from csc_server.wire import Json

LOGIN = "login"
"""`origin` of tokens that auth/login gave; they have no client."""

MAX_USERNAME = 255

_log = structlog.get_logger("csc_server.web")


def login_failed() -> ProblemError:
    """Return the one answer to every failed login (CSC 1.0.4.0, 11.2)."""
    return ProblemError(400, "authentication_error", "An error occurred during authentication process")


NEVER = 2**31 - 1
"""A password locks for a while, again and again, but not for good: whoever knows a user name could do that to
its owner (AU-06). The factors of a credential do lock for good; nobody reaches them without this login."""


class PasswordLogin:
    """Checks name, password and, where the account has a seed, a one-time code."""

    def __init__(self, context: AuthorizationContext, check: PasswordCheck = SHARED_CHECK) -> None:
        self._context = context
        self._check = check

    def login(self, username: str, password: str, one_time_code: str = "") -> SignerId:
        """Return whose account it is.

        The failure is counted before anything is compared; an unknown or locked account costs the same and
        has the same answer.

        Raises:
            ProblemError: 400 `authentication_error`.
            TooManyRequestsError: from this address or to this account in this minute (IN-21).
            UnavailableError: too many logins at once.
        """
        self._context.limits.login(username[:MAX_USERNAME])
        with self._check:
            account = self._account(username, password, one_time_code)
        if account is None:
            self._context.record(Event.LOGIN, Outcome.FAILURE)
            raise login_failed()
        methods: list[Json] = ["pwd", "otp"] if account.totp_seed else ["pwd"]  # RFC 8176, 2
        self._context.record(Event.LOGIN, Outcome.SUCCESS, signer_id=account.signer_id, authentication_methods=methods)
        return account.signer_id

    def _account(self, username: str, password: str, one_time_code: str) -> AccountRow | None:
        store, limits, now = self._context.store, self._context.settings.limits, self._context.clock.seconds()
        account = store.begin_login(
            username[:MAX_USERNAME],
            now,
            temporary=limits.lock_temporary,
            permanent=NEVER,
            lock_seconds=limits.lock_seconds,
        )
        matches = self._check.matches(password, account.password_verifier if account else None)
        if account is None or not matches:
            return None
        step = 0
        if account.totp_seed:
            seed = self._seed(account)
            accepted = accepted_step(seed, one_time_code, now, account.totp_last_step) if seed else None
            if accepted is None:
                return None
            step = accepted
        return account if store.pass_login(account.username, step) else None

    def _seed(self, account: AccountRow) -> bytes | None:
        """Return the seed of an account that has one; None, and no login, where it cannot be opened."""
        key = self._context.seed_key
        seed = key.open(account.username, account.totp_seed) if key is not None else None
        if seed is None:
            _log.error("seed_unreadable", signer_id=account.signer_id)
        return seed


def issue_login_tokens(
    context: AuthorizationContext, face: ApiVersion, signer_id: SignerId, *, remember: bool
) -> IssuedTokens:
    """Store and return the tokens of auth/login: a refresh token only if `rememberMe` was true.

    The answer has `token_type` too; auth/login's has none, so its handler leaves it out.
    """
    owner = TokenOwner(None, signer_id, face.value, new_secret(), LOGIN)
    issued = service_tokens(context, owner, with_refresh=remember)
    context.store.insert_tokens(issued.rows)
    context.record(Event.TOKEN_ISSUED, Outcome.SUCCESS, signer_id=signer_id, scope="service")
    return issued


def refresh_login(
    context: AuthorizationContext, face: ApiVersion, refresh_token: str, *, remember: bool
) -> IssuedTokens:
    """Exchange a refresh token of auth/login; it is rotated, and a second use ends its family (OA-13).

    Raises:
        ProblemError: the rows of CSC 1.0.4.0, 11.2.
    """
    if not is_secret(refresh_token):
        raise ProblemError(400, "invalid_request", "Invalid string parameter: refresh_token")
    row, now = context.store.token(secret_hash(refresh_token)), context.clock.seconds()
    refused = ProblemError(400, "invalid_request", "Invalid refresh_token")
    if row is None or row.kind is not TokenKind.REFRESH or row.origin != LOGIN or row.revoked_at:
        raise refused
    if row.replaced_at:
        end_family(context, row)
        raise refused
    if row.expires_at <= now:
        raise refused
    owner = TokenOwner(None, row.signer_id, face.value, row.family_id, LOGIN)
    issued = service_tokens(context, owner, with_refresh=remember, refresh_until=row.expires_at)
    if not context.store.rotate_refresh_token(row.token_hash, now, issued.rows):
        end_family(context, row)
        raise refused
    context.record(Event.TOKEN_REFRESHED, Outcome.SUCCESS, signer_id=row.signer_id, scope=row.scope)
    return issued
