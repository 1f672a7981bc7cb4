"""The growing tree and its commit: the one place where a batch becomes durable and signed.

Everything is computed on copies and adopted only after COMMIT. Before the checkpoint is signed, the leaves are hashed
again from the bytes that the open transaction holds: a wrong bit in one stored leaf could never be repaired later.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from contracts.errors import IntegrityViolation, Misconfigured
from ledger import checkpoint, leaf, merkle
from ledger.checkpoint import Scribe
from ledger.stores.store import Batch, Head, Store

_CACHED_HEADS: Final = 50_000
_RECENT_LEAVES: Final = 8_192
_RECENT_COMMITS: Final = 512


class Commit:
    """One recent commit, kept so that receipts need no disk: its leaves, nodes and the peaks before it."""

    __slots__ = ("first_node", "leaves", "nodes", "note", "peaks", "size", "start")

    def __init__(
        self, frontier: merkle.Frontier, leaves: list[bytes], nodes: list[bytes], size: int, note: str
    ) -> None:
        self.start = frontier.size
        self.size = size
        self.note = note
        self.leaves = leaves
        self.nodes = nodes
        self.first_node = merkle.node_count(frontier.size)
        self.peaks = dict(zip(merkle.peaks_of(frontier.size), frontier.peaks, strict=True))

    def node(self, level: int, index: int) -> bytes:
        """A complete node on the way of one of these leaves to this commit's root."""
        number = merkle.node_number(level, index)
        if number >= self.first_node:
            return self.nodes[number - self.first_node]
        return self.peaks[level, index]


class Chain:
    """The log's tree over one store. ``committed`` is its size and its newest durable position."""

    shared = False
    """Whether others append to the same log."""

    def __init__(self, store: Store, scribe: Scribe) -> None:
        self.store = store
        self.scribe = scribe
        self.committed = store.size()
        self.note = ""
        self._frontier = self._load_frontier()
        self._heads: dict[bytes, Head] = {}
        self._recent: deque[Commit] = deque()
        self._recent_leaves = 0
        self._check_tip()

    # ── opening ─────────────────────────────────────────────────────────────────────────────────

    def _stored_node(self, level: int, index: int) -> bytes:
        node = self.store.node(merkle.node_number(level, index))
        if len(node) != len(merkle.EMPTY_ROOT):
            raise IntegrityViolation("ledger.corrupt", f"tree node ({level}, {index}) is missing")
        return node

    def _load_frontier(self) -> merkle.Frontier:
        peaks = [self._stored_node(level, index) for level, index in merkle.peaks_of(self.committed)]
        return merkle.Frontier(self.committed, peaks)

    def _check_tip(self) -> None:
        """The right edge must be what the newest checkpoint signed; a different tree is never continued."""
        newest = self.store.newest_checkpoint()
        last = self.store.last_leaf()
        if newest is None or last is None:
            if newest is not None or self.committed:
                raise IntegrityViolation("ledger.corrupt", "leaves without a checkpoint")
            return
        size, self.note = newest
        origin = self.note.partition("\n")[0]
        if origin != self.scribe.origin:
            raise Misconfigured("ledger.other_origin", f"the log is {origin}, not {self.scribe.origin}")
        head = checkpoint.open_checkpoint(self.note, self.scribe.keys)
        if size != self.committed or head.size != size or head.root != self._frontier.root():
            raise IntegrityViolation(
                "ledger.corrupt", f"checkpoint {head.size} does not sign the tree of {self.committed}"
            )
        if merkle.leaf_hash(last) != self._stored_node(0, size - 1) or leaf.parse(last).idx != size - 1:
            raise IntegrityViolation("ledger.corrupt", "the newest leaf is not the one that was signed")

    # ── heads ───────────────────────────────────────────────────────────────────────────────────

    def head(self, stream: bytes) -> Head | None:
        """The newest placed event of a stream."""
        head = self._heads.get(stream)
        if head is None:
            head = self.store.head(stream)
            if head is not None:
                self._heads[stream] = head
        return head

    def heads_of(self, streams: Sequence[bytes]) -> dict[bytes, Head]:
        """The newest placed events of several streams, asked for at once."""
        found = {stream: self._heads[stream] for stream in streams if stream in self._heads}
        return found | self.store.heads_of([stream for stream in streams if stream not in found])

    def place_heads(self, heads: dict[bytes, Head]) -> None:
        """Adopt the heads of a placed unit."""
        self._heads.update(heads)

    def _evict(self) -> None:
        heads = self._heads
        for _ in range(len(heads) - _CACHED_HEADS):
            stream = next(iter(heads))
            head = heads.pop(stream)
            if head[2] > self.committed:
                heads[stream] = head

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Hold the right to commit next for the block; yields whether others committed since the last time."""
        yield False

    def newest(self) -> int:
        """The newest durable position, whoever wrote it."""
        return self.committed

    # ── committing ──────────────────────────────────────────────────────────────────────────────

    def commit(self, batch: Batch) -> None:
        """Make a batch durable. Any error leaves the outcome unknown: the caller MUST stop."""
        self.store.begin(batch)
        leaves = self.store.written_leaves(self.committed)
        hashes = [sha256(b"\x00" + entry).digest() for entry in leaves]
        if hashes != batch.hashes:
            raise IntegrityViolation("ledger.corrupt", "stored leaves differ from the leaves that were placed")
        frontier = self._frontier.copy()
        nodes = frontier.extend(hashes)
        note = self.scribe.sign(frontier.size, frontier.root()) if nodes else self.note
        done = Commit(self._frontier, leaves, nodes, frontier.size, note)
        self.store.finish(done.first_node, b"".join(nodes), frontier.size, note)
        self._frontier = frontier
        self.committed = frontier.size
        self.note = note
        self._remember(done)

    def _remember(self, done: Commit) -> None:
        self._recent.append(done)
        self._recent_leaves += len(done.leaves)
        while len(self._recent) > _RECENT_COMMITS or (self._recent_leaves > _RECENT_LEAVES and len(self._recent) > 1):
            self._recent_leaves -= len(self._recent.popleft().leaves)
        if len(self._heads) > _CACHED_HEADS:
            self._evict()

    # ── proving ─────────────────────────────────────────────────────────────────────────────────

    def root(self) -> bytes:
        """The root of the committed tree."""
        return self._frontier.root()

    def prove(self, position: int) -> tuple[bytes, list[bytes], str]:
        """(leaf, inclusion path, signed note) to the checkpoint of the commit that took this position in."""
        for commit in reversed(self._recent):
            if commit.start < position <= commit.size:
                path = merkle.inclusion(position - 1, commit.size, commit.node)
                return commit.leaves[position - 1 - commit.start], path, commit.note
        entry = self.store.leaf(position)
        covering = self.store.checkpoint_covering(position)
        if entry is None or covering is None:
            raise IntegrityViolation("ledger.corrupt", f"position {position} has no checkpoint")
        size, note = covering
        return entry, merkle.inclusion(position - 1, size, self._stored_node), note
