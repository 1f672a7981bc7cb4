"""Senders as real ones are: they log in the way their format does, send in order per dossier, and retry until answered.

A message is sent again after no answer, a 5xx or a busy answer, with the same bytes; the hub must take the doubles. A
refusal is counted and not repeated.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from aiohttp import ClientError, ClientSession

Message: TypeAlias = tuple[str, bytes]
Life: TypeAlias = Sequence[Message]
_M = TypeVar("_M")
_PAUSE_S: Final = 0.2
_TRIES: Final = 200
_BUSY: Final = frozenset({429, 502, 503, 504})
_GOOD: Final = range(200, 300)
_MAPI_DONE: Final = "0"
_MAPI_SESSION: Final = "2"
_MAPI_BUSY: Final = "6"


class Tally:
    """What one sender did."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()


class LgspSender:
    """A provincial one-stop system: token by client credentials, then one JSON document per request."""

    def __init__(self, session: ClientSession, hub: str, username: str, secret: str) -> None:
        self._session = session
        self._hub = hub
        self._form = {"grant_type": "client_credentials", "client_id": username, "client_secret": secret}
        self._token = ""
        self.tally = Tally()

    async def send(self, message: Message) -> bool:
        """Send one message until it is answered; True when it was taken."""
        path, body = message
        for _ in range(_TRIES):
            status = await self._post(path, body)
            if status in _GOOD:
                self.tally.counts["sent"] += 1
                return True
            if status == 401:  # noqa: PLR2004  # HTTP: log in again
                self._token = ""
            elif status and status not in _BUSY and status < 500:  # noqa: PLR2004  # HTTP: our own mistake
                self.tally.counts["refused"] += 1
                self.tally.reasons[str(status)] += 1
                return False
            else:
                self.tally.counts["retried"] += 1
                await asyncio.sleep(_PAUSE_S)
        return False

    async def _post(self, path: str, body: bytes) -> int:
        try:
            if not self._token:
                async with self._session.post(f"{self._hub}/opencps/token", data=self._form) as answer:
                    if answer.status not in _GOOD:
                        return answer.status
                    self._token = (await answer.json())["access_token"]
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            async with self._session.post(self._hub + path, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (ClientError, OSError, TimeoutError):
            return 0


class MapiSender:
    """The National Portal as a sender: login, then packets with the session in the body."""

    def __init__(self, session: ClientSession, hub: str, username: str, secret: str) -> None:
        self._session = session
        self._hub = hub
        self._credentials = {"username": username, "password": secret}
        self._logged_in = ""
        self.tally = Tally()

    async def send(self, packet: dict[str, Any]) -> bool:
        """Send one packet until it is answered; True when every record was taken."""
        for _ in range(_TRIES):
            code = await self._post(packet)
            if code == _MAPI_DONE:
                self.tally.counts["sent"] += 1
                return True
            if code == _MAPI_SESSION:
                self._logged_in = ""
            elif code and code != _MAPI_BUSY:
                self.tally.counts["refused"] += 1
                self.tally.reasons[code] += 1
                return False
            else:
                self.tally.counts["retried"] += 1
                await asyncio.sleep(_PAUSE_S)
        return False

    async def _post(self, packet: dict[str, Any]) -> str:
        try:
            if not self._logged_in:
                answer = await self._exchange("/mapi/login", self._credentials)
                self._logged_in = str(answer.get("session") or "")
                if not self._logged_in:
                    return str(answer.get("error_code", "1"))
            answer = await self._exchange("/mapi/g", packet | {"session": self._logged_in})
            return str(answer.get("error_code", ""))
        except (ClientError, OSError, TimeoutError, msgspec.DecodeError):
            return ""

    async def _exchange(self, path: str, value: object) -> dict[str, Any]:
        body = msgspec.json.encode(value)
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._hub + path, data=body, headers=headers) as answer:
            decoded: dict[str, Any] = msgspec.json.decode(await answer.read(), type=dict[str, Any])
            return decoded


async def live(
    lives: Iterator[Sequence[_M]], send: Callable[[_M], Awaitable[bool]], *, width: int, until: Callable[[], bool]
) -> None:
    """Live ``width`` dossiers at a time, each in order, beginning no new one once ``until`` says so."""

    async def one_after_the_other() -> None:
        for life in lives:
            for message in life:
                await send(message)
            if until():
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(one_after_the_other())
