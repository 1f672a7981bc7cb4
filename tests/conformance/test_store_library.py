"""The library's own recorder tests, run over all stores, and an ordinary application of the library on the log."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase
from uuid import UUID

import eventsourcing.cryptography
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from hub.world_seeded import SeededEntropy, SteppedClock
from ledger.chain import Chain
from ledger.inspect import verify
from ledger.library import LedgerFactory
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres import PostgresStore
from ledger.stores.postgres_recorder import PostgresApplicationRecorder, PostgresProcessRecorder
from ledger.stores.recorder import (
    LedgerAggregateRecorder,
    LedgerApplicationRecorder,
    LedgerProcessRecorder,
    LedgerTrackingRecorder,
)
from tests.postgres_server import PostgresServer

# the library's test module imports its pycryptodome cipher; this project locks its cryptography-based twin instead
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)

from eventsourcing.tests.persistence import (  # noqa: E402  # only now can it be imported
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)


def _environment(directory: str = "", dsn: str = "") -> Environment:
    settings = {"PERSISTENCE_MODULE": "ledger.library", "LEDGER_ORIGIN": "mau.example/library"}
    settings |= {"LEDGER_DIRECTORY": directory} if directory else {}
    return Environment("mau", settings | ({"LEDGER_POSTGRES_DSN": dsn} if dsn else {}))


@pytest.fixture
def library_dsn(postgres_server: PostgresServer, postgres_dsn: str) -> str:
    """A database without the schemas that the factory makes."""
    for purpose in ("application", "events", "snapshots", "tracking", "process"):
        postgres_server.ask(f"DROP SCHEMA IF EXISTS ledger_{purpose} CASCADE", postgres_dsn)
    return postgres_dsn


class _Suite(TestCase):
    """Builds recorders for the library's suites, in memory; the other half of the classes uses files."""

    on_disk = False
    on_postgres = False

    def setUp(self) -> None:
        self.env = self.environment()
        super().setUp()

    def environment(self) -> Environment:
        directory = dsn = ""
        if self.on_disk or self.on_postgres:
            folder = TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            directory = folder.name
        if self.on_postgres:
            dsn = self.request.getfixturevalue("library_dsn")
        return _environment(directory, dsn)

    @pytest.fixture(autouse=True)
    def _with_request(self, request: pytest.FixtureRequest) -> None:
        self.request = request

    def factory_of(self) -> LedgerFactory:
        factory = LedgerFactory(self.env)
        self.addCleanup(factory.close)
        return factory


class TestAggregateRecorder(_Suite, AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory_of().aggregate_recorder()


class TestAggregateRecorderOnDisk(TestAggregateRecorder):
    on_disk = True


class TestAggregateRecorderOnPostgres(TestAggregateRecorder):
    on_postgres = True


class TestApplicationRecorder(_Suite, ApplicationRecorderTestCase[ApplicationRecorder]):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory_of().application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderOnDisk(TestApplicationRecorder):
    on_disk = True


class TestApplicationRecorderOnPostgres(TestApplicationRecorder):
    on_postgres = True


class TestTrackingRecorder(_Suite, TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory_of().tracking_recorder()


class TestTrackingRecorderOnDisk(TestTrackingRecorder):
    on_disk = True


class TestTrackingRecorderOnPostgres(TestTrackingRecorder):
    on_postgres = True


class TestProcessRecorder(_Suite, ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory_of().process_recorder()


class TestProcessRecorderOnDisk(TestProcessRecorder):
    on_disk = True


class TestProcessRecorderOnPostgres(TestProcessRecorder):
    on_postgres = True


class TestNonInterleaving(_Suite, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory_of().application_recorder()


class TestNonInterleavingOnDisk(TestNonInterleaving):
    on_disk = True


class TestNonInterleavingOnPostgres(TestNonInterleaving):
    on_postgres = True


class SpecialTrackingRecorder(LedgerTrackingRecorder):
    """A tracking recorder of a user's own."""


class TestFactory(_Suite, InfrastructureFactoryTestCase[LedgerFactory]):
    def expected_factory_class(self) -> type[LedgerFactory]:
        return LedgerFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return LedgerAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LedgerApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return LedgerTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return SpecialTrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LedgerProcessRecorder


class TestFactoryOnDisk(TestFactory):
    on_disk = True


class TestFactoryOnPostgres(TestFactory):
    on_postgres = True

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return PostgresApplicationRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return PostgresProcessRecorder


# collected through the classes above only
del (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    InfrastructureFactoryTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
    _Suite,
)


class Herd(Aggregate):
    """A herd of invented buffaloes."""

    @event("Registered")
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.names: list[str] = []

    @event("Named")
    def name(self, name: str) -> None:
        self.names.append(name)


class Herds(Application[UUID]):
    """An ordinary application of the library."""


@pytest.mark.parametrize("place", ["memory", "sqlite", "postgres"])
def test_an_ordinary_application_runs_on_the_log_and_verifies(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
) -> None:
    env = {"PERSISTENCE_MODULE": "ledger.library", "LEDGER_ORIGIN": "mau.example/library"}
    env |= {"LEDGER_DIRECTORY": str(tmp_path)} if place != "memory" else {}
    env |= {"LEDGER_POSTGRES_DSN": request.getfixturevalue("library_dsn")} if place == "postgres" else {}
    env["IS_SNAPSHOTTING_ENABLED"] = "y"
    app = Herds(env)
    herd = Herd("Lò Thị Mẫu")
    herd.name("Sừng Cong")
    app.save(herd)
    herd.name("Đuôi Dài")
    app.save(herd)
    app.take_snapshot(herd.id)
    found: Herd = app.repository.get(herd.id)
    assert found.names == ["Sừng Cong", "Đuôi Dài"]
    assert [item.id for item in app.notification_log.select(1, 10)] == [1, 2, 3]
    app.close()
    if place != "memory":
        folder = tmp_path / "application"
        tables = None
        if place == "postgres":
            tables = PostgresStore(env["LEDGER_POSTGRES_DSN"], schema="ledger_application", opening="read")
        verdict = verify(str(folder), [(folder / "keys" / "log.vkey").read_text("utf-8")], tables=tables)
        assert verdict["ok"], verdict
        app = Herds(env)
        again: Herd = app.repository.get(herd.id)
        assert again.names == ["Sừng Cong", "Đuôi Dài"]
        again.name("Mắt Tròn")
        app.save(again)
        app.close()


def _event(stream: UUID, version: int, state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(originator_id=stream, originator_version=version, topic="dossier.received", state=state)


def test_a_gap_in_a_stream_is_refused() -> None:
    recorder = LedgerFactory(_environment()).application_recorder()
    stream = UUID(int=7 << 64)
    with pytest.raises(IntegrityError):
        recorder.insert_events([_event(stream, 2)])
    recorder.insert_events([_event(stream, 1)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([_event(stream, 3)])
    assert recorder.max_notification_id() == 1


def test_after_a_failed_commit_a_recorder_writes_no_more() -> None:
    def strike(transaction: int, moment: str) -> None:
        if (transaction, moment) == (2, "before"):
            raise OSError(5, "Input/output error")

    factory = LedgerFactory(_environment())
    chain = factory._chain("x")
    store = MemoryStore(strike)
    recorder = LedgerApplicationRecorder(Chain(store, chain.scribe), SteppedClock(), SeededEntropy("x"))
    stream = UUID(int=7 << 64)
    recorder.insert_events([_event(stream, 1)])
    for _ in range(2):
        with pytest.raises(OperationalError):
            recorder.insert_events([_event(stream, 2)])
    assert recorder.max_notification_id() == 1
