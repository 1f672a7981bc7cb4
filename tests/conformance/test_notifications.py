"""Nobody who follows the log by position misses an event, however many write; and how the library itself loses some.

``eventsourcing`` numbers events by a sequence. Numbers are drawn before the commit: without a lock a later number can
become visible first, and whoever follows by number never looks back (``POSTGRES_ENABLE_DB_FUNCTIONS=y`` leaves the lock
out). A number drawn by a transaction that fails is lost, so the numbers are no dense index either.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, IntegrityError, StoredEvent
from eventsourcing.utils import Environment

from tests.postgres_server import PostgresServer

WRITERS: Final = 6
EVENTS: Final = 100
ROUNDS: Final = 20
_STREAMS = count(1)


def _events(number: int = 1, version: int = 1) -> list[StoredEvent]:
    return [StoredEvent(UUID(int=next(_STREAMS) << 64), version, "dossier.received", b"{}") for _ in range(number)]


@pytest.fixture
def fresh(postgres_server: PostgresServer) -> dict[str, str]:
    """The library's settings for a fresh database."""
    if importlib.util.find_spec("psycopg_pool") is None:
        reason = "psycopg_pool is not installed: the library's own PostgreSQL recorder needs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    dsn = postgres_server.new_database()
    parts = dict(word.split("=", 1) for word in dsn.split())
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts["dbname"],
        "POSTGRES_HOST": parts["host"],
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": parts["user"],
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": "12",
    }


@contextmanager
def _factory(settings: dict[str, str]) -> Iterator[InfrastructureFactory[Any]]:
    factory = InfrastructureFactory.construct(Environment("mau", settings))
    try:
        yield factory
    finally:
        factory.close()


def _ours(dsn: str, folder: Path) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "ledger.library",
        "LEDGER_ORIGIN": "mau.example/library",
        "LEDGER_DIRECTORY": str(folder),
        "LEDGER_POSTGRES_DSN": dsn,
    }


@pytest.fixture
def ours(postgres_server: PostgresServer, tmp_path: Path) -> dict[str, str]:
    return _ours(postgres_server.new_database(), tmp_path)


def _missed_under_load(reader: ApplicationRecorder, writers: list[Callable[[], None]]) -> int:
    """Have writers write side by side while one follows by position; how many events it never saw."""
    done = Event()
    seen: list[int] = []

    def follow() -> None:
        last = 0
        while True:
            was_done = done.is_set()
            found = [one.id for one in reader.select_notifications(last, 500, inclusive_of_start=False)]
            seen.extend(found)
            last = found[-1] if found else last
            if was_done and not found:
                return

    follower = Thread(target=follow)
    follower.start()
    with ThreadPoolExecutor(len(writers)) as pool:
        for future in [pool.submit(write) for write in writers]:
            future.result()
    done.set()
    follower.join()
    there: list[int] = []
    while found := reader.select_notifications((there[-1] if there else 0), 500, inclusive_of_start=False):
        there += [one.id for one in found]
    assert len(set(seen)) == len(seen)
    return len(set(there) - set(seen))


def test_the_librarys_numbers_become_visible_out_of_order_without_its_lock(fresh: dict[str, str]) -> None:
    with _factory(fresh | {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}) as factory:
        recorder: Any = factory.application_recorder()
        slow = _events()[0]
        with psycopg.connect(_dsn(fresh)) as session:
            session.execute(
                "SELECT es_insert_events_uuid(ARRAY[ROW(%s, %s, %s, %s)::stored_event_uuid])",
                (slow.originator_id, slow.originator_version, slow.topic, slow.state),
            )
            recorder.insert_events(_events())
            first = [one.id for one in recorder.select_notifications(0, 10, inclusive_of_start=False)]
            session.commit()
        later = [one.id for one in recorder.select_notifications(first[-1], 10, inclusive_of_start=False)]
        assert (first, later) == ([2], [])
        assert recorder.max_notification_id() == 2
        assert [one.id for one in recorder.select_notifications(0, 10)] == [1, 2]


def _dsn(settings: dict[str, str]) -> str:
    return f"host={settings['POSTGRES_HOST']} user={settings['POSTGRES_USER']} dbname={settings['POSTGRES_DBNAME']}"


def test_the_librarys_numbers_have_gaps_after_conflicts_and_ours_have_none(
    fresh: dict[str, str], ours: dict[str, str]
) -> None:
    found = {}
    for name, settings in (("library", fresh), ("ours", ours)):
        with _factory(settings) as factory:
            recorder = factory.application_recorder()
            first = _events()
            recorder.insert_events(first)
            for _ in range(3):
                with pytest.raises(IntegrityError):
                    recorder.insert_events(first)
            recorder.insert_events(_events())
            found[name] = [one.id for one in recorder.select_notifications(0, 10)]
    assert found == {"library": [1, 5], "ours": [1, 2]}


def test_under_the_same_load_a_follower_of_the_library_misses_events(fresh: dict[str, str]) -> None:
    with _factory(fresh | {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}) as factory:
        recorder = factory.application_recorder()

        def write() -> None:
            for event in _events(EVENTS):
                recorder.insert_events([event])

        missed = 0
        for _ in range(ROUNDS):
            missed += _missed_under_load(recorder, [write] * WRITERS)
            if missed:
                break
        assert missed > 0


def test_under_the_same_load_a_follower_of_ours_misses_nothing(ours: dict[str, str]) -> None:
    with _factory(ours) as reading:
        reader = reading.application_recorder()

        def write() -> None:
            with _factory(ours) as factory:  # a session of its own, as another process would have
                recorder = factory.application_recorder()
                for event in _events(EVENTS):
                    recorder.insert_events([event])

        assert _missed_under_load(reader, [write] * WRITERS) == 0
        assert reader.max_notification_id() == WRITERS * EVENTS


def test_a_subscription_hears_of_what_another_session_committed_also_after_its_own_session_was_cut(
    ours: dict[str, str], postgres_server: PostgresServer
) -> None:
    with _factory(ours) as here, _factory(ours) as there:
        reader, writer = here.application_recorder(), there.application_recorder()
        writer.insert_events(_events(2))
        with reader.subscribe(gt=0) as subscription:
            seen = [next(subscription).id, next(subscription).id]
            writer.insert_events(_events(1))
            seen.append(next(subscription).id)
            postgres_server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            writer.insert_events(_events(2))
            seen += [next(subscription).id, next(subscription).id]
        assert seen == [1, 2, 3, 4, 5]
