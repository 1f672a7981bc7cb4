"""The log in memory: the same promises as long as the process lives, with a plan of faults for tests."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import Literal, TypeAlias

from ledger.stores.store import Batch, EventRow, Head, MessageRow

Moment: TypeAlias = Literal["begin", "before", "after"]
"""Where a fault strikes: before anything is written, before the commit takes effect, after it took effect."""
FaultPlan: TypeAlias = Callable[[int, Moment], None]
"""Called with the number of the transaction (from 1) and the moment; raises what the disk would raise."""


def _no_fault(_transaction: int, _moment: Moment) -> None:
    return


class MemoryStore:
    """See ``Store``. ``faults`` is asked at every moment of every transaction."""

    def __init__(self, faults: FaultPlan = _no_fault) -> None:
        self._faults = faults
        self._transaction = 0
        self._open: Batch | None = None
        self._events: list[EventRow] = []
        self._streams: dict[bytes, list[int]] = {}
        self._messages: dict[int, MessageRow] = {}
        self._nodes: list[bytes] = []
        self._checkpoints: list[tuple[int, str]] = []
        self._key_blocks: list[int] = []
        self._heads: dict[bytes, Head] = {}
        self._names: dict[tuple[str, str], bytes] = {}
        self._message_ids: dict[bytes, tuple[int, bytes]] = {}
        self._codes: dict[bytes, bytes] = {}
        self._lanes: dict[int, str] = {}
        self._seen: dict[bytes, list[tuple[int, bytes]]] = {}
        self._standings: dict[tuple[bytes, str], tuple[int, bytes, str]] = {}
        self._cursors: dict[str, int] = {}
        self._tracking: dict[str, int] = {}
        self._settings: dict[str, str] = {}

    def begin(self, batch: Batch) -> None:
        """See ``Store.begin``."""
        if self._open is not None:
            raise RuntimeError("a transaction is open already")
        self._transaction += 1
        self._faults(self._transaction, "begin")
        expected = len(self._events) + 1
        for position, event in enumerate(batch.events, expected):
            if event[0] != position:
                raise RuntimeError(f"position {event[0]} where {position} comes next")
        self._open = batch

    def written_leaves(self, after: int) -> list[bytes]:
        """See ``Store.written_leaves``."""
        batch = self._open
        return [event[4] for event in batch.events if event[0] > after] if batch else []

    def finish(self, first_node: int, nodes: bytes, size: int, note: str) -> None:
        """See ``Store.finish``."""
        if self._open is None:
            raise RuntimeError("no transaction is open")
        self._faults(self._transaction, "before")
        batch, self._open = self._open, None
        self._apply(batch)
        if nodes:
            if first_node != len(self._nodes):
                raise RuntimeError(f"node {first_node} where {len(self._nodes)} comes next")
            self._nodes.extend(nodes[at : at + 32] for at in range(0, len(nodes), 32))
            self._checkpoints.append((size, note))
        self._faults(self._transaction, "after")

    def _apply(self, batch: Batch) -> None:
        for event in batch.events:
            self._streams.setdefault(event[1], []).append(len(self._events))
            self._events.append(EventRow(*event))
        for message in batch.messages:
            self._messages[message[0]] = MessageRow(*message)
        self._heads.update(batch.heads)
        self._key_blocks.extend(block for (block,) in batch.key_blocks)
        self._names.update({(kind, name): stream for kind, name, stream in batch.names})
        self._message_ids.update({blinded: (position, content) for blinded, position, content in batch.message_ids})
        self._codes.update(batch.codes)
        self._lanes.update(batch.lanes)
        for stream, _, lane, fingerprint in batch.seen:
            self._seen.setdefault(stream, []).append((lane, fingerprint))
        self._standings.update(batch.standings)
        self._cursors.update(batch.cursors)
        self._tracking.update(batch.tracking)
        self._settings.update(batch.settings)

    def abandon(self) -> None:
        """See ``Store.abandon``."""
        self._open = None

    def close(self) -> None:
        """See ``Store.close``: what was committed stays, so that a test can open it again."""
        self._open = None

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    def size(self) -> int:
        """See ``Store.size``."""
        return len(self._events)

    def last_leaf(self) -> bytes | None:
        """See ``Store.last_leaf``."""
        return self._events[-1].leaf if self._events else None

    def settings(self) -> dict[str, str]:
        """See ``Store.settings``."""
        return dict(self._settings)

    def names(self) -> list[tuple[str, str, bytes]]:
        """See ``Store.names``."""
        return [(kind, name, stream) for (kind, name), stream in sorted(self._names.items())]

    def lanes(self) -> list[tuple[int, str]]:
        """See ``Store.lanes``."""
        return sorted(self._lanes.items())

    def cursors(self) -> dict[str, int]:
        """See ``Store.cursors``."""
        return dict(sorted(self._cursors.items()))

    def tracking(self) -> dict[str, int]:
        """See ``Store.tracking``."""
        return dict(sorted(self._tracking.items()))

    def head(self, stream: bytes) -> Head | None:
        """See ``Store.head``."""
        return self._heads.get(stream)

    def heads_of(self, streams: Sequence[bytes]) -> dict[bytes, Head]:
        """See ``Store.heads_of``."""
        return {stream: self._heads[stream] for stream in streams if stream in self._heads}

    def heads(self, after: bytes, limit: int) -> list[tuple[bytes, Head]]:
        """See ``Store.heads``."""
        return [(stream, self._heads[stream]) for stream in sorted(self._heads) if stream > after][:limit]

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
        low = -1 if gt is None else gt
        high = (1 << 62) if lte is None else lte
        rows = [self._events[at] for at in self._streams.get(stream, ())]
        rows = [row for row in rows if low < row.originator_version <= high]
        if desc:
            rows.reverse()
        return rows if limit is None else rows[:limit]

    def events(self, after: int, limit: int, *, stop: int | None = None, topics: Sequence[str] = ()) -> list[EventRow]:
        """See ``Store.events``."""
        found: list[EventRow] = []
        end = len(self._events) if stop is None else min(stop, len(self._events))
        for at in range(max(after, 0), end):
            if len(found) >= limit:
                break
            row = self._events[at]
            if not topics or row.topic in topics:
                found.append(row)
        return found

    def leaf(self, position: int) -> bytes | None:
        """See ``Store.leaf``."""
        return self._events[position - 1].leaf if 0 < position <= len(self._events) else None

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """See ``Store.leaves``."""
        return [(row[0], row[1], row[2], row[3], row[4]) for row in self.events(after, limit)]

    def message(self, position: int) -> MessageRow | None:
        """See ``Store.message``."""
        return self._messages.get(position)

    def layouts(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """See ``Store.layouts``."""
        return [(at, row.layout) for at, row in sorted(self._messages.items()) if at > after][:limit]

    def unlink(self, streams: Collection[bytes], after: bytes, limit: int) -> bytes:
        """See ``Store.unlink``."""
        keys = [code for code in sorted(self._codes) if code > after][:limit]
        for code in keys:
            if self._codes[code] in streams:
                del self._codes[code]
        return keys[-1] if keys else b""

    def scrub(self) -> None:
        """See ``Store.scrub``: there is nothing beside the tables."""

    def message_id(self, blinded: bytes) -> tuple[int, bytes] | None:
        """See ``Store.message_id``."""
        return self._message_ids.get(blinded)

    def codes(self, blinded: Sequence[bytes]) -> dict[bytes, bytes]:
        """See ``Store.codes``."""
        return {code: self._codes[code] for code in blinded if code in self._codes}

    def code(self, blinded: bytes) -> bytes | None:
        """See ``Store.code``."""
        return self._codes.get(blinded)

    def seen(self, stream: bytes) -> list[tuple[int, bytes]]:
        """See ``Store.seen``."""
        return list(self._seen.get(stream, ()))

    def standings(self, stream: bytes) -> list[tuple[str, int, bytes, str]]:
        """See ``Store.standings``."""
        found = [(target, *value) for (of, target), value in self._standings.items() if of == stream]
        return sorted(found, key=itemgetter(0))

    def parked(self, target: str) -> list[tuple[bytes, str, int, bytes, str]]:
        """See ``Store.parked``."""
        found = [
            (stream, at, *value)
            for (stream, at), value in self._standings.items()
            if value[2] and (not target or at == target)
        ]
        return sorted(found, key=itemgetter(1, 0))

    def checkpoint_covering(self, position: int) -> tuple[int, str] | None:
        """See ``Store.checkpoint_covering``."""
        at = bisect_left(self._checkpoints, position, key=itemgetter(0))
        return self._checkpoints[at] if at < len(self._checkpoints) else None

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """See ``Store.newest_checkpoint``."""
        return self._checkpoints[-1] if self._checkpoints else None

    def node(self, number: int) -> bytes:
        """See ``Store.node``."""
        return self._nodes[number] if 0 <= number < len(self._nodes) else b""

    def key_blocks(self) -> Iterator[list[int]]:
        """See ``Store.key_blocks``."""
        if self._key_blocks:
            yield sorted(self._key_blocks)
