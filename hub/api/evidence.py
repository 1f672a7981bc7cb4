"""``/v1/dossiers/{code}/bundle``: evidence as a file, for auditors, operators and the parties it concerns."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from contracts.ports import Principal
from hub.api.guard import caller

MIMETYPE: Final = "application/vnd.etsi.asic-e+zip"
MakeBundle: TypeAlias = Callable[[Principal, str], Awaitable[bytes]]


class EvidencePages:
    """The evidence handler of one hub."""

    def __init__(self, make: MakeBundle) -> None:
        self._make = make

    async def bundle(self, request: web.Request) -> web.Response:
        """The bundle of a dossier."""
        content = await self._make(caller(request), request.match_info["code"])
        return web.Response(
            body=content,
            content_type=MIMETYPE,
            headers={"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="evidence.asice"'},
        )
