"""The world as it is: the machine's clock, the kernel's randomness, the disk.

The only place where the hub reads time of day, draws random bytes or touches files. ``hub/wiring.py`` chooses
between these drivers and the deterministic ones of ``hub/world_seeded.py``.
"""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Final

from contracts.errors import Misconfigured
from contracts.ports import Entropy, Lock

_FLOAT_BITS: Final = 53
_TEMPORARY: Final = ".tmp"


class SystemClock:
    """Time of day from the operating system."""

    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; steps when the system clock is stepped."""
        return time.time_ns() // 1_000


class SystemEntropy:
    """Randomness from the kernel, fit for keys. All streams are the same source: none can be predicted from another."""

    def stream(self, purpose: str) -> Entropy:  # noqa: ARG002  # the port names a purpose, the kernel needs none
        """The stream for one purpose."""
        return self

    def bytes(self, n: int) -> bytes:
        """``n`` bytes from the kernel."""
        return os.urandom(n)

    def random(self) -> float:
        """A float in [0, 1) with 53 random bits."""
        return (int.from_bytes(os.urandom(8), "big") >> (64 - _FLOAT_BITS)) / (1 << _FLOAT_BITS)


class DiskFiles:
    """Files below one directory, durable when a call returns.

    ``root`` and folders below it are made with ``directory_mode`` when first needed. An ``OSError`` of the disk passes
    through: the caller knows whether it may go on.
    """

    def __init__(self, root: str | Path, *, directory_mode: int = 0o700) -> None:
        self._root: Final = Path(root)
        self._directory_mode: Final = directory_mode

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Replace ``name`` whole: a reader and a power cut see the old content or the new one, nothing between."""
        path = self._path(name)
        self._make_folder(path.parent)
        temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
        try:
            # Owner-only until the wanted mode is set, so that a secret is never readable by others, not even briefly.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write_all(descriptor, content)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def append_durable(self, name: str, content: bytes) -> None:
        """Append to ``name``, made with mode 0600 when absent. A power cut may leave a prefix of ``content``."""
        path = self._path(name)
        self._make_folder(path.parent)
        fresh = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            _sync_folder(path.parent)

    def read(self, name: str) -> bytes:
        """The whole content; FileNotFoundError when there is none."""
        return self._path(name).read_bytes()

    def mode(self, name: str) -> int:
        """The permission bits of ``name``; FileNotFoundError when there is none."""
        return self._path(name).stat().st_mode & 0o777

    def list(self, prefix: str) -> list[str]:
        """Names that start with ``prefix`` (a text prefix: ``log/`` lists a folder), sorted; "" lists all."""
        folder = self._root / prefix.rpartition("/")[0]
        names = []
        for where, folders, files in os.walk(folder):
            folders.sort()
            below = Path(where).relative_to(self._root)
            names += [(below / file).as_posix() for file in files if not _is_temporary(file)]
        return sorted(name for name in names if name.startswith(prefix))

    def delete(self, name: str) -> None:
        """Remove ``name`` and the folders it leaves empty; on return that survives a power cut. Absent is fine."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        folder = path.parent
        while folder != self._root and _remove_if_empty(folder):
            folder = folder.parent
        _sync_folder(folder)

    def lock(self, name: str) -> Lock:
        """Take the lock of file ``name`` without waiting; Misconfigured ``ledger.locked`` when another holds it."""
        path = self._path(name)
        self._make_folder(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Misconfigured("ledger.locked", f"{name} is held by process {holder or 'unknown'}") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        return _DiskLock(descriptor)

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._root / name

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        missing = [folder]
        while not missing[-1].parent.is_dir():
            missing.append(missing[-1].parent)
        for new in reversed(missing):
            new.mkdir(mode=self._directory_mode, exist_ok=True)
            _sync_folder(new.parent)


class _DiskLock:
    """An open file with ``flock``; the kernel gives it back when the process ends in any way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would let two processes lock two files."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def check_name(name: str) -> None:
    """Refuse a name that is not relative and plain; a wrong one is a mistake of ours (ValueError)."""
    parts = name.split("/")
    if "\0" in name or any(part in {"", ".", ".."} or _is_temporary(part) for part in parts):
        raise ValueError(f"not a relative file name: {name!r}")


def _is_temporary(part: str) -> bool:
    return part.startswith(".") and part.endswith(_TEMPORARY)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
