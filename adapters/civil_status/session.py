"""One logged-in connection to DVCLT: ``{userName, password}`` for a token, a new one when the old one ends."""

from typing import Final

import msgspec

from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Profile, Transport

PATHS: Final = {
    "login": "/api/auth/gettoken",
    "dossiers": "/api/lienthongdvclt/hosolienthong",
    "received": "/api/lienthongdvclt/hosolienthong/danhan",
    "status": "/api/lienthongdvclt/trangthai",
    "status_array": "/api/lienthongdvclt/trangthai/lo",
}
"""Paths below ``base_url``; each can be set by the option ``path.<name>``. Only ``dossiers`` is publicly documented."""

_UNAUTHORISED: Final = 401
_OK: Final = 200
_REDIRECT: Final = 300
_JSON: Final = ("content-type", "application/json; charset=utf-8")


class _Token(msgspec.Struct):
    token: str = ""


_read_token = msgspec.json.Decoder(_Token).decode


class Session:
    """Requests with a bearer token; an address without a user name is spoken to without one."""

    def __init__(self, address: Address, transport: Transport, profile: Profile) -> None:
        self._address: Final = address
        self._transport: Final = transport
        self._options: Final = profile.options
        self._base: Final = address.base_url.rstrip("/")
        self._token = ""

    def path(self, name: str) -> str:
        """The path of one service."""
        return self._options.get(f"path.{name}", PATHS[name])

    async def call(self, method: str, path: str, body: bytes) -> Reply:
        """One exchange, logging in first where needed and once more when the token has ended.

        Raises:
            TargetUnavailable: as the transport says, or ``target.unavailable`` when the login is refused.
        """
        if self._address.username and not self._token:
            await self._login()
        reply = await self._exchange(method, path, body)
        if reply.status == _UNAUTHORISED and self._address.username:
            await self._login()
            reply = await self._exchange(method, path, body)
        return reply

    async def _login(self) -> None:
        self._token = ""
        credentials = {"userName": self._address.username, "password": self._address.secret}
        try:
            reply = await self._exchange("POST", self.path("login"), msgspec.json.encode(credentials))
        except TargetUnavailable as fault:
            # Whatever became of the login, the message itself was not sent.
            raise TargetUnavailable("target.unavailable", fault.detail, retry_after_s=fault.retry_after_s) from fault
        if _OK <= reply.status < _REDIRECT:
            try:
                self._token = _read_token(reply.body).token
            except (msgspec.MsgspecError, ValueError):
                self._token = ""
        if not self._token:
            raise TargetUnavailable("target.unavailable", f"login refused with HTTP {reply.status}", retry_after_s=60.0)

    async def _exchange(self, method: str, path: str, body: bytes) -> Reply:
        headers = (_JSON, ("authorization", f"Bearer {self._token}")) if self._token else (_JSON,)
        return await self._transport.exchange(
            Request(
                method=method,
                url=self._base + path,
                headers=headers,
                body=body,
                timeout_s=self._address.timeout_s,
            )
        )
