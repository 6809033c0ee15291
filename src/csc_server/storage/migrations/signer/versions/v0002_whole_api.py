"""What the whole API needs of the signer's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _let_links_cover_custody()
    _create_pending_approvals()
    _create_challenges()
    _index_what_expires()


def _let_links_cover_custody() -> None:
    op.add_column("client_links", sa.Column("custody", sa.Boolean, nullable=False, server_default=sa.false()))


def _create_pending_approvals() -> None:
    op.create_table(
        "pending_approvals",
        sa.Column(
            "approval_id",
            sa.Text,
            sa.ForeignKey("approvals.approval_id", name="pending_approvals_approval_id_fk"),
            nullable=False,
        ),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("signer_id", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("ending", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name="pending_approvals_pk"),
    )
    for name in ("signer_id", "request_hash"):
        op.create_index(f"pending_approvals_by_{name}", "pending_approvals", [name], unique=False)


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        sa.Column("challenge_id", sa.Text, nullable=False),
        sa.Column(
            "credential_id",
            sa.Text,
            sa.ForeignKey("credentials.credential_id", name="challenges_credential_id_fk"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("verifier", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("challenge_id", name="challenges_pk"),
    )
    op.create_index("challenges_by_credential_id", "challenges", ["credential_id"], unique=False)


def _index_what_expires() -> None:
    for table in ("approvals", "pending_approvals", "challenges"):
        op.create_index(f"{table}_by_expires_at", table, ["expires_at"], unique=False)
    op.create_index("sads_by_limit_at", "sads", ["limit_at"], unique=False)
