"""How an SQLite file is opened so that an answered commit survives a power cut."""

import os
from typing import Any, Final
from urllib.parse import quote

import apsw

from contracts.errors import IntegrityViolation

LEDGER_ID: Final = 0x4C54_4C47
KEYS_ID: Final = 0x4C54_4B59
AUTOCHECKPOINT_PAGES: Final = 500
CACHE_KIB: Final = 32_768
_STATEMENTS: Final = 128
_OWNER_ONLY: Final = 0o600
DAMAGED: Final = (apsw.NotADBError, apsw.CorruptError)
"""What SQLite says of a file whose pages are not what it wrote."""


def pragma(connection: apsw.Connection, name: str, value: str | int, expected: object) -> None:
    """Set one pragma and read it back: SQLite ignores what it does not like without a word."""
    connection.execute(f"PRAGMA {name} = {value}").fetchall()
    found = connection.execute(f"PRAGMA {name}").fetchone()
    if found is None or found[0] != expected:
        raise IntegrityViolation("ledger.unavailable", f"pragma {name} is {found}, not {expected}")


def _create(path: str, vfs: str, schema: tuple[str, ...], application_id: int, page_size: int) -> None:
    """Make the file with its whole schema, close it and sync its directory before anything is promised."""
    connection = _open(path, vfs, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        connection.execute(f"PRAGMA page_size = {page_size}").fetchall()
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application_id}").fetchall()
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    if not vfs:
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)  # noqa: PTH120  # paths of a VFS are not OS paths
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _own(path: str) -> None:
    """Make the empty file ourselves: SQLite would let the umask decide who may read it, and its WAL takes its mode.

    A file that is there is not touched: closing any descriptor of it would drop the locks of this whole process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY))
    except FileExistsError:
        return


def _open(path: str, vfs: str, flags: int) -> apsw.Connection:
    if vfs:
        connection = apsw.Connection(path, flags=flags, vfs=vfs, statementcachesize=_STATEMENTS)
        # a VFS written in Python has no shared memory: WAL then needs the one connection to be exclusive
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        return connection
    return apsw.Connection(path, flags=flags, statementcachesize=_STATEMENTS)


def open_writer(
    path: str, *, vfs: str, schema: tuple[str, ...], application_id: int, page_size: int = 4_096
) -> apsw.Connection:
    """The one connection that writes ``path``, made with ``schema`` where there is no such database yet.

    Raises:
        IntegrityViolation: ``ledger.corrupt`` when the file is damaged or another kind of database,
            ``ledger.unavailable`` when a setting that durability needs was not taken.
    """
    try:
        return _open_writer(path, vfs, schema, application_id, page_size)
    except DAMAGED as error:
        raise IntegrityViolation("ledger.corrupt", f"{path}: {error}") from error


def _open_writer(path: str, vfs: str, schema: tuple[str, ...], application_id: int, page_size: int) -> apsw.Connection:
    if not vfs and path != ":memory:":
        _own(path)
    connection = _open(path, vfs, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    if _application_id(connection) == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        connection.close()
        _create(path, vfs, schema, application_id, page_size)
        connection = _open(path, vfs, apsw.SQLITE_OPEN_READWRITE)
    if _application_id(connection) != application_id:
        connection.close()
        raise IntegrityViolation("ledger.corrupt", f"{path} is not a database of this hub")
    pragma(connection, "journal_mode", "WAL", "wal")
    pragma(connection, "synchronous", "FULL", 2)
    pragma(connection, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES, AUTOCHECKPOINT_PAGES)
    pragma(connection, "cache_size", -CACHE_KIB, -CACHE_KIB)
    # What an earlier process could not sync may stand in the page cache, marked clean, and never reach the disk: a
    # later sync of the write-ahead log would not write it. Moving the log into the database writes all of it anew.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.set_busy_timeout(5_000)
    return connection


def scrub(connection: apsw.Connection) -> None:
    """Empty the write-ahead log, so that nothing overwritten in the tables stays readable in it.

    Raises:
        IntegrityViolation: ``ledger.unavailable`` when a reader holds an old state open; ask again later.
    """
    try:
        row: Any = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    except (apsw.BusyError, apsw.LockedError) as error:
        raise IntegrityViolation("ledger.unavailable", f"the write-ahead log was not emptied: {error}") from error
    if row[0] or row[1] > 0:  # (busy, frames in the log, …); -1 frames: a database in memory has no such log
        raise IntegrityViolation("ledger.unavailable", "a reader keeps the write-ahead log from being emptied")


def open_reader(path: str) -> apsw.Connection:
    """A read-only connection beside a running hub: it never writes, never checkpoints."""
    connection = apsw.Connection(f"file:{quote(path)}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    pragma(connection, "query_only", "ON", 1)
    connection.set_busy_timeout(5_000)
    return connection


def _application_id(connection: apsw.Connection) -> Any:
    row = connection.execute("PRAGMA application_id").fetchone()
    return row[0] if row else None
