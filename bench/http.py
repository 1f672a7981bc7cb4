"""What durability costs a sender: the hub's answer (202 meaning durable) against aiohttp that promises nothing.

Every server runs alone on core 0 under uvloop, the generator on core 1. The hub has no routes here: intake only, as the
peer does none of the rest either.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import uvloop

from bench import dossiers, load, machine, served
from bench.rounds import Sample, compare

CONNECTIONS: Final = 64
_BARE: Final = """\
import asyncio, sys
import uvloop
from aiohttp import web
{more}
async def main():
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/mapi/g", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

async def handler(request):
    body = await request.read()
{check}
    return web.Response(status=202, body=b"{{}}", content_type="application/json")

uvloop.run(main())
"""
_PREPARE: Final = """\
import msgspec
from contracts import catalog
contract = catalog.get("qcvn120", "DongBoHoSoMC", "extended")
decode = msgspec.json.Decoder().decode
"""
_CHECK: Final = """\
    if not all(contract.is_valid_json(record) for record in decode(body)["data"]):
        return web.Response(status=422)
"""


def run(*, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """R11 and R12."""
    machine.pin(1)
    n = 2_000 if quick else 10_000
    single = compare(
        "http",
        "R11: one message per request, durable before the answer, against bare aiohttp",
        ours="hub",
        peers={"hub": lambda: uvloop.run(_hub(n, 1)), "aiohttp 202": lambda: uvloop.run(_bare(n, 1))},
        rounds=rounds,
        targets={"aiohttp 202": ("R11", 0.20)},
        durability="SQLite WAL, synchronous FULL, group commit",
    )
    packets = compare(
        "http",
        "R12: 100 dossiers per request, durable before the answer, against aiohttp validating only",
        ours="hub",
        peers={
            "hub": lambda: uvloop.run(_hub(n * 2, 100)),
            "aiohttp validating": lambda: uvloop.run(_bare(n * 2, 100, _PREPARE, _CHECK)),
        },
        rounds=rounds,
        targets={"aiohttp validating": ("R12", 0.12)},
        durability="SQLite WAL, synchronous FULL, group commit",
    )
    return [single, packets]


def _requests(n: int, per_packet: int, token: str = "") -> list[bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [load.post("/mapi/g", body, host="127.0.0.1", headers=headers) for body in dossiers.bodies(0, n, per_packet)]


async def _hub(n: int, per_packet: int) -> Sample:
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
    try:
        token = served.set_up(root, portal_port=1, lgsp_port=2, deliver=False)
        async with served.ServedHub(root) as hub:
            result, cpu_s = await _drive(hub.port, hub.pid, _requests(n, per_packet, token), per_packet)
            assert set(result.statuses) == {200}
            after = await hub.metrics()
            assert after.total("lienthong_records_total", 'state="applied"') == n
    finally:
        shutil.rmtree(root)
    return Sample(result.seconds, cpu_s, n, _facts(result))


async def _bare(n: int, per_packet: int, more: str = "", check: str = "") -> Sample:
    program = _BARE.format(more=more, check=check)
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    try:
        machine.pin(0, server.pid)
        assert server.stdout is not None
        port = int(await server.stdout.readline())
        result, cpu_s = await _drive(port, server.pid, _requests(n, per_packet), per_packet)
        assert set(result.statuses) == {202}
    finally:
        server.terminate()
        await server.wait()
    return Sample(result.seconds, cpu_s, n, _facts(result))


async def _drive(port: int, pid: int, requests: list[bytes], per_packet: int) -> tuple[load.Result, float]:
    before = machine.cpu_seconds(pid)
    connections = CONNECTIONS if per_packet == 1 else 8
    result = await load.closed_loop("127.0.0.1", port, iter(requests), connections=connections)
    return result, machine.cpu_seconds(pid) - before


def _facts(result: load.Result) -> dict[str, Any]:
    return {"p50_ms": round(result.quantile(0.5), 2), "p99_ms": round(result.quantile(0.99), 2)}
