"""The machine under a benchmark: what it is, what a process used, and how much somebody else took meanwhile.

Foreign load is what all cores were busy with, less what the watched processes used themselves. A round in which it
exceeds ``NOISY_SHARE`` of one core is marked and, within bounds, repeated.
"""

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Self

import apsw

NOISY_SHARE: Final = 0.30
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PACKAGES: Final = (
    *("eventsourcing", "aiohttp", "uvloop", "msgspec", "lxml", "xmlschema", "jsonschema", "jsonschema_rs"),
    *("cryptography", "prometheus_client", "apsw"),
)


def versions() -> dict[str, str]:
    """What the figures depend on, by name."""
    found = {
        "python": f"{platform.python_version()} ({platform.python_compiler()}, {platform.python_build()[1]})",
        "sqlite (apsw)": apsw.sqlite_lib_version(),
    }
    found["sqlite (stdlib)"] = sqlite3.sqlite_version
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def machine() -> dict[str, Any]:
    """Cores, processor, memory and kernel."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_mb": int(memory) // 1024,
        "kernel": platform.release(),
        "fdatasync_ms": fdatasync_ms(Path.cwd()),
        "spin_ms": spin_ms(),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def fdatasync_ms(folder: Path, times: int = 50) -> float:
    """Median time of one 8 kB write with fdatasync beside the data, milliseconds."""
    path = folder / f".fdatasync-{os.getpid()}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    taken = []
    try:
        for _ in range(times):
            started = time.perf_counter()
            os.write(descriptor, bytes(8_192))
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        path.unlink()
    return round(1_000 * sorted(taken)[times // 2], 3)


def spin_ms(times: int = 5) -> float:
    """Best time of a fixed piece of pure Python, milliseconds: how fast the core runs just now."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        total = 0
        for number in range(100_000):
            total += number & 7
        best = min(best, time.perf_counter() - started)
    return round(1_000 * best, 3)


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used so far, its threads included, its children not."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def rss_bytes(pid: int) -> int:
    """Memory a process has resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE


def peak_bytes(pid: int) -> int:
    """The most a process ever had resident."""
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def busy_seconds() -> float:
    """Time all cores together have been busy since start of the machine, everything included."""
    fields = [int(field) for field in _lines("/proc/stat")[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) * _TICK_S


class Watch:
    """Measures one stretch of time: wall, own processor time, foreign load. Use as a context manager."""

    def __init__(self, pids: Sequence[int] = ()) -> None:
        self._pids = tuple(dict.fromkeys((os.getpid(), *pids)))
        self.wall_s = self.foreign_share = 0.0
        self.cpu_s: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._own = {pid: cpu_seconds(pid) for pid in self._pids}
        self._busy = busy_seconds()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s = time.perf_counter() - self._started
        self.cpu_s = {pid: cpu_seconds(pid) - self._own[pid] for pid in self._pids}
        foreign = busy_seconds() - self._busy - sum(self.cpu_s.values())
        self.foreign_share = max(0.0, foreign / self.wall_s) if self.wall_s else 0.0

    @property
    def noisy(self) -> bool:
        """Whether somebody else used more than the permitted share of a core."""
        return self.foreign_share > NOISY_SHARE


def pin(core: int, pid: int = 0) -> None:
    """Keep a process on one core, where the machine has more than one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(pid, {core})
