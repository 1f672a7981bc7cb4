"""The read models of one hub: kept up by following the log, asked by the API and the command line.

``run`` is the only way they change, at start as at any other time: it goes on from the position the file contains. A
file that is missing, of another version or of another log starts from nothing. Changes gather for a moment and go in
small transactions, so that the loop is never held and appending never waits for a view.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.errors import MessageRefused
from contracts.identifiers import DossierCode
from hub.views import search
from hub.views.folding import folded
from hub.views.gathering import Folded, Gathering
from hub.views.schema import DROP_STREAM
from hub.views.search import MOST, Page
from ledger.events import MessageAccepted
from ledger.port import Entry, Ledger
from ledger.stores.views_store import ViewsStore

READ_SLICE: Final = 32
FOLD_SLICE: Final = 16
"""Dossiers folded before the loop gets a turn: a dossier that is not in memory is read from the log."""
ROWS_SLICE: Final = 256
"""Rows in one transaction: about two milliseconds."""
GATHER_S: Final = 0.1
WAIT_S: Final = 30.0


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message. ``state``: accepted · refused · conflict; ``records`` counts its records by state.

    ``sync`` counts, for the dossiers it was about, how each target stands: target → state → number.
    """

    message_id: str
    position: int
    party: str
    state: str
    recorded_at: int
    records: Mapping[str, int]
    sync: Mapping[str, Mapping[str, int]]


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """How one target stands to one dossier. ``state``: confirmed · retrying · parked · requeued.

    ``through`` is the dossier's position the target is known to have, ``position`` that of the newest outcome.
    """

    target: str
    state: str
    through: int
    position: int
    reason: str = ""


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a person. ``kind``: record (of a message of ``party``) · delivery (to ``party``).

    ``position`` is that of the event that parked it, ``code`` the reason; a record also has its message's position, its
    ``item`` there, and the ``path`` and ``word`` that no mapping knows.
    """

    kind: str
    stream: bytes
    party: str
    position: int
    code: str
    path: str = ""
    word: str = ""
    message: int = 0
    item: int = 0


class Views:
    """Read models over one file. ``origin`` names the log they belong to."""

    def __init__(self, store: ViewsStore, *, ledger: Ledger, dossiers: Folded, origin: str) -> None:
        self._store = store
        self._ledger = ledger
        self._origin = origin
        self._gathering = Gathering(dossiers, agency_of)
        self._reached: list[tuple[int, asyncio.Future[None]]] = []
        self._stopping = False
        self._waiting: asyncio.Future[None] | None = None
        self._folding = asyncio.Lock()
        self.position = self._resume()

    def _resume(self) -> int:
        row = next(iter(self._store.read("SELECT position, origin FROM progress")), None)
        if row is None:
            return 0
        position, origin = row
        if origin == self._origin and position <= self._ledger.committed:
            return int(position)
        self._store.clear()
        return 0

    # ── following ────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Follow the log until ``stop``."""
        while not self._stopping:
            await self.catch_up()
            self._waiting = asyncio.ensure_future(self._wait())
            await asyncio.wait((self._waiting,))
            if not self._waiting.cancelled():
                self._waiting.result()

    async def _wait(self) -> None:
        """Until there is something new; then let more of it gather."""
        await self._ledger.wait_beyond(self.position, WAIT_S)
        await asyncio.sleep(GATHER_S)

    async def catch_up(self) -> int:
        """Take in everything durable by now; returns the position contained.

        Whoever asks while another is at it waits: an entry taken in twice would count twice.
        """
        async with self._folding:
            await self._catch_up()
        return self.position

    async def _catch_up(self) -> None:
        read = max(self.position, self._gathering.position)  # what a cancelled caller gathered is there already
        while not self._stopping:
            entries = self._ledger.read(read, READ_SLICE)
            for entry in entries:
                self._gathering.learn(entry)
                read = entry.position
                if self._gathering.rows >= ROWS_SLICE:
                    await self._write(read)
            if not entries:
                if read > self.position:
                    await self._write(read)
                break
            await asyncio.sleep(0)

    async def _write(self, read: int) -> None:
        for number, stream in enumerate(self._gathering.touched):
            if number % FOLD_SLICE == 0:
                await asyncio.sleep(0)
            self._gathering.fold(stream)
        await asyncio.sleep(0)
        self._store.write(self._gathering.take(self._origin))
        self.position = read
        waiting = []
        for position, waiter in self._reached:
            if position > read:
                waiting.append((position, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._reached = waiting

    async def reach(self, position: int, timeout_s: float) -> bool:
        """Wait until the views contain a position; False when they do not within ``timeout_s``."""
        if position <= self.position:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reached.append((position, waiter))
        done, _ = await asyncio.wait((waiter,), timeout=timeout_s)
        waiter.cancel()
        return bool(done)

    def stop(self) -> None:
        """``run`` ends; what was gathered and not written is gathered again at the next start."""
        self._stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def forget(self, stream: bytes) -> None:
        """Purge one dossier, because its content is being erased."""
        self._store.write([(statement, [(stream,)]) for statement in DROP_STREAM])

    def scrub(self) -> None:
        """Leave nothing of purged rows in the file; ``ledger.unavailable`` while somebody reads an old state of it."""
        self._store.scrub()

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def search(
        self, text: str = "", *, agency: str = "", status: str = "", cursor: str = "", limit: int = 50
    ) -> Page:
        """Dossiers by part of a code (marks, case and punctuation ignored), agency and business state; newest first.

        Raises ``query.invalid`` (cursor, limit).
        """
        return await search.search(self._store, text=text, agency=agency, status=status, cursor=cursor, limit=limit)

    def find(self, code: str) -> tuple[bytes, ...]:
        """The streams that have exactly this code, marks, case and punctuation ignored; leading streams first."""
        rows = self._store.read(
            "SELECT c.stream FROM codes c LEFT JOIN dossiers d ON d.stream = c.stream "
            "WHERE c.folded = ? ORDER BY d.lead IS NOT NULL, c.stream LIMIT ?",
            (folded(code), MOST),
        )
        return tuple(row[0] for row in rows)

    def message(self, message_id: str) -> Fate | None:
        """What became of a message, by the hub's id of it; None when no such message was received."""
        rows = self._store.read(
            "SELECT position, party, state, recorded_at, records FROM messages WHERE message_id = ?", (message_id,)
        )
        if not rows:
            return None
        position, party, state, recorded_at, records = rows[0]
        return Fate(
            message_id=message_id,
            position=position,
            party=party,
            state=state,
            recorded_at=recorded_at,
            records=json.loads(records),
            sync=self._sync_of_message(position),
        )

    def _sync_of_message(self, position: int) -> Mapping[str, Mapping[str, int]]:
        entries = self._ledger.read(position - 1, 1)
        event = entries[0].event if entries else None
        counts: dict[str, dict[str, int]] = {}
        if isinstance(event, MessageAccepted):
            for name in dict.fromkeys(item.stream for item in event.items if item.stream):
                for target, state in self.sync_of(bytes.fromhex(name)).items():
                    by_state = counts.setdefault(target, {})
                    by_state[state.state] = by_state.get(state.state, 0) + 1
        return counts

    def sync_of(self, stream: bytes) -> Mapping[str, SyncState]:
        """How every target stands to one dossier, by target."""
        rows = self._store.read(
            "SELECT target, state, through, position, reason FROM sync WHERE stream = ? ORDER BY target", (stream,)
        )
        return {
            target: SyncState(target=target, state=state, through=through, position=position, reason=reason)
            for target, state, through, position, reason in rows
        }

    def parked(self, party: str = "", *, limit: int = MOST) -> Sequence[Parked]:
        """What waits for a person, at one party or all, oldest first."""
        rows = self._store.read(
            f"SELECT {_PARKED} FROM parked WHERE ? = '' OR party = ? ORDER BY position LIMIT ?",  # noqa: S608  # constant text
            (party, party, limit),
        )
        return [_parked(row) for row in rows]

    def parked_record(self, position: int) -> Parked | None:
        """The record that was parked at a position of the log, while it waits."""
        rows = self._store.read(
            f"SELECT {_PARKED} FROM parked WHERE kind = 'record' AND position = ?",  # noqa: S608  # constant text
            (position,),
        )
        return _parked(rows[0]) if rows else None

    def parked_counts(self) -> Mapping[str, int]:
        """How many records and deliveries wait, by party; parties where nothing waits are left out."""
        return dict(self._store.read("SELECT party, count(*) FROM parked GROUP BY party ORDER BY party"))

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """What every party sent, received and had confirmed, by party and kind."""
        counts: dict[str, dict[str, int]] = {}
        for party, kind, number in self._store.read("SELECT party, kind, number FROM counts ORDER BY party, kind"):
            counts.setdefault(party, {})[kind] = number
        return counts

    def size(self) -> int:
        """How many dossiers there are; those that another leads are not counted."""
        return int(self._store.read("SELECT count(*) FROM dossiers WHERE lead IS NULL")[0][0])

    def timeline(self, stream: bytes) -> Sequence[Entry]:
        """Everything the log says about one dossier, in order, opened: from the ledger, not from a view."""
        return self._ledger.read_stream(stream)

    def content(self) -> Mapping[str, Sequence[tuple[object, ...]]]:
        """Every row of every table but the progress: what a rebuild must give again. For tests and ``doctor``."""
        tables = ("dossiers", "codes", "sync", "parked", "messages", "counts")
        return {
            table: self._store.read(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608  # constant text
            for table in tables
        }


_PARKED: Final = "kind, stream, party, position, code, path, word, message, item"


def _parked(row: Sequence[Any]) -> Parked:
    return Parked(**dict(zip(_PARKED.split(", "), row, strict=True)))


def agency_of(code: str) -> str:
    """The agency a dossier code names, "" where it names none."""
    try:
        parsed = DossierCode.parse(code)
    except (MessageRefused, ValueError):
        return ""
    return "" if parsed.agency is None else parsed.agency.normalised
