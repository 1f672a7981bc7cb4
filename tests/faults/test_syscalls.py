"""Every system call of one commit with its export, and of one erasure, failed or killed in turn; then an audit.

``strace`` injects the fault into a process that was forked for it. Where processes may not be traced the same is done
one layer up, for every operation of the file system that SQLite and the hub's files ask for.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.steps import STEPS, Told, attempt, audit, note_of, prepare

CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,openat,mkdir"
FAILED = {"EIO": CALLS, "ENOSPC": "write,pwrite64,openat,mkdir,ftruncate"}
EVERY = int(os.environ.get("FAULTS_EVERY", "10"))
"""One in so many of the calls is struck in a run; 1 strikes all of them. Which ones, decides FAULTS_SEED."""
FIRST = int(os.environ.get("FAULTS_SEED", "0")) % EVERY
STRACE = shutil.which("strace") or ""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    prepare(folder)
    return folder


class Victim:
    """A forked process that stands still before its step, until it is told to go."""

    def __init__(self, folder: Path, kind: str) -> None:
        said, self._say = os.pipe()
        self._go, go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(said)
                os.close(go)
                code = self._live(folder, kind)
            finally:
                os._exit(code)
        os.close(self._say)
        os.close(self._go)
        self._said, self._tell_go = os.fdopen(said, "rb"), go
        assert json.loads(self._said.readline()) == {"ready": True}

    def _live(self, folder: Path, kind: str) -> int:
        def tell(said: dict[str, object]) -> None:
            if said:
                os.write(self._say, json.dumps(said).encode() + b"\n")
            if "ready" in said:
                os.read(self._go, 1)

        return 0 if attempt(folder, kind, tell) else 3

    def go(self) -> tuple[Told, int]:
        """Let it do its step; what it told, and its exit status."""
        os.write(self._tell_go, b"g")
        os.close(self._tell_go)
        told = Told(answered=[], notes=[])
        for line in self._said:
            if line.endswith(b"\n"):
                note_of(told, json.loads(line))
        self._said.close()
        _, status = os.waitpid(self.pid, 0)
        return told, os.waitstatus_to_exitcode(status)


def traced(victim: Victim, report: Path, *inject: str) -> tuple[Told, int]:
    """Let a victim do its step under ``strace``."""
    tracer = subprocess.Popen(
        [STRACE, "-f", "-o", str(report), "-e", f"trace={CALLS}", *inject, "-p", str(victim.pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    attached = tracer.stderr.readline()
    if "attached" not in attached:
        os.kill(victim.pid, signal.SIGKILL)
        tracer.wait()
        victim.go()
        pytest.skip(f"processes may not be traced here: {attached.strip()}")
    told, code = victim.go()
    tracer.stderr.close()
    tracer.wait()
    return told, code


def calls_of(begun: Path, tmp_path: Path, kind: str) -> Counter[str]:
    """How often each call is made in a step without a fault."""
    folder = tmp_path / "whole"
    shutil.copytree(begun, folder)
    told, code = traced(Victim(folder, kind), tmp_path / "calls")
    assert code == 0
    assert told.answered
    audit(folder, told)
    return Counter(re.findall(r"^\d+ +(\w+)\(", (tmp_path / "calls").read_text("utf-8"), re.MULTILINE))


def schedules(calls: Counter[str]) -> Iterator[tuple[str, int, str]]:
    """(call, its number, what strikes it), a share of all."""
    everything = [
        (name, number, fault)
        for fault, struck in (*FAILED.items(), ("KILL", CALLS))
        for name in struck.split(",")
        for number in range(1, calls[name] + 1)
    ]
    yield from everything[FIRST::EVERY]


@pytest.mark.faults
@pytest.mark.timeout(max(90, 1_200 // EVERY))
@pytest.mark.parametrize("kind", list(STEPS))
def test_every_system_call_failed_or_killed_leaves_one_history_and_loses_no_answer(
    begun: Path, tmp_path: Path, kind: str
) -> None:
    if not STRACE:
        if os.environ.get("CI") == "true":
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")
    calls = calls_of(begun, tmp_path, kind)
    assert calls["fdatasync"] + calls["fsync"] >= 2
    ended: Counter[int] = Counter()
    for name, number, fault in schedules(calls):
        folder = tmp_path / f"{name}-{number}-{fault}"
        shutil.copytree(begun, folder)
        how = "signal=KILL" if fault == "KILL" else f"error={fault}"
        told, code = traced(Victim(folder, kind), tmp_path / "report", "-e", f"inject={name}:{how}:when={number}")
        ended[code] += 1
        try:
            audit(folder, told)
        except BaseException as error:
            error.add_note(f"{fault} at {name} number {number}")
            raise
        shutil.rmtree(folder)
    assert ended[-signal.SIGKILL] > 0
    assert ended[3] > 0
    assert ended[1] == 0, "something that was not an error of ours ended the process"
