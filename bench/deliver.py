"""What delivering costs per record: batches of 100 against one request each, to the same sink, by the same client."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import msgspec
import uvloop

from adapters import registry
from adapters.transports.http_client import HttpTransport
from bench import dossiers, machine
from bench.rounds import Sample, Stopwatch, compare
from contracts.delivery import Rendering
from contracts.ports import Address, Profile

_SINK: Final = """\
import asyncio
from bench import machine, sinks
async def main():
    machine.pin(1)
    server, port = await sinks.open_sink(sinks.Tally())
    print(port, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def run(*, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """R14."""
    n = 2_000 if quick else 10_000
    machine.pin(0)
    renderings = [
        Rendering(
            lane="DongBoHoSoMC:False",
            service="DongBoHoSoMC",
            updating=False,
            code=f"{number}",
            body=msgspec.json.encode(dossiers.record(number)),
        )
        for number in range(n)
    ]
    found = compare(
        "deliver",
        "R14: processor time of delivery per record, batches of 100 against one request each",
        ours="batches of 100",
        peers={
            "batches of 100": lambda: uvloop.run(_with_sink(renderings, 100)),
            "one aiohttp POST each": lambda: uvloop.run(_with_sink(renderings[: n // 5], 1)),
        },
        rounds=rounds,
        targets={},
    )
    ratio = found["ratios"]["one aiohttp POST each"]
    ratio |= {"id": "R14", "target": 15.0, "met": ratio["cpu_median"] >= 15.0, "judged": "cpu_median"}
    return [found]


async def _with_sink(renderings: Sequence[Rendering], per_request: int) -> Sample:
    sink = await asyncio.create_subprocess_exec(sys.executable, "-c", _SINK, stdout=subprocess.PIPE)
    try:
        assert sink.stdout is not None
        port = int(await sink.stdout.readline())
        if per_request == 1:
            return await _one_by_one(renderings, port)
        return await _in_batches(renderings, port, per_request)
    finally:
        sink.terminate()
        await sink.wait()


async def _in_batches(renderings: Sequence[Rendering], port: int, size: int) -> Sample:
    transport = HttpTransport(connections=2)
    address = Address(base_url=f"http://127.0.0.1:{port}", username="bench", secret="bench", agency="H99")  # noqa: S106
    remotes = [registry.get("portal").remote(address, transport, Profile()) for _ in range(2)]
    batches = iter([renderings[start : start + size] for start in range(0, len(renderings), size)])

    async def worker(remote: Any) -> None:
        for batch in batches:
            assert (await remote.send(batch)).verdict == "done"

    with Stopwatch() as watch:
        await asyncio.gather(*[worker(remote) for remote in remotes])
    await transport.close()
    return watch.sample(len(renderings))


async def _one_by_one(renderings: Sequence[Rendering], port: int) -> Sample:
    waiting = iter(renderings)
    head = b'{"session":"bench-session","madonvi":"H99","service":"DongBoHoSoMC","isUpdating":"False","data":['

    async def worker(session: aiohttp.ClientSession) -> None:
        for one in waiting:
            async with session.post(f"http://127.0.0.1:{port}/mapi/g", data=head + one.body + b"]}") as answer:
                await answer.read()
                assert answer.status == 200

    async with aiohttp.ClientSession() as session:
        with Stopwatch() as watch:
            await asyncio.gather(*[worker(session) for _ in range(2)])
    return watch.sample(len(renderings))
