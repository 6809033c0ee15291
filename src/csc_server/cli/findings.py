"""A tree of findings: each check has one, the worst child colours its parent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Status(IntEnum):
    """How a check went; a greater one is worse."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Finding:
    """What one check found; a parent has children and no message of its own."""

    name: str
    status: Status
    message: str = ""
    advice: str = ""
    children: tuple["Finding", ...] = ()


def group(name: str, children: Sequence[Finding]) -> Finding:
    """Return a parent that is as bad as its worst child; without any it fails, for nothing was checked."""
    status = max((child.status for child in children), default=Status.FAIL)
    return Finding(name, status, children=tuple(children))


def as_text(finding: Finding, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a tree: status, name, message, and the advice below it."""
    indent = "  " * depth
    message = f": {finding.message}" if finding.message else ""
    yield f"{indent}[{finding.status.name.lower():^4}] {finding.name}{message}"
    if finding.advice and finding.status is not Status.OK:
        yield f"{indent}       {finding.advice}"
    for child in finding.children:
        yield from as_text(child, depth + 1)


def as_json(finding: Finding) -> dict[str, Any]:
    """Return a tree as JSON members."""
    members: dict[str, Any] = {"name": finding.name, "status": finding.status.name.lower()}
    if finding.message:
        members["message"] = finding.message
    if finding.advice and finding.status is not Status.OK:
        members["advice"] = finding.advice
    if finding.children:
        members["children"] = [as_json(child) for child in finding.children]
    return members
