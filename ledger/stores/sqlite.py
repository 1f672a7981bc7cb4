"""The log in one SQLite file through apsw: WAL, synchronous FULL, one connection that writes."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import apsw

from contracts.errors import IntegrityViolation
from ledger.stores import connect
from ledger.stores.schema import SCHEMA
from ledger.stores.store import Batch, EventRow, Head, MessageRow

_SLICE: Final = 2_000
_MARKS: Final = 500
_EVENT: Final = "position, originator_id, originator_version, topic, leaf, state, salt"
PAGE_BYTES: Final = 8_192

_UPSERT_HEAD: Final = (
    "INSERT INTO heads (stream, key_id, rev, position, hash) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (stream) DO UPDATE SET "
    "key_id = excluded.key_id, rev = excluded.rev, position = excluded.position, hash = excluded.hash"
)
_UPSERT_STANDING: Final = (
    "INSERT INTO standings (stream, target, through, rows, parked) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (stream, target) DO UPDATE SET "
    "through = excluded.through, rows = excluded.rows, parked = excluded.parked"
)


def _upsert(table: str, key: str, value: str) -> str:
    return (
        f"INSERT INTO {table} ({key}, {value}) VALUES (?, ?) "  # noqa: S608  # names are written below, none is input
        f"ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}"
    )


_UPSERT_CODE: Final = _upsert("codes", "code", "stream")
_UPSERT_CURSOR: Final = _upsert("cursors", "target", "position")
_UPSERT_TRACKING: Final = _upsert("tracking", "application", "position")
_UPSERT_SETTING: Final = _upsert("settings", "name", "value")


class SqliteStore:
    """``ledger.db``. ``read_only`` opens it beside a running hub."""

    def __init__(self, path: str, *, vfs: str = "", read_only: bool = False) -> None:
        if read_only:
            self._connection = connect.open_reader(path)
        else:
            self._connection = connect.open_writer(
                path, vfs=vfs, schema=SCHEMA, application_id=connect.LEDGER_ID, page_size=PAGE_BYTES
            )
        self._run = self._connection.cursor()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._run.execute(statement, values).fetchall()
        except connect.DAMAGED as error:
            raise IntegrityViolation("ledger.corrupt", str(error)) from error

    def _row(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The one row there can be. Read to the end: a question left open keeps the write-ahead log from shrinking."""
        rows = self._rows(statement, values)
        return rows[0] if rows else None

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    def begin(self, batch: Batch) -> None:
        """See ``Store.begin``."""
        many = self._run.executemany
        self._run.execute("BEGIN IMMEDIATE")
        many(f"INSERT INTO events ({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?)", batch.events)  # noqa: S608  # constant text
        many(_UPSERT_HEAD, [(stream, *head) for stream, head in batch.heads.items()])
        if batch.messages:
            many("INSERT INTO messages (position, layout, commitments, sealed) VALUES (?, ?, ?, ?)", batch.messages)
        if batch.codes:
            many(_UPSERT_CODE, batch.codes.items())
        if batch.seen:
            many("INSERT INTO seen (stream, n, lane, fingerprint) VALUES (?, ?, ?, ?)", batch.seen)
        if batch.standings:
            many(_UPSERT_STANDING, [(*key, *value) for key, value in batch.standings.items()])
        if batch.message_ids:
            many("INSERT INTO message_ids (id, position, content) VALUES (?, ?, ?)", batch.message_ids)
        self._begin_rare(batch)

    def _begin_rare(self, batch: Batch) -> None:
        many = self._run.executemany
        if batch.names:
            many("INSERT INTO names (kind, name, stream) VALUES (?, ?, ?)", batch.names)
        if batch.key_blocks:
            many("INSERT INTO key_blocks (id) VALUES (?)", batch.key_blocks)
        if batch.lanes:
            many("INSERT INTO lanes (id, name) VALUES (?, ?)", batch.lanes)
        if batch.cursors:
            many(_UPSERT_CURSOR, batch.cursors.items())
        if batch.tracking:
            many(_UPSERT_TRACKING, batch.tracking.items())
        if batch.settings:
            many(_UPSERT_SETTING, batch.settings.items())

    def written_leaves(self, after: int) -> list[bytes]:
        """See ``Store.written_leaves``."""
        rows = self._rows("SELECT leaf FROM events WHERE position > ? ORDER BY position", (after,))
        return [row[0] for row in rows]

    def finish(self, first_node: int, nodes: bytes, size: int, note: str) -> None:
        """See ``Store.finish``."""
        if nodes:
            self._run.execute("INSERT INTO nodes (first, hashes) VALUES (?, ?)", (first_node, nodes))
            self._run.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (size, note))
        self._run.execute("COMMIT")

    def abandon(self) -> None:
        """See ``Store.abandon``."""
        if self._connection.in_transaction:
            self._run.execute("ROLLBACK")

    def close(self) -> None:
        """See ``Store.close``."""
        self._connection.close()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def size(self) -> int:
        """See ``Store.size``."""
        return int(self._row("SELECT coalesce(max(position), 0) FROM events")[0])

    def last_leaf(self) -> bytes | None:
        """See ``Store.last_leaf``."""
        row = self._row("SELECT leaf FROM events ORDER BY position DESC LIMIT 1")
        return None if row is None else row[0]

    def settings(self) -> dict[str, str]:
        """See ``Store.settings``."""
        return dict(self._rows("SELECT name, value FROM settings"))

    def names(self) -> list[tuple[str, str, bytes]]:
        """See ``Store.names``."""
        return self._rows("SELECT kind, name, stream FROM names ORDER BY kind, name")

    def lanes(self) -> list[tuple[int, str]]:
        """See ``Store.lanes``."""
        return self._rows("SELECT id, name FROM lanes ORDER BY id")

    def cursors(self) -> dict[str, int]:
        """See ``Store.cursors``."""
        return dict(self._rows("SELECT target, position FROM cursors ORDER BY target"))

    def tracking(self) -> dict[str, int]:
        """See ``Store.tracking``."""
        return dict(self._rows("SELECT application, position FROM tracking ORDER BY application"))

    def head(self, stream: bytes) -> Head | None:
        """See ``Store.head``."""
        row: Head | None = self._row("SELECT key_id, rev, position, hash FROM heads WHERE stream = ?", (stream,))
        return row

    def heads_of(self, streams: Sequence[bytes]) -> dict[bytes, Head]:
        """See ``Store.heads_of``."""
        found: dict[bytes, Head] = {}
        for start in range(0, len(streams), _MARKS):
            some = streams[start : start + _MARKS]
            rows = self._rows(
                "SELECT stream, key_id, rev, position, hash FROM heads "  # noqa: S608  # only marks
                f"WHERE stream IN ({','.join('?' * len(some))})",
                tuple(some),
            )
            found.update((row[0], row[1:]) for row in rows)
        return found

    def heads(self, after: bytes, limit: int) -> list[tuple[bytes, Head]]:
        """See ``Store.heads``."""
        rows = self._rows(
            "SELECT stream, key_id, rev, position, hash FROM heads WHERE stream > ? ORDER BY stream LIMIT ?",
            (after, limit),
        )
        return [(row[0], row[1:]) for row in rows]

    def stream(
        self,
        stream: bytes,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[EventRow]:
        """See ``Store.stream``."""
        order = "DESC" if desc else "ASC"
        rows = self._rows(
            f"SELECT {_EVENT} FROM events WHERE originator_id = ? AND originator_version > ? "  # noqa: S608  # constants
            f"AND originator_version <= ? ORDER BY originator_version {order} LIMIT ?",
            (
                stream,
                -1 if gt is None else gt,
                (1 << 62) if lte is None else lte,
                -1 if limit is None else limit,
            ),
        )
        return [*map(EventRow._make, rows)]

    def events(self, after: int, limit: int, *, stop: int | None = None, topics: Sequence[str] = ()) -> list[EventRow]:
        """See ``Store.events``."""
        wanted = f"AND topic IN ({','.join('?' * len(topics))}) " if topics else ""
        rows = self._rows(
            f"SELECT {_EVENT} FROM events WHERE position > ? AND position <= ? {wanted}"  # noqa: S608  # only marks
            "ORDER BY position LIMIT ?",
            (after, (1 << 62) if stop is None else stop, *topics, limit),
        )
        return [*map(EventRow._make, rows)]

    def leaf(self, position: int) -> bytes | None:
        """See ``Store.leaf``."""
        row = self._row("SELECT leaf FROM events WHERE position = ?", (position,))
        return None if row is None else row[0]

    def message(self, position: int) -> MessageRow | None:
        """See ``Store.message``."""
        row = self._row("SELECT position, layout, commitments, sealed FROM messages WHERE position = ?", (position,))
        return None if row is None else MessageRow(*row)

    def layouts(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """See ``Store.layouts``."""
        return self._rows(
            "SELECT position, layout FROM messages WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
        )

    def unlink(self, streams: Collection[bytes], after: bytes, limit: int) -> bytes:
        """See ``Store.unlink``."""
        rows = self._rows("SELECT code, stream FROM codes WHERE code > ? ORDER BY code LIMIT ?", (after, limit))
        gone = [(row[0],) for row in rows if row[1] in streams]
        if gone:
            before = int(self._row("PRAGMA secure_delete")[0])
            connect.pragma(self._connection, "secure_delete", "ON", 1)
            try:
                with self._connection:
                    self._run.executemany("DELETE FROM codes WHERE code = ?", gone)
            finally:
                connect.pragma(self._connection, "secure_delete", ("OFF", "ON", "FAST")[before], before)
        return rows[-1][0] if rows else b""

    def scrub(self) -> None:
        """See ``Store.scrub``."""
        connect.scrub(self._connection)

    def message_id(self, blinded: bytes) -> tuple[int, bytes] | None:
        """See ``Store.message_id``."""
        row: tuple[int, bytes] | None = self._row("SELECT position, content FROM message_ids WHERE id = ?", (blinded,))
        return row

    def codes(self, blinded: Sequence[bytes]) -> dict[bytes, bytes]:
        """See ``Store.codes``."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(blinded), _MARKS):
            some = blinded[start : start + _MARKS]
            marks = ",".join("?" * len(some))
            found.update(self._rows(f"SELECT code, stream FROM codes WHERE code IN ({marks})", some))  # noqa: S608  # only marks
        return found

    def code(self, blinded: bytes) -> bytes | None:
        """See ``Store.code``."""
        row = self._row("SELECT stream FROM codes WHERE code = ?", (blinded,))
        return None if row is None else row[0]

    def seen(self, stream: bytes) -> list[tuple[int, bytes]]:
        """See ``Store.seen``."""
        return self._rows("SELECT lane, fingerprint FROM seen WHERE stream = ? ORDER BY n", (stream,))

    def standings(self, stream: bytes) -> list[tuple[str, int, bytes, str]]:
        """See ``Store.standings``."""
        return self._rows(
            "SELECT target, through, rows, parked FROM standings WHERE stream = ? ORDER BY target", (stream,)
        )

    def parked(self, target: str) -> list[tuple[bytes, str, int, bytes, str]]:
        """See ``Store.parked``."""
        one = "AND target = ? " if target else ""
        return self._rows(
            f"SELECT stream, target, through, rows, parked FROM standings WHERE parked <> '' {one}"  # noqa: S608  # constants
            "ORDER BY target, stream",
            (target,) if target else (),
        )

    def checkpoint_covering(self, position: int) -> tuple[int, str] | None:
        """See ``Store.checkpoint_covering``."""
        row: tuple[int, str] | None = self._row(
            "SELECT size, note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1", (position,)
        )
        return row

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """See ``Store.newest_checkpoint``."""
        row: tuple[int, str] | None = self._row("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        return row

    def node(self, number: int) -> bytes:
        """See ``Store.node``."""
        row = self._row(
            "SELECT substr(hashes, (? - first) * 32 + 1, 32) FROM nodes WHERE first <= ? ORDER BY first DESC LIMIT 1",
            (number, number),
        )
        return b"" if row is None else row[0]

    def key_blocks(self) -> Iterator[list[int]]:
        """See ``Store.key_blocks``."""
        after = 0
        while True:
            rows = self._rows("SELECT id FROM key_blocks WHERE id > ? ORDER BY id LIMIT ?", (after, _SLICE))
            if not rows:
                return
            yield [row[0] for row in rows]
            after = rows[-1][0]

    # ── for a reader beside a running hub ───────────────────────────────────────────────────────

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """(position, stream, version, topic, leaf) without the sealed state, one slice."""
        return self._rows(
            "SELECT position, originator_id, originator_version, topic, leaf FROM events "
            "WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        )

    def checkpoints(self, after: int, limit: int) -> list[tuple[int, str]]:
        """(size, note) of checkpoints beyond a size, one slice."""
        return self._rows("SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?", (after, limit))

    def nodes_from(self, number: int) -> tuple[int, bytes]:
        """(number of the first, all hashes) of the stored row of nodes that holds ``number``."""
        row: tuple[int, bytes] | None = self._row(
            "SELECT first, hashes FROM nodes WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)
        )
        return (number, b"") if row is None else row

    @property
    def connection(self) -> apsw.Connection:
        """The connection itself, for tests that look under the log."""
        return self._connection
