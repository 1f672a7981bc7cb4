"""A simulated National Portal: logs senders in, takes packets, and fails the way the real one is known to.

Packets are answered whole; a record sent as new for a known dossier is "already exists"; progress rows have no id, so a
row sent again stands there twice. What goes wrong is drawn from the seed; time and sockets are the running loop's.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.portal.draws import Draws
from adapters.portal.fields import PROGRESS, RECORD
from adapters.portal.online import AGENCY, online_dossiers
from adapters.portal.xmlform import ROOTS, record_of
from contracts import strict_xml
from contracts.errors import MessageRefused

__all__ = ["PASSWORD", "PROFILES", "USERNAME", "Simulator", "Weather", "online_dossiers"]

USERNAME: Final = "lienthong"
PASSWORD: Final = "mat-khau-mau"  # noqa: S105  # the simulator's own, invented
_MAX_BODY: Final = 32 * 1024 * 1024
_DONE: Final = "Đồng bộ thành công"
_CODES: Final = ("0", "00", 0)


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How a profile behaves: shares of calls (0 to 1) that meet each fault, delays in seconds.

    ``error_before`` fails with nothing applied, ``error_after`` and ``cut_after`` with everything applied;
    ``hang_after`` answers only after ``hang_s``. ``text`` is an answer in plain text, ``garbled`` one that nobody can
    read. ``session_calls`` ends a session after so many calls (0 = never). ``strict``: an update or a row for an
    unknown dossier is refused, else taken. ``tells_rows``: asked for a dossier, it shows its rows too. ``odd_codes``:
    success is 0, "0" or "00" as it happens.
    """

    delay_s: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    cut_before: float = 0.0
    cut_after: float = 0.0
    hang_after: float = 0.0
    hang_s: float = 0.9
    busy: float = 0.0
    text: float = 0.0
    garbled: float = 0.0
    session_calls: int = 0
    strict: bool = False
    tells_rows: bool = True
    odd_codes: bool = False


PROFILES: Final[Mapping[str, Weather]] = {
    "calm": Weather(),
    "slow": Weather(delay_s=0.4),
    "flaky": Weather(delay_s=0.01, error_before=0.05, error_after=0.03, cut_after=0.02, text=0.05, session_calls=50),
    "hostile": Weather(
        delay_s=0.03,
        error_before=0.08,
        error_after=0.06,
        cut_before=0.03,
        cut_after=0.06,
        hang_after=0.02,
        busy=0.05,
        text=0.1,
        garbled=0.04,
        session_calls=15,
        strict=True,
        tells_rows=False,
        odd_codes=True,
    ),
}


class Simulator:
    """One simulated portal. ``weather`` replaces the profile's own; ``dossiers`` and ``rows`` are what it holds."""

    def __init__(self, profile: str = "calm", seed: int = 0, *, weather: Weather | None = None) -> None:
        self.weather: Weather = weather or PROFILES[profile]
        self.dossiers: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.calls: list[str] = []
        """Every service called, in order, ``login`` included."""
        self._seed: Final = seed
        self._faults: Final = Draws(seed, f"portal/{profile}")
        self._sessions: dict[str, int] = {}

    def app(self) -> web.Application:
        """The portal as an aiohttp application: ``/mapi/login`` and ``/mapi/g``."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/mapi/login", self._login)
        app.router.add_post("/mapi/g", self._call)
        return app

    def holdings(self) -> Mapping[str, Mapping[str, Any]]:
        """By dossier code: ``status`` as last told, the ``fields`` of the record, all ``rows`` as received."""
        codes = dict.fromkeys((*self.dossiers, *self.rows))
        return {code: self._holding(code) for code in codes}

    def end_sessions(self) -> None:
        """Forget every session, as a restart of the portal does."""
        self._sessions.clear()

    def kept(self) -> dict[str, Any]:
        """What it holds, as plain values, for ``recall``."""
        return {"dossiers": self.dossiers, "rows": self.rows}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Hold again what an earlier life kept."""
        self.dossiers.update(kept["dossiers"])
        self.rows.update(kept["rows"])

    def _holding(self, code: str) -> Mapping[str, Any]:
        fields = self.dossiers.get(code, {})
        rows = self.rows.get(code, [])
        told = fields.get("TrangThaiHoSo") or (rows[-1].get("TrangThai", "") if rows else "")
        return {"status": told, "fields": fields, "rows": rows}

    # ── the service ────────────────────────────────────────────────────────────────────────────────

    async def _login(self, request: web.Request) -> web.StreamResponse:
        self.calls.append("login")
        await asyncio.sleep(self.weather.delay_s)
        asked = _decoded(await request.read())
        if (asked.get("username"), asked.get("password")) != (USERNAME, PASSWORD):
            return _json({"error_code": "1", "message": "Sai tên đăng nhập hoặc mật khẩu"})
        session = f"phien-{self._seed}-{len(self.calls)}"
        self._sessions[session] = 0
        return _json({"error_code": 0, "message": "Đăng nhập thành công", "session": session})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        asked = _packet(await request.read())
        service = str(asked.get("service", ""))
        self.calls.append(service)
        await asyncio.sleep(self.weather.delay_s)
        failed = self._fails_before(request, str(asked.get("session", "")))
        if failed is not None:
            return failed
        return await self._reply(request, service, self._answer(service, asked))

    def _fails_before(self, request: web.Request, session: str) -> web.StreamResponse | None:
        """What goes wrong before anything is applied."""
        weather, faults = self.weather, self._faults
        if faults.happens(weather.cut_before):
            return _cut(request)
        if faults.happens(weather.error_before):
            return web.Response(status=500, text="Internal Server Error")
        if not self._is_live(session):
            return _json({"error_code": "2", "message": "Phiên làm việc đã hết hạn"})
        if faults.happens(weather.busy):
            return _json({"error_code": "6", "message": "Hệ thống đang bận"}, retry_after="1")
        return None

    async def _reply(self, request: web.Request, service: str, answer: dict[str, Any]) -> web.StreamResponse:
        """The answer, or what goes wrong with it after everything was applied."""
        weather, faults = self.weather, self._faults
        if faults.happens(weather.hang_after):
            await asyncio.sleep(weather.hang_s)
        if faults.happens(weather.cut_after):
            return _cut(request)
        if faults.happens(weather.error_after):
            return web.Response(status=502, text="Bad Gateway")
        if faults.happens(weather.garbled):
            return web.Response(body=b'{"error_code": "0", "mess', content_type="application/json")
        if service == PROGRESS and answer["error_code"] == "0" and faults.happens(weather.text):
            return web.Response(text="Cập nhật tiến độ thành công")
        if weather.odd_codes and answer["error_code"] == "0":
            answer["error_code"] = faults.one_of(_CODES)
        return _json(answer)

    def _is_live(self, session: str) -> bool:
        uses = self._sessions.get(session)
        if uses is None:
            return False
        if self.weather.session_calls and uses >= self.weather.session_calls:
            del self._sessions[session]
            return False
        self._sessions[session] = uses + 1
        return True

    def _answer(self, service: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if service == RECORD:
            return self._take_records(asked)
        if service == PROGRESS:
            return self._take_rows(asked)
        if service == "TraCuuHoSo":
            return self._tell(str(asked.get("mahoso", "")))
        return {"error_code": "1", "message": "Dịch vụ không hợp lệ"}

    def _take_records(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All or nothing: one record that can not be taken refuses the packet, as the real one answers."""
        records = _records(asked)
        updating = str(asked.get("isUpdating", "")) == "True"
        if not records or not all(
            one.get("MaHoSo") and one.get("MaTTHC") and one.get("TrangThaiHoSo") for one in records
        ):
            return {"error_code": "1", "message": "Dữ liệu không hợp lệ: thiếu trường bắt buộc"}
        known = [one for one in records if self._knows(one["MaHoSo"])]
        if known and not updating:
            return {"error_code": "-3", "message": "Hồ sơ đã tồn tại trên hệ thống"}
        if updating and self.weather.strict and len(known) < len(records):
            return {"error_code": "1", "message": "Hồ sơ không tồn tại trên hệ thống"}
        for record in records:
            self.dossiers[record["MaHoSo"]] = record
        return {"error_code": "0", "message": _DONE}

    def _take_rows(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        rows = _records(asked)
        if not rows or not all(one.get("MaHoSo") and one.get("ThoiDiemXuLy") and one.get("TrangThai") for one in rows):
            return {"error_code": "1", "message": "Dữ liệu không hợp lệ: thiếu trường bắt buộc"}
        if self.weather.strict and not all(self._knows(one["MaHoSo"]) for one in rows):
            return {"error_code": "1", "message": "Hồ sơ không tồn tại trên hệ thống"}
        for row in rows:
            self.rows.setdefault(row["MaHoSo"], []).append(row)
        return {"error_code": "0", "message": _DONE}

    def _tell(self, code: str) -> dict[str, Any]:
        if not self._knows(code):
            return {"error_code": "0", "message": "Tra cứu thành công", "result": []}
        told = dict(self.dossiers.get(code) or {"MaHoSo": code, "TrangThaiHoSo": "1"})
        if self.weather.tells_rows:
            told["DanhSachTienDo"] = self.rows.get(code, [])
        return {"error_code": "0", "message": "Tra cứu thành công", "result": [told]}

    def _knows(self, code: str) -> bool:
        """Dossiers sent to it, and those that were filed with it."""
        return code in self.dossiers or code.startswith(AGENCY + "-")


def _packet(body: bytes) -> dict[str, Any]:
    if body[:1] != b"<":
        return _decoded(body)
    try:
        root = strict_xml.parse(body)
    except MessageRefused:
        return {}
    data = root.find("data")
    asked: dict[str, Any] = {child.tag: child.text or "" for child in root if child is not data}
    if data is not None:
        asked["data"] = [record_of(element) for element in data.findall(ROOTS.get(str(root.tag), ""))]
    return asked


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _records(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = asked.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _json(answer: Mapping[str, Any], *, retry_after: str = "") -> web.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json", headers=headers)


def _cut(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
