"""Every request passes here once: who calls, what answer an error becomes, how long it took.

Authenticate first: a handler never runs for a caller it may not serve. Roles only grow: an auditor reads everything and
writes nothing, an operator also runs commands, a party sees what concerns it and sends messages.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container
from typing import Final, Protocol, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.transports.http_server import PRINCIPAL, problem
from contracts.errors import HubError, IntegrityViolation, MessageRefused, Misconfigured, Overloaded
from contracts.ports import Principal
from hub.api.access import Access

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPEN_METHODS: Final = frozenset({"GET", "HEAD"})
UNKNOWN_ROUTE: Final = "unknown"


class RequestObserver(Protocol):
    """What is counted of a request. ``route`` is the route's pattern, never a path with values in it."""

    def on_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        ...

    def on_fault(self, route: str, error: BaseException) -> None:
        """Something unforeseen happened inside a handler."""
        ...


def route_of(request: web.Request) -> str:
    """The pattern of the matched route (``/v1/dossiers/{code}``), so that labels and logs hold no values."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else UNKNOWN_ROUTE


def guard(
    access: Access,
    observer: RequestObserver,
    is_draining: Callable[[], bool],
    *,
    barred: Container[str] = (),
    drop_in: Container[str] = (),
) -> Middleware:
    """The one middleware of the user port. ``barred`` parties may not enter.

    ``drop_in`` are the routes of served endpoints, by pattern: their callers understand nothing but their own shape, so
    the endpoint itself refuses them.
    """

    def check(request: web.Request) -> None:
        principal = _identify(request, access)
        if route_of(request) in drop_in:
            if principal is not None:
                request[PRINCIPAL] = principal
            return
        if principal is not None:
            if principal.party in barred:
                raise MessageRefused("intake.party_disabled")
            request[PRINCIPAL] = principal
        elif _shows_credential(request):
            raise MessageRefused("transport.unauthenticated")
        if is_draining() and request.method not in _OPEN_METHODS:
            raise Overloaded("hub.draining", retry_after_s=5)

    return _watched(check, observer)


def guard_local(principal: Principal, observer: RequestObserver) -> Middleware:
    """The middleware of the owner-only socket: whoever could open the socket file is ``principal``."""

    def check(request: web.Request) -> None:
        request[PRINCIPAL] = principal

    return _watched(check, observer)


def _watched(check: Callable[[web.Request], None], observer: RequestObserver) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        started = loop.time()
        route = route_of(request)
        try:
            check(request)
            answer = await handler(request)
        except HubError as error:
            if isinstance(error, IntegrityViolation | Misconfigured):
                observer.on_fault(route, error)
            answer = problem(error, request)
        except web.HTTPNotFound:
            answer = problem(MessageRefused("transport.not_found"), request)
        except web.HTTPMethodNotAllowed as error:
            answer = problem(MessageRefused("transport.method"), request)
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  # one request must not take the others down
            observer.on_fault(route, error)
            answer = problem(HubError("hub.internal"), request)
        observer.on_request(request.method, route, answer.status, loop.time() - started)
        return answer

    return middleware


def _identify(request: web.Request, access: Access) -> Principal | None:
    secret = request.match_info.get("secret")
    if secret is not None:
        return access.by_secret(secret, "path")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return access.by_secret(token, "bearer") or access.by_session(token)
    return None


def _shows_credential(request: web.Request) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return "secret" in request.match_info or (scheme.lower() == "bearer" and bool(token))


def caller(request: web.Request, *roles: str) -> Principal:
    """The authenticated caller, who must have one of ``roles`` (none named: any).

    Raises:
        MessageRefused: ``transport.unauthenticated`` or ``transport.forbidden``.
    """
    principal: Principal | None = request.get(PRINCIPAL)
    if principal is None:
        raise MessageRefused("transport.unauthenticated")
    if roles and principal.role not in roles:
        raise MessageRefused("transport.forbidden")
    return principal
