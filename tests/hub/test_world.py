"""The drivers of the real world, and the promises the port's suite can not see from outside."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import Misconfigured
from hub.world import DiskFiles, SystemClock, SystemEntropy


def test_the_system_clock_counts_microseconds_of_this_century() -> None:
    clock = SystemClock()
    first = clock.now()
    assert 1_700_000_000_000_000 < first < 4_102_444_800_000_000
    assert clock.now() >= first - 1_000_000


def test_kernel_bytes_have_the_asked_length_and_do_not_repeat() -> None:
    entropy = SystemEntropy()
    assert len(entropy.bytes(32)) == 32
    assert entropy.bytes(0) == b""
    assert entropy.stream("salts").bytes(16) != entropy.stream("salts").bytes(16)


def test_jitter_lies_between_zero_and_one() -> None:
    drawn = [SystemEntropy().random() for _ in range(1_000)]
    assert all(0.0 <= value < 1.0 for value in drawn)
    assert len(set(drawn)) == 1_000


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_a_file_has_exactly_the_asked_mode_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        DiskFiles(tmp_path).write_durable("key", b"secret", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == mode


def test_folders_are_closed_to_others(tmp_path: Path) -> None:
    DiskFiles(tmp_path / "state" / "hub").write_durable("log/x", b"")
    for folder in ("state", "state/hub", "state/hub/log"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_content_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = DiskFiles(tmp_path)
    files.write_durable("checkpoint", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_durable("checkpoint", b"new")
    monkeypatch.undo()
    assert files.read("checkpoint") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_write_is_synced_before_and_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        real_sync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    DiskFiles(tmp_path).write_durable("a", b"x")
    assert steps == ["sync file", "rename", "sync folder"]


def test_leftovers_of_a_killed_writer_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.4711.tmp").write_bytes(b"half")
    assert DiskFiles(tmp_path).list("") == []


def test_a_lock_is_seen_by_another_process_and_given_back_by_dying(tmp_path: Path) -> None:
    program = (
        "import sys; from hub.world import DiskFiles\n"
        f"lock = DiskFiles({str(tmp_path)!r}).lock('ledger.lock')\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Misconfigured) as caught:
            DiskFiles(tmp_path).lock("ledger.lock")
        assert str(holder.pid) in caught.value.detail
        holder.kill()
        holder.wait()
    DiskFiles(tmp_path).lock("ledger.lock").release()
