"""Exchanges inside one process, with faults by plan: for tests and simulations, never for production."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal, TypeAlias

from adapters.transports.http_client import MAX_REPLY_BYTES
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable

Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]
Fault: TypeAlias = Literal["", "before", "after"]
"""before: the request never arrives · after: it is handled and the reply is lost · "": none."""


class MemoryTransport:
    """The ``Transport`` port over a function. ``sent`` holds every request that was attempted, in order.

    ``faults`` is taken one per exchange, in order; when it is used up, nothing fails any more.
    """

    def __init__(
        self, handler: Handler, *, faults: Iterable[Fault] = (), max_reply_bytes: int = MAX_REPLY_BYTES
    ) -> None:
        self._handler: Final = handler
        self._faults: Final = iter(faults)
        self._max_reply_bytes: Final = max_reply_bytes
        self._closed = False
        self.sent: Final[list[Request]] = []

    async def exchange(self, request: Request) -> Reply:
        """Hand the request to the function and return what it answers, unless the plan says otherwise."""
        if self._closed:
            raise TargetUnavailable("target.unavailable", "this transport is closed")
        self.sent.append(request)
        fault = next(self._faults, "")
        if fault == "before":
            raise TargetUnavailable("target.unavailable", "by plan")
        try:
            async with asyncio.timeout(request.timeout_s):
                reply = await self._handler(request)
        except (TimeoutError, OSError) as error:
            raise TargetUnavailable("target.unknown", type(error).__name__) from error
        if fault == "after":
            raise TargetUnavailable("target.unknown", "by plan")
        if len(reply.body) > self._max_reply_bytes:
            raise TargetUnavailable("target.unknown", f"the reply is larger than {self._max_reply_bytes} bytes")
        headers = tuple((name.lower(), value) for name, value in reply.headers)
        return Reply(status=reply.status, headers=headers, body=reply.body)

    async def close(self) -> None:
        """Later exchanges are ``target.unavailable``."""
        self._closed = True
