"""A disk under SQLite and under the hub's files that fails, or dies, at its n-th operation; nothing need be traced."""

from collections.abc import Callable
from typing import Any, Final

import apsw

from contracts.ports import Lock
from hub.world import DiskFiles

NAME: Final = "hong"


class Dead(BaseException):
    """The process is gone: nothing after this reaches the disk."""


class Disk:
    """Counts what changes the disk. The ``strike``-th raises; ``deadly``: and so does everything after it."""

    def __init__(self, strike: int = 0, *, deadly: bool = False) -> None:
        self.operations = 0
        self.armed = False
        self._strike = strike
        self._deadly = deadly
        self._dead = False

    def operate(self, fail: Callable[[], Exception]) -> None:
        """One operation is about to be done."""
        if self._dead:
            raise fail()
        if not self.armed:
            return
        self.operations += 1
        if self.operations == self._strike:
            self._dead = self._deadly
            raise fail()


def _io_error() -> Exception:
    return apsw.IOError("disk I/O error")


class FailingVFS(apsw.VFS):
    """The machine's own file system, by the leave of a ``Disk``."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(NAME, "")

    def xOpen(self, name: Any, flags: list[int]) -> "FailingFile":  # noqa: N802  # SQLite's name
        return FailingFile(self._disk, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802, FBT001  # SQLite's name and form
        self._disk.operate(_io_error)
        super().xDelete(name, sync)


class FailingFile(apsw.VFSFile):
    """One file of it."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, content: bytes, at: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.operate(_io_error)
        super().xWrite(content, at)

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.operate(_io_error)
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:  # noqa: N802  # SQLite's name
        self._disk.operate(_io_error)
        super().xTruncate(size)


class FailingFiles(DiskFiles):
    """Files that fail before they are replaced, or after (the answer got lost)."""

    def __init__(self, root: str, disk: Disk) -> None:
        super().__init__(root)
        self._disk = disk

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """See ``Files.write_durable``."""
        self._disk.operate(_full)
        super().write_durable(name, content, mode=mode)
        self._disk.operate(_full)

    def delete(self, name: str) -> None:
        """See ``Files.delete``."""
        self._disk.operate(_full)
        super().delete(name)

    def lock(self, name: str) -> Lock:
        """See ``Files.lock``."""
        return super().lock(name)


def _full() -> Exception:
    return OSError(28, "No space left on device")
