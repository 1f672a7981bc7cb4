"""The tables of ``ledger.db``.

Rows of the log are never changed: triggers stop an accident, the signed tree shows intent.
"""

from typing import Final

_TABLES: Final = (
    """CREATE TABLE events (
        position INTEGER PRIMARY KEY, originator_id BLOB NOT NULL, originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL, leaf BLOB NOT NULL, state BLOB NOT NULL, salt BLOB)""",
    "CREATE UNIQUE INDEX events_by_stream ON events (originator_id, originator_version)",
    """CREATE TABLE messages (
        position INTEGER PRIMARY KEY, layout BLOB NOT NULL, commitments BLOB NOT NULL, sealed BLOB NOT NULL)""",
    "CREATE TABLE nodes (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL)",
    "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE TABLE key_blocks (id INTEGER PRIMARY KEY)",
    """CREATE TABLE heads (
        stream BLOB PRIMARY KEY, key_id INTEGER NOT NULL, rev INTEGER NOT NULL, position INTEGER NOT NULL,
        hash BLOB NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE names (
        kind TEXT NOT NULL, name TEXT NOT NULL, stream BLOB NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID""",
    """CREATE TABLE message_ids (
        id BLOB PRIMARY KEY, position INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE codes (code BLOB PRIMARY KEY, stream BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE lanes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE seen (
        stream BLOB NOT NULL, n INTEGER NOT NULL, lane INTEGER NOT NULL, fingerprint BLOB NOT NULL,
        PRIMARY KEY (stream, n)) WITHOUT ROWID""",
    """CREATE TABLE standings (
        stream BLOB NOT NULL, target TEXT NOT NULL, through INTEGER NOT NULL, rows BLOB NOT NULL, parked TEXT NOT NULL,
        PRIMARY KEY (stream, target)) WITHOUT ROWID""",
    "CREATE INDEX standings_parked ON standings (target, stream) WHERE parked <> ''",
    "CREATE TABLE cursors (target TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE tracking (application TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
APPEND_ONLY: Final = (
    "events",
    "messages",
    "nodes",
    "checkpoints",
    "key_blocks",
    "names",
    "message_ids",
    "lanes",
    "seen",
)

SCHEMA: Final = _TABLES + tuple(
    f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table} BEGIN "
    f"SELECT RAISE(ABORT, '{table} is append-only'); END"
    for table in APPEND_ONLY
    for verb in ("UPDATE", "DELETE")
)
