"""The simulated loop is a loop: one suite of unmodified aiohttp runs on it, on asyncio's own and on uvloop."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import ClientConnectionError, ClientConnectorError, ClientSession, ClientTimeout, UnixConnector, web

from tests.simulation.loop import RealWorldError, SimLoop, run
from tests.simulation.network import NODE, Node, Reset

Scene = tuple[ClientSession, str, float]
Check = Callable[[Scene], Awaitable[None]]


def _application(unit: float) -> web.Application:
    async def echo(request: web.Request) -> web.Response:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        return web.Response(body=await request.read(), headers={"X-Peer": str(peer)})

    async def sleepy(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query["units"]) * unit)
        return web.Response(text="awake")

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(5):
            await answer.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(unit / 10)
        return answer

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    app = web.Application(client_max_size=4_000_000)
    app.router.add_post("/echo", echo)
    app.router.add_get("/sleepy", sleepy)
    app.router.add_get("/stream", stream)
    app.router.add_get("/cut", cut)
    return app


@asynccontextmanager
async def _scene(unit: float) -> AsyncIterator[Scene]:
    runner = web.AppRunner(_application(unit), access_log=None, keepalive_timeout=unit, shutdown_timeout=unit)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as session:
        yield session, f"http://127.0.0.1:{runner.addresses[0][1]}", unit
    await runner.cleanup()


async def posts_and_reads_back(scene: Scene) -> None:
    session, url, _ = scene
    async with session.post(url + "/echo", data="hồ sơ".encode()) as answer:
        assert (answer.status, await answer.read()) == (200, "hồ sơ".encode())


async def keeps_a_connection_for_twenty_posts(scene: Scene) -> None:
    session, url, _ = scene
    peers = set()
    for number in range(20):
        async with session.post(url + "/echo", data=bytes([number])) as answer:
            assert await answer.read() == bytes([number])
            peers.add(answer.headers["X-Peer"])
    assert len(peers) == 1


async def carries_a_large_body_both_ways(scene: Scene) -> None:
    session, url, _ = scene
    body = bytes(range(256)) * 4_000
    async with session.post(url + "/echo", data=body) as answer:
        assert await answer.read() == body


async def sends_a_body_in_chunks(scene: Scene) -> None:
    session, url, _ = scene

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000
            await asyncio.sleep(0)

    async with session.post(url + "/echo", data=pieces()) as answer:
        assert await answer.read() == b"x" * 10_000


async def ends_a_request_at_its_total_timeout(scene: Scene) -> None:
    session, url, unit = scene
    with pytest.raises(TimeoutError):
        await session.get(url + "/sleepy?units=50", timeout=ClientTimeout(total=unit))


async def ends_a_read_at_its_own_timeout(scene: Scene) -> None:
    session, url, unit = scene
    with pytest.raises(TimeoutError):
        await session.get(url + "/sleepy?units=50", timeout=ClientTimeout(sock_read=unit))


async def waits_as_long_as_it_was_told(scene: Scene) -> None:
    session, url, _ = scene
    async with session.get(url + "/sleepy?units=2") as answer:
        assert await answer.text() == "awake"


async def streams_events_one_by_one(scene: Scene) -> None:
    session, url, _ = scene
    async with session.get(url + "/stream") as answer:
        lines = [line async for line in answer.content if line.strip()]
    assert lines == [f"data: {number}\n".encode() for number in range(5)]


async def reports_a_cut_connection(scene: Scene) -> None:
    session, url, _ = scene
    with pytest.raises(ClientConnectionError):
        await session.get(url + "/cut")


async def reports_a_port_where_nobody_listens(scene: Scene) -> None:
    session, _, _ = scene
    with pytest.raises(ClientConnectorError):
        await session.get("http://127.0.0.1:9/")


async def opens_anew_after_the_keepalive_ended(scene: Scene) -> None:
    session, url, unit = scene
    peers = []
    for _ in range(2):
        async with session.post(url + "/echo", data=b"x") as answer:
            peers.append(answer.headers["X-Peer"])
        await asyncio.sleep(3 * unit)
    assert peers[0] != peers[1]


async def answers_many_at_once(scene: Scene) -> None:
    session, url, _ = scene

    async def one(number: int) -> bytes:
        async with session.post(url + "/echo", data=str(number).encode()) as answer:
            return await answer.read()

    assert await asyncio.gather(*(one(number) for number in range(40))) == [str(n).encode() for n in range(40)]


async def refuses_after_the_server_stopped(scene: Scene) -> None:
    session, _, unit = scene
    runner = web.AppRunner(_application(unit), access_log=None, shutdown_timeout=unit)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with session.post(url + "/echo", data=b"x") as answer:
        assert answer.status == 200
    await runner.cleanup()
    with pytest.raises(ClientConnectionError):
        await session.post(url + "/echo", data=b"x")


async def cancels_a_request_without_harm(scene: Scene) -> None:
    session, url, unit = scene
    asking = asyncio.ensure_future(session.get(url + "/sleepy?units=50"))
    await asyncio.sleep(unit / 10)
    asking.cancel()
    await asyncio.wait((asking,))
    await posts_and_reads_back(scene)


CHECKS: tuple[Check, ...] = (
    posts_and_reads_back,
    keeps_a_connection_for_twenty_posts,
    carries_a_large_body_both_ways,
    sends_a_body_in_chunks,
    ends_a_request_at_its_total_timeout,
    ends_a_read_at_its_own_timeout,
    waits_as_long_as_it_was_told,
    streams_events_one_by_one,
    reports_a_cut_connection,
    reports_a_port_where_nobody_listens,
    opens_anew_after_the_keepalive_ended,
    answers_many_at_once,
    refuses_after_the_server_stopped,
    cancels_a_request_without_harm,
)


async def _checked(check: Check, unit: float) -> None:
    async with _scene(unit) as scene:
        await check(scene)


def _on_simulated(check: Check) -> None:
    loop = SimLoop(check.__name__)
    run(_checked(check, 20.0), loop)
    assert loop.errors == []


def _on_asyncio(check: Check) -> None:
    asyncio.run(_checked(check, 0.1))


def _on_uvloop(check: Check) -> None:
    uvloop.run(_checked(check, 0.1))


@pytest.mark.parametrize("runs", [_on_simulated, _on_asyncio, _on_uvloop], ids=["simulated", "asyncio", "uvloop"])
@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_aiohttp_is_at_home_on_every_loop(check: Check, runs: Callable[[Check], None]) -> None:
    runs(check)


# ── what only the simulated loop promises ────────────────────────────────────────────────────────


def _simulated(work: Any, seed: object = 1) -> SimLoop:
    loop = SimLoop(seed)
    run(work, loop, seed=seed)
    return loop


def test_one_seed_gives_one_trace_and_another_seed_another() -> None:
    digests = [_simulated(_checked(answers_many_at_once, 20.0), seed).digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_an_hour_takes_no_time_of_ours() -> None:
    assert _simulated(asyncio.sleep(3_600)).time() >= 4_600


async def _thread() -> None:
    await asyncio.to_thread(print)


async def _plain_thread() -> None:
    threading.Thread(target=print).start()


async def _uuid() -> None:
    uuid.uuid4()  # noqa: TID251  # the test of its ban


async def _our_clock() -> None:
    from hub.world import SystemClock

    SystemClock().now()


@pytest.mark.parametrize("touches", [_thread, _plain_thread, _uuid, _our_clock])
def test_the_loop_raises_when_the_real_world_is_touched(touches: Callable[[], Any]) -> None:
    with pytest.raises(RealWorldError):
        _simulated(touches())


async def _power_cut() -> list[str]:
    ran: list[str] = []

    async def worker() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            ran.append("finally")

    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    node = Node("hub", "10.0.0.1")
    working = loop.start_in(node, worker())
    await asyncio.sleep(0.5)
    loop.network.power_off(node, dark=True)
    await asyncio.sleep(5)
    assert not working.done()
    return ran


def test_a_power_cut_runs_no_finally() -> None:
    loop = SimLoop(1)
    assert run(_power_cut(), loop) == []
    assert loop.graveyard


async def _served_at(loop: SimLoop, ip: str) -> Node:
    node = Node(ip, ip)

    async def serve() -> None:
        runner = web.AppRunner(_application(1.0), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, ip, 80).start()

    await loop.start_in(node, serve())
    return node


async def _post(session: ClientSession, ip: str) -> int:
    async with session.post(f"http://{ip}/echo", data=b"x") as answer:
        await answer.read()
        return answer.status


async def _resets() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    await _served_at(loop, "10.0.0.2")
    pair = frozenset(("127.0.0.1", "10.0.0.2"))
    for after in (False, True):
        loop.network.resets.append(Reset(pair, after=after))
        async with ClientSession() as session:
            with pytest.raises(ClientConnectionError):
                await _post(session, "10.0.0.2")
            assert await _post(session, "10.0.0.2") == 200


def test_a_planned_reset_ends_one_exchange_before_or_after_its_bytes() -> None:
    _simulated(_resets())


async def _partition() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    await _served_at(loop, "10.0.0.2")
    async with ClientSession() as session:
        assert await _post(session, "10.0.0.2") == 200
        healed = loop.time() + 60
        loop.network.cuts[frozenset(("127.0.0.1", "10.0.0.2"))] = healed
        assert await _post(session, "10.0.0.2") == 200
        assert loop.time() >= healed
        loop.network.slow["10.0.0.2"] = 2.5
        began = loop.time()
        assert await _post(session, "10.0.0.2") == 200
        assert loop.time() - began >= 5


def test_bytes_wait_for_a_partition_to_heal_and_a_slow_peer_is_slow() -> None:
    _simulated(_partition())


async def _power() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    node = await _served_at(loop, "10.0.0.2")
    async with ClientSession(timeout=ClientTimeout(total=4)) as session:
        assert await _post(session, "10.0.0.2") == 200
        loop.network.power_off(node, dark=True)
        with pytest.raises(TimeoutError):
            await _post(session, "10.0.0.2")
        loop.network.power_on("10.0.0.2")
        with pytest.raises(ClientConnectionError):
            await _post(session, "10.0.0.2")
        await _served_at(loop, "10.0.0.2")
        assert await _post(session, "10.0.0.2") == 200


def test_a_machine_without_power_is_silent_and_one_without_a_server_refuses() -> None:
    _simulated(_power())


async def _unix(path: str) -> None:
    runner = web.AppRunner(_application(1.0), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    async with ClientSession(connector=UnixConnector(path=path)) as session:
        assert await _post(session, "hub") == 200
    await runner.cleanup()


def test_a_unix_socket_is_a_name_of_the_simulated_machine(tmp_path: Path) -> None:
    _simulated(_unix(str(tmp_path / "admin.sock")))
    assert list(tmp_path.iterdir()) == []


def test_what_a_task_starts_belongs_to_its_node() -> None:
    async def inner() -> None:
        node = NODE.get()
        assert node is not None
        assert node.name == "hub"

    async def outer() -> None:
        await asyncio.get_running_loop().create_task(inner())

    async def world() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        await loop.start_in(Node("hub", "10.0.0.1"), outer())
        assert NODE.get() is None

    _simulated(world())
