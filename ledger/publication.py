"""The published log: tiles as files, then the checkpoint that signs them. What others hold the log to.

*Published* follows *committed* and never leads: the tiles of a committed checkpoint are written first, durably, and
only then the checkpoint itself, so that whoever reads it finds every tile it speaks of, after every crash. There is no
other state: ``checkpoint`` says how far it came. Tiles depend on nothing but the log, so whatever is missing is written
again with the same bytes.

Before a checkpoint is written, what is on the disk must lead to its root: level 0 is hashed from the very bytes of the
bundles, every full tile from the tile above it, and the right edge is read back. A wrong bit that gets out could never
be taken back.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from contracts.errors import IntegrityViolation, Misconfigured
from contracts.ports import Files
from ledger import checkpoint, merkle, tiles
from ledger.chain import Chain
from ledger.tiles import ENTRIES, Tile, TileReader, TileTree

LOG_PREFIX: Final = "log/"
HEADS_PREFIX: Final = "log/heads/"
_MEND: Final = (
    "Put the newest ledger.db and keys.db back into this directory. A log that was published is never continued from "
    "an older or another state: receipts and witnesses would show two histories. If they are lost for good, begin a "
    "new log under another ledger.origin, in an empty directory."
)
_UNREADABLE: Final = (
    "It guards against going on from an older ledger. If ledger.db is surely the newest, remove this file: the "
    "log is then published again."
)


class PublishableLog(TileTree, Protocol):
    """A log that can be published: its tree and the newest committed checkpoint over it."""

    @property
    def origin(self) -> str:
        """The name of the log."""
        ...

    def head(self) -> str:
        """The newest committed checkpoint (signed note), "" for an empty log."""
        ...


class LogTree:
    """The main log as ``PublishableLog``."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.origin = chain.scribe.origin

    def head(self) -> str:
        """See ``PublishableLog.head``."""
        return self._chain.note

    def entries(self, first: int, count: int) -> list[bytes]:
        """See ``TileTree.entries``."""
        return [row[4] for row in self._chain.store.leaves(first, min(count, self._chain.committed - first))]

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """See ``TileTree.hashes``."""
        node = self._chain.store.node
        return [node(merkle.node_number(level, index)) for index in range(first, first + count)]


class Publication:
    """Publishes one log below ``prefix``. ``size`` is how many entries the published checkpoint signs."""

    def __init__(self, files: Files, log: PublishableLog, prefix: str = LOG_PREFIX) -> None:
        self._files = files
        self._log = log
        self._prefix = prefix
        self._note = ""
        self._owed: list[Tile] = []
        """Tiles that the published checkpoint speaks of and that are missing or not known to be whole."""
        self._edge: dict[int, tuple[int, list[bytes]]] = {}
        """level → (index, content) of the newest tile, so that it is not read again as it grows."""
        self.size = 0

    # ── opening ─────────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Find out how far publication came, and hold the log to it. Call once, before anything is served.

        Raises:
            IntegrityViolation: ``ledger.rollback`` when more was published than the log holds, ``ledger.corrupt`` when
                another tree was published at that size, or when the published checkpoint can not be read.
            Misconfigured: ``ledger.other_origin``.
        """
        published = self._read(tiles.CHECKPOINT)
        if published is None:
            return
        self._note = published.decode("utf-8", "replace")
        try:
            head = _read_head(self._note, self._prefix)
        except IntegrityViolation as error:
            found = f"{self._prefix}{tiles.CHECKPOINT} can not be read: {error.detail}. {_UNREADABLE}"
            raise IntegrityViolation("ledger.corrupt", found) from error
        self._judge(head)
        self.size = head.size
        present = frozenset(self._files.list(f"{self._prefix}tile/"))
        for tile in tiles.new_tiles(0, head.size):
            # A partial tile may be older than a crash that left its successor: compare its bytes once.
            if not tile.is_full or self._prefix + tile.path not in present:
                self._owed.append(tile)

    def forget(self) -> None:
        """Remove what was published. Only for a log that is meant to begin anew (kept in memory)."""
        self._files.delete(self._prefix + tiles.CHECKPOINT)
        for name in self._files.list(f"{self._prefix}tile/"):
            self._files.delete(name)

    def _judge(self, head: checkpoint.Checkpoint) -> None:
        """A published head must be one of the log's own."""
        name = self._prefix + tiles.CHECKPOINT
        if head.origin != self._log.origin:
            raise Misconfigured("ledger.other_origin", f"{name} is of {head.origin}, not of {self._log.origin}")
        newest = self._log.head()
        size = _read_head(newest, "the log").size if newest else 0
        if head.size > size:
            found = f"{name} signs {head.size} entries, the log holds {size}."
            raise IntegrityViolation("ledger.rollback", f"{found} {_MEND}")
        peaks = [self._log.hashes(level, index, 1)[0] for level, index in merkle.peaks_of(head.size)]
        if merkle.Frontier(head.size, peaks).root() != head.root:
            found = f"{name} signs another tree of {head.size} entries than the log has."
            raise IntegrityViolation("ledger.corrupt", f"{found} {_MEND}")

    # ── publishing ──────────────────────────────────────────────────────────────────────────────

    def steps(self) -> Iterator[None]:
        """Publish the newest committed checkpoint, one file between two steps; nothing to do yields nothing.

        May be left at any step: the next call goes on from what was published.

        Raises:
            IntegrityViolation: ``ledger.rollback`` when the log became shorter than what was published,
                ``ledger.corrupt`` when its tree is not what its checkpoint signs. Publication MUST then stop.
            OSError: of the disk; what was published stays as it is.
        """
        note = self._log.head()
        if note == self._note and not self._owed:
            return
        head = _read_head(note, "the log")
        if head.size <= self.size and note != self._note:
            self._judge(_read_head(self._note, self._prefix))
        while self._owed:
            yield from self._write(self._owed[-1])
            self._owed.pop()
        for tile in tiles.new_tiles(self.size, head.size):
            yield from self._write(tile)
        if head.size and TileReader(self._read, head.size).root() != head.root:
            raise IntegrityViolation("ledger.corrupt", f"the tiles of {head.size} entries lead to another root")
        self._files.write_durable(self._prefix + tiles.CHECKPOINT, note.encode())
        self._note, self.size = note, head.size
        yield

    def _write(self, tile: Tile) -> Iterator[None]:
        items = self._items(tile)
        content = tiles.bundle(items) if tile.level == ENTRIES else b"".join(items)
        if tile.is_full and tile.level != ENTRIES:
            self._hold_to_parent(tile, items)
        if self._read(tile.path) != content:
            self._files.write_durable(self._prefix + tile.path, content)
        yield
        if tile.is_full:
            for name in self._files.list(self._prefix + tile.partials):
                self._files.delete(name)
                yield

    def _items(self, tile: Tile) -> list[bytes]:
        """Entries or hashes of a tile; only what it grew by is asked of the log."""
        index, held = self._edge.get(tile.level, (-1, []))
        items = list(held) if index == tile.number else []
        first, count = tile.number * tiles.WIDTH + len(items), tile.width - len(items)
        if count > 0:
            items += self._fetch(tile, first, count)
        self._edge[tile.level] = (tile.number, items)
        return items[: tile.width]

    def _fetch(self, tile: Tile, first: int, count: int) -> Sequence[bytes]:
        if tile.level == ENTRIES:
            found = self._log.entries(first, count)
        elif tile.level == 0:
            entries = self._items(Tile(ENTRIES, tile.number, tile.width))
            return [merkle.leaf_hash(entry) for entry in entries[-count:]]
        else:
            found = self._log.hashes(tile.level * tiles.HEIGHT, first, count)
        if len(found) != count:
            raise IntegrityViolation("ledger.corrupt", f"{tile.path}: the log gives {len(found)} of {count} items")
        return found

    def _hold_to_parent(self, tile: Tile, items: Sequence[bytes]) -> None:
        above = self._log.hashes((tile.level + 1) * tiles.HEIGHT, tile.number, 1)
        if [tiles.root_above(items)] != above:
            raise IntegrityViolation("ledger.corrupt", f"{tile.path} does not lead to the node above it")

    def _read(self, path: str) -> bytes | None:
        try:
            return self._files.read(self._prefix + path)
        except FileNotFoundError:
            return None


def _read_head(note: str, where: str) -> checkpoint.Checkpoint:
    """The head that a signed checkpoint of ours tells, by its text alone: the tree below it is compared."""
    text, blank, _ = note.rpartition("\n\n")
    if not blank:
        raise IntegrityViolation("ledger.corrupt", f"no checkpoint in {where}")
    return checkpoint.parse(text + "\n")
