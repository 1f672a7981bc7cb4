"""How a PostgreSQL session is opened so that an answered commit survives a power cut.

The settings that durability rests on are asked for after connecting and never assumed. The session belongs to one
process for its whole life: advisory locks, settings and LISTEN do not survive a pooler between transactions.
"""

import re
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from contracts.errors import IntegrityViolation, Misconfigured

OLDEST_SERVER: Final = 150_000
CONNECT_TIMEOUT_S: Final = 5
LOCK_TIMEOUT_S: Final = 10
"""How long a commit waits for another writer's; longer means that it hangs."""
IDLE_IN_TRANSACTION_MS: Final = 5_000
"""A writer that stands still inside a transaction (stopped, swapped out) loses its session and with it the lock, before
those who wait for it give up."""
_NETWORK: Final = {
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
"""A server that is silent for about ten seconds is gone: the loop must not wait for it for hours."""
_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_WAITED_FOR: Final = frozenset({"on", "remote_apply", "remote_write"})
Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


def connect(dsn: str, *, schema: str, read_only: bool = False, durable: bool = True) -> Session:
    """Open a session whose tables lie in ``schema``. ``durable=False`` allows a server that does not sync (tests).

    Raises:
        Misconfigured: ``config.invalid`` where there is no server, an older one than 15, a stand-by, another encoding,
            or a setting under which an answered commit could be lost. The text never holds the DSN's password.
    """
    if not _SCHEMA.fullmatch(schema):
        raise Misconfigured("config.invalid", "a schema is named by a-z, 0-9 and _", name=schema)
    try:
        asked = conninfo_to_dict(dsn)
        given = str(asked.get("options") or "")
        session = psycopg.connect(
            make_conninfo(dsn, **{name: value for name, value in _NETWORK.items() if name not in asked}),
            autocommit=True,
            prepare_threshold=0,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=f"lienthong {schema}",
            options=f"{given} {_options(schema, read_only=read_only)}".strip(),
        )
    except psycopg.Error as error:
        raise Misconfigured("config.invalid", f"PostgreSQL: {error}".strip(), name="dsn") from error
    try:
        _verify(session, durable=durable and not read_only)
    except BaseException:
        session.close()
        raise
    return session


def _options(schema: str, *, read_only: bool) -> str:
    settings = {
        "search_path": schema,
        "synchronous_commit": "on",
        "lock_timeout": f"{LOCK_TIMEOUT_S}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_MS}ms",
        "default_transaction_isolation": "read\\ committed",
        "default_transaction_read_only": "on" if read_only else "off",
        "jit": "off",
    }
    return " ".join(f"-c{name}={value}" for name, value in settings.items())


def _verify(session: Session, *, durable: bool) -> None:
    if session.info.server_version < OLDEST_SERVER:
        version = session.info.parameter_status("server_version")
        raise Misconfigured("config.invalid", f"PostgreSQL {version} is older than 15; upgrade the server", name="dsn")
    names = ("synchronous_commit", "server_encoding", "fsync", "full_page_writes")
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    row = session.execute(f"SELECT {asked}, pg_is_in_recovery()".encode()).fetchone()
    found = dict(zip((*names, "in_recovery"), row or (), strict=False))
    wrong = [f"{name} is {found.get(name)}" for name in ("fsync", "full_page_writes") if found.get(name) != "on"]
    if durable and wrong:
        raise Misconfigured(
            "config.invalid", f"{', '.join(wrong)}: an answered message could be lost; set it to on", name="dsn"
        )
    if found.get("synchronous_commit") not in _WAITED_FOR:
        raise IntegrityViolation("ledger.unavailable", f"synchronous_commit is {found.get('synchronous_commit')}")
    if found.get("server_encoding") != "UTF8":
        raise Misconfigured("config.invalid", "the database must be made with ENCODING 'UTF8'", name="dsn")
    if durable and found.get("in_recovery"):
        raise Misconfigured("config.invalid", "the server is a stand-by; name the primary", name="dsn")
