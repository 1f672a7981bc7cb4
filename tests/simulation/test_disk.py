"""The simulated disk can fail: what SQLite promises only with FULL it loses with NORMAL, and only then."""

import errno
from collections.abc import Iterator
from random import Random  # noqa: TID251  # seeded

import apsw
import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from tests.simulation.disk import VFS, Disk, Inode, SimFiles, SimVFS

PATH = "/hub/test.db"
SEEDS = 60


def _open(vfs: SimVFS, journal: str, synchronous: str) -> apsw.Connection:
    vfs.attach()
    connection = apsw.Connection(PATH, vfs=VFS)
    for statement in (
        "locking_mode = EXCLUSIVE",
        f"journal_mode = {journal}",
        f"synchronous = {synchronous}",
        "wal_autocheckpoint = 12",
    ):
        connection.execute(f"PRAGMA {statement}").fetchall()
    return connection


class _PowerCutError(Exception):
    """The machine is dark."""


def _life(vfs: SimVFS, chance: Random, mode: tuple[str, str], answered: list[int]) -> None:
    """Commit rows and answer them until the power is cut inside an operation of the disk."""
    disk = vfs.disk
    dark: list[bool] = []

    def cut() -> None:
        disk.cut_power()
        dark.append(True)

    disk.on_power = cut
    disk.arm({chance.randrange(10, 200): "power"})
    connection = _open(vfs, *mode)
    connection.execute("CREATE TABLE IF NOT EXISTS answered (n INTEGER PRIMARY KEY, content BLOB)")
    number = max(answered, default=0)
    while not dark:
        number += 1
        with connection:
            connection.execute(
                "INSERT OR REPLACE INTO answered VALUES (?, ?)", (number, bytes(chance.randrange(3_000)))
            )
        if not dark:
            answered.append(number)
    connection.close()


def _lost(seed: int, journal: str, synchronous: str, *, syncs_folders: bool = True) -> tuple[set[int], bool]:
    """Answered rows that are gone after two power cuts, and whether the file is whole."""
    disk = Disk(seed)
    disk.syncs_folders = syncs_folders
    vfs = SimVFS(disk, seed=seed)
    chance = Random(f"{seed}/rows")  # noqa: S311  # seeded
    answered: list[int] = []
    try:
        for _ in range(2):
            _life(vfs, chance, (journal, synchronous), answered)
        connection = _open(vfs, journal, synchronous)
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        there = {row[0] for row in connection.execute("SELECT n FROM answered").fetchall()}
        connection.close()
    except apsw.SQLError:  # the table itself was lost
        return set(answered), True
    except (apsw.CorruptError, apsw.NotADBError):
        return set(answered), False
    finally:
        vfs.unregister()
    return set(answered) - there, whole


def _losing(journal: str, synchronous: str, **options: bool) -> tuple[int, int]:
    """How many seeds lost an answered row, and how many left a damaged file."""
    results = [_lost(seed, journal, synchronous, **options) for seed in range(SEEDS)]
    return sum(bool(lost) for lost, _ in results), sum(not whole for _, whole in results)


def test_wal_with_full_loses_no_answered_commit() -> None:
    assert _losing("WAL", "FULL") == (0, 0)


def test_wal_with_normal_loses_answered_commits_and_stays_whole() -> None:
    lost, damaged = _losing("WAL", "NORMAL")
    assert lost > SEEDS // 10
    assert damaged == 0


def test_wal_without_sync_is_damaged() -> None:
    lost, damaged = _losing("WAL", "OFF")
    assert lost > SEEDS // 10
    assert damaged > 0


def test_a_journal_that_is_deleted_needs_extra() -> None:
    assert _losing("DELETE", "EXTRA") == (0, 0)


def test_a_disk_that_never_syncs_folders_loses_even_with_full() -> None:
    lost, _ = _losing("WAL", "FULL", syncs_folders=False)
    assert lost > SEEDS // 10


# ── files ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def disk() -> Disk:
    return Disk(1)


@pytest.fixture
def vfs(disk: Disk) -> Iterator[SimVFS]:
    vfs = SimVFS(disk)
    yield vfs
    vfs.unregister()


def test_a_durable_file_is_the_old_or_the_new_one_whatever_the_moment_of_the_cut() -> None:
    seen = set()
    for seed in range(40):
        disk = Disk(seed)
        SimFiles(disk, "/hub").write_durable("keys/log", b"old")
        disk.on_power = disk.cut_power
        disk.arm({1 + seed % 4: "power"})
        SimFiles(disk, "/hub").write_durable("keys/log", b"new")
        disk.cut_power()
        seen.add(SimFiles(disk, "/hub").read("keys/log"))
    assert seen == {b"old", b"new"}


def test_a_written_file_survives_and_its_name_too(disk: Disk) -> None:
    files = SimFiles(disk, "/hub")
    files.write_durable("a/b", b"1")
    files.append_durable("spool", b"2")
    files.delete("a/b")
    disk.cut_power()
    again = SimFiles(disk, "/hub")
    assert again.list("") == ["spool"]
    assert again.read("spool") == b"2"
    with pytest.raises(FileNotFoundError):
        again.read("a/b")


def test_a_full_or_broken_disk_says_so(disk: Disk) -> None:
    files = SimFiles(disk, "/hub")
    for kind, code in (("enospc", errno.ENOSPC), ("eio", errno.EIO)):
        disk.arm({1: kind})
        with pytest.raises(OSError, match="space" if kind == "enospc" else "failed") as caught:
            files.write_durable("a", b"x")
        assert caught.value.errno == code
        assert files.list("") == []


def test_a_lock_is_held_until_the_process_dies(disk: Disk) -> None:
    held = SimFiles(disk, "/hub").lock("ledger.lock")
    with pytest.raises(Misconfigured):
        SimFiles(disk, "/hub").lock("ledger.lock")
    disk.end_process()
    SimFiles(disk, "/hub").lock("ledger.lock")
    held.release()
    with pytest.raises(Misconfigured):
        SimFiles(disk, "/hub").lock("ledger.lock")


def test_a_dead_process_writes_nothing(disk: Disk) -> None:
    files = SimFiles(disk, "/hub")
    disk.cut_power()
    files.write_durable("a", b"x")
    files.append_durable("b", b"x")
    assert SimFiles(disk, "/hub").list("") == []


def test_a_failed_sync_may_lose_its_pages_and_show_them_still() -> None:
    inode = Inode(b"durable")
    inode.write(0, b"written")
    inode.pending.clear()  # what eio_lost does: the pages are marked clean and were never written
    assert bytes(inode.view) == b"written"
    assert bytes(inode.after_power_cut(Random(1)).view) == b"durable"  # noqa: S311  # seeded


def test_rot_flips_exactly_one_bit(disk: Disk) -> None:
    SimFiles(disk, "/hub").write_durable("a", bytes(1_000))
    disk.rot("/hub/a")
    content = SimFiles(disk, "/hub").read("a")
    assert sum(byte.bit_count() for byte in content) == 1


def test_errors_of_the_disk_reach_sqlite_as_what_they_are(disk: Disk, vfs: SimVFS) -> None:
    for kind, error in (("enospc", apsw.FullError), ("eio", apsw.IOError)):
        connection = _open(vfs, "WAL", "FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
        disk.arm({1: kind})
        with pytest.raises(error):
            connection.execute("INSERT INTO t VALUES (1)")
        disk.arm({})
        connection.close()


def test_the_ledgers_own_settings_are_taken_on_it(disk: Disk, vfs: SimVFS) -> None:
    from ledger.stores import connect

    connection = connect.open_writer("/hub/l.db", vfs=VFS, schema=("CREATE TABLE t (n)",), application_id=7)
    connection.execute("INSERT INTO t VALUES (1)")
    disk.cut_power()
    connection.close()
    vfs.attach()
    again = connect.open_writer("/hub/l.db", vfs=VFS, schema=("CREATE TABLE t (n)",), application_id=7)
    assert again.execute("SELECT n FROM t").fetchall() == [(1,)]
    again.close()
    disk.names["/hub/l.db"].view[:100] = bytes(100)
    with pytest.raises(IntegrityViolation):
        connect.open_writer("/hub/l.db", vfs=VFS, schema=("CREATE TABLE t (n)",), application_id=7)
