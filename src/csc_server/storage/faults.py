"""What a driver says when it fails, without the values of the statement.

PostgreSQL's messages carry whole rows in their details, and rows hold verifiers; a traceback shows its
causes. So the causes of our errors are descriptions made here.
"""


class DatabaseFault(Exception):  # noqa: N818 a cause that is shown, never caught
    """The kind, code and first line of a failure in the database, its driver or the pool of connections."""


def described(error: BaseException) -> DatabaseFault:
    """Return what may be shown of an error."""
    original: BaseException = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or "no code"
    diagnosis = getattr(original, "diag", None)
    message = original if diagnosis is None else diagnosis.message_primary or "no answer"
    return DatabaseFault(f"{type(original).__name__} {code}: {message}")
