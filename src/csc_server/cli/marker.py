"""The name that `dev` leaves in its data folder and that `serve` looks for."""

import contextlib
from pathlib import Path

MARKER = "made-by-dev"


def made_by_dev(path: Path) -> Path | None:
    """Return the folder at or above a path that a development server made, or None."""
    for folder in (path, *path.parents):
        with contextlib.suppress(PermissionError):  # the other side's folder, as it should be
            if (folder / MARKER).exists():
                return folder
    return None
