"""Every row of specs/rows that is due is brought about by requests, and what comes back is compared with the row."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rows.catalogue import ErrorRow, ParameterRow, Row, read_error_rows, read_parameter_rows
from rows.coverage import Found
from rows.judge import NEVER_SENT, Judge, MissingWayError

LATE = {
    "refresh token expired", "SAD expired", "certificate expired", "OTP locked", "PIN locked", "credential locked",
    "authentication data wrong",
}  # fmt: skip
"""Cases that something has to grow old for: they come last."""
DIVERGENCES = Path(__file__).parents[2] / "specs" / "divergences.md"
LATER = "signatures/signDoc"


def _rows() -> list[Row]:
    rows: list[Row] = [*read_parameter_rows(), *read_error_rows()]
    return sorted((row for row in rows if row.method != LATER), key=_is_late)


def _is_late(row: Row) -> bool:
    return row.case in LATE if isinstance(row, ErrorRow) else row.parameter.endswith("cert.status")


ROWS = _rows()
OTHER_TYPES = {
    "String": "Number", "Boolean": "String", "Number": "Boolean", "Array": "Object", "Object": "Array of String",
    "-": "String", "form": "Number", "Basic": "Number",
}  # fmt: skip


def _name(row: Row) -> str:
    return f"{row.id} {row.method} {row.case if isinstance(row, ErrorRow) else row.parameter}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_row(judge: Judge, found: Found, row: Row) -> None:
    judge.asked = 0
    faults = judge.judge(row)

    assert faults == []
    assert judge.asked > 0
    found.add(row)


def _changes(row: Row) -> list[Row]:
    """Return the row with each of its fields changed that says something about the server, one at a time."""
    if isinstance(row, ErrorRow):
        return _changed_error(row)
    if row.here:
        return [replace(row, here="M" if row.here != "M" else "O")]
    if row.absent in NEVER_SENT:  # nothing of it can be seen but that it is not there
        return [replace(row, absent="")]
    changed: list[Row] = [replace(row, parameter=f"{row.parameter}x")]
    other = next(value for start, value in OTHER_TYPES.items() if row.type.startswith(start))
    changed.append(replace(row, type=other))
    changed += [replace(row, presence=presence) for presence in _other_presences(row)]
    if row.direction == "request":
        changed += [replace(row, wrong=f"{row.wrong} x"), replace(row, absent=f"{row.absent} x")]
    return changed


def _changed_error(row: ErrorRow) -> list[Row]:
    if row.here:
        return [replace(row, here=f"{row.here} x")]
    changed: list[Row] = [replace(row, status="418")]
    changed += [replace(row, error=f"{row.error}x")] if row.error else []
    changed += [replace(row, description=f"{row.description} x")] if row.description else []
    return changed


def _other_presences(row: ParameterRow) -> list[str]:
    """Return the presences that say something else.

    R and C differ in what the text permits alone: of an answer, and of a request that may go without the parameter.
    """
    alike = "RC" if row.presence in "RC" and (row.direction == "response" or not row.absent) else row.presence
    return [presence for presence in "MROC" if presence not in alike]


def test_a_changed_field_turns_exactly_its_row_red(judge: Judge) -> None:
    """One field in forty rows, one at a time: what is compared is read from the row."""
    chooser = random.Random(40)
    for row in chooser.sample(ROWS, 40):
        changed = chooser.choice(_changes(row))
        red = [each.id for each in (changed if each is row else each for each in ROWS) if _is_red(judge, each)]

        assert red == [row.id], changed


def _is_red(judge: Judge, row: Row) -> bool:
    try:
        return bool(judge.judge(row))
    except (MissingWayError, LookupError):
        return True


def test_every_row_has_an_id_of_its_own() -> None:
    ids = [row.id for row in [*read_parameter_rows(), *read_error_rows()]]

    assert len(set(ids)) == len(ids)


def test_every_departure_stands_with_its_reason_among_the_divergences() -> None:
    text = DIVERGENCES.read_text("utf-8")
    departing = {row.id for row in ROWS if row.here}
    named = set(re.findall(r"[EP]-\d\.\d-\d{3}", text))

    assert named == departing
