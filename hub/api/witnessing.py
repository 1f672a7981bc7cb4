"""``POST /log/add-checkpoint``: this hub as a C2SP witness of other logs; ``GET /log/cosigned``: its own, vouched for.

Nobody logs in here: a request is believed by the signature on its checkpoint, of a log that is configured.
"""

from collections.abc import Iterable

from aiohttp import web

from adapters.transports.http_server import read_body
from contracts.errors import MessageRefused
from contracts.ports import Files
from hub.jobs.witness import COSIGNED_FILE
from ledger.witnessing import MAX_REQUEST_BYTES, WitnessService


class WitnessPages:
    """The routes between logs and witnesses. Without a ``service`` the hub is nobody's witness."""

    def __init__(self, files: Files, service: WitnessService | None) -> None:
        self._files = files
        self._service = service

    def routes(self) -> Iterable[web.RouteDef]:
        """Both routes."""
        yield web.get("/log/cosigned", self.cosigned)
        yield web.post("/log/add-checkpoint", self.add_checkpoint)

    async def cosigned(self, _request: web.Request) -> web.Response:
        """The newest checkpoint that a quorum of witnesses cosigned, with their lines."""
        try:
            content = self._files.read(COSIGNED_FILE)
        except FileNotFoundError:
            raise MessageRefused("query.not_found", "no quorum has cosigned yet") from None
        return web.Response(
            body=content, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

    async def add_checkpoint(self, request: web.Request) -> web.Response:
        """See ``ledger.witnessing``: checked, kept and answered in one step."""
        if self._service is None:
            return web.Response(status=404, text="this log is not watched here\n")
        body = await read_body(request, MAX_REQUEST_BYTES)
        verdict = self._service.add_checkpoint(body)
        return web.Response(
            status=verdict.status,
            body=verdict.body.encode(),
            headers={"Content-Type": verdict.content_type, "Cache-Control": "no-store"},
        )
