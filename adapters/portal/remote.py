"""The portal as a target: log in, send one homogeneous batch, ask what it holds.

A session is renewed when the portal says it is over, once per exchange: a request refused for its session did nothing,
so sending it again is safe. Everything else that leaves the outcome open is *unknown*, never a second try here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from adapters.portal import replies
from adapters.portal.fields import SERVICES
from adapters.portal.xmlform import encode
from contracts import dates, status
from contracts.delivery import Outcome, Rendering, Request, Standing, Verdict
from contracts.errors import TargetUnavailable
from contracts.facts import Step
from contracts.picture import step_digest
from contracts.ports import Address, Profile, Transport

_LOGIN_PATH: Final = "/mapi/login"
_SERVICE_PATH: Final = "/mapi/g"
_REFUSED_LOGIN_WAIT_S: Final = 60.0
"""Wrong credentials do not mend themselves; no record is at fault, so the batch waits."""

_JSON: Final = ("content-type", "application/json; charset=utf-8")
_XML: Final = ("content-type", "application/xml; charset=utf-8")
_ROWS: Final = "DanhSachTienDo"
"""Where a portal that tells its rows puts them; the standard names no place."""

_encode: Final = msgspec.json.Encoder().encode


class PortalRemote:
    """One portal, one account. Satisfies ``contracts.ports.Remote``."""

    def __init__(self, address: Address, transport: Transport, profile: Profile) -> None:
        options = profile.options
        base = address.base_url.rstrip("/")
        self._login_url: Final = base + options.get("login_path", _LOGIN_PATH)
        self._service_url: Final = base + options.get("service_path", _SERVICE_PATH)
        self._address: Final = address
        self._transport: Final = transport
        self._zone: Final = profile.date_zone
        self._statuses: Final = profile.statuses
        self._askable: Final = options.get("askable", "yes") != "no"
        headers = (("charset", "utf-8"),)
        self._headers: Final = (*headers, ("dstcode", options["dstcode"])) if "dstcode" in options else headers
        self._session = ""

    async def send(self, batch: Sequence[Rendering]) -> Outcome:
        """Send one batch of one lane. Never raises: a target that can not be reached is ``retry`` or ``unknown``."""
        first = batch[0]
        if first.service not in SERVICES or any(one.lane != first.lane for one in batch):
            raise ValueError("a batch is one lane of this adapter")
        try:
            understood = await self._call(lambda session: self._body(session, batch))
        except TargetUnavailable as fault:
            verdict: Verdict = "unknown" if fault.code == "target.unknown" else "retry"
            return Outcome(verdict=verdict, phrase=fault.code, retry_after_s=fault.retry_after_s)
        return understood.outcome()

    async def ask(self, code: str) -> Standing:
        """Ask ``TraCuuHoSo`` for one dossier; raises ``TargetUnavailable`` when no answer could be had."""
        if not self._askable:
            return Standing(askable=False)
        question = {"madonvi": self._address.agency, "service": "TraCuuHoSo", "mahoso": code}
        understood = await self._call(lambda session: _encode({"session": session, **question}))
        verdict = understood.row.verdict
        if verdict == "missing":
            return Standing(askable=True)
        result = understood.body.get("result")
        if verdict != "done" or not isinstance(result, list):
            raise TargetUnavailable(
                "target.unavailable", understood.row.id, retry_after_s=understood.retry_after_s or 1.0
            )
        found = next((one for one in result if isinstance(one, dict) and _is(one, code)), None)
        return Standing(askable=True) if found is None else self._standing(found, understood.body.get(_ROWS))

    async def close(self) -> None:
        """Forget the session; mapi has no log-out."""
        self._session = ""

    # ── exchanges ────────────────────────────────────────────────────────────────────────────────

    async def _call(self, body_of: Callable[[str], bytes]) -> replies.Understood:
        """One call with a live session, renewed at most once."""
        if not self._session:
            refusal = await self._log_in()
            if not self._session:
                return refusal
        understood = await self._exchange(self._service_url, body_of(self._session))
        if understood.row.relogin:
            self._session = ""
            refusal = await self._log_in()
            if not self._session:
                return refusal
            understood = await self._exchange(self._service_url, body_of(self._session))
            if understood.row.relogin:
                self._session = ""
        return understood

    async def _log_in(self) -> replies.Understood:
        """Take a new session; without one the answer says why, as a verdict that blames no record."""
        body = _encode({"username": self._address.username, "password": self._address.secret})
        try:
            understood = await self._exchange(self._login_url, body)
        except TargetUnavailable as fault:
            # Nothing of the batch was sent yet, whatever became of the login.
            raise TargetUnavailable("target.unavailable", fault.detail, retry_after_s=fault.retry_after_s) from fault
        session = understood.body.get("session")
        if understood.row.verdict == "done" and isinstance(session, str) and session:
            self._session = session
            return understood
        if understood.row.verdict in {"retry", "unknown"} and not understood.row.relogin:
            return msgspec.structs.replace(understood, row=replies.by_id("login.no-answer"))
        wait_s = understood.retry_after_s or _REFUSED_LOGIN_WAIT_S
        return msgspec.structs.replace(understood, row=replies.by_id("login.refused"), retry_after_s=wait_s)

    async def _exchange(self, url: str, body: bytes) -> replies.Understood:
        kind = _XML if body[:1] == b"<" else _JSON
        request = Request(
            method="POST",
            url=url,
            headers=(kind, *self._headers),
            body=body,
            timeout_s=self._address.timeout_s,
        )
        return replies.understand(await self._transport.exchange(request))

    def _body(self, session: str, batch: Sequence[Rendering]) -> bytes:
        """The envelope round the records, rendered from their bytes; nothing of a person is in it."""
        first = batch[0]
        updating = "True" if first.updating else "False"
        if first.body[:1] == b"<":
            head = {"session": session, "madonvi": self._address.agency, "service": first.service}
            parts = [encode(name, value) for name, value in {**head, "isUpdating": updating}.items()]
            records = b"".join(one.body for one in batch)
            root = first.service.encode()
            return b"<%b>%b<data>%b</data></%b>" % (root, b"".join(parts), records, root)
        return b'{"session":%b,"madonvi":%b,"service":%b,"isUpdating":%b,"data":[%b]}' % (
            _encode(session),
            _encode(self._address.agency),
            _encode(first.service),
            _encode(updating),
            b",".join(one.body for one in batch),
        )

    # ── what the portal holds ────────────────────────────────────────────────────────────────────

    def _standing(self, found: Mapping[str, Any], rows: Any) -> Standing:
        told = found.get(_ROWS, rows)
        digests = None
        if isinstance(told, list):
            digests = tuple(digest for row in told if isinstance(row, dict) and (digest := self._digest(row)))
        return Standing(
            askable=True,
            known=True,
            state=str(found.get("TrangThaiHoSo") or ""),
            record=_encode({name: value for name, value in found.items() if name != _ROWS}),
            rows=digests,
        )

    def _digest(self, row: Mapping[str, Any]) -> bytes:
        """The digest of a row as the portal tells it, b"" for one that can not be read."""
        text = {name: str(value) for name, value in row.items() if value is not None}
        word = text.get("TrangThai", "").strip()
        try:
            at = dates.read_moment(text.get("ThoiDiemXuLy", ""), zone=self._zone)
            state = self._statuses.get(word) or status.state_of_portal(word)
        except (KeyError, ValueError):
            return b""
        step = Step(
            officer=text.get("NguoiXuLy", ""),
            department=text.get("PhongBanXuLy", ""),
            content=text.get("NoiDungXuLy", ""),
        )
        return step_digest(at.us, state, step)


def _is(found: Mapping[str, Any], code: str) -> bool:
    return str(found.get("MaHoSo", "")).strip() in {code, ""}
