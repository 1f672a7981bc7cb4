"""The tables of the read models. They hold codes and states, never persons; changing one means raising ``VERSION``."""

from typing import Final

VERSION: Final = 3

SCHEMA: Final = (
    "CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, origin TEXT NOT NULL)",
    (
        "CREATE TABLE dossiers (stream BLOB PRIMARY KEY, code TEXT NOT NULL, sought TEXT NOT NULL, "
        "agency TEXT NOT NULL, procedure TEXT NOT NULL, state TEXT NOT NULL, "
        "position INTEGER NOT NULL, lead BLOB) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE codes (folded TEXT NOT NULL, stream BLOB NOT NULL, code TEXT NOT NULL, "
        "PRIMARY KEY (folded, stream)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE sync (stream BLOB NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL, through INTEGER NOT NULL, "
        "position INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (stream, target)) WITHOUT ROWID"
    ),
    # What waits for a person. A record waits at the party that sent it, a delivery at its target.
    (
        "CREATE TABLE parked (kind TEXT NOT NULL, stream BLOB NOT NULL, party TEXT NOT NULL, message INTEGER NOT NULL, "
        "item INTEGER NOT NULL, position INTEGER NOT NULL, code TEXT NOT NULL, path TEXT NOT NULL, word TEXT NOT NULL, "
        "PRIMARY KEY (kind, stream, party, message, item)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE messages (message_id TEXT PRIMARY KEY, position INTEGER NOT NULL, party TEXT NOT NULL, "
        "state TEXT NOT NULL, recorded_at INTEGER NOT NULL, records TEXT NOT NULL) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE counts (party TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, "
        "PRIMARY KEY (party, kind)) WITHOUT ROWID"
    ),
)

PUT_PROGRESS: Final = (
    "INSERT INTO progress (one, position, origin) VALUES (1, ?, ?) "
    "ON CONFLICT (one) DO UPDATE SET position = excluded.position, origin = excluded.origin"
)
PUT_DOSSIER: Final = (
    "INSERT INTO dossiers (stream, code, sought, agency, procedure, state, position, lead) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (stream) DO UPDATE SET code = excluded.code, sought = excluded.sought, agency = excluded.agency, "
    "procedure = excluded.procedure, state = excluded.state, position = excluded.position, lead = excluded.lead"
)
PUT_CODE: Final = "INSERT INTO codes (folded, stream, code) VALUES (?, ?, ?) ON CONFLICT (folded, stream) DO NOTHING"
PUT_SYNC: Final = (
    "INSERT INTO sync (stream, target, state, through, position, reason) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (stream, target) DO UPDATE SET state = excluded.state, through = max(through, excluded.through), "
    "position = excluded.position, reason = excluded.reason"
)
PUT_PARKED: Final = (
    "INSERT INTO parked (kind, stream, party, message, item, position, code, path, word) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, stream, party, message, item) DO UPDATE SET position = excluded.position, "
    "code = excluded.code, path = excluded.path, word = excluded.word"
)
DROP_STREAM: Final = tuple(
    f"DELETE FROM {table} WHERE stream = ?"  # noqa: S608  # constant text
    for table in ("dossiers", "codes", "sync", "parked")
)
DROP_PARKED: Final = "DELETE FROM parked WHERE kind = ? AND stream = ? AND party = ? AND message = ? AND item = ?"
PUT_MESSAGE: Final = (
    "INSERT INTO messages (message_id, position, party, state, recorded_at, records) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (message_id) DO NOTHING"
)
ADD_COUNT: Final = (
    "INSERT INTO counts (party, kind, number) VALUES (?, ?, ?) "
    "ON CONFLICT (party, kind) DO UPDATE SET number = number + excluded.number"
)
