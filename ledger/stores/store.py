"""What a store of the log must do: one batch, one transaction, in two steps round the signing of its checkpoint."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

Head: TypeAlias = tuple[int, int, int, bytes]
"""The newest event of a stream: (data key id, rev, position, leaf hash).

Streams of library applications have no data key; the first number is then their newest originator version.
"""


class EventRow(NamedTuple):
    """One stored event in the library's schema, with its leaf. ``salt`` is None where it lies in the sealed state."""

    position: int
    originator_id: bytes
    originator_version: int
    topic: str
    leaf: bytes
    state: bytes
    salt: bytes | None


class MessageRow(NamedTuple):
    """The parts of one message: how they lie, their commitments one after the other, and their sealed bytes."""

    position: int
    layout: bytes
    commitments: bytes
    sealed: bytes


class Batch:
    """Everything that one transaction writes. Filled while units are placed, in order of position."""

    __slots__ = (
        "codes",
        "cursors",
        "events",
        "hashes",
        "heads",
        "key_blocks",
        "lanes",
        "message_ids",
        "messages",
        "names",
        "seen",
        "settings",
        "standings",
        "tracking",
    )

    def __init__(self) -> None:
        self.events: list[EventRow | tuple[int, bytes, int, str, bytes, bytes, bytes | None]] = []
        self.hashes: list[bytes] = []
        """Leaf hashes as they were computed when placing; the stored bytes must give the same."""
        self.heads: dict[bytes, Head] = {}
        self.key_blocks: list[tuple[int]] = []
        """Blocks of data keys from which a key is used for the first time."""
        self.messages: list[MessageRow | tuple[int, bytes, bytes, bytes]] = []
        self.names: list[tuple[str, str, bytes]] = []
        self.message_ids: list[tuple[bytes, int, bytes]] = []
        """(blinded id, position, blinded content)"""
        self.codes: dict[bytes, bytes] = {}
        self.lanes: list[tuple[int, str]] = []
        self.seen: list[tuple[bytes, int, int, bytes]] = []
        """(stream, order, lane, fingerprint)"""
        self.standings: dict[tuple[bytes, str], tuple[int, bytes, str]] = {}
        self.cursors: dict[str, int] = {}
        self.tracking: dict[str, int] = {}
        self.settings: dict[str, str] = {}


class Moved(Exception):
    """Somebody else committed since this batch was placed; nothing of it was written. Catch up and decide again."""


class LogTables(Protocol):
    """What a reader beside a running hub asks of the log's tables."""

    def size(self) -> int:
        """See ``Store.size``."""
        ...

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """See ``Store.newest_checkpoint``."""
        ...

    def leaf(self, position: int) -> bytes | None:
        """See ``Store.leaf``."""
        ...

    def message(self, position: int) -> MessageRow | None:
        """See ``Store.message``."""
        ...

    def heads(self, after: bytes, limit: int) -> list[tuple[bytes, Head]]:
        """See ``Store.heads``."""
        ...

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """(position, stream, version, topic, leaf) without the sealed state, one slice."""
        ...

    def checkpoints(self, after: int, limit: int) -> list[tuple[int, str]]:
        """(size, note) of checkpoints beyond a size, one slice."""
        ...

    def nodes_from(self, number: int) -> tuple[int, bytes]:
        """(number of the first, all hashes) of the stored row of nodes that holds ``number``."""
        ...

    def close(self) -> None:
        """See ``Store.close``."""
        ...


class Store(Protocol):
    """Keeps the log. Positions are dense from 1. Not thread-safe: one caller at a time."""

    def begin(self, batch: Batch) -> None:
        """Open a transaction and write the batch into it."""
        ...

    def written_leaves(self, after: int) -> list[bytes]:
        """Leaf bytes beyond ``after`` as the open transaction holds them, in order."""
        ...

    def finish(self, first_node: int, nodes: bytes, size: int, note: str) -> None:
        """Write the tree nodes (32 bytes each) and the signed checkpoint, then commit.

        An error means *unknown*: the transaction may be durable or not. The caller MUST stop.
        """
        ...

    def abandon(self) -> None:
        """Undo an open transaction that was not yet told to commit."""
        ...

    def size(self) -> int:
        """The newest committed position."""
        ...

    def last_leaf(self) -> bytes | None:
        """The newest committed leaf."""
        ...

    def settings(self) -> dict[str, str]:
        """Small facts about the log itself."""
        ...

    def names(self) -> list[tuple[str, str, bytes]]:
        """Named streams: (kind, name, stream)."""
        ...

    def lanes(self) -> list[tuple[int, str]]:
        """Interned lane names."""
        ...

    def cursors(self) -> dict[str, int]:
        """Outcome cursors by target."""
        ...

    def tracking(self) -> dict[str, int]:
        """Upstream positions by application name."""
        ...

    def head(self, stream: bytes) -> Head | None:
        """The committed head of a stream."""
        ...

    def heads_of(self, streams: Sequence[bytes]) -> dict[bytes, Head]:
        """The committed heads of several streams at once; a stream without events is missing."""
        ...

    def heads(self, after: bytes, limit: int) -> list[tuple[bytes, Head]]:
        """Heads of all streams in order of id, one slice."""
        ...

    def stream(
        self,
        stream: bytes,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[EventRow]:
        """Events of one stream by originator version."""
        ...

    def events(self, after: int, limit: int, *, stop: int | None = None, topics: Sequence[str] = ()) -> list[EventRow]:
        """Events by position."""
        ...

    def leaf(self, position: int) -> bytes | None:
        """The leaf bytes at a position."""
        ...

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """(position, stream, version, topic, leaf) by position, without the sealed state."""
        ...

    def message(self, position: int) -> MessageRow | None:
        """The parts of the message at a position."""
        ...

    def layouts(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, layout) of messages beyond a position, in order, without their sealed bytes."""
        ...

    def unlink(self, streams: Collection[bytes], after: bytes, limit: int) -> bytes:
        """Remove what leads to these streams among the next ``limit`` keys; the last one looked at, b"" at the end.

        Their bytes MUST be overwritten, and gone once ``scrub`` returned.
        """
        ...

    def scrub(self) -> None:
        """Leave nothing of removed rows beside the tables; ``ledger.unavailable`` where somebody still reads them."""
        ...

    def message_id(self, blinded: bytes) -> tuple[int, bytes] | None:
        """(position, blinded content) of a message id."""
        ...

    def codes(self, blinded: Sequence[bytes]) -> dict[bytes, bytes]:
        """The streams that several codes are linked to; codes that are linked to none are left out."""
        ...

    def code(self, blinded: bytes) -> bytes | None:
        """The stream a code is linked to."""
        ...

    def seen(self, stream: bytes) -> list[tuple[int, bytes]]:
        """(lane, fingerprint) of a stream in order of acceptance."""
        ...

    def standings(self, stream: bytes) -> list[tuple[str, int, bytes, str]]:
        """(target, through, rows, parked) of a stream, by target."""
        ...

    def parked(self, target: str) -> list[tuple[bytes, str, int, bytes, str]]:
        """(stream, target, through, rows, parked) of parked deliveries, "" for all targets."""
        ...

    def checkpoint_covering(self, position: int) -> tuple[int, str] | None:
        """(size, note) of the first checkpoint that covers a position."""
        ...

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """(size, note) of the newest checkpoint."""
        ...

    def node(self, number: int) -> bytes:
        """One tree node by its place in order of creation."""
        ...

    def key_blocks(self) -> Iterator[list[int]]:
        """Every block of data keys in use, in rising order, in slices."""
        ...

    def close(self) -> None:
        """Give the files back; an open transaction is lost."""
        ...
