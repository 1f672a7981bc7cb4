"""HTTP: the whole hub, durable before it answers, against what a bare aiohttp server does with the same requests.

Every server is a process of its own on core 0; the generator is this process on core 1. The hub has no targets here.
Run as a program (``bare`` or ``validating``), this file is one of the bare servers.
"""

import asyncio
import contextlib
import itertools
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from aiohttp import web

from adapters.portal.fields import RECORD
from bench import dossiers, load, machine, served
from bench.child import HOST, Child
from bench.peers import Comparison, Field, Peer, Sample
from contracts import catalog

CONNECTIONS: Final = 64
PACKET: Final = 100
PACKET_CONNECTIONS: Final = 8
_HUB: Final = "ours: durable, signed, answered"
_BARE: Final = "aiohttp: 202"
_VALIDATING: Final = "aiohttp: validating only"
_DURABLE: Final = "ours: SQLite WAL, synchronous=FULL, answered after COMMIT; the bare servers keep nothing"


# ── the bare servers ─────────────────────────────────────────────────────────────────────────────


async def _accept(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


async def _validate(request: web.Request) -> web.Response:
    packet = msgspec.json.decode(await request.read())
    valid = _CONTRACT.is_valid_json
    return web.Response(status=202 if all(valid(record) for record in packet["data"]) else 422)


_CONTRACT: Final = catalog.get("qcvn120", RECORD, "2019")
_HANDLERS: Final[dict[str, Callable[[web.Request], Awaitable[web.Response]]]] = {
    "bare": _accept,
    "validating": _validate,
}


async def _serve(kind: str) -> None:
    application = web.Application(client_max_size=8 * 1024 * 1024)
    application.router.add_post("/mapi/g", _HANDLERS[kind])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


# ── measuring ────────────────────────────────────────────────────────────────────────────────────


class _Load:
    """Sends ``n`` dossiers to one server and measures that server. The hub is given other dossiers every time."""

    def __init__(self, port: int, pid: int, *, status: int, token: str = "", per_request: int = 1) -> None:
        self._port = port
        self._pid = pid
        self._status = status
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._per_request = per_request
        self._next = 0

    def __call__(self, n: int, connections: int) -> Sample:
        first = self._next if self._headers else 0
        self._next += n
        requests = [
            load.post("/mapi/g", body, host=HOST, headers=self._headers)
            for body in dossiers.packets(first, n, self._per_request)
        ]
        before = machine.cpu_seconds(self._pid)
        result = uvloop.run(load.closed_loop(HOST, self._port, iter(requests), connections=connections))
        cpu_s = machine.cpu_seconds(self._pid) - before
        assert result.statuses == {self._status: len(requests)}, f"answers were {result.statuses}"
        return Sample(1e6 * result.seconds / n, 1e6 * cpu_s / n)


@contextlib.contextmanager
def _hub() -> Iterator[tuple[int, int, str]]:
    """(port, pid, token) of a served hub without targets."""
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
    token = served.set_up(root, portal_port=1, lgsp_port=1, deliver=False)
    hub = served.ServedHub(root)
    uvloop.run(_enter(hub))
    try:
        yield hub.port, hub.pid, token
    finally:
        uvloop.run(_leave(hub))
        shutil.rmtree(root)


async def _enter(hub: served.ServedHub) -> None:
    await hub.__aenter__()


async def _leave(hub: served.ServedHub) -> None:
    await hub.__aexit__(None, None, None)


def _field(case: str, kind: str, n: int, per_request: int, connections: int, target: float) -> Iterator[Field]:
    other = _BARE if kind == "bare" else _VALIDATING
    with _hub() as (port, pid, token), Child("bench.http_front", kind) as bare:
        ours = _Load(port, pid, status=200, token=token, per_request=per_request)
        theirs = _Load(bare.port, bare.pid, status=202, per_request=per_request)
        yield Field(
            "http",
            (
                Peer(_HUB, lambda: ours(n, connections), (pid, bare.pid)),
                Peer(other, lambda: theirs(n, connections)),
            ),
            (Comparison(case, _HUB, other, target),),
            _DURABLE,
        )


def fields(*, quick: bool) -> Iterator[Field]:
    """R11 and R12."""
    machine.pin(1)
    n = 1_500 if quick else 15_000
    return itertools.chain(
        _field("R11 one dossier a request, against 202", "bare", n, 1, CONNECTIONS, 0.20),
        _field("R12 100 dossiers a request, against validating", "validating", 4 * n, PACKET, PACKET_CONNECTIONS, 0.12),
    )


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
