"""A load generator that costs little: raw HTTP/1.1 over asyncio streams of bytes, keep-alive, closed or open loop.

It must not be the bottleneck: a request is bytes made beforehand, an answer is cut out by its Content-Length. Every
answer's status is checked and counted; latencies are kept whole, not sampled.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast


@dataclass
class Result:
    """What a run gave. Latencies in seconds, from the first byte sent to the last byte of the answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    started: float = 0.0
    ended: float = 0.0
    bodies: list[bytes] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Wall time of the run."""
        return self.ended - self.started

    def quantile(self, share: float) -> float:
        """A latency quantile in milliseconds, 0 when nothing was answered."""
        ordered = sorted(self.latencies)
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the last was answered."""

    def __init__(self, requests: Iterator[bytes], result: Result, done: asyncio.Future[None], keep: bool) -> None:  # noqa: FBT001
        self._requests = requests
        self._result = result
        self._done = done
        self._keep = keep
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length:")
        length = (
            int(head[at + 15 : (head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else len(head))]) if at >= 0 else 0
        )
        if len(self._buffer) < head_end + 4 + length:
            return
        self._result.latencies.append(time.perf_counter() - self._sent)
        self._result.statuses[int(head[9:12])] += 1
        if self._keep:
            self._result.bodies.append(self._buffer[head_end + 4 : head_end + 4 + length])
        self._buffer = self._buffer[head_end + 4 + length :]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))


async def closed_loop(
    host: str, port: int, requests: Iterator[bytes], *, connections: int, keep_bodies: bool = False
) -> Result:
    """Send all requests over ``connections`` connections, the next as soon as the last was answered."""
    loop = asyncio.get_running_loop()
    result = Result()
    waits: list[asyncio.Future[None]] = []
    result.started = time.perf_counter()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        waits.append(done)
        await loop.create_connection(_factory(requests, result, done, keep=keep_bodies), host, port)
    await asyncio.gather(*waits)
    result.ended = time.perf_counter()
    return result


def _factory(
    requests: Iterator[bytes], result: Result, done: asyncio.Future[None], *, keep: bool
) -> Callable[[], _Connection]:
    return lambda: _Connection(requests, result, done, keep)


async def open_loop(host: str, port: int, requests: Iterator[bytes], *, rate_per_s: float, connections: int) -> Result:
    """Send at a fixed rate whatever the answers do; latency counts from the planned moment, so nothing is omitted."""
    result = Result()
    queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    result.started = time.perf_counter()
    workers = [asyncio.create_task(_worker(host, port, queue, result)) for _ in range(connections)]
    planned = result.started
    for request in requests:
        planned += 1 / rate_per_s
        delay = planned - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        queue.put_nowait((planned, request))
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)
    result.ended = time.perf_counter()
    return result


async def _worker(host: str, port: int, queue: asyncio.Queue[tuple[float, bytes] | None], result: Result) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (job := await queue.get()) is not None:
        planned, request = job
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(lowered[at + 15 : lowered.find(b"\r\n", at)]))
        result.latencies.append(time.perf_counter() - planned)
        result.statuses[int(head[9:12])] += 1
    writer.close()


def post(
    path: str, body: bytes, *, host: str, headers: dict[str, str] | None = None, content_type: str = "application/json"
) -> bytes:
    """The bytes of one POST request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
