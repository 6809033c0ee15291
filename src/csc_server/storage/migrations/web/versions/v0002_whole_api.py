"""What the whole API needs of web's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _let_accounts_be_disabled()
    _add_keys_of_clients()
    _create_requests_and_details()
    _count_requests()
    _create_signature_jobs()
    _index_what_expires()


def _let_accounts_be_disabled() -> None:
    op.add_column("accounts", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))


def _add_keys_of_clients() -> None:
    op.add_column("clients", sa.Column("jwks", sa.Text, nullable=False, server_default="{}"))
    op.add_column("clients", sa.Column("tls_subject", sa.Text, nullable=False, server_default=""))
    op.add_column("clients", sa.Column("token_binding", sa.Text, nullable=False, server_default="none"))
    op.add_column("clients", sa.Column("account_token_key", sa.LargeBinary))
    op.add_column("tokens", sa.Column("confirmation", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "used_identifiers",
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="used_identifiers_pk"),
    )


def _count_requests() -> None:
    op.create_table(
        "request_counts",
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("minute", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="request_counts_pk"),
    )
    op.add_column("clients", sa.Column("rate_factor", sa.BigInteger, nullable=False, server_default="1"))


def _create_requests_and_details() -> None:
    op.create_table(
        "pushed_requests",
        sa.Column("handle_hash", sa.LargeBinary, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("handle_hash", name="pushed_requests_pk"),
    )
    op.create_table(
        "granted_details",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="granted_details_pk"),
    )


def _create_signature_jobs() -> None:
    op.create_table(
        "signature_jobs",
        sa.Column("job_hash", sa.LargeBinary, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("signer_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fails_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("validity", sa.BigInteger, nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("error_description", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_hash", name="signature_jobs_pk"),
    )
    op.create_index("signature_jobs_by_expires_at", "signature_jobs", ["expires_at"], unique=False)


def _index_what_expires() -> None:
    for table in (
        "sessions",
        "interactions",
        "codes",
        "tokens",
        "pushed_requests",
        "granted_details",
        "used_identifiers",
    ):
        op.create_index(f"{table}_by_expires_at", table, ["expires_at"], unique=False)
    op.create_index("codes_by_family_id", "codes", ["family_id"], unique=False)
