"""Where data keys lie: ``keys.db``, apart from everything they open, with its own short-lived backups.

Keys lie in blocks of ``SLOTS``, each block wrapped as one, so that making keys ahead costs next to nothing. Only
``ledger.db`` says which blocks are in use; a block that is made and never used is harmless. A destroyed key is
overwritten in its block and stays as an empty slot, so that it can be told from a loss.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import apsw

from ledger.stores import connect

SLOT_BITS: Final = 6
SLOTS: Final = 1 << SLOT_BITS
_SCHEMA: Final = (
    "CREATE TABLE blocks (id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL)",
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
)
_SLICE: Final = 2_000


class KeyStore(Protocol):
    """Keeps wrapped blocks. Every method that writes returns only when the write would survive a power cut."""

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Keep new blocks: (id, wrapped)."""
        ...

    def get(self, block: int) -> bytes | None:
        """The wrapped block, None when it was never here."""
        ...

    def replace(self, block: int, wrapped: bytes) -> None:
        """Overwrite a block, so that its older bytes are gone from the file and the write-ahead log."""
        ...

    def replace_all(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """As ``replace``, for several blocks in one go."""
        ...

    def scrub(self) -> None:
        """Leave nothing of overwritten blocks beside the table: what a crash kept ``replace`` from doing."""
        ...

    def newest(self) -> int:
        """The largest block id, 0 when empty."""
        ...

    def ids(self, after: int) -> Sequence[int]:
        """Block ids above ``after`` in order, one slice; empty at the end."""
        ...

    def secret(self, name: str) -> bytes | None:
        """A wrapped secret of the hub."""
        ...

    def put_secret(self, name: str, wrapped: bytes) -> None:
        """Keep a wrapped secret; a name is written once."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class SqliteKeys:
    """``keys.db`` through apsw: WAL, synchronous FULL, secure delete."""

    def __init__(self, path: str, *, vfs: str = "") -> None:
        self._connection = connect.open_writer(path, vfs=vfs, schema=_SCHEMA, application_id=connect.KEYS_ID)
        connect.pragma(self._connection, "secure_delete", "ON", 1)

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.add``."""
        run = self._connection.cursor()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO blocks (id, wrapped) VALUES (?, ?)", rows)
        run.execute("COMMIT")

    def get(self, block: int) -> bytes | None:
        """See ``KeyStore.get``."""
        row: Any = self._connection.execute("SELECT wrapped FROM blocks WHERE id = ?", (block,)).fetchone()
        return None if row is None else row[0]

    def replace(self, block: int, wrapped: bytes) -> None:
        """See ``KeyStore.replace``."""
        self.replace_all([(block, wrapped)])

    def replace_all(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.replace_all``."""
        run = self._connection.cursor()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("UPDATE blocks SET wrapped = ? WHERE id = ?", [(wrapped, block) for block, wrapped in rows])
        run.execute("COMMIT")
        self.scrub()

    def scrub(self) -> None:
        """See ``KeyStore.scrub``."""
        connect.scrub(self._connection)

    def newest(self) -> int:
        """See ``KeyStore.newest``."""
        row: Any = self._connection.execute("SELECT coalesce(max(id), 0) FROM blocks").fetchone()
        return int(row[0])

    def ids(self, after: int) -> Sequence[int]:
        """See ``KeyStore.ids``."""
        rows: Any = self._connection.execute("SELECT id FROM blocks WHERE id > ? ORDER BY id LIMIT ?", (after, _SLICE))
        return [row[0] for row in rows]

    def secret(self, name: str) -> bytes | None:
        """See ``KeyStore.secret``."""
        row: Any = self._connection.execute("SELECT wrapped FROM secrets WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def put_secret(self, name: str, wrapped: bytes) -> None:
        """See ``KeyStore.put_secret``."""
        run = self._connection.cursor()
        run.execute("BEGIN IMMEDIATE")
        run.execute("INSERT INTO secrets VALUES (?, ?)", (name, wrapped))
        run.execute("COMMIT")

    def close(self) -> None:
        """See ``KeyStore.close``."""
        self._connection.close()


class MemoryKeys:
    """The same promises, kept only as long as the process."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytes] = {}
        self._secrets: dict[str, bytes] = {}

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.add``."""
        for block, wrapped in rows:
            if block in self._blocks:
                raise apsw.ConstraintError(f"block {block} is there already")
            self._blocks[block] = wrapped

    def get(self, block: int) -> bytes | None:
        """See ``KeyStore.get``."""
        return self._blocks.get(block)

    def replace(self, block: int, wrapped: bytes) -> None:
        """See ``KeyStore.replace``."""
        self._blocks[block] = wrapped

    def replace_all(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.replace_all``."""
        self._blocks.update(rows)

    def scrub(self) -> None:
        """See ``KeyStore.scrub``: there is nothing beside the table."""

    def newest(self) -> int:
        """See ``KeyStore.newest``."""
        return max(self._blocks, default=0)

    def ids(self, after: int) -> Sequence[int]:
        """See ``KeyStore.ids``."""
        return sorted(block for block in self._blocks if block > after)[:_SLICE]

    def secret(self, name: str) -> bytes | None:
        """See ``KeyStore.secret``."""
        return self._secrets.get(name)

    def put_secret(self, name: str, wrapped: bytes) -> None:
        """See ``KeyStore.put_secret``."""
        self._secrets[name] = wrapped

    def close(self) -> None:
        """See ``KeyStore.close``."""


def missing_blocks(store: KeyStore, used: Iterator[Sequence[int]]) -> Iterator[int]:
    """Blocks in use (slices in rising order) that the store does not have."""
    known: set[int] = set()
    highest = 0
    for batch in used:
        while batch and highest < batch[-1]:
            found = store.ids(highest)
            if not found:
                break
            known.update(found)
            highest = found[-1]
        yield from (block for block in batch if block not in known)
        if batch:
            known = {block for block in known if block > batch[-1]}
