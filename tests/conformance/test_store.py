"""What any store of the log must do, run over all of them: one transaction, dense order, the same answers."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from ledger.stores.connect import pragma
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres import PostgresStore
from ledger.stores.sqlite import SqliteStore
from ledger.stores.store import Batch, EventRow, MessageRow, Moved, Store

A, B = bytes(15) + b"a", bytes(15) + b"b"
HASH = bytes(range(32))


def _made(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if kind == "memory":
        return MemoryStore()
    if kind == "sqlite":
        return SqliteStore(str(tmp_path / "ledger.db"))
    return PostgresStore(request.getfixturevalue("postgres_dsn"))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = _made(request.param, request, tmp_path)
    yield made
    made.close()


def _batch(first: int, *streams: bytes, versions: tuple[int, ...] = ()) -> Batch:
    batch = Batch()
    for at, stream in enumerate(streams):
        position = first + at
        version = versions[at] if versions else 1
        leaf = f"leaf {position}".encode()
        batch.events.append(
            (position, stream, version, f"topic.{position % 2}", leaf, f"state {position}".encode(), None)
        )
        batch.heads[stream] = (7, version - 1, position, HASH)
    return batch


def _commit(store: Store, batch: Batch) -> None:
    store.begin(batch)
    leaves = [event[4] for event in batch.events]
    size = store.size() if not leaves else batch.events[-1][0]
    before = size - len(leaves)
    nodes = 2 * before - before.bit_count(), 2 * size - size.bit_count()
    assert store.written_leaves(before) == leaves
    store.finish(nodes[0], b"".join(bytes([n % 256]) * 32 for n in range(*nodes)), size, f"note {size}")


def test_an_empty_store_has_nothing(store: Store) -> None:
    assert store.size() == 0
    nothing: list[object] = [store.last_leaf(), store.leaf(1), store.head(A), store.message(1), store.code(A)]
    nothing += [store.message_id(A), store.newest_checkpoint(), store.checkpoint_covering(1)]
    assert nothing == [None] * 8
    empty: list[object] = [store.names(), store.lanes(), store.events(0, 10), store.stream(A), store.seen(A)]
    empty += [store.standings(A), store.parked(""), list(store.key_blocks()), store.heads(b"", 10)]
    assert empty == [[]] * 9
    assert store.settings() == {}
    assert store.cursors() == store.tracking() == {}
    assert store.node(0) == b""


def test_events_are_read_by_position_and_by_stream(store: Store) -> None:
    _commit(store, _batch(1, A, B))
    _commit(store, _batch(3, A, A, B, versions=(2, 3, 2)))
    assert store.size() == 5
    assert [row.position for row in store.events(0, 100)] == [1, 2, 3, 4, 5]
    assert [row.position for row in store.events(1, 2)] == [2, 3]
    assert [row.position for row in store.events(0, 100, stop=3)] == [1, 2, 3]
    assert [row.position for row in store.events(0, 2, topics=["topic.1"])] == [1, 3]
    assert store.events(-5, 1) == store.events(0, 1) == [EventRow(1, A, 1, "topic.1", b"leaf 1", b"state 1", None)]
    assert [row.originator_version for row in store.stream(A)] == [1, 2, 3]
    assert [row.originator_version for row in store.stream(A, gt=1, lte=2)] == [2]
    assert [row.originator_version for row in store.stream(A, desc=True, limit=2)] == [3, 2]
    assert store.head(A) == (7, 2, 4, HASH)
    assert store.heads_of([B, bytes(16), A]) == {A: (7, 2, 4, HASH), B: (7, 1, 5, HASH)}
    assert store.heads_of([]) == {}
    assert store.heads(b"", 1) == [(A, (7, 2, 4, HASH))]
    assert store.heads(A, 10) == [(B, (7, 1, 5, HASH))]
    assert store.leaf(4) == b"leaf 4"
    assert store.last_leaf() == b"leaf 5"


def test_nodes_and_checkpoints_are_kept_for_ever(store: Store) -> None:
    _commit(store, _batch(1, A))
    _commit(store, _batch(2, A, A, versions=(2, 3)))
    _commit(store, _batch(4, A, versions=(4,)))
    assert [store.node(number) for number in range(7)] == [bytes([number]) * 32 for number in range(7)]
    assert [store.checkpoint_covering(position) for position in (1, 2, 3, 4, 5)] == [
        (1, "note 1"),
        (3, "note 3"),
        (3, "note 3"),
        (4, "note 4"),
        None,
    ]
    assert store.newest_checkpoint() == (4, "note 4")


def test_everything_beside_the_events_comes_back(store: Store) -> None:
    batch = _batch(1, A)
    batch.messages.append((1, b"layout", b"commitments", b"sealed"))
    batch.names.append(("party", "mau", A))
    batch.key_blocks.extend([(9,), (11,)])
    batch.message_ids.append((b"id", 1, b"content"))
    batch.codes[b"code"] = A
    batch.lanes.append((1, "mau/x"))
    batch.seen.extend([(A, 65_536, 1, b"one"), (A, 65_537, 1, b"two")])
    batch.standings[A, "cong"] = (1, b"rows", "")
    batch.standings[A, "bo"] = (0, b"", "park.target_refused")
    batch.cursors["cong"] = 1
    batch.tracking["upstream"] = 5
    batch.settings["cfg"] = "x"
    _commit(store, batch)
    later = _batch(2, A, versions=(2,))
    later.seen.append((A, 131_072, 1, b"three"))
    later.standings[A, "cong"] = (2, b"", "park.target_refused")
    later.cursors["cong"] = 2
    later.codes[b"code"] = B
    later.settings["cfg"] = "y"
    later.key_blocks.append((10,))
    _commit(store, later)

    assert store.message(1) == MessageRow(1, b"layout", b"commitments", b"sealed")
    assert store.names() == [("party", "mau", A)]
    assert [block for blocks in store.key_blocks() for block in blocks] == [9, 10, 11]
    assert store.message_id(b"id") == (1, b"content")
    assert store.code(b"code") == B
    assert store.lanes() == [(1, "mau/x")]
    assert store.seen(A) == [(1, b"one"), (1, b"two"), (1, b"three")]
    assert store.standings(A) == [("bo", 0, b"", "park.target_refused"), ("cong", 2, b"", "park.target_refused")]
    assert store.parked("cong") == [(A, "cong", 2, b"", "park.target_refused")]
    assert [row[1] for row in store.parked("")] == ["bo", "cong"]
    assert (store.cursors(), store.tracking(), store.settings()) == ({"cong": 2}, {"upstream": 5}, {"cfg": "y"})


def test_a_large_batch_with_a_large_message_comes_back_byte_for_byte(store: Store) -> None:
    batch = _batch(1, *[number.to_bytes(16, "big") for number in range(300)])
    sealed = bytes(range(256)) * 20_000
    batch.messages.append((1, b"", b"", sealed))
    batch.events[7] = (*batch.events[7][:5], sealed[:100_000], b"salt")
    batch.seen.extend((A, number, 1, b"x" * 32) for number in range(2_000))
    _commit(store, batch)
    assert store.message(1) == MessageRow(1, b"", b"", sealed)
    rows = store.events(0, 1_000)
    assert [tuple(row) for row in rows] == [tuple(event) for event in batch.events]
    assert len(store.seen(A)) == 2_000


def test_what_is_abandoned_was_never_there(store: Store) -> None:
    _commit(store, _batch(1, A))
    store.begin(_batch(2, B))
    store.abandon()
    store.abandon()
    assert store.size() == 1
    assert store.head(B) is None
    _commit(store, _batch(2, B))
    assert store.size() == 2


def test_a_transaction_without_events_writes_no_checkpoint(store: Store) -> None:
    _commit(store, _batch(1, A))
    batch = Batch()
    batch.cursors["cong"] = 4
    _commit(store, batch)
    assert store.cursors() == {"cong": 4}
    assert store.newest_checkpoint() == (1, "note 1")


def test_a_position_is_never_written_twice(store: Store) -> None:
    _commit(store, _batch(1, A))
    with pytest.raises((RuntimeError, apsw.ConstraintError, Moved)):
        store.begin(_batch(1, B))
    store.abandon()
    assert store.size() == 1


def test_sqlite_runs_with_the_settings_that_durability_needs(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path / "ledger.db"))
    found = {
        name: store.connection.execute(f"PRAGMA {name}").fetchone()
        for name in ("journal_mode", "synchronous", "wal_autocheckpoint", "page_size")
    }
    assert found == {"journal_mode": ("wal",), "synchronous": (2,), "wal_autocheckpoint": (500,), "page_size": (8_192,)}
    with pytest.raises(Exception, match="pragma synchronous"):
        pragma(store.connection, "synchronous", "NONSENSE", 17)
    store.close()


def test_an_open_transaction_dies_with_its_process(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.db")
    store = SqliteStore(path)
    _commit(store, _batch(1, A))
    store.begin(_batch(2, B))
    store.close()
    again = SqliteStore(path)
    assert again.size() == 1
    again.close()
