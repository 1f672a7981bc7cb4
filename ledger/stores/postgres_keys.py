"""Data keys in a PostgreSQL database of their own, apart from the log that names them.

PostgreSQL never overwrites a row in place: what was destroyed would stay in dead rows and in the write-ahead log. So a
destroyed key is replaced, the table is written anew without its dead rows, and the write-ahead log is ended and
checkpointed. That needs rights which ``connect`` of this module asks for at once, and ``wal_recycle = off``, because
recycled files keep their old bytes until they are written over. Archives and stand-bys of this database keep what they
were given: it must have neither, or ones that are short-lived.
"""

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from contracts.errors import IntegrityViolation, Misconfigured
from ledger.stores.postgres_connect import Session, connect
from ledger.stores.postgres_schema import CREATION_LOCK

DEFAULT_SCHEMA: Final = "keys"
_SLICE: Final = 2_000
_TABLES: Final = (
    "CREATE TABLE blocks (id bigint PRIMARY KEY, wrapped bytea NOT NULL)",
    'CREATE TABLE secrets (name text COLLATE "C" PRIMARY KEY, wrapped bytea NOT NULL)',
    "ALTER TABLE blocks ALTER COLUMN wrapped SET STORAGE EXTERNAL",
)
_ADD: Final = (
    "INSERT INTO blocks (id, wrapped) SELECT given.id, given.wrapped "
    "FROM unnest(%b::bigint[], %b::bytea[]) AS given (id, wrapped) WHERE NOT EXISTS "
    "(SELECT 1 FROM blocks WHERE blocks.id = given.id AND blocks.wrapped = given.wrapped)"
)
"""Passes over what the same statement wrote before its answer was lost; another block under a known id still fails."""
_KEEP_ONE: Final = (
    "INSERT INTO secrets (name, wrapped) SELECT %b::text, %b::bytea WHERE NOT EXISTS "
    "(SELECT 1 FROM secrets WHERE name = %b AND wrapped = %b)"
)
"""As ``_ADD``."""
_RIGHTS: Final = (
    "SELECT has_function_privilege('pg_switch_wal()', 'EXECUTE'), pg_has_role('pg_checkpoint', 'MEMBER'), "
    "current_setting('wal_recycle')"
)
MENDS: Final = (
    "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO the hub's role",
    "GRANT pg_checkpoint TO the hub's role",
    "set wal_recycle = off",
)


class PostgresKeys:
    """Implements ``ledger.keystore.KeyStore``.

    Raises:
        Misconfigured: ``config.invalid`` where a key could not be destroyed for good, with what must be granted.
    """

    def __init__(self, dsn: str, *, schema: str = DEFAULT_SCHEMA, durable: bool = True) -> None:
        self._dsn = dsn
        self._schema = schema
        self._durable = durable
        self._session = self._connect()
        try:
            create(self._session, self._schema)
            missing = shortcomings(self._session)
            if missing:
                raise Misconfigured("config.invalid", f"keys could not be destroyed: {'; '.join(missing)}", name="keys")
        except BaseException:
            self._session.close()
            raise

    def _connect(self) -> Session:
        return connect(self._dsn, schema=self._schema, durable=self._durable)

    def _reopen(self) -> None:
        self._session.close()
        self._session = self._connect()

    def _ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one statement, committed by itself; once more when the session was lost. It MUST bear to be run twice."""
        try:
            if self._session.broken or self._session.closed:
                self._reopen()
            try:
                return self._run(statement, values)
            except psycopg.OperationalError:
                if not self._session.broken:
                    raise
                self._reopen()
                return self._run(statement, values)
        except (psycopg.OperationalError, Misconfigured) as error:
            raise IntegrityViolation("ledger.unavailable", f"PostgreSQL, keys: {error}") from error

    def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        cursor = self._session.cursor(binary=True)
        cursor.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.add``."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            self._ask(_ADD, columns)

    def get(self, block: int) -> bytes | None:
        """See ``KeyStore.get``."""
        rows = self._ask("SELECT wrapped FROM blocks WHERE id = %b", (block,))
        return rows[0][0] if rows else None

    def replace(self, block: int, wrapped: bytes) -> None:
        """See ``KeyStore.replace``. Takes as long as writing all keys anew: milliseconds for each thousand blocks."""
        self.replace_all([(block, wrapped)])

    def replace_all(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """See ``KeyStore.replace_all``."""
        for block, wrapped in rows:
            self._ask("UPDATE blocks SET wrapped = %b WHERE id = %b", (wrapped, block))
        self.scrub()

    def scrub(self) -> None:
        """See ``KeyStore.scrub``."""
        self._ask("VACUUM (FULL) blocks")
        for _ in range(2):  # a checkpoint frees the files before the one in which the last checkpoint lies
            self._ask("SELECT pg_switch_wal()")
            self._ask("CHECKPOINT")

    def newest(self) -> int:
        """See ``KeyStore.newest``."""
        return int(self._ask("SELECT coalesce(max(id), 0) FROM blocks")[0][0])

    def ids(self, after: int) -> Sequence[int]:
        """See ``KeyStore.ids``."""
        rows = self._ask("SELECT id FROM blocks WHERE id > %b ORDER BY id LIMIT %b", (after, _SLICE))
        return [row[0] for row in rows]

    def secret(self, name: str) -> bytes | None:
        """See ``KeyStore.secret``."""
        rows = self._ask("SELECT wrapped FROM secrets WHERE name = %b", (name,))
        return rows[0][0] if rows else None

    def put_secret(self, name: str, wrapped: bytes) -> None:
        """See ``KeyStore.put_secret``."""
        self._ask(_KEEP_ONE, (name, wrapped, name, wrapped))

    def close(self) -> None:
        """See ``KeyStore.close``."""
        self._session.close()


def create(session: Session, schema: str) -> None:
    """Make the tables where there are none, in one transaction."""
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION_LOCK,))
        row = session.execute("SELECT to_regclass(%s)::text", (f"{schema}.blocks",)).fetchone()
        if row is None or row[0] is None:
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
            for statement in _TABLES:
                session.execute(statement.encode())


def shortcomings(session: Session) -> list[str]:
    """What keeps a destroyed key from being gone on this server, as mends; empty when nothing does."""
    row = session.execute(_RIGHTS.encode()).fetchone() or (False, False, "on")
    fine = (row[0], row[1], row[2] == "off")
    return [mend for mend, good in zip(MENDS, fine, strict=True) if not good]
