"""What a run has found: written by the run row by row, summed up by `make spec-coverage`.

python tests/rows/coverage.py    the counts of the last run, and the rows it did not cover
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rows.catalogue import Row, is_due, read_error_rows, read_parameter_rows

FILE = Path(__file__).parents[2] / "build" / "rows.tsv"
ENOUGH = 0.98
"""Share of the rows that are due."""


class Found:
    """The rows that a run has compared, in a file that it begins anew."""

    def __init__(self, path: Path = FILE) -> None:
        path.parent.mkdir(exist_ok=True)
        self._path = path
        path.write_text("id\tfound\n", "utf-8")

    def add(self, row: Row) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{row.id}\t{'diverging' if row.here else 'covered'}\n")


def main() -> int:
    """Print what the last run has covered; 1 when that is not enough."""
    lines = FILE.read_text("utf-8").splitlines()[1:] if FILE.exists() else []
    found = dict(line.split("\t") for line in lines)
    rows: list[Row] = [*read_parameter_rows(), *read_error_rows()]
    due = [row for row in rows if is_due(row)]
    for row in due:
        if row.id not in found:
            print(f"not covered: {row.id} {row.version} {row.method} {getattr(row, 'case', '') or row.parameter}")
    later = [row for row in rows if row.method == "signatures/signDoc"]
    ours = [row for row in rows if not is_due(row) and row not in later]
    print(f"{len(later)} rows of signDoc are due with the documents; {len(ours)} rows are this server's own")
    covered = [row for row in due if row.id in found]
    diverging = sum(found[row.id] == "diverging" for row in covered)
    print(f"covered {len(covered)} of {len(due)}, diverging {diverging}")
    return 0 if len(covered) >= ENOUGH * len(due) else 1


if __name__ == "__main__":
    sys.exit(main())
