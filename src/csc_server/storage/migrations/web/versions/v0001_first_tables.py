"""The first tables of web."""

import sqlalchemy as sa
from alembic import op

from csc_server.storage.audit_table import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_registry()
    _create_browser()
    _create_grants()
    _create_audit()


def _create_registry() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("redirect_uris", sa.Text, nullable=False),
        sa.Column("grant_types", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("auth_methods", sa.Text, nullable=False),
        sa.Column("secret_salt", sa.LargeBinary, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="clients_pk"),
    )
    op.create_table(
        "accounts",
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.Column("password_verifier", sa.Text, nullable=False),
        sa.Column("totp_seed", sa.LargeBinary, nullable=False),
        sa.Column("totp_last_step", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("username", name="accounts_pk"),
    )


def _create_browser() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.LargeBinary, nullable=False),
        sa.Column("username", sa.Text, sa.ForeignKey("accounts.username", name="sessions_username_fk"), nullable=False),
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("auth_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name="sessions_pk"),
    )
    op.create_table(
        "interactions",
        sa.Column("interaction_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("browser_hash", sa.LargeBinary, nullable=False),
        sa.Column("session_hash", sa.LargeBinary, nullable=False),
        sa.Column("approval_id", sa.Text),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name="interactions_pk"),
    )


def _create_grants() -> None:
    op.create_table(
        "codes",
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("redirect_uri_given", sa.Boolean, nullable=False),
        sa.Column("code_challenge", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.Column("family_id", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("approval_id", sa.Text),
        sa.Column("credential_id", sa.Text),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name="codes_pk"),
    )
    op.create_table(
        "tokens",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("family_id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("signer_id", sa.Text),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("face", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("credential_id", sa.Text),
        sa.Column("approval_id", sa.Text),
        sa.Column("revoked_at", sa.BigInteger, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="tokens_pk"),
    )
    op.create_index("tokens_by_family_id", "tokens", ["family_id"], unique=False)
    op.create_table(
        "revoked_families",
        sa.Column("family_id", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("family_id", name="revoked_families_pk"),
    )


def _create_audit() -> None:
    op.create_table(
        "web_audit",
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("sequence > 0", name="web_audit_sequence"),
        sa.PrimaryKeyConstraint("writer", "sequence", name="web_audit_pk"),
    )
    for statement in append_only("web_audit", op.get_context().dialect.name):
        op.execute(statement)
