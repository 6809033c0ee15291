"""Prints every rule of specs/rules.tsv with the tests that bear its ID, or the issue that brings it.

A test bears an ID in its name (`test_OA_03_code_is_redeemed_once`) or in its docstring ("OA-03: ..."). The
exit code is 1 when a rule that is due by now has no test, or when a test names a rule that does not exist.

    python tests/rules.py            the whole table
    python tests/rules.py --summary  the gaps and the counts
"""

import ast
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ISSUE_IN_WORK = 3
ROOT = Path(__file__).resolve().parent.parent
_ID = re.compile(r"(?<![A-Za-z])(AR|OA|AU|SA|IN|AD|RL|SC)[_-](\d\d)(?!\d)")


class Rule(NamedTuple):
    id: str
    summary: str
    due: str

    @property
    def is_due(self) -> bool:
        return self.due.isdecimal() and int(self.due) <= ISSUE_IN_WORK


def read_rules(table: Path) -> list[Rule]:
    with table.open(newline="", encoding="utf-8") as lines:
        return [Rule(**row) for row in csv.DictReader(lines, delimiter="\t")]


def _ids(node: ast.AST, outer: set[str]) -> set[str]:
    text = f"{node.name} {ast.get_docstring(node) or ''}"
    return outer | {f"{family}-{number}" for family, number in _ID.findall(text)}


def _is_state_machine(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith("StateMachine") for base in node.bases)


def borne_ids(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (ID, name of the test); a class lends its IDs to its tests, a state machine is a test itself."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            lent = _ids(node, set())
            if _is_state_machine(node):
                yield from ((rule_id, node.name) for rule_id in lent)
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name.startswith("test_"):
                    yield from ((rule_id, f"{node.name}::{method.name}") for rule_id in _ids(method, lent))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield from ((rule_id, node.name) for rule_id in _ids(node, set()))


def find_tests(folder: Path) -> dict[str, list[str]]:
    """Return the tests of each ID, as pytest names them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for rule_id, name in borne_ids(tree):
            found[rule_id].append(f"{path.relative_to(folder.parent)}::{name}")
    return dict(found)


def faults(rules: list[Rule], tests: dict[str, list[str]]) -> list[str]:
    """Return one sentence for each rule that is due without a test and each test of an unknown rule."""
    known = {rule.id for rule in rules}
    missing = [
        f"{rule.id} is due now and has no test: {rule.summary}"
        for rule in rules
        if rule.is_due and rule.id not in tests
    ]
    strange = [
        f"{rule_id} is in no table but {names[0]} names it" for rule_id, names in tests.items() if rule_id not in known
    ]
    return missing + strange


def _print_table(rules: list[Rule], tests: dict[str, list[str]]) -> None:
    for rule in rules:
        print(f"{rule.id}  {rule.summary}")
        for name in tests.get(rule.id, []):
            print(f"       {name}")
        if rule.id not in tests:
            print("       NO TEST, due now" if rule.is_due else f"       due: {_when(rule.due)}")


def _when(due: str) -> str:
    return f"issue {due}" if due.isdecimal() else "later, no issue yet"


def main(arguments: list[str]) -> int:
    rules = read_rules(ROOT / "specs" / "rules.tsv")
    tests = find_tests(ROOT / "tests")
    if "--summary" not in arguments:
        _print_table(rules, tests)
    problems = faults(rules, tests)
    for sentence in problems:
        print(f"rules: {sentence}", file=sys.stderr)
    due = [rule for rule in rules if rule.is_due]
    held = [rule for rule in due if rule.id in tests]
    later = len(rules) - len(due)
    print(
        f"rules: {len(rules)} in all; {len(held)} of {len(due)} that are due now have a test; {later} come with later issues"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
