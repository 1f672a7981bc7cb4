"""Reading: one dossier of 20 events opened and folded, and the log in order, against the library's own ways."""

from collections.abc import Callable
from typing import Final

from bench.peers import Comparison, Field, Peer, Sample, Stopwatch
from bench.store_places import (
    AT_US,
    BATCH,
    Dossier,
    facts_of,
    fresh_application,
    fresh_ledger,
    fresh_recorder,
    place,
    records_of,
    stored_events,
)
from contracts.facts import ProcessingStepRecorded, Step
from contracts.moment import Moment
from hub.picture import fold, picture
from ledger.events import FactRecorded
from ledger.unit import NewEvent, Unit

_EVENTS_OF_ONE: Final = 20
_FEED: Final = 1_000

# ── R7, R8: reading ──────────────────────────────────────────────────────────────────────────────


def _history(number: int) -> list[FactRecorded]:
    """One submission and 19 steps of processing."""
    submitted = facts_of(BATCH)[number]
    dossier = submitted.fact.dossier
    found = [submitted]
    for count in range(1, _EVENTS_OF_ONE):
        us = AT_US + count * 3_600_000_000
        step = Step(officer=_STEP["officer"], content=f"{_STEP['content']} {count}", department=_STEP["department"])
        fact = ProcessingStepRecorded(dossier=dossier, at=Moment(us=us, text="", zone="Asia/Ho_Chi_Minh"), step=step)
        found.append(FactRecorded(party="mau", message=1 + count, fact=fact, at_us=us))
    return found


_STEP: Final = {"officer": "Giàng A Mẫu", "department": "Bộ phận Một cửa xã Mẫu", "content": "Thẩm định hồ sơ"}


def _timed(n: int, read: Callable[[int], object]) -> Sample:
    read(0)
    with Stopwatch(n) as watch:
        for number in range(n):
            read(number)
    return watch.sample


def _fold_ours(n: int) -> Sample:
    with fresh_ledger() as ledger:
        streams = []
        for number in range(BATCH):
            streams.append(ledger.new_stream())
            ledger.submit(Unit(events=tuple(NewEvent(streams[-1], fact) for fact in _history(number))))
        ledger.flush()
        whole = picture(fold(ledger.read_stream(streams[0]), streams[0]))
        assert len(whole.steps) >= _EVENTS_OF_ONE - 1, "the picture misses steps"
        return _timed(
            n, lambda number: picture(fold(ledger.read_stream(streams[number % BATCH]), streams[number % BATCH]))
        )


def _fold_library(n: int) -> Sample:
    with fresh_application() as application:
        ids = []
        for record in records_of(BATCH):
            dossier = Dossier(record)
            for count in range(1, _EVENTS_OF_ONE):
                dossier.take_step({**_STEP, "content": f"{_STEP['content']} {count}", "at": AT_US + count})
            application.save(dossier)
            ids.append(dossier.id)
        whole: Dossier = application.repository.get(ids[0])
        assert len(whole.steps) == _EVENTS_OF_ONE - 1
        return _timed(n, lambda number: application.repository.get(ids[number % BATCH]))


def reconstructing(n: int) -> Field:
    """R7: a dossier of 20 events from the disk, opened and folded."""
    return Field(
        "store",
        (
            Peer("ours: read_stream, fold, picture", lambda: _fold_ours(n)),
            Peer("eventsourcing: repository.get", lambda: _fold_library(n)),
        ),
        (Comparison("R7 20 events", "ours: read_stream, fold, picture", "eventsourcing: repository.get", 3.5),),
        "reading",
    )


def _feed_ours(n: int, *, cold: bool) -> Sample:
    with fresh_ledger() as ledger:
        for start in range(0, _FEED, BATCH):
            place(ledger, facts_of(_FEED)[start : start + BATCH])
            ledger.flush()
        if cold:
            other = ledger.new_stream()
            ledger.submit(Unit(events=(NewEvent(other, facts_of(_FEED)[0]),)))
            ledger.destroy_key(other)  # drops every opened copy

        def read(_: int) -> None:
            after = 1
            while after <= _FEED:
                after += len(ledger.read(after, _FEED + 1 - after))

        return _timed(n, read)


def _feed_recorder(n: int) -> Sample:
    with fresh_recorder() as recorder:
        recorder.insert_events(stored_events(_FEED))
        sample = _timed(n, lambda _: len(recorder.select_notifications(1, _FEED)))
        recorder.close()
        return sample


def _feed_library(n: int) -> Sample:
    with fresh_application() as application:
        application.save(*[Dossier(record) for record in records_of(_FEED)])
        found = application.recorder
        assert len(found.select_notifications(1, _FEED)) == _FEED
        return _timed(n, lambda _: found.select_notifications(1, _FEED))


def feeding(n: int) -> Field:
    """R8: 1000 events in order, as a follower reads them while they are new, from the disk, and as notifications."""
    library = "eventsourcing: select_notifications"
    return Field(
        "store",
        (
            Peer("ours: read, new events", lambda: _feed_ours(n, cold=False)),
            Peer("ours: read from disk, opened and decoded", lambda: _feed_ours(n, cold=True)),
            Peer("ours: select_notifications", lambda: _feed_recorder(n)),
            Peer(library, lambda: _feed_library(n)),
        ),
        (
            Comparison("R8 feed of 1000, new events", "ours: read, new events", library, 2),
            Comparison("R8 notifications of 1000, from disk", "ours: select_notifications", library, 2),
            Comparison("R8 feed of 1000, opened from disk", "ours: read from disk, opened and decoded", library, 2),
        ),
        "reading",
    )
