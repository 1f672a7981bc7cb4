"""``GET /log/…``: the published log as C2SP tlog-tiles, straight from its files, to anybody.

Leaves hold salted commitments, random ids, times, names of event types and of parties: what the log shows to whoever
can reach the port is how much happens, when, and through which system; never about whom. Only ``checkpoint`` ever
changes; a tile is the same for ever, so whoever stands between may keep it.
"""

import gzip
import re
from collections.abc import Callable, Iterable
from typing import Final

from aiohttp import web

from contracts.errors import MessageRefused
from contracts.ports import Files
from ledger import tiles
from ledger.publication import HEADS_PREFIX, LOG_PREFIX
from ledger.tiles import ENTRIES

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NEVER: Final = "no-cache"
_GZIP_LEVEL: Final = 1
_REFUSED: Final = re.compile(r"q\s*=\s*0(\.0*)?", re.IGNORECASE)
_LARGEST_GZIP: Final = 512 * 1024
"""A larger bundle is sent as it is: compressing it would hold the loop."""


class LogPages:
    """The published logs of one hub. ``committed`` stands in for the checkpoint where nothing is published."""

    def __init__(self, files: Files, committed: Callable[[], str] | None = None) -> None:
        self._files = files
        self._committed = committed

    def routes(self) -> Iterable[web.RouteDef]:
        """The log and the log of stream heads, the same below another path."""
        yield web.get("/log/checkpoint", self.checkpoint)
        yield web.get("/log/tile/{path:.+}", self.tile)
        yield web.get("/log/heads/checkpoint", self.heads_checkpoint)
        yield web.get("/log/heads/tile/{path:.+}", self.heads_tile)

    async def checkpoint(self, _request: web.Request) -> web.Response:
        """The newest published checkpoint; the newest committed one where publishing is turned off."""
        if self._committed is not None:
            return _note(self._committed().encode())
        return _note(self._read(LOG_PREFIX + tiles.CHECKPOINT))

    async def heads_checkpoint(self, _request: web.Request) -> web.Response:
        """The newest published checkpoint of the log of stream heads."""
        return _note(self._read(HEADS_PREFIX + tiles.CHECKPOINT))

    async def tile(self, request: web.Request) -> web.Response:
        """A tile or an entry bundle of the log."""
        return self._tile(LOG_PREFIX, request)

    async def heads_tile(self, request: web.Request) -> web.Response:
        """A tile or an entry bundle of the log of stream heads."""
        return self._tile(HEADS_PREFIX, request)

    def _tile(self, prefix: str, request: web.Request) -> web.Response:
        tile = tiles.parse_path(f"tile/{request.match_info['path']}")
        if tile is None:
            raise MessageRefused("query.not_found", "not the path of a tile")
        content = self._read(prefix + tile.path)
        headers = {"Cache-Control": _FOR_EVER}
        if tile.level == ENTRIES:
            headers["Vary"] = "Accept-Encoding"
            if _takes_gzip(request) and len(content) <= _LARGEST_GZIP:
                headers["Content-Encoding"] = "gzip"
                content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    def _read(self, name: str) -> bytes:
        try:
            return self._files.read(name)
        except (FileNotFoundError, NotADirectoryError):
            raise MessageRefused("query.not_found", "not published") from None


def _note(content: bytes) -> web.Response:
    return web.Response(body=content, content_type="text/plain", charset="utf-8", headers={"Cache-Control": _NEVER})


def _takes_gzip(request: web.Request) -> bool:
    """Whether the caller names gzip without refusing it (``q=0``)."""
    for one in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = one.partition(";")
        if name.strip().lower() == "gzip":
            return _REFUSED.fullmatch(weight.strip()) is None
    return False
