"""Opens the stores that need the extra ``postgres``; without it, says so."""

from typing import TYPE_CHECKING, NamedTuple

from contracts.errors import Misconfigured

if TYPE_CHECKING:
    from ledger.stores.postgres import Opening, PostgresStore
    from ledger.stores.postgres_keys import PostgresKeys


def open_postgres(dsn: str, *, opening: "Opening" = "alone") -> "PostgresStore":
    """The log at ``dsn``.

    Raises:
        Misconfigured: ``config.missing`` without psycopg or a DSN; see ``PostgresStore`` for the rest.
    """
    if not dsn:
        raise Misconfigured("config.missing", "where the database of the log is", name="ledger.dsn_file")
    try:
        from ledger.stores.postgres import PostgresStore  # noqa: PLC0415  # psycopg is an extra
    except ImportError as error:
        raise _without_psycopg() from error
    return PostgresStore(dsn, opening=opening)


def open_postgres_keys(dsn: str) -> "PostgresKeys":
    """The data keys at ``dsn``.

    Raises:
        Misconfigured: as ``open_postgres``.
    """
    if not dsn:
        raise Misconfigured("config.missing", "where the database of the data keys is", name="ledger.keys_dsn_file")
    try:
        from ledger.stores.postgres_keys import PostgresKeys  # noqa: PLC0415  # psycopg is an extra
    except ImportError as error:
        raise _without_psycopg() from error
    return PostgresKeys(dsn)


def _without_psycopg() -> Misconfigured:
    return Misconfigured("config.missing", 'install "lienthong[postgres]"', name="psycopg")


class Findings(NamedTuple):
    """What a server is, and what must be mended before a hub relies on it."""

    text: str
    mends: list[str]


def postgres_report(dsn: str, *, keys: bool) -> Findings:
    """Look at a database without changing it: version, round trip, and for ``keys`` whether it can forget.

    Raises:
        Misconfigured: as ``open_postgres``.
    """
    try:
        from ledger.stores.postgres_connect import connect  # noqa: PLC0415  # psycopg is an extra
        from ledger.stores.postgres_keys import shortcomings  # noqa: PLC0415  # as above
    except ImportError as error:
        raise _without_psycopg() from error
    session = connect(dsn, schema="ledger")
    try:
        database = session.execute("SELECT current_database() || '@' || current_setting('server_version')").fetchone()
        return Findings(f"{database[0] if database else ''}, syncs every commit", shortcomings(session) if keys else [])
    finally:
        session.close()
