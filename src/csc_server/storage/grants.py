"""What the role of a process may do in a PostgreSQL database that another role owns (AR-01, AR-06)."""

from sqlalchemy import Dialect, MetaData

ALL_RIGHTS = "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"


def grants(metadata: MetaData, version_table: str, dialect: Dialect, role: str | None) -> list[str]:
    """Return the statements that give a role exactly the rights in each table's `info`.

    Without a role the owner itself runs the process: it gives up changing what is append-only. That keeps a
    mistake out, not an attacker, since an owner may take its rights back; the trigger stands beside it.
    """
    rights: dict[str, str] = {table.name: table.info["rights"] for table in metadata.sorted_tables}
    if role is None:
        owner = "CURRENT_USER"
        append_only = [name for name, given in rights.items() if "UPDATE" not in given and "DELETE" not in given]
        return [
            *(f"GRANT {given} ON {name} TO {owner}" for name, given in rights.items()),
            *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM {owner}" for name in append_only),
        ]
    grantee = dialect.identifier_preparer.quote_identifier(role)
    rights[version_table] = "SELECT"
    statements = []
    for name, given in rights.items():
        statements.append(f"REVOKE {ALL_RIGHTS} ON {name} FROM PUBLIC, {grantee}")
        statements.append(f"GRANT {given} ON {name} TO {grantee}")
    return statements
