"""``/v1/events`` (cursor feed with long poll) and ``/v1/stream`` (Server-Sent Events): one event per position.

Whoever falls behind or loses its connection goes on from the last position it has: ``Last-Event-ID`` or ``after``. A
reader too slow for its buffer is cut off and resumes the same way; it never slows the hub.
"""

import asyncio
from typing import Final

from aiohttp import web

from contracts.errors import MessageRefused, Overloaded
from contracts.ports import Principal
from hub.api.dossiers import number, reply
from hub.api.guard import caller
from hub.feed import Feed

HEARTBEAT_S: Final = 15.0
MOST_SUBSCRIBERS: Final = 1_000
_MOST_EVENTS: Final = 1_000
_LONGEST_WAIT_S: Final = 30
_FRAMES: Final = 200


class Streams:
    """The feed handlers of one hub."""

    def __init__(self, feed: Feed, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._feed = feed
        self._heartbeat_s = heartbeat_s
        self._open = 0
        self._closing = asyncio.Event()

    @property
    def subscribers(self) -> int:
        """Streams open now."""
        return self._open

    def close(self) -> None:
        """End every stream; readers come back with their last position."""
        self._closing.set()

    async def events(self, request: web.Request) -> web.Response:
        """Events after a position; with ``wait`` the answer is held until there is one that the caller may see."""
        principal = caller(request)
        after = number(request, "after", 0, least=0)
        limit = number(request, "limit", 500, least=1, most=_MOST_EVENTS)
        wait_s = number(request, "wait", 0, least=0, most=_LONGEST_WAIT_S)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        events, position = self._feed.page(principal, after, limit)
        while not events and not self._closing.is_set() and loop.time() < deadline:
            before = position
            events, position = self._feed.page(principal, position, limit)
            if position == before:
                await self._feed.wait_beyond(position, deadline - loop.time())
            else:
                await asyncio.sleep(0)
        return reply({"events": events, "next": position})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-Sent Events until the reader leaves or the hub stops."""
        principal = caller(request)
        if self._open >= MOST_SUBSCRIBERS:
            raise Overloaded("hub.overloaded", retry_after_s=5)
        after = _resume_from(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        self._open += 1
        try:
            await self._follow(request, response, principal, after)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open -= 1
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, principal: Principal, after: int
    ) -> None:
        kind = request.query.get("type", "")
        subject = request.query.get("subject", "")
        position = after
        await response.write(b"retry: 1000\n\n")
        while not self._closing.is_set():
            frames, position = self._feed.frames(principal, position, _FRAMES, kind=kind, subject=subject)
            if frames:
                await response.write(frames)
                continue
            reached = await self._feed.wait_beyond(position, self._heartbeat_s)
            if reached <= position:
                await response.write(b": heartbeat\n\n")


def _resume_from(request: web.Request) -> int:
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return number(request, "after", 0, least=0)
    if not text.isascii() or not text.isdigit():
        raise MessageRefused("query.invalid", name="Last-Event-ID")
    return int(text[:20])
