"""What a driver says when it fails, without the values of the statement.

PostgreSQL's messages carry whole rows in their details, and rows hold verifiers; a traceback shows its
causes. So the causes of our errors are descriptions made here (security.md, secrets in logs).
"""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class DatabaseFault(Exception):  # noqa: N818 a cause that is shown, never caught
    """The kind, code and first line of a failure in the database or its driver."""


def described(error: SQLAlchemyError) -> DatabaseFault:
    """Return what may be shown of an error."""
    original = error.orig if isinstance(error, DBAPIError) else None
    if original is None:
        return DatabaseFault(type(error).__name__)
    diagnosis = getattr(original, "diag", None)  # psycopg
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or "no code"
    if diagnosis is None:
        return DatabaseFault(f"{type(original).__name__} {code}: {original}")
    return DatabaseFault(f"{type(original).__name__} {code}: {diagnosis.message_primary or 'no answer'}")
