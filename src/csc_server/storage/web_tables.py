"""Web's tables. `info["rights"]` is what web's database role may do with each.

Secrets stand here as SHA-256 of 256-bit values (OA-15), salted SHA-256 (OA-16) or argon2id.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, LargeBinary, Table, Text, false

from csc_server.storage.audit_table import AuditStatements, audit_table
from csc_server.storage.column_types import EnumText, MembersText, StringsText
from csc_server.storage.ports.jobs import JobState
from csc_server.storage.ports.web import TokenKind
from csc_server.storage.rows import new_metadata
from csc_server.values import ClientProfile, TokenBinding

metadata = new_metadata()

READ_WRITE = {"rights": "SELECT, INSERT, UPDATE"}
EXPIRING = {"rights": "SELECT, INSERT, UPDATE, DELETE"}
"""Of tables whose dead rows the purge removes."""

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("profile", EnumText(ClientProfile), nullable=False),
    Column("redirect_uris", StringsText, nullable=False),
    Column("grant_types", StringsText, nullable=False),
    Column("scopes", StringsText, nullable=False),
    Column("auth_methods", StringsText, nullable=False),
    Column("secret_salt", LargeBinary, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("jwks", MembersText, nullable=False, server_default="{}"),
    Column("tls_subject", Text, nullable=False, server_default=""),
    Column("token_binding", EnumText(TokenBinding), nullable=False, server_default="none"),
    Column("account_token_key", LargeBinary),
    Column("rate_factor", BigInteger, nullable=False, server_default="1"),
    info=READ_WRITE,
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", Text, primary_key=True),
    Column("signer_id", Text, nullable=False),
    Column("password_verifier", Text, nullable=False),
    Column("totp_seed", LargeBinary, nullable=False),
    Column("totp_last_step", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    info=READ_WRITE,
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", LargeBinary, primary_key=True),
    Column("username", Text, ForeignKey("accounts.username"), nullable=False),
    Column("signer_id", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("auth_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    info={"rights": "SELECT, INSERT, UPDATE, DELETE"},
)

interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("request", MembersText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("browser_hash", LargeBinary, nullable=False),
    Column("session_hash", LargeBinary, nullable=False),
    Column("approval_id", Text),
    Column("version", BigInteger, nullable=False),
    info=EXPIRING,
)

pushed_requests = Table(
    "pushed_requests",
    metadata,
    Column("handle_hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("request", MembersText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger, nullable=False),
    info=EXPIRING,
)

codes = Table(
    "codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("redirect_uri_given", Boolean, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("signer_id", Text, nullable=False),
    Column("family_id", Text, nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("request", MembersText, nullable=False),
    Column("approval_id", Text),
    Column("credential_id", Text),
    Column("used_at", BigInteger, nullable=False),
    info=EXPIRING,
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("kind", EnumText(TokenKind), nullable=False),
    Column("family_id", Text, nullable=False, index=True),
    Column("client_id", Text),
    Column("signer_id", Text),
    Column("scope", Text, nullable=False),
    Column("face", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("credential_id", Text),
    Column("approval_id", Text),
    Column("revoked_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    Column("confirmation", Text, nullable=False, server_default=""),
    info=EXPIRING,
)

granted_details = Table(
    "granted_details",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("details", MembersText, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    info=EXPIRING,
)

revoked_families = Table(
    "revoked_families",
    metadata,
    Column("family_id", Text, primary_key=True),
    Column("revoked_at", BigInteger, nullable=False),
    info={"rights": "SELECT, INSERT, DELETE"},
)
"""Families that are dead for good: a token that reaches its family after the revocation is dead too."""

used_identifiers = Table(
    "used_identifiers",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    info={"rights": "SELECT, INSERT, DELETE"},
)
"""Identifiers of client assertions and DPoP proofs, each taken once until it expires (OA-11, OA-12)."""

request_counts = Table(
    "request_counts",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("minute", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    info={"rights": "SELECT, INSERT, UPDATE, DELETE"},
)
"""Requests of the current minute by subject (IN-21)."""

signature_jobs = Table(
    "signature_jobs",
    metadata,
    Column("job_hash", LargeBinary, primary_key=True),
    Column("client_id", Text),
    Column("signer_id", Text),
    Column("state", EnumText(JobState), nullable=False),
    Column("fails_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("validity", BigInteger, nullable=False),
    Column("result", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
    Column("error_description", Text, nullable=False),
    info={"rights": "SELECT, INSERT, UPDATE, DELETE"},
)
"""Signature requests of operationMode "A"; results are sealed under keys that do not stand here."""

audit = audit_table("web_audit", metadata)
audit_statements = AuditStatements(audit)
