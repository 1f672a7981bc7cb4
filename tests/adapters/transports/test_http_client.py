"""What HTTP alone can do wrong, seen from the client."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from adapters.transports.http_client import HttpTransport, tls_context
from contracts.delivery import Request
from contracts.errors import Misconfigured, TargetUnavailable

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """A server on a free port that counts its connections."""

    def __init__(self) -> None:
        self.serve: Serve = self._ok
        self.peers: set[object] = set()

    async def start(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._count), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def _count(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        return await self.serve(request)

    async def _ok(self, _request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    built = Server()
    await built.start()
    yield built
    await built.runner.cleanup()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    built = HttpTransport(max_reply_bytes=10_000)
    yield built
    await built.close()


async def test_one_connection_serves_many_exchanges(server: Server, transport: HttpTransport) -> None:
    for _ in range(5):
        await transport.exchange(Request(method="POST", url=server.url, body=b"x"))
    assert len(server.peers) == 1


async def test_a_redirect_is_returned_and_not_followed(server: Server, transport: HttpTransport) -> None:
    async def away(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{server.url}/elsewhere"})

    server.serve = away
    reply = await transport.exchange(Request(method="POST", url=server.url, body=b"x"))
    assert reply.status == 302


async def test_cookies_of_a_reply_are_not_sent_back(server: Server, transport: HttpTransport) -> None:
    seen: list[str] = []

    async def bake(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie", ""))
        return web.Response(headers={"Set-Cookie": "a=b"})

    server.serve = bake
    for _ in range(2):
        await transport.exchange(Request(method="GET", url=server.url))
    assert seen == ["", ""]


async def test_no_content_type_is_made_up(server: Server, transport: HttpTransport) -> None:
    seen: list[str | None] = []

    async def look(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Content-Type"))
        return web.Response()

    server.serve = look
    await transport.exchange(Request(method="POST", url=server.url, body=b"x"))
    await transport.exchange(
        Request(method="POST", url=server.url, body=b"x", headers=(("Content-Type", "application/xml"),))
    )
    assert seen == [None, "application/xml"]


async def test_a_stated_length_that_is_not_kept_is_unknown(server: Server, transport: HttpTransport) -> None:
    async def lie(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    server.serve = lie
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="POST", url=server.url, body=b"x"))
    assert caught.value.code == "target.unknown"


async def test_a_body_that_trickles_for_ever_ends_with_the_time(server: Server, transport: HttpTransport) -> None:
    async def trickle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b".")
            await asyncio.sleep(0.02)
        return response

    server.serve = trickle
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="POST", url=server.url, body=b"x", timeout_s=0.2))
    assert caught.value.code == "target.unknown"


async def test_a_small_zip_that_grows_is_bounded(server: Server, transport: HttpTransport) -> None:
    async def bomb(_request: web.BaseRequest) -> web.StreamResponse:
        response = web.Response(body=b"\0" * 900_000)
        response.enable_compression(web.ContentCoding.deflate)
        return response

    server.serve = bomb
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="GET", url=server.url, headers=(("Accept-Encoding", "deflate"),)))
    assert caught.value.code == "target.unknown"


async def test_garbage_instead_of_http_is_unknown(transport: HttpTransport) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"220 not http at all\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(garbage, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="POST", url=f"http://127.0.0.1:{port}", body=b"x", timeout_s=2.0))
    assert caught.value.code == "target.unknown"
    listening.close()
    await listening.wait_closed()


@pytest.mark.parametrize("url", ["http://khong-co-ten-nay.invalid/", "ftp://127.0.0.1/", "no url", "http://[::1/"])
async def test_an_address_that_leads_nowhere_is_unavailable(transport: HttpTransport, url: str) -> None:
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="POST", url=url, body=b"x", timeout_s=2.0))
    assert caught.value.code == "target.unavailable"


async def test_plain_http_where_tls_is_asked_for_is_unavailable(server: Server, transport: HttpTransport) -> None:
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="POST", url=server.url.replace("http:", "https:"), timeout_s=2.0))
    assert caught.value.code == "target.unavailable"


async def test_an_error_names_no_url(transport: HttpTransport) -> None:
    with pytest.raises(TargetUnavailable) as caught:
        await transport.exchange(Request(method="GET", url="http://127.0.0.1:1/p/bi-mat/x?token=abc", timeout_s=2.0))
    assert "bi-mat" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_tls_checks_names_and_refuses_old_versions() -> None:
    context = tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_wrong_tls_file_stops_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    for options in ({"ca_file": str(tmp_path / "none")}, {"ca_file": str(wrong)}, {"certificate_file": str(wrong)}):
        with pytest.raises(Misconfigured) as caught:
            tls_context(**options)
        assert caught.value.code == "config.invalid"
