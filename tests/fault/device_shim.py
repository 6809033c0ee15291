"""The misbehaving PKCS#11 module of `shim.c`: built in the test, steered by a file."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("shim.c")


class DeviceShim:
    """`hang`, `fail` and `heal` what the module does from its next call on."""

    def __init__(self, folder: Path, module: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler")
        self.path = folder / "shim.so"
        self._control = folder / "control"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", f'-DMODULE="{module}"', f'-DCONTROL="{self._control}"',
             "-o", str(self.path), str(SOURCE), "-ldl"],
            check=True, timeout=60,
        )  # fmt: skip

    def hang(self, function: str = "C_Sign") -> None:
        self._write(f"{function} hang")

    def hang_once(self, function: str = "C_Sign") -> None:
        self._write(f"{function} once")

    def fail(self, value: int, function: str = "C_Sign") -> None:
        self._write(f"{function} {value:#x}")

    def heal(self) -> None:
        self._control.unlink(missing_ok=True)

    @property
    def was_taken(self) -> bool:
        """Whether somebody hangs by `hang_once` or has hung."""
        return not self._control.exists()

    def _write(self, line: str) -> None:
        new = self._control.with_suffix(".new")
        new.write_text(line)
        os.replace(new, self._control)
