"""The drop-in portal endpoint: what senders call today, at our address.

``/mapi/login``, ``/mapi/g``, ``/mapi/integration`` and ``/mapi/share`` with the service named in the body, and the
bare-array forms under ``/api/SynsTTHCC/``. Who calls is proved by the path (``PRINCIPAL``), a bearer token,
or the session in the body, in this order. Answers are HTTP 200 with mapi's own codes, except 413 for a body too large.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.portal import answers
from adapters.portal.catalogue import Catalogue
from adapters.portal.fields import PROGRESS, RECORD, SERVICES, STANDARD
from adapters.portal.packet import open_message
from adapters.portal.xmlform import flat_texts
from adapters.transports.http_server import PRINCIPAL, read_body
from contracts.envelope import Envelope
from contracts.errors import HubError, MessageRefused, Overloaded
from contracts.ports import Gate, Principal

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_TOO_LARGE: Final = 413
_as_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Call(msgspec.Struct, frozen=True):
    """What a body says about itself: its members except the records, by lower-case name; ``root`` is set for XML."""

    params: Mapping[str, Any]
    root: str = ""

    def text(self, name: str) -> str:
        """One member as text, "" where it is none."""
        value = self.params.get(name)
        return value.strip() if isinstance(value, str) else ""


_UNREADABLE: Final = Call(params={})


def routes(gate: Gate, *, max_body_bytes: int = MAX_BODY_BYTES) -> list[web.RouteDef]:
    """All routes of the endpoint."""
    endpoint = Endpoint(gate, max_body_bytes)
    bare = "/api/SynsTTHCC/"
    return [
        web.post("/mapi/login", endpoint.login),
        *(web.post(f"/mapi/{path}", endpoint.call) for path in ("g", "integration", "share")),
        web.post(bare + RECORD, endpoint.records),
        web.post(bare + PROGRESS, endpoint.progress),
    ]


class Endpoint:
    """The handlers. Holds nothing but the gate and the catalogue's index."""

    def __init__(self, gate: Gate, max_body_bytes: int) -> None:
        self._gate = gate
        self._catalogue = Catalogue(gate)
        self._max_body_bytes = max_body_bytes

    async def login(self, request: web.Request) -> web.Response:
        """``{username, password}`` → ``{error_code, message, session}``."""
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        call = peek(body)
        root = "loginResponse" if call.root else ""
        session = self._gate.login(call.text("username"), call.text("password"))
        if session is None:
            return answers.respond(answers.refused(MessageRefused("transport.unauthenticated")), root=root)
        answer = {"error_code": answers.ACCEPTED, "message": "Đăng nhập thành công.", "session": session}
        return answers.respond(answer, root=root)

    async def call(self, request: web.Request) -> web.Response:
        """One call of a service named in the body."""
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        call = peek(body)
        service = call.text("service") or (call.root if call.root in SERVICES else "")
        root = f"{service or 'error'}Response" if call.root else ""
        principal = self._principal(request, call)
        if principal is None:
            return _not_let_in(request, call, body, root)
        read = self._catalogue.services.get(service)
        if read is not None:
            return await _guarded(lambda: self._read(read, principal, call), root)
        return await self._admit(principal, body, request, service if service in SERVICES else "", root)

    async def records(self, request: web.Request) -> web.Response:
        """A bare array of dossier records; ``isUpdating`` and ``MaDinhDanhDV`` stand in the query."""
        return await self._bare(request, RECORD)

    async def progress(self, request: web.Request) -> web.Response:
        """A bare array of progress rows."""
        return await self._bare(request, PROGRESS)

    async def _bare(self, request: web.Request, service: str) -> web.Response:
        body = await self._body(request)
        if isinstance(body, web.Response):
            return body
        call = peek(body) if body.lstrip()[:1] in {b"{", b"<"} else _UNREADABLE
        root = f"{service}Response" if call.root else ""
        principal = self._principal(request, call)
        if principal is None:
            return _not_let_in(request, call, body, root)
        return await self._admit(principal, body, request, service, root)

    async def _admit(
        self, principal: Principal, body: bytes, request: web.Request, service: str, root: str
    ) -> web.Response:
        query = request.query
        options = tuple((name, query[name]) for name in ("MaDinhDanhDV", "isUpdating") if name in query)
        envelope = Envelope(
            party=principal.party,
            adapter="portal",
            body=body,
            received_at=self._gate.now(),
            type=f"{STANDARD}/{service}" if service else "",
            content_type=request.content_type,
            agencies=principal.agencies,
            source_id=request.headers.get("Idempotency-Key", ""),
            options=options,
            traceparent=request.headers.get("traceparent", ""),
        )

        async def admit() -> Mapping[str, Any]:
            if principal.role != "party" or principal.adapter not in {"", "portal"}:
                raise MessageRefused("transport.forbidden")
            return answers.admitted(await self._gate.admit(envelope))

        return await _guarded(admit, root)

    async def _read(
        self, read: Callable[[Principal, Mapping[str, Any]], Awaitable[Any]], principal: Principal, call: Call
    ) -> Mapping[str, Any]:
        return answers.result(await read(principal, call.params))

    async def _body(self, request: web.Request) -> bytes | web.Response:
        try:
            return await read_body(request, self._max_body_bytes)
        except MessageRefused as error:
            status = _TOO_LARGE if error.code == "transport.too_large" else 200
            return answers.respond(answers.refused(error), status=status)

    def _principal(self, request: web.Request, call: Call) -> Principal | None:
        known: Principal | None = request.get(PRINCIPAL)
        if known is not None:
            return known
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() == "bearer":
            return self._gate.by_bearer(token.strip())
        session = call.text("session")
        return self._gate.by_session(session) if session else None


async def _guarded(work: Callable[[], Awaitable[Mapping[str, Any]]], root: str) -> web.Response:
    """Do the work; what the sender or time can mend is answered in mapi's shape, our own faults go up."""
    try:
        return answers.respond(await work(), root=root)
    except (MessageRefused, Overloaded) as error:
        return answers.respond(answers.refused(error), root=root, wait_s=answers.wait_of(error))


def _not_let_in(request: web.Request, call: Call, body: bytes, root: str) -> web.Response:
    """The refusal of a caller nobody knows.

    One whose body hides its session is told what is wrong with the body: told to log in, it would send the same bytes
    for ever.
    """
    if call.text("session") or "Authorization" in request.headers:
        error: HubError = MessageRefused("transport.session_expired")
    else:
        error = _fault_of(body) if not call.params else MessageRefused("transport.unauthenticated")
    return answers.respond(answers.refused(error), root=root)


def _fault_of(body: bytes) -> HubError:
    """Why nothing can be read from a body; that credentials are missing where it is not the body's fault."""
    if not body.strip():
        return MessageRefused("intake.empty")
    try:
        open_message(Envelope(party="", adapter="portal", body=body, received_at=0))
    except MessageRefused as refusal:
        return refusal
    return MessageRefused("transport.unauthenticated")


def peek(body: bytes) -> Call:
    """Look at a body's own members without reading its records; a body that can not be read has none."""
    if body.lstrip()[:1] == b"<":
        return _peek_xml(body)
    try:
        members = _as_members.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _UNREADABLE
    params: dict[str, Any] = {}
    for name, raw in members.items():
        if name != "data":
            try:
                params[name.casefold()] = msgspec.json.decode(raw)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return _UNREADABLE
    return Call(params=params)


def _peek_xml(body: bytes) -> Call:
    try:
        root, members = flat_texts(body)
    except MessageRefused:
        return Call(params={}, root="unreadable")
    params = {name.casefold(): value for name, value in members.items() if name != "data"}
    return Call(params=params, root=root)
