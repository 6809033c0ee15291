"""Rules that can be read off the source: sizes, forbidden calls, patterns, comparisons, one reader for all input."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "csc_server"
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
FACES_INPUT = ("web", "activation", "signer")


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE)
        if not folders or name.parts[0] in folders:
            yield str(name), ast.parse(path.read_text(encoding="utf-8"))


def test_modules_and_functions_stay_small() -> None:
    too_long = []
    for name, tree in modules():
        lines = len((SOURCE / name).read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            too_long.append(f"{name}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "migrations" not in name:  # tables are data
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{name}: {node.name} has {length} lines")

    assert too_long == []


def test_every_folder_of_the_package_says_what_it_is() -> None:
    silent = [name for name, tree in modules() if name.endswith("__init__.py") and not ast.get_docstring(tree)]

    assert silent == []


def weaknesses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """SC-06: what must not decide about security."""
    forbidden_modules = {"pickle", "marshal", "shelve", "random"}
    forbidden_calls = {"eval", "exec", "os.system", "os.popen", "yaml.load"}
    for node in ast.walk(tree):
        match node:
            case ast.Assert():
                yield node.lineno, "assert is compiled away by -O"
            case ast.Import(names=names) if forbidden_modules & {name.name.split(".")[0] for name in names}:
                yield node.lineno, "forbidden module"
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in forbidden_modules:
                yield node.lineno, "forbidden module"
            case ast.Call() if ast.unparse(node.func) in forbidden_calls:
                yield node.lineno, ast.unparse(node.func)
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield node.value.lineno, "shell=True"
            case ast.keyword(arg="verify", value=ast.Constant(value=False)):
                yield node.value.lineno, "verify=False"
            case _:
                pass


def unanchored(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """IN-10: a pattern must match the whole value; searching is for one class of characters only."""
    classes = {
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "re.compile"
        and isinstance(node.value.args[0], ast.Constant)
        and re.fullmatch(r"\[[^\]]*\]", str(node.value.args[0].value), re.DOTALL)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"match", "search"}
        ):
            owner = ast.unparse(node.func.value)
            if owner not in classes:
                yield node.lineno, f"{owner}.{node.func.attr}"


def slow_patterns(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """IN-10: an unbounded repetition inside an unbounded repetition may take exponential time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
            text = node.args[0].value
            if re.search(rb"[*+]\)(?:[*+]|\{\d*,\})" if isinstance(text, bytes) else r"[*+]\)(?:[*+]|\{\d*,\})", text):
                yield node.lineno, str(text)


_SECRET_NAME = re.compile(r"(?:.*_)?(?:pin|otp|password|secret|mac|token|sad|verifier|csrf)")


def leaky_comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """IN-11: a secret beside == or !=; two stored values of one name are a cache's question, no secret's."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        operands = [node.left, *node.comparators]
        if any(isinstance(operand, ast.Constant) for operand in operands):
            continue
        names = [ast.unparse(operand).rpartition(".")[2] for operand in operands]
        if any(_SECRET_NAME.fullmatch(name) for name in names) and len(set(names)) > 1:
            yield node.lineno, ast.unparse(node)


def second_readers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Section 5 of the rules: JSON, base64 and addresses from outside are read by `wire` and nothing else."""
    readers = {"loads", "get_json", "b64decode", "urlsafe_b64decode", "standard_b64decode", "urlopen"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in readers:
            yield node.lineno, ast.unparse(node.func)
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in {"request.json", "request.values"}:
            yield node.lineno, ast.unparse(node)


def findings(check, *folders: str) -> list[str]:
    return [f"{name}:{line}: {what}" for name, tree in modules(*folders) for line, what in check(tree)]


def test_SC_06_no_assert_eval_pickle_shell_or_weak_randomness() -> None:
    assert findings(weaknesses) == []


def test_IN_10_patterns_match_in_full_and_in_linear_time() -> None:
    faces = (*FACES_INPUT, "policy", "wire.py")

    assert findings(unanchored, *FACES_INPUT) == []
    assert findings(slow_patterns, *faces) == []


def test_IN_11_no_secret_is_compared_with_an_operator() -> None:
    assert findings(leaky_comparisons, *FACES_INPUT) == []


def test_IN_one_module_reads_what_comes_from_outside() -> None:
    assert findings(second_readers, *FACES_INPUT) == []


SEEN = [
    (weaknesses, "assert allowed"),
    (weaknesses, "import random"),
    (weaknesses, "from pickle import loads"),
    (weaknesses, "eval(text)"),
    (weaknesses, "os.system(text)"),
    (weaknesses, "run(text, shell=True)"),
    (weaknesses, "get(url, verify=False)"),
    (unanchored, "re.match('a+', text)"),
    (unanchored, "P = re.compile('a+')\nP.search(text)"),
    (slow_patterns, "re.compile('(a+)+')"),
    (slow_patterns, "re.compile(b'(?:a*){2,}')"),
    (leaky_comparisons, "row.pin == given"),
    (leaky_comparisons, "client_secret != row.secret_hash"),
    (second_readers, "json.loads(body)"),
    (second_readers, "request.get_json()"),
    (second_readers, "request.values['a']"),
]


@pytest.mark.parametrize(("check", "source"), SEEN)
def test_the_checks_see_what_they_forbid(check, source: str) -> None:
    assert list(check(ast.parse(source)))


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (unanchored, "P = re.compile('[\\x00-\\x1f]')\nP.search(text)"),
        (unanchored, "P.fullmatch(text)"),
        (slow_patterns, "re.compile('(?:a+b)?c*')"),
        (leaky_comparisons, "row.token_hash == token_hash"),
        (leaky_comparisons, "known.link_mac == row.link_mac"),
        (leaky_comparisons, "needed == 'token'"),
    ],
)
def test_the_checks_let_pass_what_is_right(check, source: str) -> None:
    assert list(check(ast.parse(source))) == []
