"""Who tampers with the files of a log, or lets two processes at it, gets no second history signed."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation, Misconfigured
from hub.world import DiskFiles
from tests.faults.failing_disk import NAME, Disk, FailingFiles, FailingVFS
from tests.faults.steps import STEPS, Told, attempt, audit, note_of, prepare, publish
from tests.ledger import made

EVERY = int(os.environ.get("FAULTS_EVERY", "10"))
"""One in so many of the operations is struck in a run; which ones, decides FAULTS_SEED."""
FIRST = int(os.environ.get("FAULTS_SEED", "0")) % EVERY


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    prepare(folder)
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A copy of a log that was published and closed in order."""
    copy = tmp_path / "log"
    shutil.copytree(begun, copy)
    return copy


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────


def struck(begun: Path, folder: Path, kind: str, disk: Disk) -> tuple[Told, bool]:
    """One step in this process over a failing disk, and what it told."""
    shutil.copytree(begun, folder)
    told = Told(answered=[], notes=[])

    def tell(said: dict[str, object]) -> None:
        disk.armed = True
        note_of(told, said)

    vfs = FailingVFS(disk)
    try:
        done = attempt(folder, kind, tell, files=FailingFiles(str(folder), disk), vfs=NAME)
    finally:
        vfs.unregister()
    return told, done


@pytest.mark.faults
@pytest.mark.timeout(max(90, 1_200 // EVERY))
@pytest.mark.parametrize("kind", list(STEPS))
@pytest.mark.parametrize("deadly", [False, True], ids=["fails", "dies"])
def test_a_disk_that_fails_or_dies_at_any_operation_leaves_one_history(
    begun: Path, tmp_path: Path, kind: str, *, deadly: bool
) -> None:
    whole = Disk()
    told, done = struck(begun, tmp_path / "whole", kind, whole)
    assert done
    audit(tmp_path / "whole", told)
    assert whole.operations > 5
    stopped = 0
    for number in range(1 + FIRST, whole.operations + 1, EVERY):
        folder = tmp_path / str(number)
        told, done = struck(begun, folder, kind, Disk(number, deadly=deadly))
        stopped += not done
        try:
            audit(folder, told)
        except BaseException as error:
            error.add_note(f"operation {number} of {whole.operations}")
            raise
        shutil.rmtree(folder)
    assert stopped > 0


# ── two at once, and old copies ──────────────────────────────────────────────────────────────────


def test_a_second_process_on_one_ledger_does_not_sign(folder: Path) -> None:
    first = made.opened(folder, seed="mot")
    before = (folder / "ledger.db").read_bytes()
    with pytest.raises(Misconfigured, match=r"ledger\.locked"):
        made.opened(folder, seed="hai")
    assert (folder / "ledger.db").read_bytes() == before
    first.close()


def grow(folder: Path, seed: str) -> None:
    ledger = made.opened(folder, seed=seed)
    ledger.submit(made.packet(ledger, [5_000], source_id=seed))
    ledger.flush()
    publish(ledger, DiskFiles(folder))
    ledger.close()


def old_copy(folder: Path) -> None:
    """Yesterday's files of the log and its keys take the place of today's."""
    for name in ("ledger.db", "keys.db"):
        shutil.copyfile(folder.parent / name, folder / name)
        for ending in ("-wal", "-shm"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)


def keep_copy(folder: Path) -> None:
    for name in ("ledger.db", "keys.db"):
        shutil.copyfile(folder / name, folder.parent / name)


def test_yesterdays_log_is_not_continued_while_the_milestone_knows_better(folder: Path) -> None:
    keep_copy(folder)
    grow(folder, "moi")
    old_copy(folder)
    with pytest.raises(IntegrityViolation, match=r"ledger\.rollback"):
        made.opened(folder, seed="sau")


def test_yesterdays_log_is_not_published_over_what_was_published(folder: Path) -> None:
    keep_copy(folder)
    shutil.copyfile(folder / "keys/log.begun", folder.parent / "log.begun")
    grow(folder, "moi")
    old_copy(folder)
    shutil.copyfile(folder.parent / "log.begun", folder / "keys/log.begun")
    published = (folder / "log/checkpoint").read_bytes()
    ledger = made.opened(folder, seed="sau")
    try:
        with pytest.raises(IntegrityViolation, match=r"ledger\.rollback"):
            publish(ledger, DiskFiles(folder))
    finally:
        ledger.close()
    assert (folder / "log/checkpoint").read_bytes() == published


# ── bits ─────────────────────────────────────────────────────────────────────────────────────────


def flipped(content: bytes) -> bytes:
    """The same with one bit of its last byte but three turned over."""
    return content[:-4] + bytes([content[-4] ^ 1]) + content[-3:]


def spoil(folder: Path, table: str, column: str, where: str, change: Callable[[bytes], bytes] = flipped) -> None:
    """Turn a bit in one stored value; the triggers that stop an accident are removed first, as an attacker would."""
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        ((found,),) = database.execute(f"SELECT {column} FROM {table} {where}").fetchall()  # noqa: S608  # constants
        spoilt = change(found if isinstance(found, bytes) else found.encode())
        value = spoilt if isinstance(found, bytes) else spoilt.decode("utf-8", "replace")
        chosen = f"rowid = (SELECT rowid FROM {table} {where})"  # noqa: S608  # constants
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {chosen}", (value,))  # noqa: S608  # constants
        database.commit()


LAST = {
    "leaf": ("events", "leaf", "ORDER BY position DESC LIMIT 1"),
    "node": ("nodes", "hashes", "ORDER BY first DESC LIMIT 1"),
    "checkpoint": ("checkpoints", "note", "ORDER BY size DESC LIMIT 1"),
}


@pytest.mark.parametrize("what", list(LAST))
def test_a_bit_flipped_at_the_edge_keeps_the_log_from_being_continued(folder: Path, what: str) -> None:
    spoil(folder, *LAST[what])
    with pytest.raises(IntegrityViolation, match=r"ledger\.(corrupt|rollback)"):
        made.opened(folder, seed="sau")


def test_a_restart_is_the_only_way_on_after_a_full_disk(begun: Path, tmp_path: Path) -> None:
    disk = Disk(3, deadly=False)
    told, done = struck(begun, tmp_path / "day", "commit", disk)
    assert not done
    assert told.answered == []
    audit(tmp_path / "day", told)
