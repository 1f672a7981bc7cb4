"""The reading half of the PostgreSQL store. Every answer is one statement, read committed, in binary."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ledger.stores.store import EventRow, Head, MessageRow

_SLICE: Final = 2_000
EVENT: Final = "position, originator_id, originator_version, topic, leaf, state, salt"
_HEAD: Final = "key_id, rev, position, hash"
_ENDLESS: Final = 1 << 62


class PostgresReading:
    """Implements what ``Store`` reads, over ``rows``."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask one statement; the session is opened again once when it was lost between transactions."""
        raise NotImplementedError

    def _row(self, statement: str, values: Sequence[Any] = ()) -> Any:
        found = self.rows(statement, values)
        return found[0] if found else None

    def size(self) -> int:
        """See ``Store.size``."""
        row = self._row("SELECT size FROM log_head")
        return 0 if row is None else row[0]

    def last_leaf(self) -> bytes | None:
        """See ``Store.last_leaf``."""
        row = self._row("SELECT leaf FROM events ORDER BY position DESC LIMIT 1")
        return None if row is None else row[0]

    def settings(self) -> dict[str, str]:
        """See ``Store.settings``."""
        return dict(self.rows("SELECT name, value FROM settings ORDER BY name"))

    def names(self) -> list[tuple[str, str, bytes]]:
        """See ``Store.names``."""
        return self.rows("SELECT kind, name, stream FROM names ORDER BY kind, name")

    def lanes(self) -> list[tuple[int, str]]:
        """See ``Store.lanes``."""
        return self.rows("SELECT id, name FROM lanes ORDER BY id")

    def cursors(self) -> dict[str, int]:
        """See ``Store.cursors``."""
        return dict(self.rows("SELECT target, position FROM cursors ORDER BY target"))

    def tracking(self) -> dict[str, int]:
        """See ``Store.tracking``."""
        return dict(self.rows("SELECT application, position FROM tracking ORDER BY application"))

    def head(self, stream: bytes) -> Head | None:
        """See ``Store.head``."""
        row: Head | None = self._row(f"SELECT {_HEAD} FROM heads WHERE stream = %b", (stream,))  # noqa: S608  # constants and marks
        return row

    def heads_of(self, streams: Sequence[bytes]) -> dict[bytes, Head]:
        """See ``Store.heads_of``."""
        if not streams:
            return {}
        rows = self.rows(
            f"SELECT stream, {_HEAD} FROM heads WHERE stream = ANY (%b::bytea[])",  # noqa: S608  # constants and marks
            (list(streams),),
        )
        return {row[0]: row[1:] for row in rows}

    def heads(self, after: bytes, limit: int) -> list[tuple[bytes, Head]]:
        """See ``Store.heads``."""
        rows = self.rows(
            f"SELECT stream, {_HEAD} FROM heads WHERE stream > %b ORDER BY stream LIMIT %b",  # noqa: S608  # constants and marks
            (after, limit),
        )
        return [(row[0], row[1:]) for row in rows]

    def stream(
        self,
        stream: bytes,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[EventRow]:
        """See ``Store.stream``."""
        order = "DESC" if desc else "ASC"
        rows = self.rows(
            f"SELECT {EVENT} FROM events WHERE originator_id = %b AND originator_version > %b "  # noqa: S608  # constants and marks
            f"AND originator_version <= %b ORDER BY originator_version {order} LIMIT %b",
            (stream, -1 if gt is None else gt, _ENDLESS if lte is None else lte, _ENDLESS if limit is None else limit),
        )
        return [EventRow(*row) for row in rows]

    def events(self, after: int, limit: int, *, stop: int | None = None, topics: Sequence[str] = ()) -> list[EventRow]:
        """See ``Store.events``."""
        wanted = "AND topic = ANY (%b::text[]) " if topics else ""
        rows = self.rows(
            f"SELECT {EVENT} FROM events WHERE position > %b "  # noqa: S608  # constants and marks
            f"AND position <= %b {wanted}ORDER BY position LIMIT %b",
            (after, _ENDLESS if stop is None else stop, *([list(topics)] if topics else []), limit),
        )
        return [EventRow(*row) for row in rows]

    def leaf(self, position: int) -> bytes | None:
        """See ``Store.leaf``."""
        row = self._row("SELECT leaf FROM events WHERE position = %b", (position,))
        return None if row is None else row[0]

    def message(self, position: int) -> MessageRow | None:
        """See ``Store.message``."""
        row = self._row("SELECT position, layout, commitments, sealed FROM messages WHERE position = %b", (position,))
        return None if row is None else MessageRow(*row)

    def layouts(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """See ``Store.layouts``."""
        return self.rows(
            "SELECT position, layout FROM messages WHERE position > %b ORDER BY position LIMIT %b", (after, limit)
        )

    def message_id(self, blinded: bytes) -> tuple[int, bytes] | None:
        """See ``Store.message_id``."""
        row: tuple[int, bytes] | None = self._row("SELECT position, content FROM message_ids WHERE id = %b", (blinded,))
        return row

    def codes(self, blinded: Sequence[bytes]) -> dict[bytes, bytes]:
        """See ``Store.codes``."""
        if not blinded:
            return {}
        return dict(self.rows("SELECT code, stream FROM codes WHERE code = ANY (%b::bytea[])", (list(blinded),)))

    def code(self, blinded: bytes) -> bytes | None:
        """See ``Store.code``."""
        row = self._row("SELECT stream FROM codes WHERE code = %b", (blinded,))
        return None if row is None else row[0]

    def seen(self, stream: bytes) -> list[tuple[int, bytes]]:
        """See ``Store.seen``."""
        return self.rows("SELECT lane, fingerprint FROM seen WHERE stream = %b ORDER BY n", (stream,))

    def standings(self, stream: bytes) -> list[tuple[str, int, bytes, str]]:
        """See ``Store.standings``."""
        return self.rows(
            "SELECT target, through, rows, parked FROM standings WHERE stream = %b ORDER BY target", (stream,)
        )

    def parked(self, target: str) -> list[tuple[bytes, str, int, bytes, str]]:
        """See ``Store.parked``."""
        one = "AND target = %b " if target else ""
        return self.rows(
            f"SELECT stream, target, through, rows, parked FROM standings WHERE parked <> '' {one}"  # noqa: S608  # constants and marks
            "ORDER BY target, stream",
            (target,) if target else (),
        )

    def checkpoint_covering(self, position: int) -> tuple[int, str] | None:
        """See ``Store.checkpoint_covering``."""
        row: tuple[int, str] | None = self._row(
            "SELECT size, note FROM checkpoints WHERE size >= %b ORDER BY size LIMIT 1", (position,)
        )
        return row

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """See ``Store.newest_checkpoint``."""
        row: tuple[int, str] | None = self._row("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        return row

    def node(self, number: int) -> bytes:
        """See ``Store.node``."""
        row = self._row(
            "SELECT substr(hashes, ((%b::bigint - first) * 32 + 1)::int, 32) FROM nodes WHERE first <= %b "
            "ORDER BY first DESC LIMIT 1",
            (number, number),
        )
        return b"" if row is None else row[0]

    def key_blocks(self) -> Iterator[list[int]]:
        """See ``Store.key_blocks``."""
        after = 0
        while rows := self.rows("SELECT id FROM key_blocks WHERE id > %b ORDER BY id LIMIT %b", (after, _SLICE)):
            yield [row[0] for row in rows]
            after = rows[-1][0]

    # ── for a reader beside a running hub ───────────────────────────────────────────────────────

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """See ``LogTables.leaves``."""
        return self.rows(
            "SELECT position, originator_id, originator_version, topic, leaf FROM events "
            "WHERE position > %b ORDER BY position LIMIT %b",
            (after, limit),
        )

    def checkpoints(self, after: int, limit: int) -> list[tuple[int, str]]:
        """See ``LogTables.checkpoints``."""
        return self.rows("SELECT size, note FROM checkpoints WHERE size > %b ORDER BY size LIMIT %b", (after, limit))

    def nodes_from(self, number: int) -> tuple[int, bytes]:
        """See ``LogTables.nodes_from``."""
        row: tuple[int, bytes] | None = self._row(
            "SELECT first, hashes FROM nodes WHERE first <= %b ORDER BY first DESC LIMIT 1", (number,)
        )
        return (number, b"") if row is None else row
