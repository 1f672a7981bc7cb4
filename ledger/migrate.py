"""Moves a log and its data keys from SQLite files into PostgreSQL databases: the same leaves, the same root.

Everything is copied into schemas of another name, table by table in the order of its key, so that a second run goes on
where a first one was stopped. Then every table is compared row by row, and only what is equal gets its real name, in
one step: a hub never finds half a log. The files stay as they were; whoever called renames them.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any, Final, NamedTuple

import apsw

from contracts.errors import IntegrityViolation, Misconfigured
from ledger.stores import connect, postgres_keys, postgres_schema
from ledger.stores.postgres import DEFAULT_SCHEMA
from ledger.stores.postgres_connect import Session
from ledger.stores.postgres_connect import connect as connect_postgres

ARRIVING: Final = "_arriving"
_SLICE: Final = 1_000


class Table(NamedTuple):
    """One table: its key, the columns in their order (the key first), and their types in PostgreSQL."""

    name: str
    key: str
    columns: str
    types: str


LOG_TABLES: Final = (
    Table(
        "events",
        "position",
        "position, originator_id, originator_version, topic, leaf, state, salt",
        "int8, bytea, int8, text, bytea, bytea, bytea",
    ),
    Table("messages", "position", "position, layout, commitments, sealed", "int8, bytea, bytea, bytea"),
    Table("nodes", "first", "first, hashes", "int8, bytea"),
    Table("checkpoints", "size", "size, note", "int8, text"),
    Table("key_blocks", "id", "id", "int8"),
    Table("heads", "stream", "stream, key_id, rev, position, hash", "bytea, int8, int8, int8, bytea"),
    Table("names", "kind, name", "kind, name, stream", "text, text, bytea"),
    Table("message_ids", "id", "id, position, content", "bytea, int8, bytea"),
    Table("codes", "code", "code, stream", "bytea, bytea"),
    Table("lanes", "id", "id, name", "int8, text"),
    Table("seen", "stream, n", "stream, n, lane, fingerprint", "bytea, int8, int8, bytea"),
    Table("standings", "stream, target", "stream, target, through, rows, parked", "bytea, text, int8, bytea, text"),
    Table("cursors", "target", "target, position", "text, int8"),
    Table("tracking", "application", "application, position", "text, int8"),
    Table("settings", "name", "name, value", "text, text"),
)
KEY_TABLES: Final = (
    Table("blocks", "id", "id, wrapped", "int8, bytea"),
    Table("secrets", "name", "name, wrapped", "text, bytea"),
)
Told = Callable[[str, int], None]
"""Called with the name of a table and how many of its rows were copied by this run."""


class Move:
    """One database of ours on its way: ``ledger.db`` or ``keys.db`` into one schema."""

    def __init__(self, path: str, dsn: str, schema: str, tables: Sequence[Table]) -> None:
        self._tables = tables
        self._schema = schema
        self._dsn = dsn
        self._source = connect.open_reader(path)
        try:
            self._check_tables()
            self._target = connect_postgres(dsn, schema=schema + ARRIVING)
        except BaseException:
            self._source.close()
            raise

    def close(self) -> None:
        """Give both ends back."""
        self._source.close()
        self._target.close()

    def _check_tables(self) -> None:
        rows: Any = self._source.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
        unknown = sorted({row[0] for row in rows} - {table.name for table in self._tables})
        if unknown:
            raise Misconfigured("config.invalid", f"it has tables this version does not know: {unknown}", name="source")

    # ── copying ─────────────────────────────────────────────────────────────────────────────────

    def arrived(self) -> bool:
        """Whether this very database already has its real name at the target.

        Raises:
            Misconfigured: ``config.invalid`` when something else is there.
        """
        if not self._exists(self._schema):
            return False
        if not self._same_beginning(self._schema):
            raise Misconfigured(
                "config.invalid", f"schema {self._schema} holds another log; name an empty database", name="dsn"
            )
        return True

    def _exists(self, schema: str) -> bool:
        table = self._tables[0].name
        row = self._target.execute("SELECT to_regclass(%s)::text", (f"{schema}.{table}",)).fetchone()
        return row is not None and row[0] is not None

    def _same_beginning(self, schema: str) -> bool:
        """Whether the target goes on from all that the source holds: append-only rows are there, equal."""
        for table in self._tables:
            if table.name not in {"checkpoints", "secrets"}:
                continue
            statement = f"SELECT {table.columns} FROM {schema}.{table.name}"  # noqa: S608  # names are written above
            there: dict[Any, Any] = dict(self._target.execute(statement.encode()).fetchall())
            for key, value in _rows(self._source, table):
                if key not in there or there[key] != value:
                    return False
        return True

    def copy(self, create: Callable[[Session, str], None], told: Told) -> None:
        """Copy what is missing in the schema of the other name, made where there is none."""
        create(self._target, self._schema + ARRIVING)
        for table in self._tables:
            told(table.name, self._copy(table))

    def _copy(self, table: Table) -> int:
        keys = table.key.split(", ")
        order = ", ".join(f"{key} DESC" for key in keys)
        last = self._target.execute(
            f"SELECT {table.key} FROM {table.name} ORDER BY {order} LIMIT 1".encode()  # noqa: S608  # names are written above
        ).fetchone()
        copied = 0
        for rows in _slices(self._source, table, last):
            statement = f"COPY {table.name} ({table.columns}) FROM STDIN (FORMAT binary)"
            with self._target.cursor().copy(statement.encode()) as copy:
                copy.set_types(table.types.split(", "))
                for row in rows:
                    copy.write_row(row)
            copied += len(rows)
        return copied

    # ── judging ─────────────────────────────────────────────────────────────────────────────────

    def compare(self) -> None:
        """Hold every row of the target to the source's.

        Raises:
            IntegrityViolation: ``ledger.corrupt`` with the first table that differs.
        """
        for table in self._tables:
            here, there = _digest(_rows(self._source, table)), _digest(self._arrived_rows(table))
            if here != there:
                raise IntegrityViolation(
                    "ledger.corrupt",
                    f"{table.name}: {here[0]} rows here, {there[0]} there, or not the same; drop schema "
                    f"{self._schema}{ARRIVING} and begin again",
                )

    def _arrived_rows(self, table: Table) -> Iterator[Sequence[Any]]:
        with self._target.transaction(), self._target.cursor("rows", binary=True) as cursor:
            cursor.itersize = _SLICE
            cursor.execute(f"SELECT {table.columns} FROM {table.name} ORDER BY {table.key}".encode())  # noqa: S608  # names are written above
            yield from cursor

    def name(self, size: int, root: str) -> None:
        """Give the schema its real name; for a log, with the size and root that its newest checkpoint signs."""
        with self._target.transaction():
            if size:
                self._target.execute("UPDATE log_head SET size = %s, root = %s, epoch = epoch + 1", (size, root))
            self._target.execute(f"ALTER SCHEMA {self._schema}{ARRIVING} RENAME TO {self._schema}".encode())


def _rows(source: apsw.Connection, table: Table) -> Iterator[Sequence[Any]]:
    return chain.from_iterable(_slices(source, table, None))


def _slices(source: apsw.Connection, table: Table, after: Sequence[Any] | None) -> Iterator[list[Sequence[Any]]]:
    """Rows beyond a key, in its order. A key's columns come first among the columns."""
    marks = ", ".join("?" for _ in table.key.split(", "))
    while True:
        where = f"WHERE ({table.key}) > ({marks})" if after is not None else ""
        found: Any = source.execute(
            f"SELECT {table.columns} FROM {table.name} {where} ORDER BY {table.key} LIMIT {_SLICE}",  # noqa: S608  # names are written above
            tuple(after or ()),
        ).fetchall()
        if not found:
            return
        yield found
        after = found[-1][: len(table.key.split(", "))]


def _digest(rows: Iterator[Sequence[Any]]) -> tuple[int, str]:
    digest = sha256()
    count = 0
    for row in rows:
        count += 1
        digest.update(repr(tuple(row)).encode())
    return count, digest.hexdigest()


def migrate(paths: tuple[str, str], dsns: tuple[str, str], told: Told) -> tuple[int, str]:
    """Move ``ledger.db`` and ``keys.db``; the caller holds the ledger's lock. Returns the newest (size, note).

    Keys first: a log whose keys are missing does not open.

    Raises:
        Misconfigured: ``config.invalid`` for a target that holds something else, or an empty source.
        IntegrityViolation: ``ledger.corrupt`` when what arrived is not what was sent.
    """
    newest = _newest(paths[0])
    plans = (
        (paths[1], dsns[1], postgres_keys.DEFAULT_SCHEMA, KEY_TABLES, postgres_keys.create),
        (paths[0], dsns[0], DEFAULT_SCHEMA, LOG_TABLES, postgres_schema.create),
    )
    for path, dsn, schema, tables, create in plans:
        move = Move(path, dsn, schema, tables)
        try:
            if not move.arrived():
                move.copy(create, told)
                move.compare()
                root = newest[1].split("\n")[2]
                move.name(newest[0] if tables is LOG_TABLES else 0, root)
        finally:
            move.close()
    return newest


def _newest(path: str) -> tuple[int, str]:
    source = connect.open_reader(path)
    try:
        row: Any = source.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    finally:
        source.close()
    if row is None:
        raise Misconfigured("config.invalid", "the log is empty; begin it in PostgreSQL", name=path)
    return row[0], row[1]
