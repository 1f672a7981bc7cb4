"""Asking witnesses and timestamping authorities: the ``Fetch`` port over any ``Transport``."""

import asyncio
import ssl
from typing import Final

from adapters.transports.http_client import HttpTransport
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Transport

MAX_TESTIMONY_BYTES: Final = 256 * 1024
"""A token with its certificates has a few KiB, sixteen post-quantum signature lines some 50 KiB."""


class TransportFetch:
    """The ``Fetch`` port over one transport, which it owns."""

    def __init__(self, transport: Transport, *, max_reply_bytes: int = MAX_TESTIMONY_BYTES) -> None:
        self._transport: Final = transport
        self._max_reply_bytes: Final = max_reply_bytes

    async def __call__(self, request: Request) -> Reply:
        """Ask once; see ``contracts.ports.Fetch``."""
        try:
            async with asyncio.timeout(request.timeout_s):
                reply = await self._transport.exchange(request)
        except TimeoutError as error:
            raise TargetUnavailable("target.unknown", "no reply in time") from error
        if len(reply.body) > self._max_reply_bytes:
            raise TargetUnavailable("target.unknown", f"the reply is larger than {self._max_reply_bytes} bytes")
        return reply

    async def close(self) -> None:
        """Close the transport."""
        await self._transport.close()


def http_fetch(*, tls: ssl.SSLContext | None = None, max_reply_bytes: int = MAX_TESTIMONY_BYTES) -> TransportFetch:
    """``Fetch`` over HTTP: two kept-alive connections for each host, no cookies, no proxies, no redirects."""
    transport = HttpTransport(tls=tls, connections=2, max_reply_bytes=max_reply_bytes)
    return TransportFetch(transport, max_reply_bytes=max_reply_bytes)
