"""The drop-in LGSP for OpenCPS senders: a token, one document, an array of documents, rows of progress.

The sender in use sees nothing but the HTTP status (an answer of 400 or more reads as no answer at all), so the status
is exact: 200 only when every record is durable. The body is ``MResult`` (``Status``, ``Message``) with members of ours.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.opencps.fields import EDITION, RECORD, RECORD_ARRAY, STANDARD, TRACE
from adapters.transports.http_server import PRINCIPAL, read_body, retry_after, status_of
from contracts import catalog
from contracts.envelope import Envelope
from contracts.errors import CODES, FieldError, HubError, MessageRefused
from contracts.ports import Admitted, Gate, Principal

BASE: Final = "/opencps"
TOKEN_LIFE_S: Final = 1_800
"""What is promised of a token: sessions live at least as long (``Gate.login``)."""

_TOKEN_BODY_BYTES: Final = 8_192
_MAX_KEY: Final = 255
_MAX_TRACE: Final = 55
_ACCEPTED: Final = "Đã tiếp nhận và lưu bền vững."
_NOT_ALL: Final = "Có bản ghi không hợp lệ: "
_json: Final = msgspec.json.Encoder().encode


def routes(gate: Gate) -> list[web.RouteDef]:
    """The addresses below ``/opencps``. ``SyncDocuments`` is ours: an array of ``SyncDocument`` records."""
    return [
        web.post(f"{BASE}/token", _token(gate)),
        web.post(f"{BASE}/Document/{RECORD}", _take(gate, RECORD, b"{")),
        web.post(f"{BASE}/Document/{RECORD_ARRAY}", _take(gate, RECORD, b"[")),
        web.post(f"{BASE}/Document/{TRACE}", _take(gate, TRACE, b"{[")),
    ]


@cache
def max_body_bytes(service: str) -> int:
    """The largest body a message may have: attachments travel inline."""
    return int(catalog.get(STANDARD, service, EDITION).source["max_body_bytes"])


# ── the token ────────────────────────────────────────────────────────────────────────────────────


def _token(gate: Gate) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        try:
            body = await read_body(request, _TOKEN_BODY_BYTES)
        except HubError as error:
            return _no_token("invalid_request", error.en, status_of(error))
        asked = _form(body)
        username, password = _client(request, asked)
        if asked.get("grant_type") != "client_credentials":
            return _no_token("unsupported_grant_type", "grant_type must be client_credentials", 400)
        session = gate.login(username, password) if username and password else None
        if session is None:
            return _no_token("invalid_client", CODES["transport.unauthenticated"].en, 401)
        return _answer(
            {
                "access_token": session,
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE_S,
                "scope": "default",
            }
        )

    return handler


def _form(body: bytes) -> Mapping[str, str]:
    """The members of a form (RFC 6749) or, as some gateways want it, of a JSON object."""
    try:
        if body.lstrip()[:1] == b"{":
            value = msgspec.json.decode(body, type=dict[str, Any])
            return {name: member for name, member in value.items() if isinstance(member, str)}
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=32))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _client(request: web.Request, asked: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret, from the form or from HTTP Basic (RFC 7617)."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            username, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", ""
        return username, password
    return asked.get("client_id", ""), asked.get("client_secret", "")


def _no_token(error: str, description: str, status: int) -> web.Response:
    headers = {"WWW-Authenticate": "Basic"} if status == web.HTTPUnauthorized.status_code else {}
    return _answer({"error": error, "error_description": description}, status=status, headers=headers)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


def _take(gate: Gate, service: str, starts: bytes) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        try:
            principal = _principal(request, gate)
            body = await read_body(request, max_body_bytes(service))
            start = body.lstrip(b" \t\r\n")[:1]
            if not start:
                raise MessageRefused("intake.empty")
            if start in b"{[" and start not in starts:
                raise MessageRefused("read.envelope", "an array" if start == b"[" else "one object")
            admitted = await gate.admit(_envelope(request, gate, principal, body, service))
        except HubError as error:
            return _refusal(error)
        return _receipt(admitted)

    return handler


def _principal(request: web.Request, gate: Gate) -> Principal:
    """The party that sends: known by its path already, or the holder of a token or session."""
    found: Principal | None = request.get(PRINCIPAL)
    if found is None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            found = gate.by_session(token) or gate.by_bearer(token)
    if found is None:
        raise MessageRefused("transport.unauthenticated")
    if found.role != "party" or found.adapter not in {"", STANDARD}:
        raise MessageRefused("transport.forbidden")
    return found


def _envelope(request: web.Request, gate: Gate, principal: Principal, body: bytes, service: str) -> Envelope:
    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    return Envelope(
        party=principal.party,
        adapter=STANDARD,
        body=body,
        received_at=gate.now(),
        type=f"{STANDARD}/{service}",
        content_type=request.headers.get("Content-Type", ""),
        agencies=principal.agencies,
        source_id=key if len(key) <= _MAX_KEY else "",
        traceparent=request.headers.get("traceparent", "")[:_MAX_TRACE],
    )


def _receipt(admitted: Admitted) -> web.Response:
    errors = [
        {"index": record.index, "DocCode": record.code, **_error(error)}
        for record in admitted.records
        for error in record.errors
        if record.state == "refused"
    ]
    refused = sum(record.state == "refused" for record in admitted.records)
    answer: dict[str, Any] = {
        "Status": 0 if refused else 1,
        "Message": _NOT_ALL + errors[0]["vi"] if errors else _ACCEPTED,
        "message_id": admitted.message_id,
        "accepted": len(admitted.records) - refused,
        "duplicate": admitted.duplicate,
    }
    if not refused:
        return _answer(answer)
    return _answer({**answer, "errors": errors}, status=web.HTTPUnprocessableEntity.status_code)


def _refusal(error: HubError) -> web.Response:
    """Any failure in the sender's own shape, with the HTTP status that says whose move it is."""
    status = status_of(error)
    headers: dict[str, str] = {}
    wait = retry_after(error)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    ours = status == web.HTTPInternalServerError.status_code
    answer: dict[str, Any] = {
        "Status": 0,
        "Message": CODES["hub.internal"].vi if ours else error.vi,
        "code": error.code,
    }
    if isinstance(error, MessageRefused):
        answer["errors"] = [_error(one) for one in error.errors]
    return _answer(answer, status=status, headers=headers)


def _error(error: FieldError) -> dict[str, Any]:
    return {"path": error.path, "code": error.code, "vi": error.vi, "en": error.en}


def _answer(value: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=_json(value),
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
