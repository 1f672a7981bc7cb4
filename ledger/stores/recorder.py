"""The recorder interfaces of ``eventsourcing`` over the log: stored events and their leaves in one transaction.

``insert_events`` is the commit primitive for users of the library: one call, one transaction, one signed checkpoint.
It runs on the caller's thread under a lock; the hub itself never comes this way. The leaf commits to topic and state; a
topic that names code is stored beside the leaf and only committed to, because code moves.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from threading import Event, RLock
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    DataError,
    IntegrityError,
    ListenNotifySubscription,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)

from contracts.moment import rfc3339
from contracts.ports import Clock, Entropy
from ledger import leaf
from ledger.chain import Chain
from ledger.ids import Draws
from ledger.stores.store import Batch, EventRow, Head
from ledger.vault import SALT_BYTES

LIBRARY_TYPE: Final = "library.event"
"""What a leaf calls an event whose topic is a path into code."""


class LedgerRecorder:
    """One chain used by threads: everything below one lock, stopped for good by the first failed commit."""

    def __init__(self, chain: Chain, clock: Clock, entropy: Entropy, *, gaps: bool) -> None:
        self._chain = chain
        self._store = chain.store
        self._clock = clock
        self._salts = Draws(entropy, "salts")
        self._gaps = gaps
        self._lock = RLock()
        self._stopped = False
        self._tr = 0
        self._recall()

    def _recall(self) -> None:
        """Read again what others may have written: how far they followed, and when the newest event was recorded."""
        self._tracking = self._store.tracking()
        last = self._store.last_leaf()
        self._tr = max(self._tr, leaf.recorded_us(last) if last is not None else 0)

    def _check_version(self, last: int | None, event: StoredEvent) -> None:
        version = event.originator_version
        expected = (0, 1) if last is None else (last + 1,)
        if version not in expected and not (self._gaps and version > (last or -1)):
            raise IntegrityError(f"version {version} of {event.originator_id} does not follow {last}")

    def _check_tracking(self, tracking: Tracking) -> None:
        if self._tracking.get(tracking.application_name, -1) >= tracking.notification_id:
            raise IntegrityError(f"{tracking.application_name} was already followed to {tracking.notification_id}")

    def _write(self, events: Sequence[StoredEvent], tracking: Tracking | None) -> list[int]:
        with self._lock, self._chain.turn() as moved:
            if self._stopped:
                raise OperationalError("the log stopped after a failed commit")
            if moved or (tracking is not None and self._chain.shared):
                self._recall()
            if tracking is not None:
                self._check_tracking(tracking)
            batch = self._place(events)
            if tracking is not None:
                batch.tracking[tracking.application_name] = tracking.notification_id
            first = self._chain.committed + 1
            try:
                self._chain.commit(batch)
            except Exception as error:
                self._stopped = True
                raise OperationalError("the outcome of this commit is unknown") from error
            self._chain.place_heads(batch.heads)
            self._tracking.update(batch.tracking)
            return list(range(first, first + len(events)))

    def _place(self, events: Sequence[StoredEvent]) -> Batch:
        batch = Batch()
        self._tr = max(self._tr, self._clock.now())
        tr = rfc3339(self._tr)
        streams = [_stream_of(event.originator_id) for event in events]
        known = self._chain.heads_of(streams)
        for position, (event, stream) in enumerate(zip(events, streams, strict=True), self._chain.committed + 1):
            head = batch.heads.get(stream) or known.get(stream)
            self._check_version(None if head is None else head[0], event)
            self._place_event(event, stream, position, tr, head, batch)
        return batch

    def _place_event(
        self, event: StoredEvent, stream: bytes, position: int, tr: str, head: Head | None, batch: Batch
    ) -> None:
        rev, prev = (0, leaf.NO_PREV) if head is None else (head[1] + 1, head[3].hex())
        salt = self._salts.take(SALT_BYTES)
        body = leaf.commit_to(leaf.BODY_PREFIX, salt, library_body(event.topic, event.state)).hex()
        entry = leaf.compose(
            cfg="",
            eid="",
            idx=position - 1,
            kind="event",
            msg=0,
            pc=f'{{"c":"{body}","r":"body"}}',
            prev=prev,
            rev=rev,
            sid=stream.hex(),
            src="",
            sv=1,
            tr=tr,
            typ=leaf_type(event.topic),
        )
        digest = sha256(b"\x00" + entry).digest()
        batch.events.append((position, stream, event.originator_version, event.topic, entry, event.state, salt))
        batch.hashes.append(digest)
        batch.heads[stream] = (event.originator_version, rev, position, digest)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Events of one stream, see the library."""
        with self._lock:
            rows = self._store.stream(_stream_of(originator_id), gt=gt, lte=lte, desc=desc, limit=limit)
        return [
            StoredEvent(
                originator_id=originator_id, originator_version=row.originator_version, topic=row.topic, state=row.state
            )
            for row in rows
        ]

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record how far another application was followed, see the library."""
        self._write((), tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far another application was followed, see the library."""
        with self._lock:
            if self._chain.shared:
                self._tracking = self._store.tracking()
            return self._tracking.get(application_name)

    def close(self) -> None:
        """Give the files back."""
        with self._lock:
            self._stopped = True
            self._store.close()


def _stream_of(originator_id: UUID | str) -> bytes:
    if not isinstance(originator_id, UUID):
        raise DataError("streams are named by UUIDs")
    return originator_id.bytes


@lru_cache(1_024)
def leaf_type(topic: str) -> str:
    """What the leaf calls an event of the library: its topic, unless that is a path into code."""
    plain = topic.isascii() and topic.replace("-", "").replace(".", "").isalnum() and topic == topic.lower()
    return topic if plain else LIBRARY_TYPE


def library_body(topic: str, state: bytes) -> bytes:
    """What the ``body`` commitment of a library event is taken over."""
    return topic.encode() + b"\x00" + state


class LedgerAggregateRecorder(LedgerRecorder, AggregateRecorder):
    """Streams without a shared order to follow: snapshots. Version gaps are fine there."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:  # noqa: ARG002
        """Write events in one transaction, see the library."""
        if stored_events:
            self._write(stored_events, None)
        return None


class LedgerApplicationRecorder(LedgerRecorder, ApplicationRecorder):
    """An application's events in their one order; versions without gaps, notification id = position on the log."""

    def __init__(self, chain: Chain, clock: Clock, entropy: Entropy) -> None:
        super().__init__(chain, clock, entropy, gaps=False)
        self._listeners: list[Event] = []

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Write events, and the tracking given with them, in one transaction; returns their positions."""
        tracking: Tracking | None = kwargs.get("tracking")
        if not stored_events and tracking is None:
            return []
        positions = self._write(stored_events, tracking)
        for listener in tuple(self._listeners):
            listener.set()
        return positions

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position, see the library."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        with self._lock:
            rows = self._store.events(after, limit, stop=stop, topics=topics)
        return [_notification(row) for row in rows]

    def max_notification_id(self) -> int | None:
        """The newest position, None when there is none."""
        with self._lock:
            return self._chain.newest() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follow the log on a thread of the library's own."""
        return LedgerSubscription(self, gt=gt, topics=topics)

    def listen(self, event: Event) -> None:
        """Set ``event`` after every commit."""
        self._listeners.append(event)

    def unlisten(self, event: Event) -> None:
        """Stop setting ``event``."""
        if event in self._listeners:
            self._listeners.remove(event)


class LedgerTrackingRecorder(LedgerRecorder, TrackingRecorder):
    """Only how far others were followed."""

    def __init__(self, chain: Chain, clock: Clock, entropy: Entropy) -> None:
        super().__init__(chain, clock, entropy, gaps=False)


class LedgerProcessRecorder(LedgerApplicationRecorder, ProcessRecorder):
    """Events and tracking in one transaction: each followed event has its effect exactly once."""


class LedgerSubscription(ListenNotifySubscription[LedgerApplicationRecorder]):
    """The library's subscription, woken by commits of this process."""

    def __init__(self, recorder: LedgerApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._recorder.listen(self._has_been_notified)

    def stop(self) -> None:
        """Stop following."""
        super().stop()
        self._recorder.unlisten(self._has_been_notified)


def _notification(row: EventRow) -> Notification:
    position, stream, version, topic, _, state, _ = row
    return Notification(_uuid_of(stream), version, topic, state, position)


@lru_cache(16_384)
def _uuid_of(stream: bytes) -> UUID:
    """The UUID of a stream; a stream has many events, and making a UUID costs more than reading its row."""
    return UUID(bytes=stream)
