"""What every driver of the Transport port must keep, over memory, HTTP and files alike.

Each driver comes with a *peer*: the other end, answering with a function, or failing in the ways its medium can fail.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.transports.files import FileTransport, answer_request, take_requests
from adapters.transports.http_client import HttpTransport
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Transport
from hub.world import DiskFiles

LIMIT = 64 * 1024
Handler = Callable[[Request], Awaitable[Reply]]


class Peer(Protocol):
    """The other end of one driver."""

    handler: Handler

    @property
    def transport(self) -> Transport: ...

    @property
    def url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def vanish(self) -> None:
        """From now on no request can reach the peer."""
        ...


async def echo(request: Request) -> Reply:
    return Reply(status=200, headers=(("x-method", request.method),), body=request.body)


class MemoryPeer:
    def __init__(self, _path: Path) -> None:
        self.handler: Handler = echo
        self.url = "memory:peer"
        self.transport: Transport = self._connected()

    def _connected(self, *, gone: bool = False) -> MemoryTransport:
        async def answer(request: Request) -> Reply:
            return await self.handler(request)

        return MemoryTransport(answer, faults=["before"] * 9 if gone else (), max_reply_bytes=LIMIT)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        await self.transport.close()

    async def vanish(self) -> None:
        self.transport = self._connected(gone=True)


class HttpPeer:
    def __init__(self, _path: Path) -> None:
        self.handler: Handler = echo
        self.url = ""
        self.transport: Transport = HttpTransport(max_reply_bytes=LIMIT)

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/x"

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        asked = Request(method=request.method, url=str(request.url), headers=headers, body=body)
        try:
            reply = await self.handler(asked)
        except ConnectionError:
            assert request.transport is not None
            request.transport.abort()
            raise
        return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)

    async def stop(self) -> None:
        await self.transport.close()
        await self._runner.cleanup()

    async def vanish(self) -> None:
        await self._runner.cleanup()
        await asyncio.sleep(0.02)  # until the client has seen its kept-alive connection end


class BrokenDisk(DiskFiles):
    """A disk that can be told to refuse writes."""

    broken = False

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        super().write_durable(name, content, mode=mode)


class FilesPeer:
    def __init__(self, path: Path) -> None:
        self.handler: Handler = echo
        self.url = "file:outbox"
        self._disk = BrokenDisk(path)
        self.transport: Transport = FileTransport(self._disk, "outbox", poll_s=0.002, max_reply_bytes=LIMIT)

    async def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            for name, request in take_requests(self._disk, "outbox"):
                with suppress(ConnectionError):  # this peer's way to be cut off is never to answer
                    answer_request(self._disk, "outbox", name, await self.handler(request))
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        await self.transport.close()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def vanish(self) -> None:
        self._disk.broken = True


PEERS: dict[str, Callable[[Path], Peer]] = {"memory": MemoryPeer, "http": HttpPeer, "files": FilesPeer}


@pytest.fixture(params=sorted(PEERS))
async def peer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Peer]:
    built = PEERS[request.param](tmp_path)
    await built.start()
    try:
        yield built
    finally:
        await built.stop()


def to(peer: Peer, body: bytes = b"{}", *, method: str = "POST", timeout_s: float = 5.0) -> Request:
    return Request(method=method, url=peer.url, headers=(("x-trace", "đường"),), body=body, timeout_s=timeout_s)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(min_size=1, max_size=4_000))
def test_bytes_arrive_and_return_exactly_by_property(body: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    async def round_trip() -> None:
        for build in PEERS.values():
            built = build(tmp_path_factory.mktemp("peer"))
            await built.start()
            try:
                assert (await built.transport.exchange(to(built, body))).body == body
            finally:
                await built.stop()

    asyncio.run(round_trip())


async def test_method_status_headers_and_body_are_carried(peer: Peer) -> None:
    seen: list[Request] = []

    async def answer(request: Request) -> Reply:
        seen.append(request)
        return Reply(status=409, headers=(("X-Reason", "exists"),), body="đã tồn tại".encode())

    peer.handler = answer
    reply = await peer.transport.exchange(to(peer, b"\x00\xff\xfe body"))
    assert (seen[0].method, seen[0].body) == ("POST", b"\x00\xff\xfe body")
    assert dict(seen[0].headers)["x-trace"] == "đường"
    assert reply.status == 409
    assert dict(reply.headers)["x-reason"] == "exists"
    assert reply.body.decode() == "đã tồn tại"


async def test_an_empty_body_is_carried_both_ways(peer: Peer) -> None:
    reply = await peer.transport.exchange(to(peer, b"", method="GET"))
    assert reply.body == b""
    assert dict(reply.headers)["x-method"] == "GET"


async def test_a_large_request_is_carried_whole(peer: Peer) -> None:
    async def measure(request: Request) -> Reply:
        return Reply(status=200, body=str(len(request.body)).encode())

    peer.handler = measure
    assert (await peer.transport.exchange(to(peer, b"x" * 3_000_000))).body == b"3000000"


async def test_a_reply_at_the_limit_is_taken_and_one_byte_more_is_unknown(peer: Peer) -> None:
    async def grow(request: Request) -> Reply:
        return Reply(status=200, body=b"y" * int(request.body))

    peer.handler = grow
    assert len((await peer.transport.exchange(to(peer, str(LIMIT).encode()))).body) == LIMIT
    with pytest.raises(TargetUnavailable) as caught:
        await peer.transport.exchange(to(peer, str(LIMIT + 1).encode()))
    assert caught.value.code == "target.unknown"


async def test_no_answer_in_time_is_unknown(peer: Peer) -> None:
    async def sleep(_request: Request) -> Reply:
        await asyncio.sleep(30)
        return Reply(status=200)

    peer.handler = sleep
    with pytest.raises(TargetUnavailable) as caught:
        await peer.transport.exchange(to(peer, timeout_s=0.1))
    assert caught.value.code == "target.unknown"


async def test_cut_after_the_request_arrived_is_unknown(peer: Peer) -> None:
    arrived: list[bytes] = []

    async def cut(request: Request) -> Reply:
        arrived.append(request.body)
        raise ConnectionResetError

    peer.handler = cut
    with pytest.raises(TargetUnavailable) as caught:
        await peer.transport.exchange(to(peer, b"one", timeout_s=0.3))
    assert caught.value.code == "target.unknown"
    assert arrived == [b"one"]


async def test_a_peer_that_can_not_be_reached_is_unavailable(peer: Peer) -> None:
    await peer.transport.exchange(to(peer))
    await peer.vanish()
    arrived: list[Request] = []

    async def note(request: Request) -> Reply:
        arrived.append(request)
        return Reply(status=200)

    peer.handler = note
    with pytest.raises(TargetUnavailable) as caught:
        await peer.transport.exchange(to(peer, timeout_s=0.5))
    assert caught.value.code == "target.unavailable"
    assert arrived == []


async def test_after_a_failure_the_next_exchange_works(peer: Peer) -> None:
    async def cut(_request: Request) -> Reply:
        raise ConnectionResetError

    peer.handler = cut
    with pytest.raises(TargetUnavailable):
        await peer.transport.exchange(to(peer, timeout_s=0.2))
    peer.handler = echo
    assert (await peer.transport.exchange(to(peer, b"again"))).body == b"again"


async def test_replies_go_to_the_exchange_they_belong_to(peer: Peer) -> None:
    async def later(request: Request) -> Reply:
        await asyncio.sleep(0.02 if request.body == b"first" else 0.0)
        return Reply(status=200, body=request.body)

    peer.handler = later
    bodies = [b"first", b"second", b"third"]
    replies = await asyncio.gather(*(peer.transport.exchange(to(peer, body)) for body in bodies))
    assert [reply.body for reply in replies] == bodies


async def test_a_closed_transport_sends_nothing_and_closing_twice_is_fine(peer: Peer) -> None:
    await peer.transport.exchange(to(peer))
    await peer.transport.close()
    await peer.transport.close()
    with pytest.raises(TargetUnavailable) as caught:
        await peer.transport.exchange(to(peer))
    assert caught.value.code == "target.unavailable"


async def test_a_caller_that_gives_up_leaves_the_transport_usable(peer: Peer) -> None:
    started = asyncio.Event()

    async def hang(_request: Request) -> Reply:
        started.set()
        await asyncio.sleep(0.05)
        return Reply(status=200, body=b"late")

    peer.handler = hang
    task = asyncio.get_running_loop().create_task(peer.transport.exchange(to(peer)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    peer.handler = echo
    assert (await peer.transport.exchange(to(peer, b"next"))).body == b"next"
