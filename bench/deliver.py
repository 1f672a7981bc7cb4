"""Delivery: what posting one event costs this process, in arrays of 100 and one by one.

Both post the same dossiers, over kept-alive connections on uvloop, to the same receiving process. Ours is the hub's own
transport; the other is aiohttp's client as its manual shows it. Run as a program, this file is the receiving process.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

import aiohttp
import uvloop

from adapters.transports.http_client import HttpTransport
from bench import dossiers
from bench.child import HOST, Child
from bench.peers import Comparison, Field, Peer, Sample, Stopwatch
from bench.sinks import Tally, open_sink
from contracts.delivery import Request

PACKET: Final = 100
IN_FLIGHT_ONE: Final = 16
IN_FLIGHT_PACKETS: Final = 4
_HEADERS: Final = (("Content-Type", "application/json"),)
_OURS: Final = "ours: 100 records a request"
_ONE: Final = "aiohttp: one record a request"


async def _batched(port: int, n: int) -> Sample:
    transport = HttpTransport()
    url = f"http://{HOST}:{port}/mapi/g"
    waiting = iter(dossiers.bodies(0, n, PACKET))

    async def sender() -> None:
        for body in waiting:
            reply = await transport.exchange(Request(method="POST", url=url, headers=_HEADERS, body=body))
            assert reply.status == 200

    await transport.exchange(Request(method="POST", url=url, headers=_HEADERS, body=b"{}"))
    with Stopwatch(n) as watch:
        await asyncio.gather(*[sender() for _ in range(IN_FLIGHT_PACKETS)])
    await transport.close()
    return watch.sample


async def _one_by_one(port: int, n: int) -> Sample:
    url = f"http://{HOST}:{port}/mapi/g"
    waiting = iter(dossiers.bodies(0, n, 1))
    async with aiohttp.ClientSession() as session:

        async def sender() -> None:
            for body in waiting:
                async with session.post(url, data=body, headers=dict(_HEADERS)) as response:
                    await response.read()
                    assert response.status == 200

        with Stopwatch(n) as watch:
            await asyncio.gather(*[sender() for _ in range(IN_FLIGHT_ONE)])
    return watch.sample


def fields(*, quick: bool) -> Iterator[Field]:
    """R14, while the receiving process is there."""
    n = 2_000 if quick else 10_000
    dossiers.bodies(0, n, 1)  # made before the clock runs
    dossiers.bodies(0, 5 * n, PACKET)
    with Child("bench.deliver") as sink:
        yield Field(
            "deliver",
            (
                Peer(_OURS, lambda: uvloop.run(_batched(sink.port, 5 * n)), (sink.pid,)),
                Peer(_ONE, lambda: uvloop.run(_one_by_one(sink.port, n)), (sink.pid,)),
            ),
            (Comparison("R14 processor time per delivered event", _OURS, _ONE, 1 / 15, "cpu"),),
            "none",
        )


async def _serve() -> None:
    server, port = await open_sink(Tally())
    print(port, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
