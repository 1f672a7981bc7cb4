"""Appending and committing: against ``save`` of the library, and against the same rows written ready-made."""

import asyncio
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
import uvloop

from bench.peers import Comparison, Field, Peer, Sample, Stopwatch
from bench.store_places import (
    BATCH,
    ORIGIN,
    Dossier,
    facts_of,
    folder,
    fresh_application,
    fresh_ledger,
    fresh_recorder,
    open_recorder,
    place,
    records_of,
    stored_events,
)
from hub.world import DiskFiles, SystemClock, SystemEntropy
from ledger import merkle
from ledger.events import FactRecorded
from ledger.stores import connect
from ledger.stores.schema import SCHEMA
from ledger.stores.sqlite import PAGE_BYTES, SqliteStore
from ledger.stores.store import Batch
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer, open_ledger

DURABLE: Final = "SQLite WAL, synchronous=FULL, answered after COMMIT"
PRODUCERS: Final = 200
_WHOLE: Final = "ours: submit, durable"
_BARE: Final = "ours: recorder, sealed events"
_SAVE: Final = "eventsourcing: save per event"
_TABLES: Final = {"events": 7, "heads": 5, "nodes": 2, "checkpoints": 2}
"""The tables that these cases write, with their columns."""


# ── R1: appending ────────────────────────────────────────────────────────────────────────────────


def _produce(n: int) -> Sample:
    with fresh_ledger() as ledger:
        return uvloop.run(_producers(ledger, facts_of(n)))


async def _producers(ledger: Writer, facts: Sequence[FactRecorded]) -> Sample:
    waiting = iter(facts)

    async def producer() -> None:
        for fact in waiting:
            placed = ledger.submit(Unit(events=(NewEvent(ledger.new_stream(), fact),)))
            await ledger.durable(placed.positions[-1])

    with Stopwatch(len(facts)) as watch:
        await asyncio.gather(*[producer() for _ in range(PRODUCERS)])
    return watch.sample


def _record(n: int, batch: int) -> Sample:
    events = stored_events(n + BATCH)
    with fresh_recorder() as recorder:
        recorder.insert_events(events[n:])
        with Stopwatch(n) as watch:
            for start in range(0, n, batch):
                recorder.insert_events(events[start : min(start + batch, n)])
        recorder.close()
        return watch.sample


def _save(n: int, per_save: int) -> Sample:
    records = records_of(n)
    with fresh_application() as application:
        with Stopwatch(n) as watch:
            for start in range(0, n, per_save):
                application.save(*[Dossier(record) for record in records[start : start + per_save]])
        return watch.sample


def appending(n: int) -> Field:
    """R1: many producers and ready-made events against one ``save`` per event; and, for context, ``save`` of 100."""
    return Field(
        "store",
        (
            Peer(_WHOLE, lambda: _produce(n)),
            Peer(_BARE, lambda: _record(n, BATCH)),
            Peer(_SAVE, lambda: _save(n // 4, 1)),
            Peer("eventsourcing: save of 100", lambda: _save(n, 100)),
        ),
        (
            Comparison("R1 bare", _BARE, _SAVE, 10),
            Comparison("R1 whole", _WHOLE, _SAVE, 4),
            Comparison("R1 bare, peer batched too", _BARE, "eventsourcing: save of 100"),
            Comparison("R1 whole, peer batched too", _WHOLE, "eventsourcing: save of 100"),
        ),
        DURABLE,
    )


# ── R2, R3, R18: committing against the floor of the same rows ───────────────────────────────────

Rows: TypeAlias = list[dict[str, list[tuple[Any, ...]]]]
"""Per transaction, per table: the rows."""


def _rows_of(path: Path) -> Rows:
    """What a log holds, transaction by transaction; the last write of a head stands for it."""
    connection = connect.open_reader(str(path))
    try:
        found: Rows = []
        first = first_node = 0
        sizes: list[Any] = connection.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
        for size, note in sizes:
            span = (first, size)
            nodes = connection.execute(
                "SELECT first, hashes FROM nodes WHERE first >= ? ORDER BY first LIMIT 1", (first_node,)
            ).fetchall()
            found.append(
                {
                    "events": connection.execute(
                        "SELECT * FROM events WHERE position > ? AND position <= ? ORDER BY position", span
                    ).fetchall(),
                    "heads": connection.execute(
                        "SELECT * FROM heads WHERE position > ? AND position <= ? ORDER BY position", span
                    ).fetchall(),
                    "nodes": nodes,
                    "checkpoints": [(size, note)],
                }
            )
            first, first_node = size, merkle.node_count(size)
    finally:
        connection.close()
    return found


@cache
def _placed_rows(n: int) -> Rows:
    """The rows of ``n`` sealed events of the hub's own, ``BATCH`` to a transaction."""
    with folder() as root:
        ledger = open_ledger(
            files=DiskFiles(root), directory=str(root), origin=ORIGIN, clock=SystemClock(), entropy=SystemEntropy()
        )
        for start in range(0, n, BATCH):
            place(ledger, facts_of(n)[start : start + BATCH])
            ledger.flush()
        ledger.close()
        return _rows_of(root / "ledger.db")


@cache
def _recorded_rows(n: int, batch: int) -> Rows:
    with folder() as root:
        recorder = open_recorder(root)
        for start in range(0, n, batch):
            recorder.insert_events(stored_events(n)[start : start + batch])
        recorder.close()
        return _rows_of(root / "ledger.db")


def _raw(transactions: Rows) -> Sample:
    """The floor: every row ready, one ``executemany`` per table, COMMIT. The first transaction is not timed."""
    inserts = {
        table: f"INSERT INTO {table} VALUES ({','.join('?' * width)})"  # noqa: S608  # names are written above
        for table, width in _TABLES.items()
    }
    with folder() as root:
        connection = connect.open_writer(
            str(root / "raw.db"), vfs="", schema=SCHEMA, application_id=connect.LEDGER_ID, page_size=PAGE_BYTES
        )
        cursor = connection.cursor()
        _write_raw(cursor, inserts, transactions[:1])
        with Stopwatch(sum(len(one["events"]) for one in transactions[1:])) as watch:
            _write_raw(cursor, inserts, transactions[1:])
        connection.close()
        return watch.sample


def _write_raw(cursor: apsw.Cursor, inserts: dict[str, str], transactions: Rows) -> None:
    for one in transactions:
        cursor.execute("BEGIN IMMEDIATE")
        for table, insert in inserts.items():
            cursor.executemany(insert, one[table])
        cursor.execute("COMMIT")


def _without_tree(transactions: Rows) -> Sample:
    """The store's own transaction with the same rows ready-made: nothing is hashed, signed or looked at again."""
    batches: list[tuple[Batch, Rows]] = []
    for one in transactions:
        batch = Batch()
        batch.events = list(one["events"])
        batch.heads = {row[0]: (row[1], row[2], row[3], row[4]) for row in one["heads"]}
        batches.append((batch, [one]))
    with folder() as root:
        store = SqliteStore(str(root / "plain.db"))
        _commit_plain(store, batches[:1])
        with Stopwatch(sum(len(batch.events) for batch, _ in batches[1:])) as watch:
            _commit_plain(store, batches[1:])
        store.close()
        return watch.sample


def _commit_plain(store: SqliteStore, batches: Sequence[tuple[Batch, Rows]]) -> None:
    for batch, (rows,) in batches:
        store.begin(batch)
        store.finish(*rows["nodes"][0], *rows["checkpoints"][0])


def _commits(n: int, *, placing: bool) -> Sample:
    """Commits of ``BATCH`` placed units; ``placing`` (seal, chain, leaf) is timed too, or not."""
    facts = facts_of(n)
    us = cpu_us = 0.0
    with fresh_ledger() as ledger:
        for start in range(0, n, BATCH):
            some = facts[start : start + BATCH]
            if not placing:
                place(ledger, some)
            with Stopwatch(1) as watch:
                if placing:
                    place(ledger, some)
                ledger.flush()
            us += watch.sample.us
            cpu_us += watch.sample.cpu_us
    return Sample(us / n, cpu_us / n)


def committing(n: int) -> Field:
    """R2 and R18: a signed commit against the same rows written ready-made, and written without tree and signature."""
    rows = _placed_rows(n)
    return Field(
        "store",
        (
            Peer("ours: signed commit", lambda: _commits(n, placing=False)),
            Peer("ours: seal, place, signed commit", lambda: _commits(n, placing=True)),
            Peer("apsw: same rows ready-made", lambda: _raw(rows)),
            Peer("ours without tree and signature", lambda: _without_tree(rows)),
        ),
        (
            Comparison("R2 commit, batch 200", "ours: signed commit", "apsw: same rows ready-made", 0.55),
            Comparison("R2 with sealing and placing", "ours: seal, place, signed commit", "apsw: same rows ready-made"),
            Comparison("R18 signed head", "ours: signed commit", "ours without tree and signature", 0.75),
        ),
        DURABLE,
    )


def recording(n: int, batch: int) -> Field:
    """R3: the recorder of the library's interface against its own rows written ready-made."""
    rows = _recorded_rows(n, batch)
    return Field(
        "store",
        (Peer(_BARE, lambda: _record(n, batch)), Peer("apsw: same rows ready-made", lambda: _raw(rows))),
        (Comparison(f"R3 recorder, batch {batch}", _BARE, "apsw: same rows ready-made", 0.8),),
        DURABLE,
    )
