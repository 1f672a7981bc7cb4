"""``heads.db``: the nodes of the map of stream heads, and the log of its roots, in one SQLite file of their own.

Nodes of the map are replaced in place: only the newest state of the map is kept. Entries of the log are never changed.
One transaction holds the nodes, the entry and its signed checkpoint; it may be written in several steps of the loop,
and until its COMMIT the entry it belongs to does not exist.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import apsw

from contracts.errors import IntegrityViolation
from ledger import merkle
from ledger.stores import connect

HEADS_ID: Final = 0x4C54_4844
MEMORY: Final = ":memory:"
_HASH_BYTES: Final = 32
_ENTRY: Final = "idx, CAST(entry AS BLOB), note, root, last"
SCHEMA: Final = (
    "CREATE TABLE nodes (id INTEGER PRIMARY KEY, node BLOB NOT NULL)",
    """CREATE TABLE entries (
        idx INTEGER PRIMARY KEY, entry BLOB NOT NULL, note TEXT NOT NULL, root INTEGER NOT NULL, last INTEGER NOT NULL,
        tree BLOB NOT NULL)""",
    *(
        f"CREATE TRIGGER entries_{verb.lower()} BEFORE {verb} ON entries BEGIN "
        "SELECT RAISE(ABORT, 'entries is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
)


class HeadsRow(NamedTuple):
    """One entry of the heads log, the checkpoint that signs it, and the numbers of the map's root and last node."""

    idx: int
    entry: bytes
    note: str
    root: int
    last: int


class HeadsStore:
    """The file at ``path``, ":memory:" keeps nothing. ``read_only`` opens it beside a running hub.

    Raises:
        IntegrityViolation: ``ledger.corrupt`` when the file is damaged or another kind of database.
    """

    def __init__(self, path: str, *, vfs: str = "", read_only: bool = False) -> None:
        if path == MEMORY:
            self._connection = apsw.Connection(MEMORY)
            for statement in SCHEMA:
                self._connection.execute(statement)
        elif read_only:
            self._connection = connect.open_reader(path)
        else:
            self._connection = connect.open_writer(path, vfs=vfs, schema=SCHEMA, application_id=HEADS_ID)

    def _row(self, statement: str, values: tuple[Any, ...] = ()) -> Any:
        try:
            return self._connection.execute(statement, values).fetchone()
        except connect.DAMAGED as error:
            raise IntegrityViolation("ledger.corrupt", f"the map of heads: {error}") from error

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def newest(self) -> HeadsRow | None:
        """The newest entry, None before the first."""
        row = self._row(f"SELECT {_ENTRY} FROM entries ORDER BY idx DESC LIMIT 1")  # noqa: S608  # constant text
        return None if row is None else HeadsRow(*row)

    def entries(self, first: int, count: int) -> list[bytes]:
        """Entries from index ``first`` on."""
        rows = self._connection.execute(
            "SELECT CAST(entry AS BLOB) FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx", (first, first + count)
        )
        return [row[0] for row in rows]

    def tree_node(self, level: int, index: int) -> bytes:
        """A complete node of the heads log's own tree: it lies with the entry that completed it."""
        row = self._row(
            "SELECT substr(CAST(tree AS BLOB), ?, ?) FROM entries WHERE idx = ?",
            (level * _HASH_BYTES + 1, _HASH_BYTES, ((index + 1) << level) - 1),
        )
        if row is None or len(row[0]) != _HASH_BYTES:
            raise IntegrityViolation("ledger.corrupt", f"node ({level}, {index}) of the heads log is missing")
        node: bytes = row[0]
        return node

    def frontier(self, size: int) -> merkle.Frontier:
        """The right edge of the heads log's tree."""
        return merkle.Frontier(size, [self.tree_node(level, index) for level, index in merkle.peaks_of(size)])

    def node(self, number: int) -> bytes | None:
        """A node of the map as the file holds it, an open transaction's included."""
        row = self._row("SELECT CAST(node AS BLOB) FROM nodes WHERE id = ?", (number,))
        return None if row is None else row[0]

    def last_node(self) -> int:
        """The highest number of a node of the map, 0 where there is none."""
        found: int = self._row("SELECT coalesce(max(id), 0) FROM nodes")[0]
        return found

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Open the transaction of the next entry."""
        self._connection.execute("BEGIN IMMEDIATE")

    def put_nodes(self, nodes: Iterable[tuple[int, bytes]]) -> None:
        """Write or replace nodes of the map."""
        self._connection.executemany("INSERT OR REPLACE INTO nodes (id, node) VALUES (?, ?)", nodes)

    def finish(self, row: HeadsRow, tree: bytes) -> None:
        """Write the entry with the tree nodes it completed (32 bytes each), then commit.

        An error means *unknown*: the entry may be durable or not. The caller MUST stop.
        """
        self._connection.execute(
            "INSERT INTO entries (idx, entry, note, root, last, tree) VALUES (?, ?, ?, ?, ?, ?)", (*row, tree)
        )
        self._connection.execute("COMMIT")

    def abandon(self) -> None:
        """Undo an open transaction."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Give the file back; an open transaction is lost."""
        self._connection.close()
