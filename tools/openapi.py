"""Writes the JSON documents that web serves from the YAML ones of specs/openapi: python tools/openapi.py.

The wheel carries JSON alone, so that a server needs no reader of YAML; a unit test holds both equal.
"""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "specs" / "openapi"
SERVED = ROOT / "src" / "csc_server" / "web" / "operations" / "openapi"


def served_text(path: Path) -> str:
    """Return the JSON text of a YAML document."""
    document = yaml.safe_load(path.read_text("utf-8"))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def main() -> None:
    """Write every document."""
    for path in sorted(SOURCE.glob("csc-*.yaml")):
        (SERVED / f"{path.stem}.json").write_text(served_text(path), "utf-8")


if __name__ == "__main__":
    main()
