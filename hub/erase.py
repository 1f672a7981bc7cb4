"""Erasing a dossier for ever: its key, what belongs to it under keys of its own, and every copy made of it.

Written down first, then done, then answered: the ``ItemErased`` event is durable before the first key is destroyed, so
an erasure that a crash cuts short ends at the next start (``ledger.erasure``). From before the event until after the
last key delivery stands still, and from the event on no code leads to the dossier: nobody decides on, or sends, half an
erased one.

A code that an erased dossier had leads nowhere. A later message under it begins a new dossier with a new key, which
nothing on the log connects with the old one.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple, Protocol

from contracts.errors import HubError, IntegrityViolation, MessageRefused
from contracts.facts import AliasLinked
from contracts.moment import MICROS_PER_SECOND
from contracts.ports import Clock
from hub.dossiers import Dossiers
from hub.feed import Feed
from hub.intake import agency_of
from hub.mentions import Mentions
from hub.views.views import Views
from ledger.erasure import STREAM, WHOLE, item_of, own_parts
from ledger.events import FactRecorded, ItemErased, RecordParked, SyncParked, TransitionQuestioned
from ledger.parts import layout_of
from ledger.port import Entry
from ledger.unit import NewEvent, Standing, Unit
from ledger.writer import Writer

SLICE: Final = 128
"""Messages looked through before the loop gets a turn: about two milliseconds."""
WITHDRAWN: Final = "sync.erased"
TRIES: Final = 50
PAUSE_S: Final = 0.1
_DAY_US: Final = 86_400 * MICROS_PER_SECOND


class Deliveries(Protocol):
    """What erasing needs of delivery."""

    def standing_still(self, streams: Collection[bytes]) -> AbstractAsyncContextManager[Mapping[str, Sequence[bytes]]]:
        """Send nothing for the block; yields, by target, the dossiers that something was open for."""
        ...


class Dossier(NamedTuple):
    """What is to be erased: all streams that an alias joined, every code they were told under, whom they were with."""

    streams: tuple[bytes, ...]
    codes: tuple[str, ...]
    first: int
    """The position of the oldest message that spoke of it."""
    parties: tuple[str, ...]


class Eraser:
    """Erases in one hub. ``refused_days`` is how long refused messages are readable, 0 = for ever."""

    def __init__(
        self,
        *,
        ledger: Writer,
        dossiers: Dossiers,
        views: Views,
        feed: Feed,
        delivery: Deliveries,
        clock: Clock,
        refused_days: int = 0,
    ) -> None:
        self._ledger = ledger
        self._dossiers = dossiers
        self._views = views
        self._feed = feed
        self._delivery = delivery
        self._clock = clock
        self._refused_us = refused_days * _DAY_US
        self._one = asyncio.Lock()

    def finish(self) -> None:
        """At a start, before anything is served: purge what a crash left behind of dossiers erased before."""
        streams = [bytes.fromhex(event.stream) for event in self._ledger.erasure.recorded() if WHOLE in event.items]
        if streams:
            for stream in streams:
                self._views.forget(stream)
            self._views.scrub()

    # ── a dossier ────────────────────────────────────────────────────────────────────────────────

    async def erase(self, stream: bytes, *, ground: str, by: str, items: Sequence[str] = ()) -> dict[str, Any]:
        """Erase a dossier with everything that is only its own, or only some ``items`` of that; durable on return.

        Raises:
            MessageRefused: ``query.invalid`` for an item that is not this dossier's.
            HubError: ``vault.erased`` when it was erased before.
            IntegrityViolation: ``ledger.unavailable`` when somebody keeps a write-ahead log from being emptied; what
                was erased stays so, and the next start empties it.
        """
        async with self._one:
            scanned = self._ledger.committed
            dossier, found = await self._found(stream, scanned)
            if items:
                return await self._erase_items(dossier, items, found, ground=ground, by=by)
            return await self._erase_whole(dossier, found, scanned, ground=ground, by=by)

    async def preview(self, stream: bytes, *, items: Sequence[str] = ()) -> dict[str, Any]:
        """What ``erase`` would erase, and who else may hold copies."""
        async with self._one:
            dossier, found = await self._found(stream, self._ledger.committed)
        _belonging(items, found)
        return {
            "streams": [] if items else [one.hex() for one in dossier.streams],
            "items": list(items) or [WHOLE, *found],
            "parties": list(dossier.parties),
        }

    async def _found(self, stream: bytes, through: int) -> tuple[Dossier, dict[str, None]]:
        if self._ledger.erased(stream):
            raise HubError("vault.erased")
        dossier = self._about(stream)
        return dossier, dict.fromkeys([item async for item in self._own_items(dossier, through)])

    async def _erase_whole(
        self, dossier: Dossier, found: dict[str, None], scanned: int, *, ground: str, by: str
    ) -> dict[str, Any]:
        async with self._delivery.standing_still(dossier.streams) as open_at:
            # Nothing comes between finding what belongs to it and writing that down: the loop is not given up.
            self._ledger.flush()
            found.update(dict.fromkeys(self._items_after(dossier, Mentions(dossier.codes), scanned)))
            now = self._clock.now()
            erased = [
                ItemErased(stream=one.hex(), items=(WHOLE,), ground=ground, by=by, erased_at=now)
                for one in dossier.streams[1:]
            ]
            first = dossier.streams[0].hex()
            erased.append(ItemErased(stream=first, items=(WHOLE, *found), ground=ground, by=by, erased_at=now))
            position = self._write_down(erased, self._withdrawals(open_at, now))
            keys = await self._carry_out(erased)
            for one in dossier.streams:
                self._dossiers.forget(one)
            agency_of.cache_clear()
        await self._purge()
        return {
            "streams": [one.hex() for one in dossier.streams],
            "items": [WHOLE, *found],
            "keys": keys,
            "position": position,
            "withdrawn": {target: len(streams) for target, streams in open_at.items() if streams},
            "parties": list(dossier.parties),
        }

    async def _erase_items(
        self, dossier: Dossier, items: Sequence[str], found: Collection[str], *, ground: str, by: str
    ) -> dict[str, Any]:
        _belonging(items, found)
        self._ledger.flush()
        event = ItemErased(
            stream=dossier.streams[0].hex(), items=tuple(items), ground=ground, by=by, erased_at=self._clock.now()
        )
        position = self._write_down([event], [])
        keys = await self._carry_out([event])
        await self._purge()
        return {
            "streams": [],
            "items": list(items),
            "keys": keys,
            "position": position,
            "withdrawn": {},
            "parties": list(dossier.parties),
        }

    def _write_down(self, erased: Sequence[ItemErased], withdrawn: Sequence[SyncParked]) -> int:
        """Make the events durable; the position of the last one."""
        ledger = self._ledger
        governance = ledger.named_stream(*STREAM)
        events = [NewEvent(ledger.named_stream("target", event.target), event) for event in withdrawn]
        events += [NewEvent(governance, event) for event in erased]
        standings = []
        for event in withdrawn:
            stream = bytes.fromhex(event.stream)
            known = self._dossiers.standing(stream, event.target)
            standings.append(Standing(stream, event.target, known.through, known.rows, WITHDRAWN))
        placed = ledger.submit(Unit(events=tuple(events), standings=tuple(standings)))
        ledger.flush()
        return placed.positions[-1]

    async def _carry_out(self, erased: Sequence[ItemErased]) -> int:
        """Do what is written down; how many keys were destroyed. A disk that fails in between stops the ledger."""
        try:
            for _ in self._ledger.erasure.unlink(erased):
                await asyncio.sleep(0)
            return self._ledger.erasure.destroy(erased)
        except IntegrityViolation as error:
            self._ledger.halt(error)
            raise
        finally:
            self._feed.forget()

    def _withdrawals(self, open_at: Mapping[str, Sequence[bytes]], now: int) -> list[SyncParked]:
        return [
            SyncParked(
                target=target,
                stream=stream.hex(),
                through=self._dossiers.state(stream).head,
                code=WITHDRAWN,
                parked_at=now,
            )
            for target, streams in open_at.items()
            for stream in streams
        ]

    async def _purge(self) -> None:
        """Leave no copy: the read models follow the log, then every write-ahead log is emptied."""
        await self._views.catch_up()
        for tries_left in range(TRIES, -1, -1):
            try:
                self._views.scrub()
                self._ledger.erasure.scrub()
                return
            except IntegrityViolation:
                if not tries_left:
                    raise
                await asyncio.sleep(PAUSE_S)

    # ── what was refused ─────────────────────────────────────────────────────────────────────────

    async def expire(self, after: int, through: int, *, ground: str, by: str, most: int) -> tuple[int, int]:
        """Erase up to ``most`` refused parts of the messages at (``after``, ``through``].

        Returns the position that is done with and how many parts were erased.
        """
        async with self._one:
            items: list[str] = []
            done = after
            while done < through and len(items) < most:
                messages = [row for row in self._ledger.erasure.messages(done, SLICE) if row[0] <= through]
                for done, stored in messages:  # how far the last round came
                    items += [item_of(done, part) for part, _ in self._refused(done, stored)]
                    if len(items) >= most:
                        break
                else:
                    done = done if len(messages) == SLICE else through
                await asyncio.sleep(0)
            if items:
                self._ledger.flush()
                now = self._clock.now()
                event = ItemErased(stream="", items=tuple(items), ground=ground, by=by, erased_at=now)
                self._write_down([event], [])
                await self._carry_out([event])
                await self._purge()
            return done, len(items)

    def _refused(self, position: int, stored: bytes) -> list[tuple[int, bytes]]:
        """What was refused in a message and is still readable."""
        if not layout_of(position, stored).has_refused:
            return []
        return self._ledger.erasure.refused_parts(position)

    # ── what belongs to a dossier ────────────────────────────────────────────────────────────────

    def _about(self, stream: bytes) -> Dossier:
        """Everything the log says it was called, and all streams an alias joined to it."""
        streams: dict[bytes, None] = {self._dossiers.lead_of(stream): None, stream: None}
        codes: dict[str, None] = {}
        parties: dict[str, None] = {}
        first = self._ledger.committed
        waiting = list(streams)
        while waiting:
            one = waiting.pop()
            for entry in self._ledger.read_stream(one):
                first = min(first, entry.position, _message_of(entry) or entry.position)
                codes.update(dict.fromkeys(_codes_of(entry)))
                parties.update(dict.fromkeys(_party_of(entry)))
                for other in _joined_by(entry):
                    if other not in streams and not self._ledger.erased(other):
                        streams[other] = None
                        waiting.append(other)
        for one in streams:
            known = self._ledger.standings(one)
            parties.update(dict.fromkeys(target for target, standing in known.items() if standing.through))
        return Dossier(tuple(streams), tuple(codes), first, tuple(parties))

    async def _own_items(self, dossier: Dossier, through: int) -> AsyncIterator[str]:
        """The dossier's parts under keys of their own, and refused messages that name it."""
        mentions = Mentions(dossier.codes)
        readable = self._ledger.erasure.before(self._clock.now() - self._refused_us) if self._refused_us else 0
        after = min(readable, dossier.first - 1)
        while after < through:
            messages = self._ledger.erasure.messages(after, SLICE)
            for position, stored in messages:
                for item in self._items_of(dossier, mentions, position, stored):
                    yield item
            if len(messages) < SLICE:
                return
            after = messages[-1][0]
            await asyncio.sleep(0)

    def _items_after(self, dossier: Dossier, mentions: Mentions, after: int) -> Iterable[str]:
        """The same for the few messages that came since, in one go."""
        while messages := self._ledger.erasure.messages(after, SLICE):
            for position, stored in messages:
                yield from self._items_of(dossier, mentions, position, stored)
            after = messages[-1][0]

    def _items_of(self, dossier: Dossier, mentions: Mentions, position: int, stored: bytes) -> Iterable[str]:
        parts: list[int | str] = []
        if any(stream in stored for stream in dossier.streams):
            layout = layout_of(position, stored)
            gone = [owner for owner in layout.owners if owner in dossier.streams or self._ledger.erased(owner)]
            parts += own_parts(layout, gone)
        parts += [part for part, content in self._refused(position, stored) if content in mentions]
        return [item_of(position, part) for part in parts]


def _belonging(items: Sequence[str], found: Collection[str]) -> None:
    for item in items:
        if item not in found:
            raise MessageRefused("query.invalid", f"{item} is no item of this dossier alone", name="item")


def _codes_of(entry: Entry) -> list[str]:
    event = entry.event
    if isinstance(event, RecordParked):
        return [event.dossier]
    if isinstance(event, FactRecorded | TransitionQuestioned):
        fact = event.fact
        return [fact.dossier, fact.alias] if isinstance(fact, AliasLinked) else [fact.dossier]
    return []


def _party_of(entry: Entry) -> list[str]:
    party = getattr(entry.event, "party", "")
    return [party] if party else []


def _message_of(entry: Entry) -> int:
    message: int = getattr(entry.event, "message", 0)
    return message


def _joined_by(entry: Entry) -> list[bytes]:
    event = entry.event
    if isinstance(event, FactRecorded) and isinstance(event.fact, AliasLinked) and event.fact.other_stream:
        return [bytes.fromhex(event.fact.other_stream)]
    return []
