"""``python -m adapters.sandbox``: simulated parties driven by JSON lines on stdin, answering on stdout.

``{"do": "open", "names": […], "profile": "calm", "seed": 7, "ports": {}}`` → addresses and credentials
``{"do": "traffic", "hub": url, "senders": {adapter: {username, secret}}, "seconds": 20, "dossiers": 0, "seed": 7}`` →
``{"progress": …}`` now and then, then ``{"done": counts}``
``{"do": "holdings"}`` → ``{"holdings": …}``; end of stdin ends the process.
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
    reader = await _orders()
    stage: Stage | None = None
    async with ClientSession(timeout=ClientTimeout(total=30)) as session:
        while line := await reader.readline():
            order: dict[str, Any] = msgspec.json.decode(line)
            if order["do"] == "open":
                stage = Stage(order["names"], profile=order["profile"], seed=order["seed"])
                addresses = await stage.open(order.get("ports", {}))
                _tell({"addresses": addresses, "credentials": stage.credentials()})
            elif stage is None:
                _tell({"error": "open first"})
            elif order["do"] == "traffic":
                traffic = Traffic(stage, session, order, report=lambda counts: _tell({"progress": counts}))
                _tell({"done": await traffic.run()})
            elif order["do"] == "holdings":
                _tell({"holdings": stage.holdings()})
    if stage is not None:
        await stage.close()


if __name__ == "__main__":
    uvloop.run(main())
