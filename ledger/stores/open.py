"""Opens the stores that need the extra ``postgres``; without it, says so."""

from typing import TYPE_CHECKING

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
