"""What every served endpoint shares: bounded bodies, errors as RFC 9457 problems, and one table of HTTP statuses."""

import asyncio
import math
import re
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import msgspec
from aiohttp import ClientError, web
from aiohttp.typedefs import Handler, Middleware

from contracts.errors import (
    CODES,
    HubError,
    IntegrityViolation,
    MessageRefused,
    Misconfigured,
    Overloaded,
    TargetUnavailable,
)
from contracts.ports import Principal
from monitoring.redaction import redact_path

Language: TypeAlias = Literal["vi", "en"]

PRINCIPAL: Final = web.RequestKey("principal", Principal)
"""Where the hub's guard leaves the caller it has authenticated, for served endpoints to take."""

PROBLEM_JSON: Final = "application/problem+json"
BODY_TIMEOUT_S: Final = 30.0
"""A sender that needs longer between headers and the last byte of a body gives up its connection."""

STATUS_BY_CODE: Final[dict[str, int]] = {
    "transport.unauthenticated": 401,
    "transport.session_expired": 401,
    "transport.forbidden": 403,
    "transport.not_found": 404,
    "transport.method": 405,
    "transport.incomplete": 408,
    "transport.too_large": 413,
    "intake.empty": 400,
    "intake.type_unknown": 400,
    "intake.idempotency_key_missing": 400,
    "intake.conflict": 409,
    "intake.erased": 410,
    "intake.agency_forbidden": 403,
    "intake.party_disabled": 403,
    "query.invalid": 400,
    "query.not_found": 404,
    "cursor.other_origin": 410,
    "vault.erased": 410,
    "hub.quota": 429,
    "ledger.unavailable": 503,
}
STATUS_BY_CLASS: Final[tuple[tuple[type[HubError], int], ...]] = (
    (MessageRefused, 422),
    (Overloaded, 503),
    (TargetUnavailable, 503),
    (IntegrityViolation, 500),
    (Misconfigured, 500),
)

_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_ENCODER: Final = msgspec.json.Encoder()


async def read_body(request: web.Request, limit: int, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The whole body, never holding more than ``limit`` bytes of it plus one chunk.

    Raises:
        MessageRefused: ``transport.too_large``, before reading when the length is stated; ``transport.incomplete``
            when the body stops coming or takes longer than ``timeout_s``.
    """
    stated = request.content_length
    if stated is not None and stated > limit:
        raise _too_large(limit)
    content = request.content
    try:
        if content.is_eof():  # a small body arrives with its headers; no timer is needed
            body = content.read_nowait(-1)
            if len(body) > limit:
                raise _too_large(limit)
            return body
        async with asyncio.timeout(timeout_s):
            return await _read_chunks(content, limit)
    except (TimeoutError, ClientError, OSError, web.RequestPayloadError) as error:
        raise MessageRefused("transport.incomplete", type(error).__name__) from error


async def _read_chunks(content: Any, limit: int) -> bytes:
    chunks = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> MessageRefused:
    return MessageRefused("transport.too_large", limit=limit)


def status_of(error: HubError) -> int:
    """The HTTP status that says whose move it is."""
    status = STATUS_BY_CODE.get(error.code)
    if status is not None:
        return status
    return next((found for kind, found in STATUS_BY_CLASS if isinstance(error, kind)), 500)


def retry_after(error: HubError) -> int | None:
    """Whole seconds for ``Retry-After``, at least 1; None when waiting would not help."""
    seconds = getattr(error, "retry_after_s", None)
    return None if seconds is None else max(1, math.ceil(seconds))


def language_of(request: web.BaseRequest) -> Language:
    """``en`` when ``Accept-Language`` prefers it to Vietnamese, else ``vi``."""
    best: dict[str, float] = {"vi": 0.0, "en": 0.0}
    for part in request.headers.get("Accept-Language", "").split(","):
        name, _, weight = part.strip().partition(";")
        tongue = name.strip().lower().partition("-")[0]
        if tongue in best:
            best[tongue] = max(best[tongue], _weight(weight))
    return "en" if best["en"] > best["vi"] else "vi"


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0


def problem(error: HubError, request: web.BaseRequest, *, instance: str = "") -> web.Response:
    """One error as RFC 9457 ``application/problem+json``, in the caller's language, with ``errors[]`` in both.

    ``instance`` names this occurrence (a message id); without one it is the path with its secrets masked. What went
    wrong inside the hub is told by code only: its details belong to the log.
    """
    language = language_of(request)
    status = status_of(error)
    text = CODES[error.code]
    body: dict[str, Any] = {
        "type": f"urn:lienthong:problem:{error.code}",
        "title": _PLACEHOLDER.sub("…", getattr(text, language)),
        "status": status,
        "detail": getattr(error, language),
        "instance": instance or redact_path(request.path),
        "code": error.code,
    }
    if isinstance(error, MessageRefused):
        body["detail"] = getattr(error.errors[0], language)
        body["errors"] = [
            {"path": one.path, "line": one.line, "code": one.code, "vi": one.vi, "en": one.en}
            if one.line
            else {"path": one.path, "code": one.code, "vi": one.vi, "en": one.en}
            for one in error.errors
        ]
    elif isinstance(error, IntegrityViolation | Misconfigured):
        body["detail"] = body["title"]
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    wait = retry_after(error)
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(status=status, body=_ENCODER.encode(body), content_type=PROBLEM_JSON, headers=headers)


def answers_problems(report: Callable[[web.Request, BaseException], None]) -> Middleware:
    """Middleware that turns every error into a problem: ours by code, a wrong path or method, the unforeseen as 500.

    ``report`` hears only of the unforeseen and of faults of the hub, once each, to log them.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except HubError as error:
            if isinstance(error, IntegrityViolation | Misconfigured):
                report(request, error)
            return problem(error, request)
        except web.HTTPNotFound:
            return problem(MessageRefused("transport.not_found"), request)
        except web.HTTPMethodNotAllowed as error:
            answer = problem(MessageRefused("transport.method"), request)
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return answer
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  # one request must not take the others down
            report(request, error)
            return problem(HubError("hub.internal"), request)

    return middleware
