"""The file of the read models: derived from the log, so it may be deleted at any time and is made again.

A small driver over apsw; what the tables mean is the business of whoever names them. One connection writes and reads.
A crash may lose the last transactions (synchronous NORMAL) but never half of one: each transaction also moves the
position through which the log is contained, so following simply goes on from there.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from ledger.stores.connect import pragma, scrub

VIEWS_ID: Final = 0x4C54_5657
CHECKPOINT_PAGES: Final = 200
"""Small, so that moving pages out of the write-ahead log never takes the loop for long."""


class ViewsStore:
    """One file of derived tables. ``path`` ":memory:" keeps nothing.

    A file of another kind, another schema version or in disorder is emptied, never repaired: its content is on the log.
    """

    def __init__(self, path: str, *, schema: Sequence[str], version: int, vfs: str = "") -> None:
        self._schema = tuple(schema)
        self._version = version
        try:
            self._connection = self._open(path, vfs)
            ours = self._is_ours()
        except (apsw.NotADBError, apsw.CorruptError):
            _delete(path, vfs)
            self._connection = self._open(path, vfs)
            ours = False
        if not ours:
            self.clear()

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query; bound it with LIMIT."""
        return self._connection.execute(statement, tuple(values)).fetchall()

    def write(self, steps: Iterable[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
        """Run each statement for each of its rows, all in one transaction."""
        with self._connection:
            for statement, rows in steps:
                if rows:
                    self._connection.executemany(statement, rows)

    def clear(self) -> None:
        """Empty the file: drop whatever is in it and make the schema."""
        run = self._connection.execute
        with self._connection:
            named = run("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
            for (name,) in named:
                run('DROP TABLE "' + str(name).replace('"', '""') + '"')
            for statement in self._schema:
                run(statement)
        run(f"PRAGMA application_id = {VIEWS_ID}").fetchall()
        run(f"PRAGMA user_version = {self._version}").fetchall()

    def scrub(self) -> None:
        """Empty the write-ahead log, so that nothing of removed rows stays readable in it.

        Raises:
            IntegrityViolation: ``ledger.unavailable`` when a reader holds an old state open.
        """
        scrub(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _open(self, path: str, vfs: str) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        if vfs:
            connection = apsw.Connection(path, flags=flags, vfs=vfs)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        else:
            connection = apsw.Connection(path, flags=flags)
        if path != ":memory:":
            pragma(connection, "journal_mode", "WAL", "wal")
        pragma(connection, "synchronous", "NORMAL", 1)
        pragma(connection, "wal_autocheckpoint", CHECKPOINT_PAGES, CHECKPOINT_PAGES)
        # A purged row must not stay readable in a free page.
        pragma(connection, "secure_delete", "ON", 1)
        connection.set_busy_timeout(5_000)
        return connection

    def _is_ours(self) -> bool:
        run = self._connection.execute
        return [run("PRAGMA application_id").fetchone(), run("PRAGMA user_version").fetchone()] == [
            (VIEWS_ID,),
            (self._version,),
        ]


def _delete(path: str, vfs: str) -> None:
    if vfs or path == ":memory:":
        return
    for suffix in ("", "-wal", "-shm"):
        try:
            os.unlink(path + suffix)  # noqa: PTH108  # the paths of SQLite's files are strings, as SQLite makes them
        except FileNotFoundError:
            continue
