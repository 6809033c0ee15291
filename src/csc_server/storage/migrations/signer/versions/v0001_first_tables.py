"""The first tables of the signer."""

import sqlalchemy as sa
from alembic import op

from csc_server.storage.audit_table import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_signers()
    _create_credentials()
    _create_factors()
    _create_approvals()
    _create_sads()
    _create_signing()
    _create_audit()


def _create_signers() -> None:
    op.create_table(
        "signers",
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("signer_id", name="signers_pk"),
    )
    op.create_table(
        "client_links",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column(
            "signer_id", sa.Text, sa.ForeignKey("signers.signer_id", name="client_links_signer_id_fk"), nullable=False
        ),
        sa.PrimaryKeyConstraint("client_id", "signer_id", name="client_links_pk"),
    )


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column(
            "signer_id", sa.Text, sa.ForeignKey("signers.signer_id", name="credentials_signer_id_fk"), nullable=False
        ),
        sa.Column("key_handle", sa.LargeBinary, nullable=False),
        sa.Column("key_type", sa.Text, nullable=False),
        sa.Column("key_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("certificates", sa.Text, nullable=False),
        sa.Column("auth_mode", sa.Text, nullable=False),
        sa.Column("scal", sa.Text, nullable=False),
        sa.Column("multisign", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("link_mac", sa.LargeBinary, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("factors", sa.Text, nullable=False),
        sa.CheckConstraint("multisign >= 1", name="credentials_multisign"),
        sa.PrimaryKeyConstraint("credential_id", name="credentials_pk"),
        sa.UniqueConstraint("key_handle", name="credentials_key_handle_once"),
    )
    op.create_index("credentials_by_signer_id", "credentials", ["signer_id"], unique=False)


def _create_factors() -> None:
    op.create_table(
        "factors",
        sa.Column(
            "credential_id",
            sa.Text,
            sa.ForeignKey("credentials.credential_id", name="factors_credential_id_fk"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("verifier", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("credential_id", "kind", name="factors_pk"),
    )


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column(
            "signer_id", sa.Text, sa.ForeignKey("signers.signer_id", name="approvals_signer_id_fk"), nullable=False
        ),
        sa.Column(
            "credential_id",
            sa.Text,
            sa.ForeignKey("credentials.credential_id", name="approvals_credential_id_fk"),
            nullable=False,
        ),
        sa.Column("key_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("num_signatures", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("hash_algorithm", sa.Text, nullable=False),
        sa.Column("scal", sa.Text, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("auth_at", sa.BigInteger, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name="approvals_pk"),
    )


def _create_sads() -> None:
    op.create_table(
        "sads",
        sa.Column("sad_id", sa.Text, nullable=False),
        sa.Column("sad_hash", sa.LargeBinary, nullable=False),
        sa.Column(
            "approval_id", sa.Text, sa.ForeignKey("approvals.approval_id", name="sads_approval_id_fk"), nullable=False
        ),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("key_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("scal", sa.Text, nullable=False),
        sa.Column("hash_algorithm", sa.Text, nullable=False),
        sa.Column("slots", sa.Text, nullable=False),
        sa.Column("authorised", sa.BigInteger, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("limit_at", sa.BigInteger, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("consumptions", sa.BigInteger, nullable=False),
        sa.CheckConstraint("expires_at <= limit_at", name="sads_expiry_within_limit"),
        sa.CheckConstraint("spent >= 0 AND spent <= authorised", name="sads_spent_within_authorised"),
        sa.PrimaryKeyConstraint("sad_id", name="sads_pk"),
        sa.UniqueConstraint("sad_hash", name="sads_sad_hash_once"),
    )
    op.create_index("sads_by_approval_id", "sads", ["approval_id"], unique=False)
    op.create_index(
        "sads_one_live_per_approval",
        "sads",
        ["approval_id"],
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    )


def _create_signing() -> None:
    op.create_table(
        "worker_slots",
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("slot", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("high_water", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("node", "slot", name="worker_slots_pk"),
    )
    op.create_table(
        "consumptions",
        sa.Column("intent_id", sa.Text, nullable=False),
        sa.Column("sad_id", sa.Text, sa.ForeignKey("sads.sad_id", name="consumptions_sad_id_fk"), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.CheckConstraint("count >= 1", name="consumptions_count"),
        sa.ForeignKeyConstraint(
            ["node", "slot"], ["worker_slots.node", "worker_slots.slot"], name="consumptions_owner"
        ),
        sa.PrimaryKeyConstraint("intent_id", name="consumptions_pk"),
        sa.UniqueConstraint("sad_id", "number", name="consumptions_number_once"),
    )
    op.create_index(
        "consumptions_open",
        "consumptions",
        ["node", "slot"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _create_audit() -> None:
    op.create_table(
        "signer_audit",
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("sequence > 0", name="signer_audit_sequence"),
        sa.PrimaryKeyConstraint("writer", "sequence", name="signer_audit_pk"),
    )
    for statement in append_only("signer_audit", op.get_context().dialect.name):
        op.execute(statement)
