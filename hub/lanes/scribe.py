"""How the outcome of an attempt is put on the log: one event per attempt, with what is now known at the target.

The rendered bytes are not stored (``Adapter.write`` is pure, so they can be made again from the log and the mapping);
each item carries a salted commitment of the exact bytes of its record. The salt is derived under the dossier's own
key, so it need not be stored, can be disclosed for one delivery alone, and dies with the key when the dossier is
erased.

The next batch does not wait for durability: an outcome is known to all that decides after it as soon as it is placed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from contracts.delivery import Outcome
from contracts.errors import Overloaded
from contracts.ports import Clock, Entropy
from hub.lanes.backlog import Backlog
from hub.lanes.work import Batch, Segment, Work
from ledger.events import Event, SyncConfirmed, SyncDismissed, SyncItem, SyncParked, SyncRefused, SyncRequeued
from ledger.leaf import commit_to
from ledger.port import Ledger
from ledger.unit import NewEvent, Placed, Standing, Unit

SENT_PREFIX: Final = b"hub/pc/v1\x00sent\x00"
_SALT_PREFIX: Final = b"hub/sent-salt/v1\x00"


def salt_of(ledger: Ledger, stream: bytes, batch_id: str) -> bytes:
    """The salt of one dossier's item in one attempt, 16 bytes."""
    return ledger.fingerprint(stream, _SALT_PREFIX + batch_id.encode())


def commitment(salt: bytes, bodies: Iterable[bytes]) -> str:
    """Salted commitment (hex) of what was sent for one dossier; several records count by their digests, in order."""
    many = tuple(bodies)
    content = many[0] if len(many) == 1 else b"".join(sha256(body).digest() for body in many)
    return commit_to(SENT_PREFIX, salt, content).hex()


class Attempt:
    """One exchange with the target: what went, when, and under which id it stands on the log."""

    __slots__ = ("batch", "id", "outcome", "sent_at")

    def __init__(self, batch: Batch, outcome: Outcome, *, id: str, sent_at: int) -> None:  # noqa: A002  # the field's word
        self.batch = batch
        self.outcome = outcome
        self.id = id
        self.sent_at = sent_at


class Scribe:
    """Writes the outcomes of one target. ``busy`` while one could not be placed yet: then nothing may be sent."""

    def __init__(
        self, ledger: Ledger, *, target: str, mapping_hash: str, clock: Clock, ids: Entropy, backlog: Backlog
    ) -> None:
        self._ledger = ledger
        self._target = target
        self._stream = ledger.named_stream("target", target)
        self._mapping_hash = mapping_hash
        self._clock = clock
        self._ids = ids
        self._backlog = backlog
        self._waiting = 0
        self.read = ledger.cursor(target)
        """The position through which the lane has read the log."""

    @property
    def busy(self) -> bool:
        """Whether an outcome waits for room in the ledger's queue."""
        return self._waiting > 0

    def now(self) -> int:
        """The hub's clock, microseconds UTC."""
        return self._clock.now()

    def new_id(self) -> str:
        """A fresh id of an attempt: 32 hex digits."""
        return self._ids.bytes(16).hex()

    def standing(self, stream: bytes) -> Standing | None:
        """What the log says is known at the target for a dossier, outcomes placed by others included."""
        return self._ledger.standings(stream).get(self._target)

    async def confirmed(
        self,
        segments: Sequence[Segment],
        works: Sequence[Work],
        items: Sequence[SyncItem],
        *,
        attempt_id: str,
        sent_at: int,
        phrase: str,
    ) -> None:
        """The target has ``segments`` (all of one lane); ``works`` are as they stand after it."""
        through = self._through()
        event = SyncConfirmed(
            target=self._target,
            service=segments[0].service,
            updating=segments[0].updating,
            items=tuple(items),
            sent_at=sent_at,
            confirmed_at=self._clock.now(),
            mapping_hash=self._mapping_hash,
            phrase=phrase,
            complete_through=through,
            batch_id=attempt_id,
        )
        await self._append((event,), tuple([work.known for work in works]), through, unhurried=True)

    async def refused(self, attempt: Attempt) -> None:
        """One attempt confirmed nothing; its works are still open."""
        through = self._through()
        await self._append((self._refusal(attempt, through),), (), through, unhurried=True)

    async def parked(
        self, known: Standing, position: int, code: str, *, detail: str = "", attempt: Attempt | None = None
    ) -> None:
        """The dossier waits for this target alone; ``attempt`` is the one that was the reason, if one was."""
        through = self._through()
        event = SyncParked(
            target=self._target,
            stream=known.stream.hex(),
            through=position,
            code=code,
            parked_at=self._clock.now(),
            detail=detail,
        )
        events: tuple[Event, ...] = (event,) if attempt is None else (self._refusal(attempt, through), event)
        await self._append(events, (_with(known, code),), through)

    async def requeued(self, standing: Standing, *, by: str = "", note: str = "") -> int:
        """A parked dossier is put back; returns the position."""
        event = SyncRequeued(
            target=self._target, stream=standing.stream.hex(), requeued_at=self._clock.now(), by=by, note=note
        )
        return (await self._append((event,), (_with(standing, ""),), self._through())).positions[0]

    async def dismissed(self, standing: Standing, *, by: str, note: str) -> int:
        """Nobody will see to a parked dossier; it stays parked. Returns the position."""
        event = SyncDismissed(
            target=self._target, stream=standing.stream.hex(), dismissed_at=self._clock.now(), by=by, note=note
        )
        return (await self._append((event,), (), self._through())).positions[0]

    def item(self, work: Work, segment: Segment, attempt_id: str, *, rows: tuple[int, ...] | None = None) -> SyncItem:
        """What one attempt carried for one dossier; ``rows`` where fewer than all of the segment's are meant."""
        salt = salt_of(self._ledger, work.stream, attempt_id)
        return SyncItem(
            stream=work.stream.hex(),
            through=work.position,
            commitment=commitment(salt, [rendering.body for rendering in segment.renderings]),
            rows=segment.rows if rows is None else rows,
            doubt=work.doubt_rows if segment.rows else work.doubt_record,
        )

    def _refusal(self, attempt: Attempt, through: int) -> SyncRefused:
        batch = attempt.batch
        return SyncRefused(
            target=self._target,
            service=batch.service,
            updating=batch.updating,
            items=tuple([self.item(work, work.segment, attempt.id) for work in batch.works]),
            sent_at=attempt.sent_at,
            refused_at=self._clock.now(),
            verdict=attempt.outcome.verdict,
            phrase=attempt.outcome.phrase,
            attempt=1 + batch.tries,
            complete_through=through,
            batch_id=attempt.id,
        )

    def _through(self) -> int:
        return self._backlog.settled_through(self.read)

    async def _append(
        self, events: Sequence[Event], standings: tuple[Standing, ...], through: int, *, unhurried: bool = False
    ) -> Placed:
        unit = Unit(
            events=tuple([NewEvent(stream=self._stream, event=event) for event in events]),
            standings=standings,
            cursor=(self._target, through),
        )
        self._waiting += 1
        try:
            while True:
                try:
                    return self._ledger.submit(unit, unhurried=unhurried)
                except Overloaded as full:
                    await asyncio.sleep(full.retry_after_s)
        finally:
            self._waiting -= 1


def _with(known: Standing, parked: str) -> Standing:
    return Standing(stream=known.stream, target=known.target, through=known.through, rows=known.rows, parked=parked)
