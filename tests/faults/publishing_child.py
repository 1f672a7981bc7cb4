"""Appends and publishes, and dies by its own hand at the n-th file it changes: before the change or just after it."""

import os
import signal
import sys
from pathlib import Path

from hub.world import DiskFiles
from ledger.publication import Publication
from tests.ledger import made


class Deadly(DiskFiles):
    """Files below which one change below ``log/`` is the last."""

    def __init__(self, folder: Path, changes: int, moment: str) -> None:
        super().__init__(folder)
        self._left = changes
        self._moment = moment

    def _count(self, name: str, moment: str) -> None:
        if name.startswith("log/") and moment == self._moment:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        self._count(name, "before")
        super().write_durable(name, content, mode=mode)
        self._count(name, "after")

    def delete(self, name: str) -> None:
        self._count(name, "before")
        super().delete(name)
        self._count(name, "after")


def main(folder: Path, changes: int, moment: str) -> None:
    """One life."""
    files = Deadly(folder, changes, moment)
    ledger = made.opened(folder, files=files, seed=f"{changes}/{moment}/{ledger_size(folder)}")
    publication = Publication(files, ledger.tree())
    publication.open()
    while True:
        for _ in publication.steps():
            pass
        for number in range(20):
            ledger.submit(made.packet(ledger, [number, number + 1]))
        ledger.flush()


def ledger_size(folder: Path) -> int:
    """Bytes of the ledger so far: another seed for every life."""
    file = folder / "ledger.db"
    return file.stat().st_size if file.exists() else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
