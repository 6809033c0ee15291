"""The catalogue of CSC's parameter and error tables, specs/rows, as typed rows."""

import csv
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "specs" / "rows"
FACES = {"1.0.4.0": "v1", "2.0.0.2": "v2", "2.1.0.1": "v2", "2.2.0.0": "v2"}
"""The base path that serves each version (decision 24)."""

OURS = "ours"
"""Confidence of a row that no table has: the answer is this server's own choice."""


@dataclass(frozen=True)
class ErrorRow:
    """One error answer; `here` is what this server answers instead where it departs, else empty.

    `status` may name two, as the tables do; an empty `error` or `description` is free.
    """

    id: str
    version: str
    method: str
    status: str
    error: str
    description: str
    confidence: str
    case: str
    here: str

    @property
    def face(self) -> str:
        return FACES[self.version]


@dataclass(frozen=True)
class ParameterRow:
    """One parameter in one direction.

    `absent` and `wrong` are the refusals of a request without it and with a value of another type; empty means
    that the request succeeds. In answers `absent` tells of an optional member how often this server leaves it out:
    never, sometimes, always; and of a conditional one that its condition always holds here, or always fails. `here` tells where this server departs from type or presence.
    """

    id: str
    version: str
    method: str
    direction: str
    parameter: str
    type: str
    presence: str
    confidence: str
    absent: str
    wrong: str
    here: str

    @property
    def face(self) -> str:
        return FACES[self.version]


Row = ErrorRow | ParameterRow


def read_error_rows() -> list[ErrorRow]:
    return [ErrorRow(**row) for row in _read("errors.tsv")]


def read_parameter_rows() -> list[ParameterRow]:
    return [ParameterRow(**row) for row in _read("parameters.tsv")]


def is_due(row: Row) -> bool:
    """Whether a row counts now: signDoc comes with the documents, rows of our own have no table."""
    return row.method != "signatures/signDoc" and row.confidence != OURS


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
