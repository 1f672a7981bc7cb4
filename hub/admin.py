"""What operators and the command line may ask of a hub, by name.

The same commands run inside a serving hub (over its owner-only socket, or HTTP for an operator) and, when no hub runs,
in the command line's own process under the ledger's lock. Every command takes and gives plain JSON values.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from contracts.errors import MessageRefused
from contracts.moment import from_datetime, rfc3339
from contracts.ports import Clock, Principal, RecordOutcome
from hub.api.access import Access
from hub.api.sight import Sight, difference
from hub.feed import Feed
from hub.views.views import Parked, Views
from ledger.port import Ledger

Command: TypeAlias = Callable[[Principal, Mapping[str, Any]], Awaitable[Any]]
_MOST: Final = 500


class Lanes(Protocol):
    """What the commands need of delivery."""

    async def requeue(self, target: str, stream: bytes, *, by: str, note: str = "") -> bool:
        """Put a parked dossier back."""
        ...

    async def dismiss(self, target: str, stream: bytes, *, by: str, note: str) -> int:
        """Settle that nobody will see to a parked dossier."""
        ...

    def pending(self) -> Mapping[str, int]:
        """Open dossiers by target."""
        ...


class Records(Protocol):
    """What the commands need of reception."""

    async def reinterpret(self, position: int, item: int, *, by: str) -> RecordOutcome:
        """Read a parked record again."""
        ...

    async def dismiss(self, position: int, *, by: str, note: str) -> bool:
        """Settle that nobody will map a parked record."""
        ...


class Admin:
    """The commands of one hub."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        sight: Sight,
        views: Views,
        feed: Feed,
        lanes: Lanes,
        records: Records,
        access: Access,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._sight = sight
        self._views = views
        self._feed = feed
        self._lanes = lanes
        self._records = records
        self._access = access
        self._clock = clock
        self._commands: Final[dict[str, Command]] = {
            "dossier.list": self._list,
            "dossier.show": self._show,
            "dossier.timeline": self._timeline,
            "dossier.at": self._at,
            "dossier.diff": self._diff,
            "parked.list": self._parked,
            "parked.show": self._parked_one,
            "parked.requeue": self._requeue,
            "parked.dismiss": self._dismiss,
            "access.list": self._grants,
            "status": self._status,
        }

    def add(self, name: str, command: Command) -> None:
        """Offer one more command; a name used twice is a mistake of ours (ValueError)."""
        if name in self._commands:
            raise ValueError(f"there is a command {name!r} already")
        self._commands[name] = command

    @property
    def names(self) -> tuple[str, ...]:
        """All commands."""
        return tuple(self._commands)

    async def run(self, principal: Principal, name: str, values: Mapping[str, Any]) -> Any:
        """Run one command.

        Raises:
            MessageRefused: ``query.not_found`` for an unknown command or object, ``query.invalid`` for bad values.
        """
        command = self._commands.get(name)
        if command is None:
            raise MessageRefused("query.not_found", name)
        await self._views.catch_up()
        return await command(principal, values)

    async def _list(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        page = await self._views.search(
            _text(values, "query"),
            agency=_text(values, "agency"),
            status=_text(values, "status"),
            cursor=_text(values, "cursor"),
            limit=_number(values, "limit", 50, most=_MOST),
        )
        return {"dossiers": msgspec.to_builtins(page.dossiers), "next": page.cursor or None}

    async def _show(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "dossier")
        return self._sight.shown(state)

    async def _timeline(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "timeline")
        events = [self._feed.cloud_event(entry, principal) for entry in self._sight.entries(state)]
        return {"code": state.code, "events": events}

    async def _at(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "past")
        past = self._sight.past(state, position=_number(values, "position", 0), recorded_us=_time(values))
        return self._sight.shown(past)

    async def _diff(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "diff")
        before = self._sight.past(state, position=_number(values, "before"))
        after = self._sight.past(state, position=_number(values, "after"))
        return {"code": state.code, "from": before.head, "to": after.head, "changes": difference(before, after)}

    # ── parked ───────────────────────────────────────────────────────────────────────────────────

    async def _parked(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        limit = _number(values, "limit", _MOST, most=_MOST)
        waiting = self._views.parked(_text(values, "target"), limit=limit)
        return {"parked": [self._waits(one) for one in waiting], "total": sum(self._views.parked_counts().values())}

    def _waits(self, one: Parked) -> dict[str, Any]:
        """One line of the list: where and why, without the word itself, which is the sender's content."""
        return {
            "kind": one.kind,
            "code": self._sight.code_of(one.stream),
            "target": one.party,
            "reason": one.code,
            "path": one.path,
            "position": one.position,
            "stream": one.stream.hex(),
        }

    def _record(self, values: Mapping[str, Any]) -> Parked:
        """The parked record at a position; ``query.not_found`` where none waits."""
        record = self._views.parked_record(_number(values, "position"))
        if record is None:
            raise MessageRefused("query.not_found")
        return record

    async def _parked_one(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        if "position" in values:
            record = self._record(values)
            await self._sight.record(principal, record.stream, "parked")
            return {**self._waits(record), "word": record.word, "message": record.message, "item": record.item}
        state = await self._sight.open(principal, _text(values, "code"), "parked")
        target = _text(values, "target")
        standing = self._ledger.standings(state.stream).get(target)
        if standing is None or not standing.parked:
            raise MessageRefused("query.not_found")
        return {
            "kind": "delivery",
            "code": state.code,
            "target": target,
            "reason": standing.parked,
            "confirmed_through": standing.through,
            "position": state.head,
            "sync": self._sight.sync(state.stream),
        }

    async def _requeue(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        if "position" in values:
            return await self._reread(principal, values)
        state = await self._sight.open(principal, _text(values, "code"), "requeue")
        target = _text(values, "target")
        done = await self._lanes.requeue(target, state.stream, by=principal.party, note=_text(values, "note"))
        if not done:
            raise MessageRefused("query.not_found")
        return {"code": state.code, "target": target, "requeued": True}

    async def _reread(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        record = self._record(values)
        outcome = await self._records.reinterpret(record.message, record.item, by=principal.party)
        return {
            "code": outcome.code or self._sight.code_of(record.stream),
            "target": record.party,
            "requeued": True,
            "state": outcome.state,
            "position": outcome.position,
        }

    async def _dismiss(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        note = _text(values, "note")
        if not note.strip():
            raise MessageRefused("query.invalid", name="note")
        if "position" in values:
            record = self._record(values)
            await self._records.dismiss(record.position, by=principal.party, note=note)
            return {"code": self._sight.code_of(record.stream), "target": record.party, "dismissed": True}
        state = await self._sight.open(principal, _text(values, "code"), "dismiss")
        target = _text(values, "target")
        position = await self._lanes.dismiss(target, state.stream, by=principal.party, note=note)
        if not position:
            raise MessageRefused("query.not_found")
        await self._ledger.durable(position)
        return {"code": state.code, "target": target, "dismissed": True}

    async def _grants(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        return {
            "credentials": [
                {"id": one.id, "party": one.party, "role": one.role, "kind": one.kind, "agencies": list(one.agencies)}
                for one in self._access.grants
            ]
        }

    async def _status(self, _principal: Principal, _values: Mapping[str, Any]) -> Any:
        return {
            "committed": self._ledger.committed,
            "checkpoint": self._ledger.checkpoint(),
            "pending": dict(self._lanes.pending()),
            "views": self._views.position,
            "now": rfc3339(self._clock.now()),
        }


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise MessageRefused("query.invalid", name=name)
    return value


def _number(values: Mapping[str, Any], name: str, default: int | None = None, *, most: int = 2**53) -> int:
    value = values.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise MessageRefused("query.invalid", name=name)
    return value


def _time(values: Mapping[str, Any]) -> int:
    text = _text(values, "time")
    if not text:
        return 0
    try:
        return from_datetime(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise MessageRefused("query.invalid", name="time") from error
