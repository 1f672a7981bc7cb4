"""Whether the log gets slower as it grows: cost per event early and late, start-up on the grown log, memory, disk.

A whole hub inside this process takes packets of new dossiers (no HTTP, no targets, views kept up). The bodies are made
outside the measured stretches.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import dossiers, machine, served
from bench.inside import InsideHub, push
from ledger.merkle import Frontier, leaf_hash
from ledger.stores.sqlite import SqliteStore

PER_PACKET: Final = 100
WINDOW: Final = 10_000


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Grow one log."""
    machine.pin(0)
    return [uvloop.run(_grow(100_000 if quick else 1_000_000))]


def packets(first: int, n: int) -> Iterator[bytes]:
    """Packets of distinct dossiers made from one by replacing what tells them apart."""
    template = dossiers.bodies(0, 1, 1)[0]
    head, _, rest = template.partition(b'"data":[')
    record, code = rest[:-2], dossiers.code(0)
    for start in range(first, first + n, PER_PACKET):
        yield (
            head
            + b'"data":['
            + b",".join([record.replace(code, _code(number)) for number in range(start, start + PER_PACKET)])
            + b"]}"
        )


def _code(number: int) -> bytes:
    """A dossier code of its own for every number: 9,000 a day from 2010 on."""
    day, serial = divmod(number, 9_000)
    months, date = divmod(day, 28)
    years, month = divmod(months, 12)
    return b"000.15.44.H99-%02d%02d%02d-%04d" % (10 + years, month + 1, date + 1, serial + 1)


async def _grow(events: int) -> dict[str, Any]:
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
    try:
        windows = []
        async with InsideHub(root, deliver=False) as inside:
            first = 0
            while inside.hub.ledger.committed < events:
                bodies = tuple(packets(first, WINDOW))
                with machine.Watch() as watch:
                    await push(inside, bodies, at_once=4)
                first += WINDOW
                windows.append(
                    {
                        "events": inside.hub.ledger.committed,
                        "cpu_us": round(1e6 * watch.cpu_s[os.getpid()] / WINDOW, 1),
                        "wall_us": round(1e6 * watch.wall_s / WINDOW, 1),
                        "foreign_share": round(watch.foreign_share, 2),
                        "rss_mb": round(machine.rss_bytes(os.getpid()) / 1e6, 1),
                    }
                )
            size, root_hash = inside.hub.ledger.committed, inside.hub.ledger.root_hash
        again = await _start_again(root)
        disk = served.disk_bytes(root)
        gate = _recomputed(root, size)
    finally:
        shutil.rmtree(root)
    early, late = _median(windows[1:6]), _median(windows[-5:])
    thinned = windows[:: max(1, len(windows) // 25)]
    return {
        "suite": "growth",
        "case": f"a log of {size} events in packets of {PER_PACKET}",
        "events": size,
        "early_cpu_us": early,
        "late_cpu_us": late,
        "ratio": round(late / early, 3),
        "target": 1.2,
        "met": late / early <= 1.2,
        "rss_mb_at_10k": windows[0]["rss_mb"],
        "rss_mb_at_end": windows[-1]["rss_mb"],
        "rss_target_mb": 300,
        **again,
        "start_target_s": 3.0,
        "disk_bytes": disk,
        "disk_bytes_per_event": round(sum(disk.values()) / size, 1),
        "root_recomputed": gate == root_hash,
        "windows": thinned,
    }


def _median(windows: list[dict[str, Any]]) -> float:
    ordered = sorted(float(window["cpu_us"]) for window in windows)
    return ordered[len(ordered) // 2]


async def _start_again(root: Path) -> dict[str, float]:
    """Start ``lienthong serve`` on the grown log, twice; the second has the file in the page cache."""
    taken = []
    cpu, rss = 0.0, 0
    for _ in range(2):
        async with served.ServedHub(root) as hub:
            taken.append(hub.start_s)
            await asyncio.sleep(0.5)
            cpu, rss = machine.cpu_seconds(hub.pid), machine.rss_bytes(hub.pid)
    return {
        "start_s": round(min(taken), 3),
        "start_first_s": round(taken[0], 3),
        "start_cpu_s": round(cpu, 3),
        "start_rss_mb": round(rss / 1e6, 1),
    }


def _recomputed(root: Path, size: int) -> bytes:
    """The root over all stored leaves, positions dense; b"" where they are not."""
    store = SqliteStore(f"{root}/ledger.db", read_only=True)
    frontier = Frontier()
    after = 0
    while after < size and (rows := store.leaves(after, min(2_000, size - after))):
        if [row[0] for row in rows] != list(range(after + 1, after + 1 + len(rows))):
            return b""
        frontier.extend([leaf_hash(row[4]) for row in rows])
        after = rows[-1][0]
    store.close()
    return frontier.root() if after == size else b""
