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
from contracts.ports import Clock, Principal
from hub.api.access import Access
from hub.api.sight import Sight, difference
from hub.feed import Feed
from hub.views.views import Views
from ledger.port import Ledger

Command: TypeAlias = Callable[[Principal, Mapping[str, Any]], Awaitable[Any]]
_MOST: Final = 500


class Lanes(Protocol):
    """What the commands need of delivery."""

    async def requeue(self, target: str, stream: bytes, *, by: str, note: str = "") -> bool:
        """Put a parked dossier back."""
        ...

    def pending(self) -> Mapping[str, int]:
        """Open dossiers by target."""
        ...


class Admin:
    """The commands of one hub."""

    def __init__(
        self, *, ledger: Ledger, sight: Sight, views: Views, feed: Feed, lanes: Lanes, access: Access, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._sight = sight
        self._views = views
        self._feed = feed
        self._lanes = lanes
        self._access = access
        self._clock = clock
        self._commands: Final[Mapping[str, Command]] = {
            "dossier.list": self._list,
            "dossier.show": self._show,
            "dossier.timeline": self._timeline,
            "dossier.at": self._at,
            "dossier.diff": self._diff,
            "parked.list": self._parked,
            "parked.show": self._parked_one,
            "parked.requeue": self._requeue,
            "access.list": self._grants,
            "status": self._status,
        }

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

    async def _parked(self, _principal: Principal, values: Mapping[str, Any]) -> Any:
        return {
            "parked": [
                {
                    "code": self._sight.code_of(one.stream),
                    "target": one.target,
                    "reason": one.parked,
                    "through": one.through,
                    "stream": one.stream.hex(),
                }
                for one in self._ledger.parked(_text(values, "target"))
            ]
        }

    async def _parked_one(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "parked")
        target = _text(values, "target")
        standing = self._ledger.standings(state.stream).get(target)
        if standing is None or not standing.parked:
            raise MessageRefused("query.not_found")
        return {
            "code": state.code,
            "target": target,
            "reason": standing.parked,
            "confirmed_through": standing.through,
            "position": state.head,
            "sync": self._sight.sync(state.stream),
        }

    async def _requeue(self, principal: Principal, values: Mapping[str, Any]) -> Any:
        state = await self._sight.open(principal, _text(values, "code"), "requeue")
        target = _text(values, "target")
        done = await self._lanes.requeue(target, state.stream, by=principal.party, note=_text(values, "note"))
        if not done:
            raise MessageRefused("query.not_found")
        return {"code": state.code, "target": target, "requeued": True}

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
