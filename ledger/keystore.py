"""Where data keys lie: ``keys.db``, apart from everything they open, with its own short-lived backups.

Only ``ledger.db`` says which keys are in use; a key that is made and never used is harmless. A destroyed key leaves a
tombstone, so that an older backup can be told from a loss.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import apsw

from contracts.errors import IntegrityViolation
from ledger.stores import connect

_SCHEMA = (
    "CREATE TABLE keys (id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL)",
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID",
)
_SLICE = 2_000


class KeyStore(Protocol):
    """Keeps wrapped keys. Every method that writes returns only when the write would survive a power cut."""

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Keep new keys: (id, wrapped)."""
        ...

    def get(self, key_id: int) -> bytes | None:
        """The wrapped key; b"" when it was destroyed, None when it was never here."""
        ...

    def destroy(self, key_id: int) -> None:
        """Overwrite a key by its tombstone, in the write-ahead log too."""
        ...

    def newest(self) -> int:
        """The largest id, 0 when empty."""
        ...

    def ids(self, after: int) -> Sequence[int]:
        """Ids above ``after`` in order, tombstones included, one slice; empty at the end."""
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
        self._connection.set_busy_timeout(1_000)

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.add``."""
        run = self._connection.cursor()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO keys (id, wrapped) VALUES (?, ?)", rows)
        run.execute("COMMIT")

    def get(self, key_id: int) -> bytes | None:
        """See ``KeyStore.get``."""
        row: Any = self._connection.execute("SELECT wrapped FROM keys WHERE id = ?", (key_id,)).fetchone()
        return None if row is None else row[0]

    def destroy(self, key_id: int) -> None:
        """See ``KeyStore.destroy``."""
        run = self._connection.cursor()
        run.execute("BEGIN IMMEDIATE")
        run.execute("INSERT INTO keys VALUES (?, x'') ON CONFLICT (id) DO UPDATE SET wrapped = x''", (key_id,))
        run.execute("COMMIT")
        busy = run.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy is None or busy[0]:
            raise IntegrityViolation("ledger.unavailable", "a destroyed key still lies in the write-ahead log")

    def newest(self) -> int:
        """See ``KeyStore.newest``."""
        row: Any = self._connection.execute("SELECT coalesce(max(id), 0) FROM keys").fetchone()
        return int(row[0])

    def ids(self, after: int) -> Sequence[int]:
        """See ``KeyStore.ids``."""
        rows: Any = self._connection.execute("SELECT id FROM keys WHERE id > ? ORDER BY id LIMIT ?", (after, _SLICE))
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
        self._keys: dict[int, bytes] = {}
        self._secrets: dict[str, bytes] = {}

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.add``."""
        for key_id, wrapped in rows:
            if key_id in self._keys:
                raise apsw.ConstraintError(f"key {key_id} is there already")
            self._keys[key_id] = wrapped

    def get(self, key_id: int) -> bytes | None:
        """See ``KeyStore.get``."""
        return self._keys.get(key_id)

    def destroy(self, key_id: int) -> None:
        """See ``KeyStore.destroy``."""
        self._keys[key_id] = b""

    def newest(self) -> int:
        """See ``KeyStore.newest``."""
        return max(self._keys, default=0)

    def ids(self, after: int) -> Sequence[int]:
        """See ``KeyStore.ids``."""
        return sorted(key_id for key_id in self._keys if key_id > after)[:_SLICE]

    def secret(self, name: str) -> bytes | None:
        """See ``KeyStore.secret``."""
        return self._secrets.get(name)

    def put_secret(self, name: str, wrapped: bytes) -> None:
        """See ``KeyStore.put_secret``."""
        self._secrets[name] = wrapped

    def close(self) -> None:
        """See ``KeyStore.close``."""


def missing_keys(store: KeyStore, used: Iterator[Sequence[int]]) -> Iterator[int]:
    """Ids in use (slices in rising order) that the store does not know, neither as key nor as tombstone."""
    after = 0
    known: set[int] = set()
    highest = 0
    for batch in used:
        while batch and highest < batch[-1]:
            found = store.ids(after)
            if not found:
                break
            known.update(found)
            after = highest = found[-1]
        yield from (key_id for key_id in batch if key_id not in known)
        if batch:
            known = {key_id for key_id in known if key_id > batch[-1]}
