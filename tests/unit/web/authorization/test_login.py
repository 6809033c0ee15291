"""Password login and the tokens of auth/login."""

import threading
from dataclasses import replace

import pyotp
import pytest

from csc_server.errors import ProblemError, UnavailableError
from csc_server.storage.ports.web import AccountRow
from csc_server.values import ApiVersion
from csc_server.web.authorization.context import AuthorizationContext
from csc_server.web.authorization.login import PasswordLogin, issue_login_tokens, refresh_login
from csc_server.web.authorization.passwords import PasswordCheck, hash_password
from csc_server.web.authorization.secret_values import secret_hash
from csc_server.web.authorization.seed_key import SeedKey
from fakes.code_flow import CodeFlow
from fakes.rate_limits import unlimited
from fakes.web_application import NOW, PASSWORD, SIGNER, password_verifier

SEED = b"12345678901234567890"
"""The shared secret of RFC 6238, appendix B."""
KEY = SeedKey(bytes(range(32)))


@pytest.fixture
def flow():
    flow = CodeFlow()
    with flow.app.test_request_context():
        yield flow


@pytest.fixture
def context(flow):
    limits = unlimited(flow.store, flow.audit, flow.clock)
    return AuthorizationContext(flow.store, flow.activation, flow.audit, flow.clock, flow.settings, limits, KEY)


class CountingCheck(PasswordCheck):
    """Counts comparisons, and the failures that were stored before each."""

    def __init__(self, store):
        super().__init__()
        self.store = store
        self.seen = []

    def matches(self, password, verifier):
        account = self.store.account("alice")
        self.seen.append((account.failures, verifier is not None))
        return super().matches(password, verifier)


def refused(login, *arguments):
    with pytest.raises(ProblemError) as caught:
        login.login(*arguments)
    return caught.value.status, caught.value.error, caught.value.description


def test_the_right_password_names_the_signer(context):
    assert PasswordLogin(context).login("alice", PASSWORD) == SIGNER


def test_AU_06_the_failure_is_counted_before_the_comparison(flow, context):
    check = CountingCheck(flow.store)
    login = PasswordLogin(context, check)
    refused(login, "alice", "wrong")
    login.login("alice", PASSWORD)

    assert check.seen == [(1, True), (2, True)]
    assert flow.store.account("alice").failures == 0


def test_AU_12_unknown_wrong_and_locked_have_one_answer_and_one_comparison_each(flow, context):
    check = CountingCheck(flow.store)
    login = PasswordLogin(context, check)
    answers = {refused(login, "nobody", PASSWORD)} | {refused(login, "alice", "wrong") for _ in range(5)}
    locked = refused(login, "alice", PASSWORD)

    assert answers | {locked} == {(400, "authentication_error", "An error occurred during authentication process")}
    assert len(check.seen) == 7
    assert check.seen[-1][1] is False, "a locked account's verifier is not even compared"


def test_AU_06_strangers_lock_an_account_for_a_while_but_never_for_good(flow, context):
    login, limits = PasswordLogin(context), flow.settings.limits
    for _ in range(limits.lock_permanent + 1):
        for _ in range(limits.lock_temporary):
            refused(login, "alice", "guess")
        flow.clock.now += limits.lock_seconds

    assert login.login("alice", PASSWORD) == SIGNER


def test_AU_06_a_lock_ends(flow, context):
    login = PasswordLogin(context)
    for _ in range(5):
        refused(login, "alice", "wrong")
    flow.clock.now += flow.settings.limits.lock_seconds

    assert login.login("alice", PASSWORD) == SIGNER


@pytest.mark.parametrize("password", ["", "x" * 129, PASSWORD + " ", "x" * 100_000, "\ud800"])
def test_odd_passwords_are_only_wrong(context, password):
    assert refused(PasswordLogin(context), "alice", password)[1] == "authentication_error"


def test_AU_05_passwords_are_compared_in_their_normal_form():
    verifier = hash_password("ﾊﾟｽﾜｰﾄﾞ１２３")

    assert PasswordCheck().matches("パスワード123", verifier)
    assert verifier.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert verifier != hash_password("パスワード123"), "each has its own salt"


def test_AU_12_nobodys_verifier_costs_what_a_real_one_costs():
    nobodys, real = PasswordCheck()._nobody.split("$"), hash_password("password").split("$")

    assert nobodys[1:4] == real[1:4] == ["argon2id", "v=19", "m=65536,t=3,p=1"]
    assert [len(part) for part in nobodys] == [len(part) for part in real]
    assert not PasswordCheck().matches("password", None)


@pytest.mark.parametrize("password", ["", "x" * 129])
def test_a_password_has_limits(password):
    with pytest.raises(ValueError, match="1 to 128"):
        hash_password(password)


def test_at_most_so_many_logins_at_once(flow, context):
    check = PasswordCheck(parallel=1, patience=0.01)
    with check:
        caught = []

        def log_in():
            with flow.app.test_request_context():
                try:
                    PasswordLogin(context, check).login("alice", PASSWORD)
                except UnavailableError as error:
                    caught.append(error.component)

        thread = threading.Thread(target=log_in)
        thread.start()
        thread.join()

    assert caught == ["login"]
    assert flow.store.account("alice").failures == 0, "a login that was not compared is no failure"
    assert PasswordLogin(context, check).login("alice", PASSWORD) == SIGNER


def test_AU_04_a_code_is_asked_for_and_works_once(flow, context):
    flow.store.put_account(AccountRow("bob", SIGNER, password_verifier(), KEY.seal("bob", SEED)))
    login = PasswordLogin(context)
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(NOW)

    assert refused(login, "bob", PASSWORD)[0] == 400
    assert refused(login, "bob", PASSWORD, "000000")[0] == 400
    assert login.login("bob", PASSWORD, code) == SIGNER
    assert refused(login, "bob", PASSWORD, code)[0] == 400


@pytest.mark.parametrize(
    "sealed", [SEED, KEY.seal("carol", SEED), SeedKey(bytes(32)).seal("bob", SEED), KEY.seal("bob", SEED)[:-1], b"x"]
)
def test_OA_15_a_seed_that_was_not_sealed_for_the_account_lets_nobody_in(flow, context, sealed):
    flow.store.put_account(AccountRow("bob", SIGNER, password_verifier(), sealed))
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(NOW)

    assert refused(PasswordLogin(context), "bob", PASSWORD, code)[0] == 400


def test_OA_15_without_a_key_no_account_with_a_seed_logs_in(flow, context):
    flow.store.put_account(AccountRow("bob", SIGNER, password_verifier(), KEY.seal("bob", SEED)))
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").at(NOW)
    login = PasswordLogin(replace(context, seed_key=None))

    assert refused(login, "bob", PASSWORD, code)[0] == 400
    assert login.login("alice", PASSWORD) == SIGNER


def test_login_tokens_have_no_client(flow, context):
    issued = issue_login_tokens(context, ApiVersion.V1, SIGNER, remember=False)
    row = flow.store.token(secret_hash(issued.answer["access_token"]))

    assert "refresh_token" not in issued.answer
    assert (row.client_id, row.signer_id, row.origin, row.scope) == (None, SIGNER, "login", "service")
    assert issued.answer["access_token"] not in repr(issued)


def refresh_text(context, token):
    with pytest.raises(ProblemError) as caught:
        refresh_login(context, ApiVersion.V1, token, remember=True)
    return caught.value.description


def test_OA_13_a_login_refresh_token_is_rotated_and_its_reuse_ends_the_family(flow, context):
    first = issue_login_tokens(context, ApiVersion.V1, SIGNER, remember=True).answer
    second = refresh_login(context, ApiVersion.V1, first["refresh_token"], remember=True).answer

    assert refresh_text(context, first["refresh_token"]) == "Invalid refresh_token"
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert flow.store.token(secret_hash(token)).revoked_at


def test_refreshing_a_login_refuses_what_is_no_such_token(flow, context):
    refresh = issue_login_tokens(context, ApiVersion.V1, SIGNER, remember=True).answer["refresh_token"]
    access = issue_login_tokens(context, ApiVersion.V1, SIGNER, remember=True).answer["access_token"]

    assert refresh_text(context, "short") == "Invalid string parameter: refresh_token"
    for token in ("x" * 43, access, flow.tokens["refresh"]):
        assert refresh_text(context, token.ljust(43, "x")) == "Invalid refresh_token"
    flow.clock.now += flow.settings.limits.refresh_token_lifetime
    assert refresh_text(context, refresh) == "Invalid refresh_token"


def test_AD_08_no_audit_record_names_the_account_or_the_password(flow, context):
    refused(PasswordLogin(context), "alice", "very wrong")
    text = repr(flow.events())

    assert "login" in text
    assert "alice" not in text
    assert "very wrong" not in text
