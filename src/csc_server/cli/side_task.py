"""One change or question on one side, made by a process of that side's user and told to the command that asked.

The command reads the settings file and the secrets of its operator; the process gets the settings of its own side
and the arguments as JSON on standard input, and answers JSON on standard output (ADR 0008).
"""

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, validate_call

from csc_server.cli.processes import Account, ask_process
from csc_server.cli.settings_file import ADVICE, Reading, read_settings
from csc_server.errors import ConfigurationError, CscServerError
from csc_server.wire import Json, dump_json, parse_object

Operation = Callable[..., Json]


class Task(BaseModel):
    """What a process of a side is asked for; `operator` is who asks, for the audit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    operator: str
    settings: dict[str, Any]
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"Task({self.operation!r}, ...)"


@dataclass(frozen=True)
class Sides:
    """The two sides of the installation that a settings file describes."""

    reading: Reading

    @classmethod
    def of(cls, path: Path) -> "Sides":
        """Read a settings file; ConfigurationError with every fault of its form."""
        reading = read_settings(path)
        if reading.settings is None:
            raise ConfigurationError(list(reading.faults), advice=ADVICE)
        return cls(reading)

    def ask(self, side: str, operation: str, **arguments: Json) -> dict[str, Any]:
        """Have an operation done on a side and return what it answers; CscServerError when it is refused."""
        settings = getattr(self.reading.settings, side)
        if settings is None:
            raise ConfigurationError([f"the table [{side}] is missing."], advice=ADVICE)
        task = Task(
            operation=operation,
            operator=operator(),
            settings=settings.model_dump(mode="json"),
            arguments=arguments,
        )
        answer = parse_object(ask_process(f"change-{side}", dump_json(task.model_dump()), self.account(side)))
        if "error" in answer:
            raise CscServerError(str(answer["error"]), advice=str(answer["advice"]))
        result: dict[str, Any] = answer["result"]
        return result

    def account(self, side: str) -> Account | None:
        """Return the user to become, None to stay; CscServerError when this process may not become the side's user."""
        name = self.reading.text("users", side)
        try:
            account = Account.named(str(name))
        except KeyError as error:
            raise ConfigurationError([f"users.{side}: this machine has no user {name}."], advice=ADVICE) from error
        if os.geteuid() == 0:
            return account
        if os.geteuid() != account.uid:
            raise CscServerError(
                f"Only {name} and root may change the {side} side.", advice=f"Run this as root, or as {name}."
            )
        return None


def operator() -> str:
    """Return the name of who runs the command: behind sudo, of who asked for it."""
    user = os.environ.get("SUDO_USER", "") if os.getuid() == 0 else ""
    if user:
        return user[:64]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def answer_task(data: bytes, operations: Callable[[Task], Mapping[str, Operation]]) -> bytes:
    """Do what a task asks for and return the answer; a refusal is an answer too."""
    task = Task.model_validate(parse_object(data))
    try:
        operation = validate_call(operations(task)[task.operation])
        return dump_json({"result": operation(**task.arguments)})
    except CscServerError as error:
        return dump_json({"error": error.message, "advice": error.advice})
