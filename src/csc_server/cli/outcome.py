"""How a command ends: exit codes, and errors told as a sentence and one sentence of advice."""

import sys

import click

from csc_server.errors import ConfigurationError, CscServerError

DONE = 0
FAILED = 1
REFUSED_SETTINGS = 3  # 2 is click's own, for wrong use
FAILING_CHECKS = 4

EXIT_CODES = """\b
Exit codes:
  0  done
  1  failed; the message says what to do
  2  wrong use of the command line
  3  settings refused; every fault is listed
  4  `doctor` found a failing check
"""

_DEFAULT_ADVICE = "Run `csc-server doctor` to see what is wrong."


def report(error: CscServerError) -> None:
    """Print an error to standard error: every fault on a line, the advice last."""
    faults = error.faults if isinstance(error, ConfigurationError) else [error.message]
    for fault in faults:
        click.echo(f"Error: {fault}", err=True)
    click.echo(error.advice or _DEFAULT_ADVICE, err=True)


def exit_code(error: CscServerError) -> int:
    """Return the exit code of an error."""
    return REFUSED_SETTINGS if isinstance(error, ConfigurationError) else FAILED


def report_usage(error: click.ClickException) -> None:
    """Print a mistake on the command line: click's sentence, then where help is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "csc-server"
    click.echo(f"Error: {error.format_message()}", err=True)
    click.echo(f"Run `{command} --help` to see what it takes.", err=True)


def from_os_error(error: OSError) -> CscServerError:
    """Return an operating system's refusal in our family of errors."""
    where = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or type(error).__name__
    return CscServerError(f"{where}{reason}.", advice="Check that the path exists and that you may use it.")


def is_terminal() -> bool:
    """Whether messages go to a person at a terminal."""
    return sys.stderr.isatty()
