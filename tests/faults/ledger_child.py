"""Appends to a ledger as fast as it can and tells on stdout what is durable, until somebody kills it."""

import asyncio
import sys
from pathlib import Path

from hub.world import DiskFiles, SystemClock, SystemEntropy
from ledger.unit import Placed, Unit
from ledger.writer import Writer, open_ledger
from tests.ledger import made


async def _send(ledger: Writer, unit: Unit, placed: Placed, name: str) -> None:
    await ledger.durable(placed.positions[-1])
    sys.stdout.write(f"{name} {placed.positions[0]} {len(unit.events)} {placed.leaf_hashes[0].hex()}\n")
    sys.stdout.flush()


async def main(folder: Path, life: int, dsn: str = "", keys_dsn: str = "") -> None:
    ledger = open_ledger(
        store="postgres" if dsn else "sqlite",
        dsn=dsn,
        keys_dsn=keys_dsn,
        files=DiskFiles(folder),
        directory=str(folder),
        origin=made.ORIGIN,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    tasks: set[asyncio.Task[None]] = set()
    for step in range(100_000):
        for sender in range(3):
            name = f"{life}-{step}-{sender}"
            unit = made.packet(ledger, range((step + sender) % 7, (step + sender) % 7 + 1 + step % 5), source_id=name)
            task = asyncio.ensure_future(_send(ledger, unit, ledger.submit(unit), name))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
