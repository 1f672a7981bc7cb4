"""A simulated DVCLT: an outbox of invented births and deaths to be pulled, a register of the statuses it was sent.

It answers as the real one is known to: a dossier stays listed until it is acknowledged, what is sent twice
is kept twice, and faults come as text, as SOAP or as a cut connection. Time and sockets are the running loop's; what
goes wrong is drawn from the seed.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.civil_status.draws import Draws
from adapters.civil_status.invented import Invented, dossier
from adapters.civil_status.session import PATHS
from adapters.civil_status.tables import STATE_OF_CODE

PAGE: Final = 200
USERNAME: Final = "dvclt"
PASSWORD: Final = "mat-khau-mau"  # noqa: S105  # the simulator's own, invented
_SLASHED_SHAPE: Final = re.compile(r"[0-3]\d/[01]\d/[12]\d{3} [0-2]\d:[0-5]\d:[0-5]\d", re.ASCII)
_MAX_BODY: Final = 32 * 1024 * 1024
_LOGIN_USES: Final = 40
_SOAP: Final = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
    "<faultcode>soap:Server</faultcode><faultstring>Lỗi kết nối máy chủ</faultstring>"
    "</soap:Fault></soap:Body></soap:Envelope>"
)


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How a profile behaves: shares of requests (0 to 1) that meet each fault, and the longest delay in seconds."""

    delay_s: float = 0.0
    server_error: float = 0.0
    soap_fault: float = 0.0
    not_yet: float = 0.0
    cut_after: float = 0.0
    garbled: float = 0.0
    doubled: float = 0.0
    token_ends: bool = False


PROFILES: Final[Mapping[str, Weather]] = {
    "calm": Weather(),
    "slow": Weather(delay_s=0.4),
    "flaky": Weather(delay_s=0.02, server_error=0.05, soap_fault=0.03, cut_after=0.02, doubled=0.05, token_ends=True),
    "hostile": Weather(
        delay_s=0.05,
        server_error=0.12,
        soap_fault=0.08,
        not_yet=0.05,
        cut_after=0.06,
        garbled=0.03,
        doubled=0.3,
        token_ends=True,
    ),
}


class Simulator:
    """One simulated DVCLT. ``rules`` true: it also refuses steps out of order and after the end, in its own words."""

    def __init__(self, profile: str = "calm", seed: int = 0, *, rules: bool = False) -> None:
        self._weather: Final = PROFILES[profile]
        self._seed: Final = seed
        self._rules: Final = rules
        self._faults: Final = Draws(seed, f"civil_status/{profile}")
        self._outbox: Final[dict[str, Invented]] = {}
        self._waiting: Final[dict[str, str]] = {}
        self._register: Final[dict[str, list[dict[str, Any]]]] = {}
        self._tokens: Final[dict[str, int]] = {}
        self.acknowledgements = 0
        self.requests = 0

    # ── for tests and demos ────────────────────────────────────────────────────────────────────────

    def enqueue(self, n: int, *, agency: str = "H99") -> list[str]:
        """Put ``n`` more invented dossiers, three births to a death, into the outbox; their codes."""
        codes: list[str] = []
        for number in range(len(self._outbox), len(self._outbox) + n):
            module = "KT" if number % 4 == 3 else "KS"  # noqa: PLR2004  # every fourth
            invented = dossier(module, self._seed, number, agency=agency)
            self._outbox[invented.id] = invented
            self._waiting[invented.code] = invented.id
            codes.append(invented.code)
        return codes

    def waiting(self) -> tuple[str, ...]:
        """Codes that were never acknowledged, oldest first."""
        return tuple(self._waiting)

    def holdings(self) -> Mapping[str, Mapping[str, Any]]:
        """By dossier code: the newest ``status`` by its time, the ``fields`` beside it, all ``rows`` received."""
        return {code: _holding(rows) for code, rows in self._register.items()}

    def kept(self) -> dict[str, Any]:
        """What it holds and handed out, as plain values, for ``recall``."""
        return {"register": self._register, "invented": len(self._outbox), "waiting": list(self._waiting)}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Hold again what an earlier life kept."""
        self.enqueue(kept["invented"])
        for code in [code for code in self._waiting if code not in kept["waiting"]]:
            del self._waiting[code]
        self._register.update(kept["register"])

    def app(self) -> web.Application:
        """The service as an aiohttp application."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post(PATHS["login"], self._login)
        app.router.add_get(PATHS["dossiers"], self._list)
        app.router.add_put(PATHS["received"], self._received)
        app.router.add_get(PATHS["dossiers"] + "/{id}", self._detail)
        app.router.add_post(PATHS["status"], self._status)
        app.router.add_post(PATHS["status_array"], self._status)
        app.router.add_get(PATHS["status"], self._tell)
        return app

    # ── the service ────────────────────────────────────────────────────────────────────────────────

    async def _login(self, request: web.Request) -> web.Response:
        await self._delay()
        try:
            asked = msgspec.json.decode(await request.read(), type=dict[str, str])
        except (msgspec.MsgspecError, ValueError):
            return _json({"message": "Dữ liệu không hợp lệ"}, status=400)
        if (asked.get("userName"), asked.get("password")) != (USERNAME, PASSWORD):
            return _json({"message": "Sai tên đăng nhập hoặc mật khẩu"}, status=401)
        token = f"token-{self._seed}-{len(self._tokens) + 1}"
        self._tokens[token] = 0
        return _json({"token": token, "refreshToken": f"re-{token}", "refreshTokenExpiryTime": "2030-01-01T00:00:00Z"})

    async def _list(self, request: web.Request) -> web.Response:
        refusal = await self._before(request, anonymous=False)
        if refusal is not None:
            return refusal
        listed: list[dict[str, Any]] = []
        for id_ in list(self._waiting.values())[:PAGE]:
            listed.append(self._outbox[id_].summary)
            if self._faults.chance(self._weather.doubled):
                listed.append(self._outbox[id_].summary)
        return _json({"data": listed})

    async def _detail(self, request: web.Request) -> web.Response:
        refusal = await self._before(request, anonymous=False)
        if refusal is not None:
            return refusal
        invented = self._outbox.get(request.match_info["id"])
        if invented is None:
            return _json({"errorCode": "201", "errorDescription": "Hồ sơ không tồn tại"}, status=404)
        return web.Response(body=invented.body, content_type="application/json", charset="utf-8")

    async def _received(self, request: web.Request) -> web.Response:
        refusal = await self._before(request, anonymous=False)
        if refusal is not None:
            return refusal
        asked = _decoded(await request.read())
        if not isinstance(asked, dict) or asked.get("daNhan") is not True:
            return _json({"status": 0, "errorCode": "200", "errorDescription": "Thiếu dữ liệu"}, status=400)
        self._waiting.pop(str(asked.get("maHoSo")), None)
        self.acknowledgements += 1
        return await self._answer(request, {"message": "Cập nhật thành công"})

    async def _status(self, request: web.Request) -> web.Response:
        refusal = await self._before(request, anonymous=True)
        if refusal is not None:
            return refusal
        if self._faults.chance(self._weather.not_yet):
            return _refused("03", "Hồ sơ chưa cập nhật trạng thái")
        messages = _messages(await request.read())
        # All of a request or nothing: it names no message in its answer.
        for message in messages:
            fault = _fault(message) or (self._broken_rule(message) if self._rules else None)
            if fault is not None:
                return _refused(*fault)
        if not messages:
            return _refused("200", "Dữ liệu không đầy đủ")
        for message in messages:
            self._register.setdefault(str(message.get("soHoSoLT") or message["maHoSo"]), []).append(message)
        said = {
            "status": 1,
            "statusDescription": "Cập nhật trạng thái thành công",
            "errorCode": "00",
            "errorDescription": None,
        }
        return await self._answer(request, said)

    async def _tell(self, request: web.Request) -> web.Response:
        refusal = await self._before(request, anonymous=True)
        if refusal is not None:
            return refusal
        code = request.query.get("maHoSo", "")
        rows = self._register.get(code)
        if not rows:
            return _json({"status": 0, "errorCode": "201", "errorDescription": "Hồ sơ không tồn tại"})
        value = {"maHoSo": code, "trangThai": _holding(rows)["status"]}
        return _json({"status": 1, "errorCode": "00", "value": value})

    # ── faults ─────────────────────────────────────────────────────────────────────────────────────

    async def _before(self, request: web.Request, *, anonymous: bool) -> web.Response | None:
        """What happens before the service looks at a request; nothing was applied when it answers here."""
        self.requests += 1
        await self._delay()
        refusal = self._unauthorised(request.headers.get("Authorization", ""), anonymous=anonymous)
        if refusal is not None:
            return refusal
        if self._faults.chance(self._weather.server_error):
            return web.Response(status=503, text="Server Error in '/' Application.")
        if self._faults.chance(self._weather.soap_fault):
            if self._faults.chance(0.5):
                return web.Response(text="Client received SOAP Fault from server: Lỗi kết nối máy chủ")
            return web.Response(text=_SOAP, content_type="text/xml", charset="utf-8")
        return None

    def _unauthorised(self, header: str, *, anonymous: bool) -> web.Response | None:
        """The push needs no token, as in practice; a token that is sent must be good."""
        token = header.removeprefix("Bearer ")
        if not token and anonymous:
            return None
        if token not in self._tokens:
            return _json({"message": "Unauthorized"}, status=401)
        self._tokens[token] += 1
        if self._weather.token_ends and self._tokens[token] >= _LOGIN_USES:
            del self._tokens[token]
        return None

    async def _answer(self, request: web.Request, said: dict[str, Any]) -> web.Response:
        """Answer what was applied, unless the connection breaks or the answer is spoilt on the way."""
        if self._faults.chance(self._weather.cut_after) and request.transport is not None:
            request.transport.close()
        if self._faults.chance(self._weather.garbled):
            return web.Response(text="<html><body>Gateway</body></html>", content_type="text/html", charset="utf-8")
        return _json(said)

    async def _delay(self) -> None:
        if self._weather.delay_s:
            await asyncio.sleep(self._weather.delay_s * self._faults.below(1_000) / 1_000)

    def _broken_rule(self, message: dict[str, Any]) -> tuple[str, str] | None:
        code = str(message.get("soHoSoLT") or message["maHoSo"])
        seen = {str(row["trangThai"]) for row in self._register.get(code, ())}
        status = str(message["trangThai"])
        if "6" in seen:
            return "01", f"Hồ sơ {code} bị từ chối. Không thể cập nhật trạng thái"
        if "5" in seen:
            return "01", f"Hồ sơ {code} đã trả kết quả, không được cập nhật trạng thái"
        if "4" in seen and status != "5":
            return "01", f"Hồ sơ {code} đã có kết quả xử lý. Không thể cập nhật trạng thái"
        if status != "1" and "1" not in seen:
            return "03", f"Hồ sơ {code} chưa cập nhật trạng thái 1"
        if status == "5" and "4" not in seen:
            return "302", "Logic xử lý không hợp lệ"
        return None


def _messages(body: bytes) -> list[dict[str, Any]]:
    """The status messages of a body: one, an array, or either as a JSON string in ``data``."""
    value = _decoded(body)
    if isinstance(value, dict) and isinstance(value.get("data"), str):
        value = _decoded(value["data"].encode())
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and all(isinstance(message, dict) for message in value):
        return value
    return []


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError):
        return None


def _fault(message: dict[str, Any]) -> tuple[str, str] | None:
    if not message.get("maHoSo") or not message.get("maTTHC"):
        return "200", "Dữ liệu không đầy đủ"
    if str(message.get("trangThai")) not in STATE_OF_CODE:
        return "302", "Logic xử lý không hợp lệ"
    if not _SLASHED_SHAPE.fullmatch(str(message.get("thoiGianThucHien"))):
        return "200", "Thời gian thực hiện không đúng định dạng dd/MM/yyyy HH:mm:ss"
    return None


def _sortable(row: dict[str, Any]) -> str:
    """The time of a row as text that sorts: yyyyMMdd HH:mm:ss."""
    text = str(row["thoiGianThucHien"])
    return text[6:10] + text[3:5] + text[0:2] + text[10:]


def _holding(rows: list[dict[str, Any]]) -> dict[str, Any]:
    newest = max(range(len(rows)), key=lambda index: (_sortable(rows[index]), index))
    row = rows[newest]
    fields = {name: value for name, value in row.items() if value is not None and name != "trangThai"}
    return {"status": str(row["trangThai"]), "fields": fields, "rows": list(rows)}


def _refused(code: str, text: str) -> web.Response:
    return _json({"status": 0, "statusDescription": "Lỗi", "errorCode": code, "errorDescription": text})


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")
