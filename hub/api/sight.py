"""What a reader may see of dossiers, and how it is shown: state with its sources, the past, differences, sync.

A party sees what concerns it: dossiers it told of, holds, or is told of. Auditors, operators and administrators see
all; each time sealed content is opened for one of them the log says so (``EvidenceAccessed``).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec

from contracts.errors import HubError, MessageRefused
from contracts.moment import Moment, rfc3339
from contracts.picture import Picture
from contracts.ports import Clock, Principal
from contracts.status import meaning, portal_code
from hub.dossiers import Dossiers
from hub.picture import DossierState, fold
from hub.views.views import Views
from ledger.events import EvidenceAccessed
from ledger.port import Entry, Ledger
from ledger.unit import NewEvent, Unit

_WATCHED_ROLES: Final = frozenset({"auditor", "operator", "admin"})
_GOVERNANCE: Final = ("governance", "access")
_STREAM_DIGITS: Final = 32
_NOT_BY_CODE: Final = "An erased dossier is not found by its code; name its stream, as the erasure did."


class Sight:
    """The reading side of one hub."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        dossiers: Dossiers,
        views: Views,
        clock: Clock,
        parties: Sequence[str],
        barred: Collection[str] = (),
    ) -> None:
        """``parties`` are those of the configuration, ``barred`` those among them that may not enter now."""
        self._ledger = ledger
        self._dossiers = dossiers
        self._views = views
        self._clock = clock
        self._parties = tuple(parties)
        self._entitled = frozenset(parties) - frozenset(barred)

    # ── who may see what ─────────────────────────────────────────────────────────────────────────

    def concerns(self, principal: Principal, state: DossierState) -> bool:
        """Whether this caller may see the dossier."""
        if principal.role != "party":
            return True
        party = principal.party
        if party not in self._entitled:
            return False
        if party in {state.origin, state.holder}:
            return True
        if any(told.event.party == party for told in state.told):
            return True
        return party in self._ledger.standings(state.stream)

    def sees(self, principal: Principal, stream: bytes) -> bool:
        """Whether a dossier, by its stream, concerns the caller."""
        return principal.role != "party" or self.concerns(principal, self._dossiers.state(stream))

    def find(self, principal: Principal, code: str) -> DossierState | None:
        """The dossier with this code in any form, if it concerns the caller."""
        parties = (principal.party,) if principal.role == "party" else self._parties
        state = self._dossiers.by_code(code, parties)
        candidates = [state] if state is not None else [self._dossiers.state(found) for found in self._views.find(code)]
        return next((one for one in candidates if one.told and self.concerns(principal, one)), None)

    async def open(self, principal: Principal, code: str, what: str) -> DossierState:
        """As ``find``, but recorded, durably, for those whose reading is watched.

        Raises:
            MessageRefused: ``query.not_found`` also for what does not concern the caller: absence says nothing. A code
                of an erased dossier leads nowhere, so it is no more found than one that never was.
            HubError: ``vault.erased`` where a watched reader names the stream of an erased dossier.
        """
        state = self.find(principal, code)
        if state is None:
            raise self._absent(principal, code)
        await self.record(principal, state.stream, what)
        return state

    def _absent(self, principal: Principal, code: str) -> HubError:
        if principal.role not in _WATCHED_ROLES:
            return MessageRefused("query.not_found")
        stream = stream_named(code)
        if stream and self._ledger.erased(stream):
            return HubError("vault.erased")
        return MessageRefused("query.not_found", _NOT_BY_CODE)

    async def record(self, principal: Principal, stream: bytes, what: str) -> None:
        """Put a watched reader's access on the log; nothing is shown before it would survive a power cut."""
        if principal.role not in _WATCHED_ROLES:
            return
        event = EvidenceAccessed(
            by=principal.party, role=principal.role, stream=stream.hex(), what=what, at=self._clock.now()
        )
        placed = self._ledger.submit(Unit(events=(NewEvent(self._ledger.named_stream(*_GOVERNANCE), event),)))
        await self._ledger.durable(placed.positions[0])

    def code_of(self, stream: bytes) -> str:
        """The leading code of a dossier."""
        return self._dossiers.state(stream).code

    async def find_picture(self, principal: Principal, code: str) -> Picture | None:
        """The dossier as it stands, for a served endpoint; recorded as ``open`` does."""
        state = self.find(principal, code)
        if state is None:
            return None
        await self.record(principal, state.stream, "dossier")
        return state.picture()

    # ── how it is shown ──────────────────────────────────────────────────────────────────────────

    def shown(self, state: DossierState) -> dict[str, Any]:
        """The dossier as the interface shows it: every field with the position of the event that set it."""
        picture = state.picture()
        return {
            "code": picture.code,
            "aliases": list(picture.aliases),
            "status": status_of(state),
            "fields": {
                name: {"value": plain(value.value), "position": value.position, "party": value.party}
                for name, value in state.fields().items()
            },
            "steps": [
                {
                    "position": step.position,
                    "at": rfc3339(step.at.us),
                    "state": step.state,
                    "party": step.party,
                    "step": plain(step.step),
                }
                for step in picture.steps
            ],
            "questioned": [
                {
                    "position": told.position,
                    "party": told.event.party,
                    "fact": told.event.fact.TOPIC,
                    "reason": _reason(told.event),
                }
                for told in state.open
            ],
            "origin": picture.origin,
            "holder": picture.holder,
            "sync": self.sync(state.stream),
            "position": state.head,
        }

    def sync(self, stream: bytes) -> dict[str, Any]:
        """How every target stands to a dossier."""
        return {
            target: {"state": one.state, "position": one.position, "through": one.through, "reason": one.reason}
            for target, one in self._views.sync_of(stream).items()
        }

    def past(self, state: DossierState, *, position: int = 0, recorded_us: int = 0) -> DossierState:
        """The dossier as the hub knew it at a position of the log, or at a record time (microseconds UTC)."""
        entries = self._ledger.read_stream(state.stream)
        kept = [
            entry
            for entry in entries
            if (not position or entry.position <= position) and (not recorded_us or entry.recorded_at <= recorded_us)
        ]
        if not kept:
            raise MessageRefused("query.not_found")
        return fold(kept, state.stream)

    def entries(self, state: DossierState) -> list[Entry]:
        """Every event of the dossier, in order."""
        return self._ledger.read_stream(state.stream)


def stream_named(text: str) -> bytes:
    """The stream id that 32 hex digits are, b"" for any other text."""
    if len(text) != _STREAM_DIGITS or not text.isalnum():
        return b""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def status_of(state: DossierState) -> dict[str, str]:
    """The three axes of a dossier's status, and its meaning in both languages."""
    if not state.state:
        return {"portal": "", "business": "", "clock": state.clock}
    words = meaning(state.state)
    return {
        "portal": portal_code(state.state),
        "business": state.state,
        "clock": state.clock,
        "vi": words.vi,
        "en": words.en,
    }


def difference(before: DossierState, after: DossierState) -> list[dict[str, Any]]:
    """Fields that differ, with the event that set the new value."""
    old, new = before.fields(), after.fields()
    changes: list[dict[str, Any]] = []
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was is None or now is None or was.value != now.value:
            changes.append(
                {
                    "field": name,
                    "before": None if was is None else plain(was.value),
                    "after": None if now is None else plain(now.value),
                    "position": None if now is None else now.position,
                }
            )
    if before.state != after.state:
        changes.append({"field": "state", "before": before.state, "after": after.state, "position": after.head})
    return changes


def plain(value: Any) -> Any:
    """A value as JSON shows it: moments as RFC 3339 with their original text."""
    if isinstance(value, Moment):
        shown: dict[str, Any] = {"time": rfc3339(value.us)}
        if value.text:
            shown["text"] = value.text
        if value.assumed:
            shown["assumed"] = True
        return shown
    if isinstance(value, msgspec.Struct):
        return {
            name: plain(getattr(value, name))
            for name in value.__struct_fields__
            if getattr(value, name) not in ("", None, ())
        }
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(inner) for inner in value]
    return value


def _reason(event: Any) -> str:
    reason: str = getattr(event, "reason", "")
    return reason
