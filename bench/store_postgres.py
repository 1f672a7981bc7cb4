"""The store in PostgreSQL: against the library's own recorder, and against COPY of the same rows ready-made.

One server is started for the suite, with fsync and full_page_writes on; our store asks for both when it connects. The
library's recorder is left as it comes (table lock, NOTIFY, no functions: with them it loses events). Batches stay at
100 where the library takes part: larger ones block for ever in its ``pipeline.sync()`` on a Unix socket.
"""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import psycopg
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.utils import Environment

from bench.peers import Comparison, Field, Peer, Sample, Stopwatch
from bench.store_commit import Rows, _placed_rows
from bench.store_places import BATCH, ORIGIN, facts_of, folder, place, stored_events
from hub.world import DiskFiles, SystemClock, SystemEntropy
from ledger import checkpoint, merkle
from ledger.checkpoint import Scribe
from ledger.keys import log_signer
from ledger.keystore import MemoryKeys
from ledger.shared_chain import SharedChain
from ledger.stores import postgres_pack, postgres_schema
from ledger.stores.postgres import PostgresStore
from ledger.stores.postgres_connect import connect
from ledger.stores.recorder import LedgerApplicationRecorder
from ledger.writer import open_ledger
from tests.postgres_server import PostgresServer, binaries

DURABLE: Final = "PostgreSQL, fsync on, synchronous_commit on, Unix socket, answered after COMMIT"
_WARM: Final = 20
_SCHEMAS = count(1)
_LIBRARY: Final = "eventsourcing: PostgreSQL recorder"
_OURS: Final = "ours: recorder on PostgreSQL"
_FLOOR: Final = "psycopg: COPY of the same rows ready-made"
_SIGNED: Final = "ours: signed commit on PostgreSQL"


@contextmanager
def _schema(dsn: str) -> Iterator[str]:
    name = f"bench{next(_SCHEMAS)}"
    try:
        yield name
    finally:
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute(f"DROP SCHEMA {name} CASCADE")


def _timed(recorder: Any, n: int, batch: int) -> Sample:
    events = stored_events(n + _WARM)
    for event in events[n:]:
        recorder.insert_events([event])
    with Stopwatch(n) as watch:
        for start in range(0, n, batch):
            recorder.insert_events(events[start : min(start + batch, n)])
    return watch.sample


def _record(dsn: str, n: int, batch: int) -> Sample:
    with folder() as root, _schema(dsn) as schema:
        signer = log_signer(DiskFiles(root), SystemEntropy(), ORIGIN, create=True)
        store = PostgresStore(dsn, schema=schema, opening="join")
        recorder = LedgerApplicationRecorder(SharedChain(store, Scribe(signer)), SystemClock(), SystemEntropy())
        sample = _timed(recorder, n, batch)
        _check(store)
        recorder.close()
        return sample


def _library(server: PostgresServer, n: int, batch: int) -> Sample:
    words = dict(word.split("=", 1) for word in server.new_database().split())
    settings = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": words["dbname"],
        "POSTGRES_HOST": words["host"],
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": words["user"],
        "POSTGRES_PASSWORD": "",
    }
    factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(Environment("bench", settings))
    try:
        return _timed(factory.application_recorder(), n, batch)
    finally:
        factory.close()
        server.ask(f"DROP DATABASE {words['dbname']}")


def _check(store: PostgresStore) -> None:
    """Positions are dense and the newest checkpoint signs the root of the stored leaves."""
    size, note = store.newest_checkpoint() or (0, "")
    rows = store.leaves(0, size + 1)
    assert [row[0] for row in rows] == list(range(1, size + 1)), "positions are not dense"
    frontier = merkle.Frontier(0, [])
    frontier.extend([merkle.leaf_hash(row[4]) for row in rows])
    signed = checkpoint.parse(note.partition("\n\n")[0] + "\n")
    assert (signed.size, signed.root) == (size, frontier.root()), "the checkpoint signs another tree"


def _commits(dsn: str, n: int) -> Sample:
    """Commits of ``BATCH`` placed units, the first not timed."""
    facts = facts_of(n)
    us = cpu_us = 0.0
    with folder() as root, _schema(dsn) as schema:
        store = PostgresStore(dsn, schema=schema)
        ledger = open_ledger(
            files=DiskFiles(root),
            directory=str(root),
            origin=ORIGIN,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            store=store,
            keys=MemoryKeys(),
        )
        for start in range(0, n, BATCH):
            place(ledger, facts[start : start + BATCH])
            with Stopwatch(1) as watch:
                ledger.flush()
            us += watch.sample.us if start else 0.0
            cpu_us += watch.sample.cpu_us if start else 0.0
        _check(store)
        ledger.close()
    return Sample(us / (n - BATCH), cpu_us / (n - BATCH))


def _floor(dsn: str, transactions: Rows) -> Sample:
    with _schema(dsn) as schema:
        session = connect(dsn, schema=schema)
        postgres_schema.create(session, schema)
        _copy_all(session, transactions[:1])
        with Stopwatch(sum(len(one["events"]) for one in transactions[1:])) as watch:
            _copy_all(session, transactions[1:])
        session.close()
        return watch.sample


def _copy_all(session: Any, transactions: Sequence[Any]) -> None:
    for one in transactions:
        with session.transaction():
            cursor = session.cursor()
            with cursor.copy("COPY events FROM STDIN (FORMAT binary)") as copy:
                copy.write(postgres_pack.events(one["events"]))
            for table, types in (
                ("heads", ["bytea", "int8", "int8", "int8", "bytea"]),
                ("nodes", ["int8", "bytea"]),
                ("checkpoints", ["int8", "text"]),
            ):
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                    copy.set_types(types)
                    for row in one[table]:
                        copy.write_row(row)


def fields(*, quick: bool) -> Iterator[Field]:
    """R5 and R6; nothing where there is no server to start."""
    where = binaries()
    if where is None:
        print("no PostgreSQL server binaries: the suite is left out", file=sys.stderr)
        return
    server = PostgresServer(where, shared_buffers="'256MB'")
    try:
        server.start()
        dsn = server.new_database()
        yield from _recorders(server, dsn, quick=quick)
        n = BATCH * (11 if quick else 51)
        rows = _placed_rows(n)
        yield Field(
            "postgres",
            (Peer(_SIGNED, lambda: _commits(dsn, n)), Peer(_FLOOR, lambda: _floor(dsn, rows))),
            (Comparison(f"R6 group commit, batch {BATCH}", _SIGNED, _FLOOR, 0.40),),
            DURABLE,
        )
    finally:
        server.remove()


def _recorders(server: PostgresServer, dsn: str, *, quick: bool) -> Iterator[Field]:
    if importlib.util.find_spec("psycopg_pool") is None:
        print("psycopg_pool is not installed: the library's recorder is left out", file=sys.stderr)
        return
    for batch, n, target in ((1, 400, 0.0), (10, 2_000, 0.0), (100, 6_000, 5.0)):
        number = n // 2 if quick else n
        yield Field(
            "postgres",
            (
                Peer(_OURS, lambda n=number, b=batch: _record(dsn, n, b)),
                Peer(_LIBRARY, lambda n=number, b=batch: _library(server, n, b)),
            ),
            (Comparison(f"R5 recorder, batch {batch}", _OURS, _LIBRARY, target),),
            DURABLE,
        )
