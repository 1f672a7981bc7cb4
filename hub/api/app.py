"""The user port put together: our routes, the adapters' served endpoints, and the admin socket."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.transports.http_server import read_body
from contracts.errors import MessageRefused
from contracts.ports import Adapter, Gate, Principal
from hub.admin import Admin
from hub.api.access import Access
from hub.api.dossiers import DossierPages, reply
from hub.api.evidence import EvidencePages
from hub.api.gate import HubGate
from hub.api.guard import RequestObserver, caller, guard, guard_local
from hub.api.log import LogPages
from hub.api.messages import Messages
from hub.api.sight import Sight
from hub.api.stream import Streams
from hub.api.witnessing import WitnessPages
from hub.feed import Feed
from hub.views.views import Views
from ledger.port import Ledger

_ADMIN_BODY_BYTES: Final = 1_048_576
_CLIENT_MAX_SIZE: Final = 64 * 1024 * 1024
_OPERATORS: Final = ("operator", "admin")
_PATH_CREDENTIAL: Final = "/p/{secret}"


class Doors:
    """Whether the hub takes new work; closed first when it stops."""

    def __init__(self) -> None:
        self.draining = False
        self.streams: Streams | None = None

    def close(self) -> None:
        """Refuse new messages from now on and end the open streams."""
        self.draining = True
        if self.streams is not None:
            self.streams.close()

    def is_draining(self) -> bool:
        """Whether new messages are refused."""
        return self.draining


def build_app(  # noqa: PLR0913  # the pieces of a hub come in by name
    *,
    gate: HubGate,
    access: Access,
    ledger: Ledger,
    sight: Sight,
    views: Views,
    feed: Feed,
    admin: Admin,
    adapters: Mapping[str, Adapter],
    parties: Sequence[Mapping[str, Any]],
    observer: RequestObserver,
    doors: Doors,
    limits: Mapping[str, int],
    log: LogPages,
    witnessing: WitnessPages,
    evidence: EvidencePages,
    barred: Collection[str] = (),
) -> web.Application:
    """The application of the user port. ``barred`` parties may not enter."""
    mounted = list(served_routes(adapters, gate))
    drop_in = frozenset(prefix + route.path for route in mounted for prefix in ("", _PATH_CREDENTIAL))
    guarded = guard(access, observer, doors.is_draining, barred=barred, drop_in=drop_in)
    app = web.Application(middlewares=[guarded], client_max_size=_CLIENT_MAX_SIZE)
    messages = Messages(admit=gate.admit, adapters=adapters, ledger=ledger, gate=gate, limits=limits)
    pages = DossierPages(sight=sight, views=views, feed=feed, parties=parties, prove=ledger.prove)
    doors.streams = streams = Streams(feed)
    app.add_routes(
        [
            web.post("/v1/messages", messages.post),
            web.get("/v1/messages/{id}", pages.message),
            web.get("/v1/dossiers", pages.search),
            web.get("/v1/dossiers/{code}", pages.show),
            web.get("/v1/dossiers/{code}/events", pages.events),
            web.get("/v1/dossiers/{code}/diff", pages.diff),
            web.get("/v1/dossiers/{code}/sync", pages.sync),
            web.get("/v1/dossiers/{code}/bundle", evidence.bundle),
            web.get("/v1/events", streams.events),
            web.get("/v1/stream", streams.stream),
            web.get("/v1/parties", pages.parties),
            *log.routes(),
            *witnessing.routes(),
            web.post("/v1/admin/{command}", _admin(admin)),
            web.get("/openapi.yaml", _document("openapi.yaml")),
            web.get("/asyncapi.yaml", _document("asyncapi.yaml")),
            web.get("/schemas/{name}", _schema()),
        ]
    )
    for route in mounted:
        app.router.add_route(route.method, route.path, route.handler, **route.kwargs)
        app.router.add_route(route.method, _PATH_CREDENTIAL + route.path, route.handler, **route.kwargs)
    app.router.add_post(_PATH_CREDENTIAL + "/v1/messages", messages.post)
    return app


def build_admin_app(admin: Admin, observer: RequestObserver) -> web.Application:
    """The application of the owner-only socket: whoever may open the socket file is the administrator."""
    local = Principal(party="local", role="admin")
    app = web.Application(middlewares=[guard_local(local, observer)], client_max_size=_CLIENT_MAX_SIZE)
    app.router.add_post("/v1/admin/{command}", _admin(admin))
    return app


def served_routes(adapters: Mapping[str, Adapter], gate: Gate) -> Iterable[web.RouteDef]:
    """The drop-in endpoints of the formats in use; a format without one serves nothing."""
    for name in adapters:
        try:
            endpoint = import_module(f"adapters.{name}.endpoint")
        except ModuleNotFoundError as error:
            if error.name not in {f"adapters.{name}.endpoint", f"adapters.{name}"}:
                raise
            continue
        yield from endpoint.routes(gate)


def _document(name: str) -> Any:
    """A description of the interface; what lies beside it in ``events/`` is served below ``/schemas/``."""
    document = files("contracts").joinpath("api", name).read_bytes().replace(b"./events/", b"./schemas/")

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/yaml")

    return handler


def _schema() -> Any:
    """The JSON Schemas of the events, by file name; read when asked for."""
    folder = files("contracts").joinpath("api/events")
    known = frozenset(one.name for one in folder.iterdir())

    async def handler(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in known:
            raise MessageRefused("query.not_found", name)
        return web.Response(body=folder.joinpath(name).read_bytes(), content_type="application/schema+json")

    return handler


def _admin(admin: Admin) -> Any:
    async def handler(request: web.Request) -> web.Response:
        principal = caller(request, *_OPERATORS)
        body = await read_body(request, _ADMIN_BODY_BYTES)
        try:
            values = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
        except msgspec.DecodeError as error:
            raise MessageRefused("query.invalid", str(error), name="body") from error
        return reply(await admin.run(principal, request.match_info["command"], values))

    return handler
