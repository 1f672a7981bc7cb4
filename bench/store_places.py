"""What the cases of the store write, and the fresh places they write it to.

A place of ours is checked from its stored bytes when it is left: dense positions, and the root that was signed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent

from adapters.portal import PortalAdapter
from bench import dossiers
from contracts.envelope import Envelope
from contracts.ports import Profile
from hub.world import DiskFiles, SystemClock, SystemEntropy
from ledger import checkpoint, merkle
from ledger.chain import Chain
from ledger.checkpoint import Scribe
from ledger.events import FactRecorded
from ledger.ids import Ids
from ledger.keys import log_signer
from ledger.stores.recorder import LedgerApplicationRecorder
from ledger.stores.sqlite import SqliteStore
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer, open_ledger

ORIGIN: Final = "lienthong.example/bench"
BATCH: Final = 200
AT_US: Final = 1_767_573_000_000_000


# ── what is written ──────────────────────────────────────────────────────────────────────────────


@cache
def facts_of(n: int) -> tuple[FactRecorded, ...]:
    """What the portal's adapter says of ``n`` invented dossiers."""
    found: list[FactRecorded] = []
    for body in dossiers.packets(0, n, 100):
        envelope = Envelope(
            party="mau", adapter="portal", body=body, received_at=AT_US, content_type="application/json"
        )
        reading = PortalAdapter().read(envelope, Profile())
        found += [
            FactRecorded(party="mau", message=1, fact=record.facts[0], at_us=AT_US, item=record.index)
            for record in reading.records
        ]
    assert len(found) == n
    return tuple(found)


@cache
def records_of(n: int) -> tuple[dict[str, Any], ...]:
    return tuple(dossiers.record(number) for number in range(n))


@cache
def stored_events(n: int) -> tuple[StoredEvent, ...]:
    """The same dossiers as ready-made stored events of the library, each in a UUIDv7 stream of its own."""
    ids = Ids(SystemClock(), SystemEntropy(), "bench")
    return tuple(
        StoredEvent(UUID(bytes=ids.new()), 1, "bench.dossier", msgspec.json.encode(record)) for record in records_of(n)
    )


class Dossier(Aggregate):
    """A dossier as a user of the library would write it."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.steps: list[dict[str, Any]] = []

    @event("Stepped")
    def take_step(self, step: dict[str, Any]) -> None:
        self.steps.append(step)


# ── places ───────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextmanager
def fresh_ledger() -> Iterator[Writer]:
    """A fresh ledger with one commit behind it, checked from its bytes when it is closed."""
    with folder() as root:
        files = DiskFiles(root)
        ledger = open_ledger(
            files=files, directory=str(root), origin=ORIGIN, clock=SystemClock(), entropy=SystemEntropy()
        )
        place(ledger, facts_of(BATCH))
        ledger.flush()
        try:
            yield ledger
        finally:
            ledger.close()
        check(root / "ledger.db")


@contextmanager
def fresh_recorder() -> Iterator[LedgerApplicationRecorder]:
    with folder() as root:
        yield open_recorder(root)
        check(root / "ledger.db")


def open_recorder(root: Path) -> LedgerApplicationRecorder:
    signer = log_signer(DiskFiles(root), SystemEntropy(), ORIGIN, create=True)
    chain = Chain(SqliteStore(str(root / "ledger.db")), Scribe(signer))
    return LedgerApplicationRecorder(chain, SystemClock(), SystemEntropy())


@contextmanager
def fresh_application() -> Iterator[Application[UUID]]:
    with folder() as root:
        environment = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(root / "library.db")}
        application: Application[UUID] = Application(env=environment)
        for record in records_of(BATCH):
            application.save(Dossier(record))
        yield application
        application.close()


def check(path: Path) -> None:
    """Positions are dense and the newest checkpoint signs the root of the stored leaves."""
    store = SqliteStore(str(path), read_only=True)
    try:
        size, note = store.newest_checkpoint() or (0, "")
        rows = store.leaves(0, size + 1)
    finally:
        store.close()
    assert [row[0] for row in rows] == list(range(1, size + 1)), "positions are not dense"
    frontier = merkle.Frontier(0, [])
    frontier.extend([merkle.leaf_hash(row[4]) for row in rows])
    signed = checkpoint.parse(note.partition("\n\n")[0] + "\n")
    assert (signed.size, signed.root) == (size, frontier.root()), "the checkpoint signs another tree"


def place(ledger: Writer, facts: Sequence[FactRecorded]) -> None:
    for fact in facts:
        ledger.submit(Unit(events=(NewEvent(ledger.new_stream(), fact),)))
