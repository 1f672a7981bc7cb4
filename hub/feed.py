"""The log as CloudEvents: one per position, the same for ever, cut to what its reader may see.

``id`` is the leaf hash, ``source`` the agency that the event's own dossier code names (the party where it names none),
``time`` the business time; nothing of it depends on today's configuration. Parties see the dossiers that concern them
with their values, and messages and outcomes with the items that concern them. Staff (auditors, operators) see every
position without the values of sealed content: opening those is an act of its own, recorded on the log.

Every event is encoded once for all who see the same of it; a stream hands out many events in one piece.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from contracts.moment import rfc3339
from contracts.ports import Principal
from hub.intake import agency_of
from ledger.events import (
    AcceptedItem,
    AnyEvent,
    FactRecorded,
    MessageAccepted,
    RecordDismissed,
    RecordParked,
    SyncConfirmed,
    SyncDismissed,
    SyncItem,
    SyncParked,
    SyncRefused,
    SyncRequeued,
    TransitionQuestioned,
    version_of,
)
from ledger.port import Entry, Ledger

TYPE_PREFIX: Final = "vn.lienthong."
HEARTBEAT_S: Final = 15.0
GATHER_S: Final = 0.02
"""How long new events gather before all streams write: one write for many events."""
KEPT: Final = 4_096
PIECES_KEPT: Final = 64
"""Pieces of streams kept: subscribers woken together stand at the same position and get the same bytes."""
MOST_SCANNED: Final = 256
"""Entries one call looks through at most: about three milliseconds when none was seen before."""

_OF_DOSSIER: Final = (FactRecorded, TransitionQuestioned, RecordParked, RecordDismissed)
_OF_TARGET: Final = (SyncConfirmed, SyncRefused, SyncParked, SyncRequeued, SyncDismissed)
WITH_VALUES: Final = frozenset({"fact", "word"})
"""Members that hold values of sealed content: staff do not see them."""
_encode: Final = msgspec.json.Encoder().encode


def cloud_event(
    entry: Entry, *, values: bool, traceparent: str = "", items: tuple[Any, ...] | None = None
) -> dict[str, Any]:
    """One entry of the log as a CloudEvent 1.0 in structured JSON form.

    ``values``: with the values of sealed content. ``items`` replaces ``data.items`` where a reader sees only some.
    An erased event has no ``data``, no ``subject`` and stands under its recording time.
    """
    event = entry.event
    shown: dict[str, Any] = {
        "specversion": "1.0",
        "id": entry.leaf_hash.hex(),
        "source": "/log" if event is None else _source(event),
        "type": _type(entry),
        "time": rfc3339(entry.recorded_at if event is None else _time(event, entry)),
        "recordedtime": rfc3339(entry.recorded_at),
        "position": entry.position,
        "partitionkey": entry.stream.hex(),
        "datacontenttype": "application/json",
    }
    if event is None:
        return shown
    subject = _subject(event)
    if subject:
        shown["subject"] = subject
    if traceparent:
        shown["traceparent"] = traceparent
    shown["data"] = _data(event, values=values, items=items)
    return shown


def _type(entry: Entry) -> str:
    version = 1 if entry.event is None else version_of(entry.event)
    return f"{TYPE_PREFIX}{entry.topic}.v{version}"


def _source(event: AnyEvent) -> str:
    if isinstance(event, _OF_DOSSIER):
        agency = agency_of(_code(event))
        return f"/agencies/{agency}" if agency else f"/parties/{event.party}"
    if isinstance(event, _OF_TARGET):
        return f"/parties/{event.target}"
    party = getattr(event, "party", "")
    return f"/parties/{party}" if party else "/log"


def _code(event: FactRecorded | TransitionQuestioned | RecordParked | RecordDismissed) -> str:
    return event.dossier if isinstance(event, RecordParked | RecordDismissed) else event.fact.dossier


def _subject(event: AnyEvent) -> str:
    if isinstance(event, _OF_DOSSIER):
        return _code(event)
    if isinstance(event, _OF_TARGET):
        return event.target
    return str(getattr(event, "party", ""))


def _time(event: AnyEvent, entry: Entry) -> int:
    if isinstance(event, FactRecorded | TransitionQuestioned):
        return event.at_us
    if isinstance(event, MessageAccepted):
        return event.accepted_at
    return entry.recorded_at


def _data(event: AnyEvent, *, values: bool, items: tuple[Any, ...] | None) -> dict[str, Any]:
    if items is not None:
        event = msgspec.structs.replace(event, items=items)
    data: dict[str, Any] = msgspec.to_builtins(event)
    if not values and isinstance(event, _OF_DOSSIER):
        data = {name: value for name, value in data.items() if name not in WITH_VALUES}
    return data


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """One position as some readers see it: the event, and its frame on a stream."""

    event: dict[str, Any]
    frame: bytes


class Feed:
    """The feed of one hub. ``sees`` says whether a dossier concerns a caller; ``run`` wakes those who wait."""

    def __init__(self, *, ledger: Ledger, sees: Callable[[Principal, bytes], bool]) -> None:
        self._ledger = ledger
        self._sees = sees
        self._pieces: dict[tuple[str, int, int] | None, tuple[bytes, int]] = {}
        self._shown: dict[tuple[int, str], _Seen | None] = {}
        self._traces: dict[int, str] = {}
        self._moved = asyncio.Event()
        self._position = ledger.committed
        self._stopping = False
        self._waiting: asyncio.Future[None] | None = None

    # ── waking ───────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Wake everybody who waits when the log has grown, many events at a time, until ``stop``."""
        while not self._stopping:
            self._waiting = asyncio.ensure_future(self._wait())
            await asyncio.wait((self._waiting,))
            if not self._waiting.cancelled():
                self._waiting.result()
            if self._ledger.committed > self._position:
                self._position = self._ledger.committed
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()

    async def _wait(self) -> None:
        await self._ledger.wait_beyond(self._position, HEARTBEAT_S)
        await asyncio.sleep(GATHER_S)

    def stop(self) -> None:
        """Wake everybody; ``run`` ends."""
        self._stopping = True
        self._moved.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def wait_beyond(self, position: int, timeout_s: float) -> int:
        """The end of the log once it exceeds ``position``, or after ``timeout_s`` whatever it is."""
        if self._ledger.committed <= position and not self._stopping:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._moved.wait()
            except TimeoutError:
                pass
        return self._ledger.committed

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def cloud_event(self, entry: Entry, principal: Principal) -> dict[str, Any]:
        """One entry with its values, for a caller who was let in to it and whose reading is recorded if it must be."""
        del principal
        return cloud_event(entry, values=True, traceparent=self._trace(entry))

    def page(
        self, principal: Principal, after: int, limit: int, *, kind: str = "", subject: str = ""
    ) -> tuple[list[dict[str, Any]], int]:
        """Up to ``limit`` events beyond ``after`` that the caller may see, and the position to go on after.

        One call looks through a bounded stretch of the log, so there may be fewer events although more follow; the
        position moves on all the same.
        """
        found, read = self._seen_beyond(principal, after, limit, kind, subject)
        return [seen.event for seen in found], read

    def frames(
        self, principal: Principal, after: int, limit: int, *, kind: str = "", subject: str = ""
    ) -> tuple[bytes, int]:
        """The same as one piece of a stream of server-sent events, ``id`` the position of each.

        Where nothing of the stretch concerns the caller, the piece only moves the caller's ``id`` on, so that who sees
        little does not start far back when it returns. Empty at the end of the log.
        """
        shared = None if kind or subject else (self._who(principal), after, limit)
        if shared in self._pieces:
            return self._pieces[shared]
        found, read = self._seen_beyond(principal, after, limit, kind, subject)
        piece = b"".join([seen.frame for seen in found])
        if not found and read > after:
            piece = b"id: %d\n\n" % read
        if shared is not None and read > after:
            self._pieces[shared] = (piece, read)
            if len(self._pieces) > PIECES_KEPT:
                del self._pieces[next(iter(self._pieces))]
        return piece, read

    @staticmethod
    def _who(principal: Principal) -> str:
        """Callers of one name here see the same."""
        return f"party/{principal.party}" if principal.role == "party" else "staff"

    def _seen_beyond(
        self, principal: Principal, after: int, limit: int, kind: str, subject: str
    ) -> tuple[list[_Seen], int]:
        found: list[_Seen] = []
        read = after
        for entry in self._ledger.read(after, MOST_SCANNED):
            read = entry.position
            seen = self._see(entry, principal)
            if seen is None or not seen.event["type"].startswith(kind):
                continue
            if not subject or seen.event.get("subject") == subject:
                found.append(seen)
                if len(found) >= limit:
                    break
        return found, read

    def forget(self) -> None:
        """Drop every encoded copy: after an erasure none may stay."""
        self._shown.clear()
        self._pieces.clear()

    # ── seeing ───────────────────────────────────────────────────────────────────────────────────

    def _see(self, entry: Entry, principal: Principal) -> _Seen | None:
        """What this caller sees of an entry, made once for all who see the same."""
        view = self._view(entry, principal)
        if view is None:
            return None
        key = (entry.position, view)
        if key in self._shown:
            return self._shown[key]
        event = self._made(entry, view, principal)
        seen = None
        if event is not None:
            seen = _Seen(event, b"id: %d\ndata: %b\n\n" % (entry.position, _encode(event)))
        self._shown[key] = seen
        if len(self._shown) > KEPT:
            del self._shown[next(iter(self._shown))]
        return seen

    def _view(self, entry: Entry, principal: Principal) -> str | None:
        """Which variant the caller sees: "plain" (staff), "full", "own:<party>" (some items), None (nothing)."""
        if principal.role != "party":
            return "plain"
        event = entry.event
        if isinstance(event, _OF_DOSSIER):
            return "full" if self._sees(principal, entry.stream) else None
        if isinstance(event, MessageAccepted):
            return "full" if event.party == principal.party else None
        if isinstance(event, SyncConfirmed | SyncRefused):
            return "full" if event.target == principal.party else f"own:{principal.party}"
        if isinstance(event, SyncParked | SyncRequeued | SyncDismissed):
            mine = event.target == principal.party or self._sees(principal, bytes.fromhex(event.stream))
            return "full" if mine else None
        party = getattr(event, "party", None)
        return "full" if party == principal.party else None

    def _made(self, entry: Entry, view: str, principal: Principal) -> dict[str, Any] | None:
        items: tuple[AcceptedItem | SyncItem, ...] | None = None
        event = entry.event
        if view.startswith("own:") and isinstance(event, SyncConfirmed | SyncRefused):
            items = tuple(item for item in event.items if self._sees(principal, bytes.fromhex(item.stream)))
            if not items:
                return None
        return cloud_event(entry, values=view != "plain", traceparent=self._trace(entry), items=items)

    def _trace(self, entry: Entry) -> str:
        event = entry.event
        if isinstance(event, MessageAccepted):
            self._remember_trace(entry.position, event.traceparent)
            return event.traceparent
        if not isinstance(event, _OF_DOSSIER):
            return ""
        known = self._traces.get(event.message)
        if known is None:
            found = self._ledger.read(event.message - 1, 1) if event.message else []
            message = found[0].event if found else None
            known = message.traceparent if isinstance(message, MessageAccepted) else ""
            self._remember_trace(event.message, known)
        return known

    def _remember_trace(self, position: int, traceparent: str) -> None:
        self._traces[position] = traceparent
        if len(self._traces) > KEPT:
            del self._traces[next(iter(self._traces))]
