"""A peer in a process of its own, on a core of its own: it says on which port it listens, then serves until killed."""

import subprocess
import sys
from typing import Final, Self

from bench import machine

HOST: Final = "127.0.0.1"


class Child:
    """``python -m module arguments``, which prints its port as the first line. Use as a context manager."""

    def __init__(self, module: str, *arguments: str, core: int = 0) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._core = core

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        machine.pin(self._core, self._process.pid)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} did not start")
        self.port = int(line)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid
