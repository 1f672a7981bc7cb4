"""A simulated provincial system behind its LGSP: takes documents and rows of progress as real ones do.

It answers message by message, keeps every row it is sent (a row sent again stands there twice) and overwrites
documents. What goes wrong is drawn from the seed; time and sockets are the running loop's. ``rules`` adds the one
refusal that receivers of the family know: a row for a document they never saw.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from adapters.opencps.draws import Draws
from adapters.opencps.fields import EDITION, RECORD, RECORD_ARRAY, STANDARD, TRACE
from adapters.opencps.invented import Life, life_of
from adapters.opencps.remote import ARRAY_LIMIT
from contracts import catalog

__all__ = ["PROFILES", "Life", "Simulator", "Weather", "life_of"]

USERNAME: Final = "opencps-mau"
PASSWORD: Final = "mat-khau-mau"  # noqa: S105  # the simulator's own, invented
_MAX_BODY: Final = 64 * 1024 * 1024
_TOKEN_USES: Final = 40
_BUSY_S: Final = 1
_json: Final = msgspec.json.Encoder().encode


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How a profile behaves: shares of requests (0 to 1) that meet each fault, and the longest delay in seconds."""

    delay_s: float = 0.0
    busy: float = 0.0
    server_error: float = 0.0
    cut_before: float = 0.0
    cut_after: float = 0.0
    garbled: float = 0.0
    denied_by_text: float = 0.0
    token_ends: bool = False


PROFILES: Final[Mapping[str, Weather]] = {
    "calm": Weather(),
    "slow": Weather(delay_s=0.4),
    "flaky": Weather(delay_s=0.02, busy=0.05, server_error=0.03, cut_after=0.02, token_ends=True),
    "hostile": Weather(
        delay_s=0.05,
        busy=0.1,
        server_error=0.1,
        cut_before=0.04,
        cut_after=0.06,
        garbled=0.04,
        denied_by_text=0.03,
        token_ends=True,
    ),
}


class Simulator:
    """One simulated provincial system. ``requests`` counts what arrived, tokens included."""

    def __init__(self, profile: str = "calm", seed: int = 0, *, rules: bool = False) -> None:
        self._weather: Final = PROFILES[profile]
        self._seed: Final = seed
        self._rules: Final = rules
        self._faults: Final = Draws(seed, f"opencps/{profile}")
        self._documents: Final[dict[str, dict[str, Any]]] = {}
        self._rows: Final[dict[str, list[dict[str, Any]]]] = {}
        self._tokens: Final[dict[str, int]] = {}
        self._issued = 0
        self.requests = 0

    def holdings(self) -> Mapping[str, Mapping[str, Any]]:
        """By dossier code: ``status`` (the word, else LGSP's number; "" without a record), ``fields``, all ``rows``."""
        codes = dict.fromkeys((*self._documents, *self._rows))
        return {
            code: {
                "status": _status(self._documents.get(code)),
                "fields": dict(self._documents.get(code, {})),
                "rows": list(self._rows.get(code, ())),
            }
            for code in codes
        }

    def kept(self) -> dict[str, Any]:
        """What it holds, as plain values, for ``recall``."""
        return {"documents": self._documents, "rows": self._rows}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Hold again what an earlier life kept."""
        self._documents.update(kept["documents"])
        self._rows.update(kept["rows"])

    def app(self) -> web.Application:
        """The service as an aiohttp application, at the root and below ``/opencps``."""
        app = web.Application(client_max_size=_MAX_BODY)
        for base in ("", "/opencps"):
            app.router.add_post(f"{base}/token", self._token)
            app.router.add_post(f"{base}/Document/{RECORD}", self._document)
            app.router.add_post(f"{base}/Document/{RECORD_ARRAY}", self._document)
            app.router.add_post(f"{base}/Document/{TRACE}", self._trace)
        return app

    # ── the service ──────────────────────────────────────────────────────────────────────────────

    async def _token(self, request: web.Request) -> web.Response:
        self.requests += 1
        await self._delay()
        form = dict(parse_qsl((await request.read()).decode("ascii", "replace")))
        if (form.get("client_id"), form.get("client_secret")) != (USERNAME, PASSWORD):
            return _answer({"error": "invalid_client"}, status=401)
        self._issued += 1
        token = f"token-{self._seed}-{self._issued}"
        self._tokens[token] = 0
        return _answer({"access_token": token, "token_type": "Bearer", "expires_in": 3_600, "scope": "default"})

    async def _document(self, request: web.Request) -> web.Response:
        return await self._take(request, RECORD)

    async def _trace(self, request: web.Request) -> web.Response:
        return await self._take(request, TRACE)

    async def _take(self, request: web.Request, service: str) -> web.Response:
        early = await self._before(request)
        if early is not None:
            return early
        records = _records(await request.read())
        contract = catalog.get(STANDARD, service, EDITION)
        if not 1 <= len(records) <= ARRAY_LIMIT or not all(contract.is_valid_json(record) for record in records):
            return _answer({"Status": 0, "Message": "Dữ liệu không hợp lệ"}, status=422)
        # All of a request or nothing: the answer names no record.
        if service == TRACE and self._rules and any(_code(row) not in self._documents for row in records):
            return _answer({"Status": 0, "Message": "Hồ sơ không tồn tại"})
        for record in records:
            if service == RECORD:
                self._documents[_code(record)] = record
            else:
                self._rows.setdefault(_code(record), []).append(record)
        return await self._answer(request)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────

    async def _before(self, request: web.Request) -> web.Response | None:
        """What happens before the service looks at a request; nothing was applied when it answers here."""
        self.requests += 1
        await self._delay()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            return _answer({"fault": {"code": 900_901, "message": "Invalid Credentials"}}, status=401)
        self._tokens[token] += 1
        if self._weather.token_ends and self._tokens[token] >= _TOKEN_USES:
            del self._tokens[token]
        if self._faults.chance(self._weather.cut_before) and request.transport is not None:
            request.transport.close()
            return web.Response(status=500)
        if self._faults.chance(self._weather.busy):
            return web.Response(status=503, text="Service Unavailable", headers={"Retry-After": str(_BUSY_S)})
        if self._faults.chance(self._weather.server_error):
            return web.Response(status=500, text="<html><body>Internal Server Error</body></html>")
        return None

    async def _answer(self, request: web.Request) -> web.Response:
        """Answer what was applied, unless the connection breaks or the answer is spoilt on the way."""
        if self._faults.chance(self._weather.cut_after) and request.transport is not None:
            request.transport.close()
        if self._faults.chance(self._weather.garbled):
            return web.Response(text="<html><body>Gateway</body></html>", content_type="text/html", charset="utf-8")
        if self._faults.chance(self._weather.denied_by_text):
            return _answer({"Status": 1, "Message": "Cập nhật không thành công"})
        return _answer({"Status": 1, "Message": "Cập nhật thành công"})

    async def _delay(self) -> None:
        if self._weather.delay_s:
            await asyncio.sleep(self._weather.delay_s * self._faults.below(1_000) / 1_000)


def _records(body: bytes) -> list[dict[str, Any]]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and all(isinstance(record, dict) for record in value):
        return value
    return []


def _code(record: Mapping[str, Any]) -> str:
    return str(record["DocCode"]).strip()


def _status(document: Mapping[str, Any] | None) -> str:
    """The sender's word where it was sent, else what ``Status`` and ``IsReturned`` say."""
    if document is None:
        return ""
    word = document.get("DossierStatus")
    if word:
        return str(word)
    return "returned" if document.get("IsReturned") is True else str(document["Status"])


def _answer(value: Mapping[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(body=_json(value), status=status, content_type="application/json", charset="utf-8")
