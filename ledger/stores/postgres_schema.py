"""The tables of a log in PostgreSQL: those of ``schema.py``, and ``log_head``, the one row every commit takes.

Rows of the log are never changed: triggers stop an accident, the signed tree shows intent. ``seal`` ends a commit: it
writes nodes and checkpoint and moves the row on by compare-and-swap; it raises unless the caller's epoch and size are
still those of the row, and unless the positions written since are dense. ``root`` is the third line of the checkpoint
that signs ``size``.
"""

from typing import Final

from ledger.stores.postgres_connect import Session
from ledger.stores.schema import APPEND_ONLY

CREATION_LOCK: Final = 0x4C54_4C47
_TEXT: Final = 'text COLLATE "C" NOT NULL'
_TABLES: Final = (
    f"""CREATE TABLE events (
        position bigint PRIMARY KEY, originator_id bytea NOT NULL, originator_version bigint NOT NULL,
        topic {_TEXT}, leaf bytea NOT NULL, state bytea NOT NULL, salt bytea)""",
    "CREATE UNIQUE INDEX events_by_stream ON events (originator_id, originator_version)",
    """CREATE TABLE messages (
        position bigint PRIMARY KEY, layout bytea NOT NULL, commitments bytea NOT NULL, sealed bytea NOT NULL)""",
    "CREATE TABLE nodes (first bigint PRIMARY KEY, hashes bytea NOT NULL)",
    f"CREATE TABLE checkpoints (size bigint PRIMARY KEY, note {_TEXT})",
    "CREATE TABLE key_blocks (id bigint PRIMARY KEY)",
    """CREATE TABLE heads (
        stream bytea PRIMARY KEY, key_id bigint NOT NULL, rev bigint NOT NULL, position bigint NOT NULL,
        hash bytea NOT NULL) WITH (fillfactor = 80)""",
    f"CREATE TABLE names (kind {_TEXT}, name {_TEXT}, stream bytea NOT NULL, PRIMARY KEY (kind, name))",
    "CREATE TABLE message_ids (id bytea PRIMARY KEY, position bigint NOT NULL, content bytea NOT NULL)",
    "CREATE TABLE codes (code bytea PRIMARY KEY, stream bytea NOT NULL)",
    f"CREATE TABLE lanes (id bigint PRIMARY KEY, name {_TEXT} UNIQUE)",
    """CREATE TABLE seen (
        stream bytea NOT NULL, n bigint NOT NULL, lane bigint NOT NULL, fingerprint bytea NOT NULL,
        PRIMARY KEY (stream, n))""",
    f"""CREATE TABLE standings (
        stream bytea NOT NULL, target {_TEXT}, through bigint NOT NULL, rows bytea NOT NULL, parked {_TEXT},
        PRIMARY KEY (stream, target)) WITH (fillfactor = 80)""",
    "CREATE INDEX standings_parked ON standings (target, stream) WHERE parked <> ''",
    f"CREATE TABLE cursors (target {_TEXT} PRIMARY KEY, position bigint NOT NULL)",
    f"CREATE TABLE tracking (application {_TEXT} PRIMARY KEY, position bigint NOT NULL)",
    f"CREATE TABLE settings (name {_TEXT} PRIMARY KEY, value {_TEXT})",
    f"""CREATE TABLE log_head (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), size bigint NOT NULL, root {_TEXT}, epoch bigint NOT NULL)
        WITH (fillfactor = 10)""",
    "INSERT INTO log_head (size, root, epoch) VALUES (0, '', 0)",
)
_EXTERNAL: Final = (("messages", "commitments"), ("messages", "sealed"), ("nodes", "hashes"), ("events", "state"))
"""Columns of random bytes: trying to compress them would cost time and give nothing."""
_FUNCTIONS: Final = (
    """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'LT001'; END $$""",
    """CREATE FUNCTION only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.size < OLD.size OR NEW.epoch < OLD.epoch THEN
            RAISE EXCEPTION 'the head of the log never goes back' USING ERRCODE = 'LT001';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION seal(
        mine bigint, base bigint, reached bigint, signed_root text, signed text, first_node bigint, made bytea,
        channel text) RETURNS void
    LANGUAGE plpgsql AS $$
    DECLARE written bigint; highest bigint;
    BEGIN
        INSERT INTO nodes (first, hashes) VALUES (first_node, made);
        INSERT INTO checkpoints (size, note) VALUES (reached, signed);
        UPDATE log_head SET size = reached, root = signed_root WHERE epoch = mine AND size = base;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'epoch % at size % is over', mine, base USING ERRCODE = 'LT002';
        END IF;
        SELECT count(*), max(position) INTO written, highest FROM events WHERE position > base;
        IF written <> reached - base OR highest <> reached THEN
            RAISE EXCEPTION 'positions after % are not dense up to %', base, reached USING ERRCODE = 'LT001';
        END IF;
        PERFORM pg_notify(channel, reached::text);
    END $$""",
)
_TRIGGERS: Final = (
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        for table in APPEND_ONLY
    ),
    "CREATE TRIGGER log_head_kept BEFORE DELETE OR TRUNCATE ON log_head EXECUTE FUNCTION append_only()",
    "CREATE TRIGGER log_head_forward BEFORE UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION only_forward()",
)


def create(session: Session, schema: str) -> None:
    """Make the tables where there are none, in one transaction; two that come at once make them once."""
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock(%s)", (CREATION_LOCK,))
        if exists(session, schema):
            return
        statements = [f"CREATE SCHEMA IF NOT EXISTS {schema}", *_TABLES]
        statements += [f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL" for table, column in _EXTERNAL]
        statements += [*_FUNCTIONS, *_TRIGGERS]
        session.execute("; ".join(statements).encode(), prepare=False)


def exists(session: Session, schema: str) -> bool:
    """Whether there is a log in this schema."""
    row = session.execute("SELECT to_regclass(%s)::text", (f"{schema}.log_head",)).fetchone()
    return row is not None and row[0] is not None
