"""Receiving parties that cost little and count exactly: they answer as the real ones do and remember every record.

Two dialects: the National Portal's mapi and OpenCPS's LGSP. A sink counts records, distinct dossier codes and repeats,
so that "delivered" is counted at the target, not claimed by the hub.
"""

import asyncio
import re
import time
from collections import Counter
from typing import Final, cast

_CODE: Final = re.compile(rb'"(?:MaHoSo|DocCode)"\s*:\s*"([^"]*)"')
_MAPI: Final = b'{"error_code":"0","message":"Dong bo thanh cong"}'
_SESSION: Final = b'{"error_code":"0","message":"","session":"bench-session"}'
_TOKEN: Final = b'{"access_token":"bench-token","token_type":"Bearer","expires_in":36000}'
_LGSP: Final = b'{"Status":1,"Message":"OK"}'


class Tally:
    """What one sink received."""

    def __init__(self) -> None:
        self.requests = 0
        self.records = 0
        self.codes: Counter[bytes] = Counter()
        self.arrived: dict[bytes, float] = {}
        """When the first request that held a dossier was whole, on ``time.perf_counter``."""
        self.rows = 0


class _Sink(asyncio.Protocol):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = bytes(self._buffer[:head_end]).lower()
            at = head.find(b"content-length:")
            end = head.find(b"\r\n", at)
            length = int(head[at + 15 : end if end > 0 else len(head)]) if at >= 0 else 0
            if len(self._buffer) < head_end + 4 + length:
                return
            body = bytes(self._buffer[head_end + 4 : head_end + 4 + length])
            del self._buffer[: head_end + 4 + length]
            answer = self._answer(head, body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )

    def _answer(self, head: bytes, body: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        if b"login" in path:
            return _SESSION
        if b"token" in path:
            return _TOKEN
        self._tally.requests += 1
        codes = _CODE.findall(body)
        if b"CapNhatTienDo" in body or b"documenttraces" in path:
            self._tally.rows += len(codes)
        else:
            self._tally.records += len(codes)
            self._tally.codes.update(codes)
            now = time.perf_counter()
            for code in codes:
                self._tally.arrived.setdefault(code, now)
        return _LGSP if b"document" in path else _MAPI


async def open_sink(tally: Tally) -> tuple[asyncio.Server, int]:
    """Listen on a free loopback port."""
    server = await asyncio.get_running_loop().create_server(lambda: _Sink(tally), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]
