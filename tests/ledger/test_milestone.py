"""A log that began in a place is never begun there again, and never continued from an older copy."""

import shutil
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation
from hub.world_seeded import MemoryFiles
from ledger.inspect import verify
from ledger.milestone import MILESTONE_FILE
from tests.ledger import made

LOG = ("ledger.db", "ledger.db-wal", "ledger.db-shm")


def grown(folder: Path, *numbers: int) -> int:
    """Open, append one packet, close; the size of the log."""
    ledger = made.opened(folder, seed=f"mau/{numbers}")
    if numbers:
        ledger.submit(made.packet(ledger, numbers))
    ledger.close()
    return ledger.committed


def drop(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def refusal(folder: Path) -> str:
    with pytest.raises(IntegrityViolation) as caught:
        made.opened(folder)
    assert caught.value.code == "ledger.rollback"
    return caught.value.detail


def test_the_newest_checkpoint_is_noted_at_the_beginning_and_at_every_end(tmp_path: Path) -> None:
    ledger = made.opened(tmp_path)
    noted = tmp_path / MILESTONE_FILE
    assert noted.read_text("utf-8") == ledger.checkpoint()
    ledger.submit(made.packet(ledger, [1, 2]))
    ledger.flush()
    ledger_note = ledger.checkpoint()
    assert noted.read_text("utf-8") != ledger_note
    ledger.close()
    assert noted.read_text("utf-8") == ledger_note
    made.opened(tmp_path).close()


@pytest.mark.parametrize("lost", [LOG, (*LOG, "keys.db", "keys.db-wal", "keys.db-shm"), (*LOG, "keys/log.key")])
def test_a_lost_log_is_not_begun_again_under_its_key(tmp_path: Path, lost: tuple[str, ...]) -> None:
    size = grown(tmp_path, 1, 2, 3)
    drop(tmp_path, *lost)

    told = refusal(tmp_path)

    assert f"says {size} events were signed, ledger.db holds 0" in told
    assert "Put the newest ledger.db and keys.db back" in told
    assert (tmp_path / "keys/log.key").exists() == ("keys/log.key" not in lost)
    refusal(tmp_path)


def test_an_older_copy_of_the_log_is_not_continued(tmp_path: Path) -> None:
    older = grown(tmp_path / "one", 1)
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    size = grown(tmp_path / "one", 2)
    shutil.copy(tmp_path / "copy/ledger.db", tmp_path / "one/ledger.db")

    assert f"says {size} events were signed, ledger.db holds {older}" in refusal(tmp_path / "one")


def test_another_history_of_the_same_log_is_not_continued(tmp_path: Path) -> None:
    grown(tmp_path / "one", 1)
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    grown(tmp_path / "one", 2)
    grown(tmp_path / "copy", 3, 4)
    shutil.copy(tmp_path / "copy/ledger.db", tmp_path / "one/ledger.db")

    assert "are not those that keys/log.begun signs" in refusal(tmp_path / "one")


def test_the_refused_log_comes_back_when_it_is_put_back(tmp_path: Path) -> None:
    grown(tmp_path / "one", 1)
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    drop(tmp_path / "one", *LOG)
    refusal(tmp_path / "one")
    shutil.copy(tmp_path / "copy/ledger.db", tmp_path / "one/ledger.db")

    grown(tmp_path / "one", 2)

    vkey = (tmp_path / "one/keys/log.vkey").read_text("utf-8").strip()
    assert verify(str(tmp_path / "one"), [vkey])["ok"]


def test_a_log_that_came_further_than_its_last_orderly_end_goes_on(tmp_path: Path) -> None:
    """A killed hub noted nothing at its end."""
    grown(tmp_path, 1)
    noted = (tmp_path / MILESTONE_FILE).read_bytes()
    grown(tmp_path, 2)
    (tmp_path / MILESTONE_FILE).write_bytes(noted)
    assert grown(tmp_path, 3) > 0


def test_a_place_from_before_this_file_gets_it(tmp_path: Path) -> None:
    grown(tmp_path, 1)
    drop(tmp_path, MILESTONE_FILE)
    grown(tmp_path)
    assert (tmp_path / MILESTONE_FILE).exists()


def test_a_file_that_is_no_checkpoint_stops_the_start(tmp_path: Path) -> None:
    grown(tmp_path, 1)
    (tmp_path / MILESTONE_FILE).write_text("khong phai diem kiem tra", "utf-8")
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        made.opened(tmp_path)


def test_a_log_in_memory_begins_anew(tmp_path: Path) -> None:
    files = MemoryFiles()
    for _ in range(2):
        made.opened(tmp_path, store="memory", files=files).close()
    assert MILESTONE_FILE not in files.list("")
