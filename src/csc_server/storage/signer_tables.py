"""The signer's tables. Web's database role has no rights on any of them (AR-01).

What the protocol promises stands here a second time, as constraints (decisions 14 and 26):
a SAD is never spent beyond what was authorised, a consumption's number is taken once, an approval has at
most one live SAD. `info["rights"]` is what the signer's database role may do.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from csc_server.storage.audit_table import AuditStatements, audit_table
from csc_server.storage.column_types import ByteStringsText, EnumText, SlotsText, StringsText
from csc_server.storage.ports.pending import Ending
from csc_server.storage.ports.signer import ApprovalState, IntentState, SadState
from csc_server.storage.rows import new_metadata
from csc_server.values import AuthMode, CredentialState, FactorKind, KeyType, Scal

metadata = new_metadata()

READ_WRITE = {"rights": "SELECT, INSERT, UPDATE"}
EXPIRING = {"rights": "SELECT, INSERT, UPDATE, DELETE"}
"""Of tables whose dead rows the purge removes."""

signers = Table("signers", metadata, Column("signer_id", Text, primary_key=True), info={"rights": "SELECT, INSERT"})

client_links = Table(
    "client_links",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("signer_id", Text, ForeignKey("signers.signer_id"), primary_key=True),
    Column("custody", Boolean, nullable=False, server_default=false()),
    info={"rights": "SELECT, INSERT, UPDATE, DELETE"},
)

credentials = Table(
    "credentials",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("signer_id", Text, ForeignKey("signers.signer_id"), nullable=False, index=True),
    Column("key_handle", LargeBinary, nullable=False, unique=True),
    Column("key_type", EnumText(KeyType), nullable=False),
    Column("key_fingerprint", LargeBinary, nullable=False),
    Column("certificates", ByteStringsText, nullable=False),
    Column("auth_mode", EnumText(AuthMode), nullable=False),
    Column("scal", EnumText(Scal), nullable=False),
    Column("multisign", BigInteger, nullable=False),
    Column("state", EnumText(CredentialState), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("link_mac", LargeBinary, nullable=False),
    Column("description", Text, nullable=False),
    Column("factors", StringsText, nullable=False),
    CheckConstraint("multisign >= 1", name="credentials_multisign"),
    info=READ_WRITE,
)

factors = Table(
    "factors",
    metadata,
    Column("credential_id", Text, ForeignKey("credentials.credential_id"), primary_key=True),
    Column("kind", EnumText(FactorKind), primary_key=True),
    Column("verifier", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    info=READ_WRITE,
)

approvals = Table(
    "approvals",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("signer_id", Text, ForeignKey("signers.signer_id"), nullable=False),
    Column("credential_id", Text, ForeignKey("credentials.credential_id"), nullable=False),
    Column("key_fingerprint", LargeBinary, nullable=False),
    Column("num_signatures", BigInteger, nullable=False),
    Column("hashes", ByteStringsText, nullable=False),
    Column("labels", StringsText, nullable=False),
    Column("hash_algorithm", Text, nullable=False),
    Column("scal", EnumText(Scal), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("transaction_hash", LargeBinary, nullable=False),
    Column("state", EnumText(ApprovalState), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("auth_at", BigInteger, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    info=EXPIRING,
)

sads = Table(
    "sads",
    metadata,
    Column("sad_id", Text, primary_key=True),
    Column("sad_hash", LargeBinary, nullable=False, unique=True),
    Column("approval_id", Text, ForeignKey("approvals.approval_id"), nullable=False, index=True),
    Column("client_id", Text, nullable=False),
    Column("signer_id", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("key_fingerprint", LargeBinary, nullable=False),
    Column("scal", EnumText(Scal), nullable=False),
    Column("hash_algorithm", Text, nullable=False),
    Column("slots", SlotsText, nullable=False),
    Column("authorised", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("state", EnumText(SadState), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("limit_at", BigInteger, nullable=False, index=True),
    Column("policy", Text, nullable=False),
    Column("consumptions", BigInteger, nullable=False),
    CheckConstraint("spent >= 0 AND spent <= authorised", name="sads_spent_within_authorised"),
    CheckConstraint("expires_at <= limit_at", name="sads_expiry_within_limit"),
    info=EXPIRING,
)
Index(
    "sads_one_live_per_approval",
    sads.c.approval_id,
    unique=True,
    sqlite_where=text("state = 'live'"),
    postgresql_where=text("state = 'live'"),
)

pending_approvals = Table(
    "pending_approvals",
    metadata,
    Column("approval_id", Text, ForeignKey("approvals.approval_id"), primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("signer_id", Text, nullable=False, index=True),
    Column("request_hash", LargeBinary, nullable=False, index=True),
    Column("description", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("tries", BigInteger, nullable=False),
    Column("ending", EnumText(Ending), nullable=False),
    info=EXPIRING,
)

challenges = Table(
    "challenges",
    metadata,
    Column("challenge_id", Text, primary_key=True),
    Column("credential_id", Text, ForeignKey("credentials.credential_id"), nullable=False, index=True),
    Column("kind", EnumText(FactorKind), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("used_at", BigInteger, nullable=False),
    info=EXPIRING,
)

worker_slots = Table(
    "worker_slots",
    metadata,
    Column("node", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("high_water", BigInteger, nullable=False),
    info=READ_WRITE,
)

consumptions = Table(
    "consumptions",
    metadata,
    Column("intent_id", Text, primary_key=True),
    Column("sad_id", Text, ForeignKey("sads.sad_id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("taken", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", EnumText(IntentState), nullable=False),
    Column("node", Text, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    UniqueConstraint("sad_id", "number", name="consumptions_number_once"),
    CheckConstraint("count >= 1", name="consumptions_count"),
    ForeignKeyConstraint(["node", "slot"], ["worker_slots.node", "worker_slots.slot"], name="consumptions_owner"),
    info=EXPIRING,
)
Index(
    "consumptions_open",
    consumptions.c.node,
    consumptions.c.slot,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

audit = audit_table("signer_audit", metadata)
audit_statements = AuditStatements(audit)
