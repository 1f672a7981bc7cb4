"""A bearer token by OAuth 2.0 client credentials (RFC 6749 §4.4), renewed before it ends and when it is refused."""

import asyncio
from typing import Final
from urllib.parse import urlencode

import msgspec

from adapters.opencps.replies import understand
from contracts.delivery import Reply, Request
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Transport

TOKEN_PATH: Final = "/token"  # noqa: S105  # a path
RENEW_BEFORE_S: Final = 30.0
"""A token is renewed so long before its end, a short one at half its life."""

_LONGEST_LIFE_S: Final = 86_400.0
_REFUSED_WAIT_S: Final = 60.0
_OK: Final = 200
_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
_JSON: Final = ("content-type", "application/json; charset=utf-8")
_ACCEPT: Final = ("accept", "application/json")


class _Token(msgspec.Struct):
    access_token: str = ""
    expires_in: float | str | None = None


_read_token = msgspec.json.Decoder(_Token).decode


class Session:
    """Requests with a token; an address without a client id is spoken to without one."""

    def __init__(self, address: Address, transport: Transport) -> None:
        self._address: Final = address
        self._transport: Final = transport
        self._base: Final = address.base_url.rstrip("/")
        self._token = ""
        self._ends = 0.0

    async def post(self, path: str, body: bytes) -> Reply:
        """One exchange, with a new token first where needed and once more when the token was refused.

        Raises:
            TargetUnavailable: as the transport says, or ``target.unavailable`` when no token is given.
        """
        known = bool(self._address.username)
        if known and (not self._token or asyncio.get_running_loop().time() >= self._ends):
            await self._renew()
        reply = await self._exchange(path, body, _JSON)
        if known and understand(reply)[0].renew:
            await self._renew()
            reply = await self._exchange(path, body, _JSON)
        return reply

    async def _renew(self) -> None:
        self._token = ""
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self._address.username,
                "client_secret": self._address.secret,
            }
        )
        try:
            reply = await self._exchange(TOKEN_PATH, form.encode(), _FORM)
        except TargetUnavailable as fault:
            # Whatever became of this exchange, the message itself was not sent.
            raise TargetUnavailable("target.unavailable", fault.detail, retry_after_s=fault.retry_after_s) from fault
        token = _Token()
        if reply.status == _OK:
            try:
                token = _read_token(reply.body)
            except (msgspec.MsgspecError, ValueError):
                token = _Token()
        if not token.access_token:
            raise TargetUnavailable(
                "target.unavailable", f"no token, HTTP {reply.status}", retry_after_s=_REFUSED_WAIT_S
            )
        life = _life(token.expires_in)
        self._token = token.access_token
        self._ends = asyncio.get_running_loop().time() + max(life - RENEW_BEFORE_S, life / 2)

    async def _exchange(self, path: str, body: bytes, kind: tuple[str, str]) -> Reply:
        headers: tuple[tuple[str, str], ...] = (kind, _ACCEPT)
        if self._token and path != TOKEN_PATH:
            headers = (*headers, ("authorization", f"Bearer {self._token}"))
        return await self._transport.exchange(
            Request(method="POST", url=self._base + path, headers=headers, body=body, timeout_s=self._address.timeout_s)
        )


def _life(stated: float | str | None) -> float:
    """Seconds a token lives; one that says nothing useful is renewed when it is refused."""
    try:
        life = float(stated) if stated is not None else _LONGEST_LIFE_S
    except ValueError:
        return _LONGEST_LIFE_S
    return min(max(life, 1.0), _LONGEST_LIFE_S)
