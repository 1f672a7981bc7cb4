"""DVCLT as a target: status messages out, the status of one dossier back when asked."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from adapters.civil_status.replies import DEFAULT_RETRY_S, classify
from adapters.civil_status.session import Session
from contracts.delivery import Outcome, Rendering, Standing, Verdict
from contracts.errors import TargetUnavailable
from contracts.ports import Address, Profile, Transport

ARRAY_LIMIT: Final = 100
"""Most messages in one array, where arrays are agreed with the other side."""

_OK: Final = 200
_NOT_FOUND: Final = "201"
_MISSING_HTTP: Final = (404, 405, 501)


class CivilStatusRemote:
    """The ``Remote`` port. Arrays only with the option ``arrays = "true"``; else one message a request."""

    def __init__(self, address: Address, transport: Transport, profile: Profile) -> None:
        self._session: Final = Session(address, transport, profile)
        self._arrays: Final = profile.options.get("arrays") == "true"
        self._askable: Final = profile.options.get("askable", "true") == "true"

    async def send(self, batch: Sequence[Rendering]) -> Outcome:
        """Send one batch. Without arrays its messages go one by one and the first that is not done is the outcome."""
        if self._arrays and len(batch) > 1:
            body = b"[" + b",".join(rendering.body for rendering in batch) + b"]"
            return await self._push("status_array", body)
        outcome = Outcome(verdict="done")
        for rendering in batch:
            outcome = await self._push("status", rendering.body)
            if outcome.verdict != "done":
                break
        return outcome

    async def ask(self, code: str) -> Standing:
        """The newest status DVCLT holds. It does not tell single steps, so ``rows`` is always None."""
        if not self._askable:
            return Standing(askable=False)
        path = f"{self._session.path('status')}?maHoSo={quote(code, safe='')}"
        reply = await self._session.call("GET", path, b"{}")
        if reply.status in _MISSING_HTTP:
            return Standing(askable=False)
        answer = _object(reply.body)
        if reply.status != _OK or answer is None:
            raise TargetUnavailable("target.unavailable", f"HTTP {reply.status}", retry_after_s=DEFAULT_RETRY_S)
        if str(answer.get("errorCode")) == _NOT_FOUND:
            return Standing(askable=True)
        value = answer.get("value")
        if not isinstance(value, dict):
            raise TargetUnavailable("target.unavailable", "no value in the answer", retry_after_s=DEFAULT_RETRY_S)
        return Standing(askable=True, known=True, state=str(value.get("trangThai", "")), record=reply.body)

    async def close(self) -> None:
        """DVCLT has no logout; a token ends by itself."""

    async def _push(self, service: str, body: bytes) -> Outcome:
        try:
            reply = await self._session.call("POST", self._session.path(service), body)
        except TargetUnavailable as fault:
            verdict: Verdict = "unknown" if fault.code == "target.unknown" else "retry"
            return Outcome(verdict=verdict, phrase=fault.code, retry_after_s=fault.retry_after_s)
        return classify(reply)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
