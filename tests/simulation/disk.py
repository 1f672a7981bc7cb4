"""A disk that can fail: page cache, durable state, torn sectors, directory entries, EIO, ENOSPC, bit rot, power cuts.

SQLite reaches it as a VFS written in Python, every other file through the ``Files`` port; both share one space of
names. What was written is in the page cache at once and on the disk after a sync; a power cut keeps of the rest what
the seed decides. A directory entry is durable after a sync of its folder; a new journal or write-ahead log syncs its
folder at its first sync, as SQLite's own unix VFS does.
"""

import errno
from collections.abc import Callable
from hashlib import blake2b
from random import Random  # noqa: TID251  # seeded: the disk of one seed
from typing import Any, Final, TypeAlias

import apsw

from contracts.errors import Misconfigured
from contracts.ports import Lock
from hub.world import check_name

VFS: Final = "lienthong-sim"
SECTOR: Final = 512
_KEPT: Final = 0.7
_POWERSAFE_OVERWRITE: Final = 0x1000
_JOURNALS: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
Write: TypeAlias = tuple[int, bytes | None]
"""(offset, bytes) of a write, (size, None) of a truncation."""
Entry: TypeAlias = tuple[str, "Inode | None"]
"""A name and what it now means; None = nothing."""


class Inode:
    """One file: what readers see, what would survive, and the writes between the two, in order."""

    def __init__(self, content: bytes = b"") -> None:
        self.view = bytearray(content)
        self.durable = bytearray(content)
        self.pending: list[Write] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write into the page cache."""
        _apply(self.view, (offset, data))
        self.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        """Cut or extend in the page cache."""
        _apply(self.view, (size, None))
        self.pending.append((size, None))

    def settle(self) -> None:
        """What is pending becomes durable."""
        for write in self.pending:
            _apply(self.durable, write)
        self.pending.clear()

    def after_power_cut(self, chance: Random) -> "Inode":
        """What is found when the power is back: none, a prefix, any or all of the writes; "any" also tears sectors."""
        if not self.pending:
            return Inode(bytes(self.durable))
        found = bytearray(self.durable)
        mode = chance.choice(("none", "prefix", "any", "all"))
        cut = chance.randrange(len(self.pending) + 1) if mode == "prefix" else len(self.pending)
        for write in self.pending[:cut] if mode != "none" else ():
            if mode != "any":
                _apply(found, write)
            elif chance.random() < _KEPT:
                _tear(found, write, chance)
        return Inode(bytes(found))


def _apply(content: bytearray, write: Write) -> None:
    offset, data = write
    if data is None:
        if offset <= len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _tear(content: bytearray, write: Write, chance: Random) -> None:
    offset, data = write
    if data is None:
        _apply(content, write)
        return
    for at in range(0, len(data), SECTOR):
        if chance.random() < _KEPT:
            _apply(content, (offset + at, data[at : at + SECTOR]))


class Disk:
    """The disk of one machine. ``on_power`` is called when a planned power cut happens inside an operation."""

    def __init__(self, seed: object) -> None:
        self.names: dict[str, Inode] = {}
        self.durable_names: dict[str, Inode] = {}
        self.entries: dict[str, list[Entry]] = {}
        """Changes of names that no sync of their folder has made durable, by folder."""
        self.generation = 0
        self.operations = 0
        self.faults: dict[int, str] = {}
        """By number of the operation since ``arm``: power · eio · eio_lost · enospc."""
        self.full_until = 0
        self.hit: list[str] = []
        self.on_power: Callable[[], None] = lambda: None
        self.locked: set[str] = set()
        self.syncs_folders = True
        self._chance = Random(f"{seed}/disk")  # noqa: S311  # faults are drawn from a seed

    # ── faults ───────────────────────────────────────────────────────────────────────────────────

    def arm(self, faults: dict[int, str]) -> None:
        """Plan faults for the operations of the life that begins."""
        self.operations = 0
        self.faults = dict(faults)
        self.full_until = 0
        self.hit = []

    def operate(self, kind: str) -> str:
        """Count one operation; returns the fault it meets, "" = none. A power cut has happened when it returns."""
        self.operations += 1
        fault = self.faults.pop(self.operations, "") if self.faults else ""
        if fault == "enospc":
            self.full_until = self.operations + 12
        if fault == "power":
            self.hit.append(f"power in {kind}")
            self.on_power()
            return ""
        if fault.startswith("eio"):
            self.hit.append(f"{fault} in {kind}")
            return fault
        if self.operations < self.full_until and kind == "write":
            self.hit.append("enospc")
            return "enospc"
        return ""

    def cut_power(self) -> None:
        """Only what is durable, and what the seed keeps of the rest, is there from now on; old handles are detached."""
        found: dict[int, Inode] = {}
        names = dict(self.durable_names)
        for folder in sorted(self.entries):
            pending = self.entries[folder]
            for name, inode in pending[: self._chance.randrange(len(pending) + 1)]:
                _rename(names, name, inode)
        self.names = {}
        for name in sorted(names):
            inode = names[name]
            if id(inode) not in found:
                found[id(inode)] = inode.after_power_cut(self._chance)
            self.names[name] = found[id(inode)]
        self.durable_names = dict(self.names)
        self.entries = {}
        self.end_process()

    def end_process(self) -> None:
        """The process is gone, its page cache is not: its handles are detached and its locks released."""
        self.generation += 1
        self.locked = set()
        self.faults = {}

    def rot(self, name: str) -> int:
        """Flip one bit of a file, in the cache and on the plate; returns its offset."""
        inode = self.names[name]
        at = self._chance.randrange(len(inode.durable))
        bit = 1 << self._chance.randrange(8)
        inode.durable[at] ^= bit
        if at < len(inode.view):
            inode.view[at] ^= bit
        return at

    def digest(self) -> str:
        """A digest of every durable byte under its name."""
        image = blake2b(digest_size=16)
        for name in sorted(self.durable_names):
            image.update(name.encode() + b"\0" + bytes(self.durable_names[name].durable))
        return image.hexdigest()

    def copy(self, seed: object) -> "Disk":
        """Another disk with the same content, all of it durable."""
        other = Disk(seed)
        other.names = {name: Inode(bytes(inode.view)) for name, inode in self.names.items()}
        other.durable_names = dict(other.names)
        return other

    # ── names ────────────────────────────────────────────────────────────────────────────────────

    def link(self, name: str, inode: Inode | None) -> None:
        """Let a name mean a file, or nothing; durable with the next sync of its folder."""
        _rename(self.names, name, inode)
        self.entries.setdefault(_folder(name), []).append((name, inode))

    def sync_folder(self, folder: str) -> None:
        """Make the names of a folder durable."""
        if self.syncs_folders:
            for name, inode in self.entries.pop(folder, ()):
                _rename(self.durable_names, name, inode)


def _rename(names: dict[str, Inode], name: str, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


# ── SQLite's files ───────────────────────────────────────────────────────────────────────────────────


def _failure(kind: type[apsw.Error], code: int, text: str) -> apsw.Error:
    error = kind(text)
    error.extendedresult = code  # type: ignore[attr-defined]  # apsw takes it, its stubs do not say so
    return error


class SimFile:
    """One open file of SQLite. After its process died it changes nothing any more."""

    def __init__(
        self, disk: Disk, name: str, inode: Inode, *, syncs_folder: bool, deletes: bool, generation: int
    ) -> None:
        self._disk = disk
        self._name = name
        self._inode = inode
        self._generation = generation
        self._syncs_folder = syncs_folder
        self._deletes = deletes

    def _is_dead(self) -> bool:
        return bool(self._name) and self._generation != self._disk.generation

    def _operate(self, kind: str) -> str:
        return "" if not self._name or self._is_dead() else self._disk.operate(kind)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802  # SQLite's names
        return bytes(self._inode.view[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        fault = self._operate("write")
        if fault == "enospc":
            raise _failure(apsw.FullError, apsw.SQLITE_FULL, "no space left")
        if fault:
            raise _failure(apsw.IOError, apsw.SQLITE_IOERR_WRITE, "write failed")
        if not self._is_dead():
            self._inode.write(offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._operate("truncate")
        if not self._is_dead():
            self._inode.truncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        fault = self._operate("sync")
        if self._is_dead():
            return
        if fault:
            if fault == "eio_lost":
                self._inode.pending.clear()
            raise _failure(apsw.IOError, apsw.SQLITE_IOERR_FSYNC, "sync failed")
        self._inode.settle()
        if self._syncs_folder:
            self._syncs_folder = False
            self._disk.sync_folder(_folder(self._name))

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._inode.view)

    def xClose(self) -> None:  # noqa: N802
        if self._deletes and not self._is_dead() and self._name:
            self._disk.link(self._name, None)

    def xLock(self, level: int) -> None:  # noqa: N802
        """There is one process."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """There is one process."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4_096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return _POWERSAFE_OVERWRITE


class SimVFS(apsw.VFS):
    """The disk as one process's SQLite sees it. ``default``: SQLite's randomness (salts of its log) is the seed's."""

    def __init__(self, disk: Disk, *, seed: object = 0, name: str = VFS, default: bool = False) -> None:
        self.disk = disk
        self.name = name
        self._generation = disk.generation
        self._chance = Random(f"{seed}/sqlite")  # noqa: S311  # salts of a simulated file
        super().__init__(name, base="", makedefault=default)
        if default:
            apsw.randomness(0)

    def attach(self) -> None:
        """A new process begins: what an older one still deletes or opens is without effect."""
        self._generation = self.disk.generation

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        wanted = flags[0]
        flags[1] = wanted
        if name is None or self._generation != self.disk.generation:
            detached = Inode()
            return SimFile(self.disk, "", detached, syncs_folder=False, deletes=False, generation=self._generation)
        path = name if isinstance(name, str) else name.filename()
        inode = self.disk.names.get(path)
        made = inode is None
        if inode is None:
            if not wanted & apsw.SQLITE_OPEN_CREATE:
                raise _failure(apsw.CantOpenError, apsw.SQLITE_CANTOPEN, path)
            inode = Inode()
            self.disk.link(path, inode)
        return SimFile(
            self.disk,
            path,
            inode,
            syncs_folder=made and bool(wanted & _JOURNALS),
            deletes=bool(wanted & apsw.SQLITE_OPEN_DELETEONCLOSE),
            generation=self._generation,
        )

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        if filename not in self.disk.names or self._generation != self.disk.generation:
            return
        self.disk.operate("delete")
        self.disk.link(filename, None)
        if syncdir:
            self.disk.sync_folder(_folder(filename))

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname in self.disk.names

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        return self._chance.randbytes(numbytes)


# ── every other file ─────────────────────────────────────────────────────────────────────────────────


class SimFiles:
    """The ``Files`` port of one life of a machine, below ``root`` of its disk."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root + "/"
        self._generation = disk.generation

    def _is_dead(self) -> bool:
        return self._generation != self._disk.generation

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Temporary file, sync, rename, sync of the folder: each may fail or be the last."""
        check_name(name)
        path = self._root + name
        if self._is_dead():
            return
        inode = Inode()
        temporary = f"{_folder(path)}/.{path.rpartition('/')[2]}.1.tmp"
        self._disk.link(temporary, inode)
        try:
            self._step("write")
            inode.write(0, bytes(content))
            self._step("sync")
        except OSError:
            self._disk.link(temporary, None)
            raise
        if not self._is_dead():
            inode.settle()
            self._disk.link(path, inode)
            self._disk.link(temporary, None)
            self._step("sync")
        if not self._is_dead():
            self._disk.sync_folder(_folder(path))

    def append_durable(self, name: str, content: bytes) -> None:
        """Append and sync."""
        check_name(name)
        path = self._root + name
        if self._is_dead():
            return
        inode = self._disk.names.get(path)
        if inode is None:
            inode = Inode()
            self._disk.link(path, inode)
        self._step("write")
        inode.write(len(inode.view), bytes(content))
        self._step("sync")
        if not self._is_dead():
            inode.settle()
            self._disk.sync_folder(_folder(path))

    def _step(self, kind: str) -> None:
        fault = self._disk.operate(kind)
        if fault == "enospc":
            raise OSError(errno.ENOSPC, "no space left")
        if fault:
            raise OSError(errno.EIO, f"{kind} failed")

    def read(self, name: str) -> bytes:
        """The whole content; FileNotFoundError when there is none."""
        check_name(name)
        inode = self._disk.names.get(self._root + name)
        if inode is None:
            raise FileNotFoundError(name)
        return bytes(inode.view)

    def list(self, prefix: str) -> list[str]:
        """Names that start with ``prefix``, sorted; what a dying write left behind is not shown."""
        return sorted(
            name.removeprefix(self._root)
            for name in self._disk.names
            if name.startswith(self._root + prefix) and not name.endswith(".tmp")
        )

    def delete(self, name: str) -> None:
        """Remove; durable on return."""
        check_name(name)
        path = self._root + name
        if path in self._disk.names and not self._is_dead():
            self._step("delete")
            if not self._is_dead():
                self._disk.link(path, None)
                self._disk.sync_folder(_folder(path))

    def lock(self, name: str) -> Lock:
        """Held until released or until the process dies."""
        check_name(name)
        path = self._root + name
        if path in self._disk.locked:
            raise Misconfigured("ledger.locked", f"{name} is held")
        self._disk.locked.add(path)
        return _SimLock(self._disk, path)


class _SimLock:
    """A lock of one process."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path
        self._generation = disk.generation

    def release(self) -> None:
        """Give it back."""
        if self._generation == self._disk.generation:
            self._disk.locked.discard(self._path)
