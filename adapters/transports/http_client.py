"""Exchanges over HTTP with kept-alive connections."""

import ssl
from io import BytesIO
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    NonHttpUrlClientError,
    ServerFingerprintMismatch,
    TCPConnector,
)
from aiohttp.resolver import ThreadedResolver

from contracts.delivery import Reply, Request
from contracts.errors import Misconfigured, TargetUnavailable

MAX_REPLY_BYTES: Final = 8 * 1024 * 1024
_CONNECT_S: Final = 10.0
_WHOLE_BYTES: Final = 256 * 1024
_NEVER_SENT: Final = (
    ClientConnectorError,
    ConnectionTimeoutError,
    InvalidURL,
    NonHttpUrlClientError,
    ServerFingerprintMismatch,
)


class HttpTransport:
    """The ``Transport`` port over HTTP/1.1 and TLS.

    Connections stay open between exchanges, ``connections`` at most per target. Redirects are not followed: a body
    with personal data goes only where the configuration says. Cookies, proxies of the environment and netrc files are
    ignored. The connection must stand within half the request's time, at most 10 s, so that a target that can not be
    reached is never mistaken for one that may have taken the message.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        connections: int = 16,
        keep_alive_s: float = 15.0,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        self._tls: Final = tls
        self._connections: Final = connections
        self._keep_alive_s: Final = keep_alive_s
        self._max_reply_bytes: Final = max_reply_bytes
        self._session: ClientSession | None = None
        self._closed = False

    async def exchange(self, request: Request) -> Reply:
        """Send once and read the whole reply, at most ``max_reply_bytes`` of it.

        ``target.unavailable``: no connection came about. ``target.unknown``: everything after that, a reply too large
        or unreadable included, because the target may have acted.
        """
        session = self._session or self._open()
        limit = ClientTimeout(total=request.timeout_s, connect=min(_CONNECT_S, request.timeout_s / 2))
        try:
            async with session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=_payload(request.body),
                timeout=limit,
                allow_redirects=False,
            ) as response:
                body = await self._read(response)
        except _NEVER_SENT as error:
            raise TargetUnavailable("target.unavailable", _why(error)) from error
        except (TimeoutError, ClientError, OSError) as error:
            raise TargetUnavailable("target.unknown", _why(error)) from error
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        return Reply(status=response.status, headers=headers, body=body)

    async def close(self) -> None:
        """Close every connection; later exchanges are ``target.unavailable``."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> ClientSession:
        if self._closed:
            raise TargetUnavailable("target.unavailable", "this transport is closed")
        connector = TCPConnector(
            limit=0,
            limit_per_host=self._connections,
            keepalive_timeout=self._keep_alive_s,
            resolver=ThreadedResolver(),
            ssl=self._tls if self._tls is not None else True,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "lienthong"},
            skip_auto_headers=("Content-Type",),
            trust_env=False,
        )
        return self._session

    async def _read(self, response: ClientResponse) -> bytes:
        chunks = []
        size = 0
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > self._max_reply_bytes:
                response.close()
                raise TargetUnavailable("target.unknown", f"the reply is larger than {self._max_reply_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


def tls_context(*, ca_file: str = "", certificate_file: str = "", key_file: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer with names checked: trust the system, or only ``ca_file``; show ``certificate_file`` if given.

    Raises:
        Misconfigured: ``config.invalid`` when a file can not be read or does not hold what it should.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate_file:
            context.load_cert_chain(certificate_file, key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured("config.invalid", str(error), name="tls") from error
    return context


def _payload(body: bytes) -> bytes | BytesIO | None:
    """A large body goes piece by piece, so that it does not hold the loop."""
    return BytesIO(body) if len(body) > _WHOLE_BYTES else body or None


def _why(error: BaseException) -> str:
    """The kind of failure, without the URL: its path or query may hold a secret."""
    cause = getattr(error, "os_error", None) or error.__cause__
    return f"{type(error).__name__} ({type(cause).__name__})" if cause else type(error).__name__
