"""Web's store in memory: the smallest thing that keeps the port's promises, for tests of what stands on it."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from csc_server.storage.ports.audit import AuditRow, ChainHead
from csc_server.storage.ports.jobs import JobState
from csc_server.storage.ports.web import (
    AccountRow,
    ClientRow,
    CodeRow,
    InteractionRow,
    PushedRequestRow,
    SessionRow,
    TokenKind,
    TokenRow,
)


class MemoryWebStore:
    """Implements WebStore; every method is one transaction under one lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.clients = {}
        self.accounts = {}
        self.sessions = {}
        self.interactions = {}
        self.pushed_requests = {}
        self.codes = {}
        self.tokens = {}
        self.details = {}
        self.revoked_families = {}
        self.used_identifiers = {}
        self.request_counts = {}
        self.jobs = {}
        self.audit = []

    def client(self, client_id) -> ClientRow | None:
        return self.clients.get(client_id)

    def put_client(self, row: ClientRow) -> None:
        self.clients[row.client_id] = row

    def account(self, username) -> AccountRow | None:
        return self.accounts.get(username)

    def put_account(self, row: AccountRow) -> None:
        self.accounts[row.username] = row

    def begin_login(self, username, now, *, temporary, permanent, lock_seconds) -> AccountRow | None:
        with self.lock:
            row = self.accounts.get(username)
            if row is None or row.disabled or row.failures >= permanent or row.locked_until > now:
                return None
            failures = row.failures + 1
            locked_until = now + lock_seconds if failures % temporary == 0 else row.locked_until
            self.accounts[username] = replace(row, failures=failures, locked_until=locked_until)
            return self.accounts[username]

    def pass_login(self, username, totp_step=0) -> bool:
        with self.lock:
            row = self.accounts[username]
            if totp_step and totp_step <= row.totp_last_step:
                return False
            step = max(totp_step, row.totp_last_step)
            self.accounts[username] = replace(row, failures=0, locked_until=0, totp_last_step=step)
            return True

    def insert_session(self, row: SessionRow) -> None:
        self.sessions[row.session_hash] = row

    def session(self, session_hash) -> SessionRow | None:
        return self.sessions.get(session_hash)

    def touch_session(self, session_hash, seen_at) -> None:
        with self.lock:
            if session_hash in self.sessions:
                self.sessions[session_hash] = replace(self.sessions[session_hash], seen_at=seen_at)

    def delete_session(self, session_hash) -> None:
        self.sessions.pop(session_hash, None)

    def insert_interaction(self, row: InteractionRow) -> None:
        self.interactions[row.interaction_id] = row

    def add_interaction(self, row: InteractionRow) -> bool:
        with self.lock:
            return self.interactions.setdefault(row.interaction_id, row) is row

    def interaction(self, interaction_id) -> InteractionRow | None:
        return self.interactions.get(interaction_id)

    def change_interaction(self, row: InteractionRow, expected_version) -> bool:
        with self.lock:
            known = self.interactions.get(row.interaction_id)
            if known is None or known.version != expected_version:
                return False
            self.interactions[row.interaction_id] = row
            return True

    def insert_pushed_request(self, row: PushedRequestRow) -> None:
        self.pushed_requests[row.handle_hash] = row

    def pushed_request(self, handle_hash) -> PushedRequestRow | None:
        return self.pushed_requests.get(handle_hash)

    def use_pushed_request(self, handle_hash, now) -> bool:
        with self.lock:
            row = self.pushed_requests.get(handle_hash)
            if row is None or row.used_at:
                return False
            self.pushed_requests[handle_hash] = replace(row, used_at=now)
            return True

    def insert_code(self, row: CodeRow) -> None:
        self.codes[row.code_hash] = row

    def redeem_code(self, code_hash, now) -> tuple[CodeRow | None, bool]:
        with self.lock:
            row = self.codes.get(code_hash)
            if row is None:
                return None, False
            if row.used_at:
                return row, False
            self.codes[code_hash] = replace(row, used_at=now)
            return self.codes[code_hash], True

    def insert_tokens(self, rows: Sequence[TokenRow], details=None) -> None:
        with self.lock:
            if details is not None:
                self.details[rows[0].token_hash] = details
            for row in rows:
                revoked_at = row.revoked_at or self.revoked_families.get(row.family_id, 0)
                self.tokens[row.token_hash] = replace(row, revoked_at=revoked_at)

    def granted_details(self, token_hash):
        return self.details.get(token_hash)

    def token(self, token_hash) -> TokenRow | None:
        return self.tokens.get(token_hash)

    def rotate_refresh_token(self, token_hash, now, successors: Sequence[TokenRow]) -> bool:
        with self.lock:
            row = self.tokens.get(token_hash)
            if row is None or row.kind is not TokenKind.REFRESH:
                return False
            if row.revoked_at or row.replaced_at or row.expires_at <= now:
                return False
            self.tokens[token_hash] = replace(row, replaced_at=now)
            self.insert_tokens(successors)
            return True

    def revoke_token(self, token_hash, now) -> bool:
        with self.lock:
            row = self.tokens.get(token_hash)
            if row is None or row.revoked_at:
                return False
            self.tokens[token_hash] = replace(row, revoked_at=now)
            return True

    def revoke_family(self, family_id, now) -> list[TokenRow]:
        with self.lock:
            self.revoked_families.setdefault(family_id, now)
            live = [row for row in self.tokens.values() if row.family_id == family_id and not row.revoked_at]
            revoked = [replace(row, revoked_at=now) for row in live]
            self.tokens.update({row.token_hash: row for row in revoked})
            return revoked

    def use_once(self, id_hash, expires_at) -> bool:
        with self.lock:
            return self.used_identifiers.setdefault(id_hash, (expires_at, new := object()))[1] is new

    def add_requests(self, subject, minute, number) -> int:
        with self.lock:
            known_minute, known = self.request_counts.get(subject, (minute, 0))
            total = known + number if known_minute >= minute else number
            self.request_counts[subject] = (max(known_minute, minute), total)
            return total

    def insert_signature_job(self, row, now) -> None:
        with self.lock:
            self.jobs = {name: job for name, job in self.jobs.items() if job.expires_at > now}
            self.jobs[row.job_hash] = row

    def signature_job(self, job_hash):
        return self.jobs.get(job_hash)

    def end_signature_job(self, row, now) -> bool:
        with self.lock:
            known = self.jobs.get(row.job_hash)
            if known is None or known.state is not JobState.ACCEPTED or known.fails_at <= now:
                return False
            self.jobs[row.job_hash] = row
            return True

    def append_audit(self, rows: Sequence[AuditRow]) -> None:
        self.audit.extend(rows)

    def chain_head(self, writer) -> ChainHead:
        own = [row for row in self.audit if row.writer == writer]
        return ChainHead(own[-1].sequence, own[-1].hash) if own else ChainHead(0, bytes(32))
