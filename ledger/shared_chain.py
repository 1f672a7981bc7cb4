"""The tree of a log that several processes append to: each takes its turn, and first learns what the others wrote.

The turn is the row lock of the store. Under it the leaves that others committed are hashed into our own tree, and what
comes out must be what they signed: a writer never builds on a tree that it did not compute itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Final, Protocol

from contracts.errors import IntegrityViolation
from ledger import checkpoint
from ledger.chain import Chain
from ledger.checkpoint import Scribe
from ledger.stores.store import Batch, Moved, Store

_SLICE: Final = 2_000


class SharedStore(Store, Protocol):
    """A store whose commits wait for their turn."""

    def turn(self) -> AbstractContextManager[int]:
        """Hold the log's turn for the block, whose end without ``finish`` undoes what it wrote. Yields the size."""
        ...

    def leaves(self, after: int, limit: int) -> list[tuple[int, bytes, int, str, bytes]]:
        """See ``LogTables.leaves``."""
        ...


class SharedChain(Chain):
    """A chain beside others over one store.

    A batch placed before somebody else committed is refused by ``commit`` with ``Moved``: nothing was written, the
    chain has caught up, and whoever made the batch decides again. A batch that is placed within ``turn`` always fits.
    """

    shared = True

    def __init__(self, store: SharedStore, scribe: Scribe) -> None:
        self._turns = store
        with store.turn():  # the tree does not grow while it is read
            super().__init__(store, scribe)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """See ``Chain.turn``."""
        with self._turns.turn() as size:
            yield self._catch_up(size)

    def commit(self, batch: Batch) -> None:
        """See ``Chain.commit``; ``Moved`` is the one error after which the outcome is known and the chain goes on."""
        try:
            super().commit(batch)
        except Moved:
            self.refresh()
            raise

    def newest(self) -> int:
        """See ``Chain.newest``."""
        return self._turns.size()

    def moved_on(self, expected: Mapping[bytes, int]) -> list[bytes]:
        """Which of these streams are no longer at the revision (-1: no event) they were decided at.

        Asked within ``turn``, the answer holds until the turn is over: what was decided for the streams named is
        decided again; everything else is only placed again.
        """
        heads = self.heads_of(list(expected))
        return [stream for stream, rev in expected.items() if rev != (heads[stream][1] if stream in heads else -1)]

    def refresh(self) -> bool:
        """Take in what others committed, without waiting for a turn; whether there was anything."""
        newest = self._turns.newest_checkpoint()
        return self._catch_up(newest[0] if newest is not None else 0)

    def _catch_up(self, size: int) -> bool:
        if size < self.committed:
            raise IntegrityViolation("ledger.rollback", f"the log ends at {size}; {self.committed} were there before")
        if size == self.committed:
            return False
        frontier = self._frontier.copy()
        touched: list[bytes] = []
        while frontier.size < size:
            rows = self._turns.leaves(frontier.size, min(_SLICE, size - frontier.size))
            if not rows or rows[0][0] != frontier.size + 1 or rows[-1][0] != frontier.size + len(rows):
                raise IntegrityViolation("ledger.corrupt", f"positions after {frontier.size} are not dense")
            frontier.extend([sha256(b"\x00" + row[4]).digest() for row in rows])
            touched += [row[1] for row in rows]
        covering = self._turns.checkpoint_covering(size)
        if covering is None or covering[0] != size:
            raise IntegrityViolation("ledger.corrupt", f"nobody signed size {size}")
        signed = checkpoint.open_checkpoint(covering[1], self.scribe.keys)
        if (signed.size, signed.root) != (size, frontier.root()):
            raise IntegrityViolation("ledger.corrupt", f"what was signed at {size} is not the tree of its leaves")
        for stream in touched:
            self._heads.pop(stream, None)
        self._frontier, self.committed, self.note = frontier, size, covering[1]
        return True
