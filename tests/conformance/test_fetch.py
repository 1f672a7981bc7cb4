"""What every driver of the Fetch port must keep, over HTTP and memory alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest
from aiohttp import web

from adapters.transports.fetch import TransportFetch, http_fetch
from adapters.transports.memory import MemoryTransport
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Fetch

LIMIT = 16 * 1024
Handler = Callable[[Request], Awaitable[Reply]]


class Peer(Protocol):
    """The other end of one driver."""

    handler: Handler

    @property
    def fetch(self) -> Fetch: ...

    @property
    def url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


async def echo(request: Request) -> Reply:
    return Reply(status=200, headers=(("x-method", request.method),), body=request.body)


class MemoryPeer:
    def __init__(self) -> None:
        self.handler: Handler = echo
        self.url = "memory:peer"

        async def answer(request: Request) -> Reply:
            return await self.handler(request)

        self.fetch: Fetch = TransportFetch(MemoryTransport(answer), max_reply_bytes=LIMIT)

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        await self.fetch.close()


class HttpPeer:
    def __init__(self) -> None:
        self.handler: Handler = echo
        self.url = ""
        self.fetch: Fetch = http_fetch(max_reply_bytes=LIMIT)

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/log/add-checkpoint"

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        asked = Request(method=request.method, url=str(request.url), headers=headers, body=await request.read())
        try:
            reply = await self.handler(asked)
        except ConnectionError:
            assert request.transport is not None
            request.transport.abort()
            raise
        return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)

    async def stop(self) -> None:
        await self.fetch.close()
        await self._runner.cleanup()


PEERS: dict[str, Callable[[], Peer]] = {"memory": MemoryPeer, "http": HttpPeer}


@pytest.fixture(params=sorted(PEERS))
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    built = PEERS[request.param]()
    await built.start()
    try:
        yield built
    finally:
        await built.stop()


def to(peer: Peer, body: bytes = b"old 0\n", *, timeout_s: float = 5.0) -> Request:
    return Request(method="POST", url=peer.url, headers=(("x-trace", "1"),), body=body, timeout_s=timeout_s)


async def test_status_headers_and_exact_bytes_come_back(peer: Peer) -> None:
    async def answer(request: Request) -> Reply:
        assert dict(request.headers)["x-trace"] == "1"
        return Reply(status=409, headers=(("Content-Type", "text/x.tlog.size"),), body=request.body + b"\x00\xff")

    peer.handler = answer
    reply = await peer.fetch(to(peer, b"\xfe"))
    assert reply.status == 409
    assert reply.body == b"\xfe\x00\xff"
    assert dict(reply.headers)["content-type"] == "text/x.tlog.size"


async def test_a_refusal_is_an_answer_not_an_error(peer: Peer) -> None:
    async def refuse(_request: Request) -> Reply:
        return Reply(status=503)

    peer.handler = refuse
    assert (await peer.fetch(to(peer))).status == 503


async def test_a_reply_beyond_the_limit_is_not_read_on(peer: Peer) -> None:
    async def grow(request: Request) -> Reply:
        return Reply(status=200, body=b"y" * int(request.body))

    peer.handler = grow
    assert len((await peer.fetch(to(peer, str(LIMIT).encode()))).body) == LIMIT
    with pytest.raises(TargetUnavailable) as caught:
        await peer.fetch(to(peer, str(LIMIT + 1).encode()))
    assert caught.value.code == "target.unknown"


async def test_a_late_answer_is_unavailable_within_the_time_given(peer: Peer) -> None:
    async def sleep(_request: Request) -> Reply:
        await asyncio.sleep(30)
        return Reply(status=200)

    peer.handler = sleep
    with pytest.raises(TargetUnavailable):
        await peer.fetch(to(peer, timeout_s=0.1))
    peer.handler = echo
    assert (await peer.fetch(to(peer, b"again"))).body == b"again"


async def test_a_redirect_is_shown_and_not_followed(peer: Peer) -> None:
    asked: list[str] = []

    async def redirect(request: Request) -> Reply:
        asked.append(request.url)
        return Reply(status=307, headers=(("Location", peer.url + "/elsewhere"),))

    peer.handler = redirect
    assert (await peer.fetch(to(peer))).status == 307
    assert len(asked) == 1


async def test_a_cut_connection_is_unavailable_and_the_next_call_works(peer: Peer) -> None:
    async def cut(_request: Request) -> Reply:
        raise ConnectionResetError

    peer.handler = cut
    if isinstance(peer, HttpPeer):
        with pytest.raises(TargetUnavailable):
            await peer.fetch(to(peer))
        peer.handler = echo
        assert (await peer.fetch(to(peer, b"x"))).body == b"x"


async def test_nothing_is_asked_after_closing(peer: Peer) -> None:
    await peer.fetch.close()
    with pytest.raises(TargetUnavailable) as caught:
        await peer.fetch(to(peer))
    assert caught.value.code == "target.unavailable"
