"""How the commands show what they did: lines for people, or one JSON object; a new secret is shown this once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

json_option = click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")

_SHOWN_ONCE = frozenset({"client_secret", "totp_secret", "secret", "password", "so_pin"})


def show(answer: Mapping[str, Any], sentence: str, *, wants_json: bool) -> None:
    """Print what was done: the sentence, then every secret that was made, which nobody can ask for again."""
    if wants_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    click.echo(sentence)
    made = {name: value for name, value in answer.items() if name in _SHOWN_ONCE}
    for name, value in made.items():
        click.echo(f"{name}: {value}")
    if made:
        click.echo("Keep it now: it is not shown again.", err=True)


def show_table(rows: Sequence[Mapping[str, Any]], name: str, *, wants_json: bool) -> None:
    """Print rows with their columns aligned, or as JSON under a name."""
    if wants_json:
        click.echo(json.dumps({name: list(rows)}, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"No {name}.")
        return
    titles = list(rows[0])
    lines = [titles, *([_cell(row[title]) for title in titles] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
