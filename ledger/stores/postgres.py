"""The log in PostgreSQL ≥ 15 through psycopg: the same transaction as in SQLite, under the row lock of ``log_head``.

Every commit locks that row, sees under the lock which epoch and size the log has, writes, and moves the row on with a
compare-and-swap before its COMMIT. So positions are dense and become visible in their order, and nobody signs beside
somebody else: who opens the log ``alone`` begins a new epoch, and whoever is of an older one writes no more.

``join`` is for several writers of one log: they share the epoch and take turns under the lock (``take``); a batch
placed before somebody else committed is refused as ``Moved`` with nothing written.

Small batches go in one round trip, large ones by COPY. psycopg blocks the calling thread, as SQLite does.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Literal, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus

from contracts.errors import IntegrityViolation, Misconfigured
from ledger.stores import postgres_pack, postgres_schema
from ledger.stores.postgres_connect import LOCK_TIMEOUT_S, Session, connect
from ledger.stores.postgres_read import EVENT, PostgresReading
from ledger.stores.store import Batch, Moved

Opening: TypeAlias = Literal["alone", "take", "join", "read"]
DEFAULT_SCHEMA: Final = "ledger"
COPY_EVENTS: Final = 40
"""From this many events on, COPY costs less than its extra round trips."""
COPY_BYTES: Final = 65_536
"""A message of this size goes by COPY, whatever the number of events."""
CLAIM_MS: Final = 800
"""How long whoever opens a log waits for the session of a process that has just ended."""
_LOCK_SPACE: Final = 0x4C54_4C47
_CLAIM: Final = "(%s::bigint << 32) | 'log_head'::regclass::oid::bigint"
_FENCED: Final = "LT002"
_ROOT_LINE: Final = 2
_UNNEST: Final = {
    "messages": ("position, layout, commitments, sealed", "bigint, bytea, bytea, bytea", ""),
    "key_blocks": ("id", "bigint", ""),
    "names": ("kind, name, stream", "text, text, bytea", ""),
    "message_ids": ("id, position, content", "bytea, bigint, bytea", ""),
    "lanes": ("id, name", "bigint, text", ""),
    "seen": ("stream, n, lane, fingerprint", "bytea, bigint, bigint, bytea", ""),
    "heads": ("stream, key_id, rev, position, hash", "bytea, bigint, bigint, bigint, bytea", "stream"),
    "codes": ("code, stream", "bytea, bytea", "code"),
    "standings": ("stream, target, through, rows, parked", "bytea, text, bigint, bytea, text", "stream, target"),
    "cursors": ("target, position", "text, bigint", "target"),
    "tracking": ("application, position", "text, bigint", "application"),
    "settings": ("name, value", "text, text", "name"),
}
"""Per table: columns, their types, and the key by which a row is replaced ("" for tables that only grow)."""


def _insert(table: str, columns: str, types: str, key: str) -> str:
    arrays = ", ".join(f"%b::{name}[]" for name in types.split(", "))
    text = f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608  # names are written above
    if key:
        others = [name for name in columns.split(", ") if name not in key.split(", ")]
        text += f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}"
    return text


_INSERTS: Final = {table: _insert(table, *shape) for table, shape in _UNNEST.items()}
_LEAVES: Final = "SELECT leaf FROM events WHERE position > %b ORDER BY position"
_SEAL_AND_COMMIT: Final = "SELECT seal(%s, %s, %s, %s, %s, %s, %s, %s); COMMIT"
_FEW: Final = 2
"""So many statements go one after the other; more go in a pipeline."""
_PLAIN_EVENTS: Final = _insert(
    "events", EVENT.removesuffix(", salt"), "bigint, bytea, bigint, text, bytea, bytea", key=""
)
_SALTED_EVENTS: Final = _insert("events", EVENT, "bigint, bytea, bigint, text, bytea, bytea, bytea", key="")


class PostgresStore(PostgresReading):
    """One log in one schema. Not thread-safe.

    Raises:
        Misconfigured: ``ledger.locked`` while another live session holds the log; see ``connect`` for the rest.
    """

    def __init__(
        self, dsn: str, *, schema: str = DEFAULT_SCHEMA, opening: Opening = "alone", durable: bool = True
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._opening = opening
        self._durable = durable
        self.epoch = 0
        self._taken = False
        self._ended = False
        self._base = 0
        self._written: list[bytes] = []
        self._session = self._connect()
        try:
            self._enter()
        except BaseException:
            self._session.close()
            raise
        self._read = self._session.cursor(binary=True)

    @property
    def channel(self) -> str:
        """The NOTIFY channel that every commit of this log wakes."""
        return f"lienthong_{self._schema}"

    @property
    def session(self) -> Session:
        """The session itself, for tests that look under the log."""
        return self._session

    def second_session(self) -> Session:
        """Another session that only reads, to listen on. The caller closes it."""
        return connect(self._dsn, schema=self._schema, read_only=True)

    # ── opening ─────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> Session:
        return connect(self._dsn, schema=self._schema, read_only=self._opening == "read", durable=self._durable)

    def _enter(self) -> None:
        """Make the tables where there are none, claim the log, and begin or join an epoch."""
        if self._opening == "read":
            if not postgres_schema.exists(self._session, self._schema):
                raise Misconfigured("config.missing", "no log has begun here", name=f"PostgreSQL {self._schema}")
            return
        postgres_schema.create(self._session, self._schema)
        self._claim()
        if self._opening == "join":
            self.epoch = self._one("SELECT epoch FROM log_head")
        else:
            self.epoch = self._one("UPDATE log_head SET epoch = epoch + 1 RETURNING epoch")

    def _claim(self) -> None:
        """Hold the log as long as the session lives: alone, or beside others that joined."""
        if self._opening == "take":
            self._one(f"SELECT pg_try_advisory_lock({_CLAIM})", (_LOCK_SPACE,))
            return
        kind = "_shared" if self._opening == "join" else ""
        self._session.execute(f"SET lock_timeout = '{CLAIM_MS}ms'".encode())  # a session just killed ends soon
        try:
            self._one(f"SELECT pg_advisory_lock{kind}({_CLAIM})", (_LOCK_SPACE,))
        except psycopg.errors.LockNotAvailable as error:
            raise Misconfigured("ledger.locked", f"another session holds the log in {self._schema}") from error
        self._session.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())

    def _one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        row = self._session.execute(statement.encode(), values).fetchone()
        return None if row is None else row[0]

    def _reopen(self) -> None:
        """A new session for the same epoch; if the log went on under another one, there is nothing to go back to."""
        if self._ended:
            raise IntegrityViolation("ledger.unavailable", "the store is closed")
        self._session.close()
        try:
            self._session = self._connect()
            if self._opening != "read":
                self._claim()
                if self._one("SELECT epoch FROM log_head") != self.epoch:
                    raise _fenced(self.epoch)
        except (Misconfigured, psycopg.Error) as error:
            self._session.close()
            raise IntegrityViolation("ledger.unavailable", f"PostgreSQL: {error}") from error
        self._read = self._session.cursor(binary=True)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """See ``PostgresReading.rows``."""
        alone = self._session.info.transaction_status == TransactionStatus.IDLE
        try:
            return self._read.execute(statement.encode(), values).fetchall()
        except psycopg.OperationalError as error:
            if self._taken or not (self._session.broken or self._session.closed or alone):
                raise IntegrityViolation("ledger.unavailable", f"PostgreSQL: {error}") from error
            self._reopen()
            return self._read.execute(statement.encode(), values).fetchall()

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    def take(self) -> int:
        """Begin a transaction and wait for this log's turn; the size it has now, unchanged until the turn is over."""
        try:
            return self._take()
        except psycopg.OperationalError as error:
            if not (self._session.broken or self._session.closed):
                raise IntegrityViolation("ledger.unavailable", f"PostgreSQL: {error}") from error
            self._reopen()
            return self._take()

    def _take(self) -> int:
        # one round trip, and the lock is waited for before the statement that looks at the row
        cursor = self._session.execute(b"BEGIN; SELECT size, epoch FROM log_head FOR UPDATE", prepare=False)
        cursor.nextset()
        row = cursor.fetchone()
        if row is None or row[1] != self.epoch:
            self.abandon()
            raise _fenced(self.epoch)
        self._taken = True
        self._base = row[0]
        return self._base

    def begin(self, batch: Batch) -> None:
        """See ``Store.begin``.

        Raises:
            Moved: others committed since the batch was placed; nothing was written.
            IntegrityViolation: ``ledger.fenced`` when the log was opened by somebody else.
        """
        if not self._taken:
            self.take()
        size = self._base
        if batch.events and batch.events[0][0] != size + 1:
            self.abandon()
            raise Moved(f"position {batch.events[0][0]} where {size + 1} comes next")
        bulk = len(batch.events) >= COPY_EVENTS or sum(len(one[3]) for one in batch.messages) >= COPY_BYTES
        if bulk:
            self._copy(f"COPY events ({EVENT}) FROM STDIN (FORMAT binary)", postgres_pack.events(batch.events))
            if batch.messages:
                columns = _UNNEST["messages"][0]
                packed = postgres_pack.messages(batch.messages)
                self._copy(f"COPY messages ({columns}) FROM STDIN (FORMAT binary)", packed)
        self._write(batch, bulk=bulk)

    def _copy(self, statement: str, packed: bytes) -> None:
        with self._session.cursor().copy(statement.encode()) as copy:
            copy.write(packed)

    def _write(self, batch: Batch, *, bulk: bool) -> None:
        """Write what COPY did not, and read the leaves back. Pipelining pays from the third statement on."""
        statements = list(_statements(batch, bulk=bulk))
        statements.append((_LEAVES, (self._base,)))
        few = len(statements) <= _FEW
        with nullcontext() if few else self._session.pipeline():
            for text, values in statements[:-1]:
                self._session.execute(text.encode(), values)
            cursor = self._session.cursor(binary=True)
            cursor.execute(_LEAVES.encode(), statements[-1][1])
        self._written = [row[0] for row in cursor.fetchall()]

    def unlink(self, streams: Collection[bytes], after: bytes, limit: int) -> bytes:
        """See ``Store.unlink``."""
        rows = self.rows("SELECT code, stream FROM codes WHERE code > %b ORDER BY code LIMIT %b", (after, limit))
        gone = [row[0] for row in rows if row[1] in streams]
        if gone:
            self._session.execute(b"DELETE FROM codes WHERE code = ANY (%b::bytea[])", (gone,))
        return rows[-1][0] if rows else b""

    def scrub(self) -> None:
        """See ``Store.scrub``. The log's own rows stay; the server's write-ahead log is recycled by its own rules."""
        self._session.execute(b"VACUUM (FULL) codes")

    def written_leaves(self, after: int) -> list[bytes]:
        """See ``Store.written_leaves``: what the open transaction read back."""
        return self._written[max(0, after - self._base) :]

    def finish(self, first_node: int, nodes: bytes, size: int, note: str) -> None:
        """See ``Store.finish``. When the answer to COMMIT is lost, the database is asked what became of it."""
        try:
            if nodes:
                values = (self.epoch, self._base, size, _root_of(note), note, first_node, nodes, self.channel)
                # values are merged into the text by the client, so that both statements go in one message
                psycopg.ClientCursor(self._session).execute(_SEAL_AND_COMMIT.encode(), values)
            else:
                self._session.execute(b"COMMIT")
        except psycopg.Error as error:
            self._settle(size if nodes else 0, note, error)
        finally:
            self._taken = False
            self._written = []

    def _settle(self, size: int, note: str, error: psycopg.Error) -> None:
        """Return when the checkpoint is in the log all the same, else raise.

        The row lock is taken first: as long as the transaction that we lost sight of may still commit, it holds it.
        """
        if getattr(error, "sqlstate", None) == _FENCED:
            self.abandon()
            raise _fenced(self.epoch) from error
        self._taken = False
        if self._session.broken or self._session.closed:
            self._reopen()
        self.abandon()
        with self._session.transaction():
            self._session.execute(b"SELECT 1 FROM log_head FOR UPDATE")
            found = self._one("SELECT note FROM checkpoints WHERE size = %s", (size,))
        if found != note:
            raise IntegrityViolation("ledger.unavailable", f"PostgreSQL did not commit: {error}") from error

    def abandon(self) -> None:
        """See ``Store.abandon``."""
        self._taken = False
        self._written = []
        if self._session.closed or self._session.info.transaction_status == TransactionStatus.IDLE:
            return
        try:
            self._session.execute(b"ROLLBACK")
        except psycopg.Error:
            self._session.close()  # the server ends the transaction of a session that is gone

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Hold the log's turn for the block, whose end without ``finish`` undoes what it wrote. Yields the size."""
        try:
            yield self.take()
        finally:
            self.abandon()

    def close(self) -> None:
        """See ``Store.close``."""
        self._taken = False
        self._ended = True
        self._session.close()


def _statements(batch: Batch, *, bulk: bool) -> Iterator[tuple[str, Sequence[Any]]]:
    """The inserts of a batch with their columns; events and heads go in one statement."""
    heads = _columns([(stream, *head) for stream, head in batch.heads.items()])
    if batch.events and not bulk:
        columns = _columns(batch.events)
        salted = any(salt is not None for salt in columns[-1])
        text, values = (_SALTED_EVENTS, columns) if salted else (_PLAIN_EVENTS, columns[:-1])
        yield (f"WITH written AS ({text}) {_INSERTS['heads']}", [*values, *heads]) if heads else (text, values)
    elif heads:
        yield _INSERTS["heads"], heads
    for table, rows in _tables(batch, bulk=bulk):
        if rows:
            yield _INSERTS[table], _columns(rows)


def _columns(rows: Sequence[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _tables(batch: Batch, *, bulk: bool) -> list[tuple[str, Sequence[Any]]]:
    return [
        ("messages", () if bulk else batch.messages),
        ("codes", list(batch.codes.items())),
        ("seen", batch.seen),
        ("standings", [(*key, *value) for key, value in batch.standings.items()]),
        ("message_ids", batch.message_ids),
        ("names", batch.names),
        ("key_blocks", batch.key_blocks),
        ("lanes", batch.lanes),
        ("cursors", list(batch.cursors.items())),
        ("tracking", list(batch.tracking.items())),
        ("settings", list(batch.settings.items())),
    ]


def _fenced(epoch: int) -> IntegrityViolation:
    return IntegrityViolation("ledger.fenced", f"epoch {epoch} of the log is over")


def _root_of(note: str) -> str:
    lines = note.split("\n", _ROOT_LINE + 1)
    return lines[_ROOT_LINE] if len(lines) > _ROOT_LINE else ""
