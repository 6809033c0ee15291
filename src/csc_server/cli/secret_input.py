"""Secrets that an operator brings: from a file, from standard input, or typed without an echo; never as an argument."""

import stat
import sys
from pathlib import Path

import click

from csc_server.errors import CscServerError

STANDARD_INPUT = "-"
_MAX_SECRET = 4096


def read_secret(file: Path | None, prompt: str, *, option: str) -> str:
    """Return a secret: the first line of a file (`-` is standard input), or what is typed twice at a terminal.

    Raises CscServerError without a terminal and a file, and for a file that others may read (SC-07).
    """
    if file is not None:
        return _from_file(file)
    if not sys.stdin.isatty():
        raise CscServerError(f"There is no terminal to ask for the {prompt}.", advice=f"Name a file with {option}.")
    return str(click.prompt(prompt.capitalize(), hide_input=True, confirmation_prompt=True, err=True))


def _from_file(file: Path) -> str:
    if str(file) == STANDARD_INPUT:
        text = sys.stdin.read(_MAX_SECRET)
    else:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CscServerError(f"{file} can be read by others than its owner.", advice=f"Run `chmod go= {file}`.")
        text = file.read_text(encoding="utf-8")[:_MAX_SECRET]
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise CscServerError("The secret is empty.", advice="Put it into the first line of the file.")
    return lines[0]
