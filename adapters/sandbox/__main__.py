"""``python -m adapters.sandbox``: simulated parties driven by JSON lines on stdin, answering on stdout.

``{"do": "open", "names": […], "profile": "calm", "seed": 7, "ports": {}, "kept": {}}`` → addresses and credentials
``{"do": "traffic", "hub": url, "senders": {adapter: {username, secret}}, "seconds": 20, "dossiers": 0, "seed": 7}`` →
``{"progress": …}`` now and then, then ``{"done": counts}``
``{"do": "holdings"}`` → ``{"holdings": …}``
``{"do": "keep"}`` ends the traffic → ``{"kept": …}``, for a later ``open``; end of stdin ends the process.
"""

import asyncio
import sys
from typing import Any

import msgspec
import uvloop
from aiohttp import ClientSession, ClientTimeout

from adapters.sandbox.stage import Stage
from adapters.sandbox.traffic import Traffic

_MAX_LINE: int = 64 * 1024 * 1024


def _tell(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


async def _orders() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader


async def main() -> None:
    """Obey until stdin ends."""
    async with ClientSession(timeout=ClientTimeout(total=30)) as session, asyncio.TaskGroup() as group:
        stage: Stage | None = None
        traffic: asyncio.Task[None] | None = None
        reader = await _orders()
        while line := await reader.readline():
            order: dict[str, Any] = msgspec.json.decode(line)
            if order["do"] == "open":
                stage = Stage(order["names"], profile=order["profile"], seed=order["seed"])
                stage.recall(order.get("kept", {}))
                addresses = await stage.open(order.get("ports", {}))
                _tell({"addresses": addresses, "credentials": stage.credentials()})
            elif stage is None:
                _tell({"error": "open first"})
            elif order["do"] == "traffic":
                traffic = group.create_task(_send(stage, session, order))
            elif order["do"] == "holdings":
                _tell({"holdings": stage.holdings()})
            elif order["do"] == "keep":
                await _cut(traffic)
                _tell({"kept": stage.kept()})
        await _cut(traffic)
        if stage is not None:
            await stage.close()


async def _send(stage: Stage, session: ClientSession, order: dict[str, Any]) -> None:
    traffic = Traffic(stage, session, order, report=lambda counts: _tell({"progress": counts}))
    _tell({"done": await traffic.run()})


async def _cut(traffic: asyncio.Task[None] | None) -> None:
    """Whoever asks to keep, or goes away, has no use for more traffic."""
    if traffic is not None:
        traffic.cancel()
        await asyncio.wait((traffic,))


if __name__ == "__main__":
    uvloop.run(main())
