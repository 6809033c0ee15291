"""Web's tables. `info["rights"]` is what web's database role may do with each.

Secrets stand here as SHA-256 of 256-bit values (OA-15), salted SHA-256 (OA-16) or argon2id.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, LargeBinary, Table, Text

from csc_server.storage.audit_table import AuditStatements, audit_table
from csc_server.storage.column_types import EnumText, MembersText, StringsText
from csc_server.storage.ports.web import TokenKind
from csc_server.storage.rows import new_metadata
from csc_server.values import ClientProfile

metadata = new_metadata()

READ_WRITE = {"rights": "SELECT, INSERT, UPDATE"}

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
    Column("expires_at", BigInteger, nullable=False),
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
    Column("expires_at", BigInteger, nullable=False),
    Column("browser_hash", LargeBinary, nullable=False),
    Column("session_hash", LargeBinary, nullable=False),
    Column("approval_id", Text),
    Column("version", BigInteger, nullable=False),
    info=READ_WRITE,
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
    Column("family_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("request", MembersText, nullable=False),
    Column("approval_id", Text),
    Column("credential_id", Text),
    Column("used_at", BigInteger, nullable=False),
    info=READ_WRITE,
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
    Column("expires_at", BigInteger, nullable=False),
    Column("credential_id", Text),
    Column("approval_id", Text),
    Column("revoked_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    info=READ_WRITE,
)

revoked_families = Table(
    "revoked_families",
    metadata,
    Column("family_id", Text, primary_key=True),
    Column("revoked_at", BigInteger, nullable=False),
    info={"rights": "SELECT, INSERT"},
)
"""Families that are dead for good: a token that reaches its family after the revocation is dead too."""

audit = audit_table("web_audit", metadata)
audit_statements = AuditStatements(audit)
