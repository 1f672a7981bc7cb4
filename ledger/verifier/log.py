"""A whole log: every leaf, every stream's chain, the tree, every checkpoint."""

from collections.abc import Iterable, Sequence
from typing import Any

from ledger.verifier.entry import NotCanonical, read_entry
from ledger.verifier.note import Untrusted, read_checkpoint
from ledger.verifier.report import Report
from ledger.verifier.tree import Tree, entry_hash

_START = "0" * 64
_CHECKS = ("signature", "leaves", "positions", "streams", "time", "root", "checkpoints")


class LogVerifier:
    """Takes the leaves of a log one by one, in order, and judges them."""

    def __init__(self, checkpoint: str, vkeys: Sequence[str], checkpoints: Iterable[tuple[int, str]] = ()) -> None:
        self.report = Report(*_CHECKS)
        self._vkeys = vkeys
        self._tree = Tree()
        self._heads: dict[str, tuple[int, str]] = {}
        self._time = ""
        self._checkpoints = iter(checkpoints)
        self._next: tuple[int, str] | None = None
        self._seen = 0
        try:
            self._claimed: tuple[str, int, bytes] | None = read_checkpoint(checkpoint, vkeys)
        except Untrusted as error:
            self._claimed = None
            self.report.fail("signature", error.code, str(error))
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._checkpoints, None)

    def take(self, position: int, entry: bytes) -> dict[str, Any] | None:
        """Judge the next leaf; returns its members where it can be read."""
        self._tree.add(entry_hash(entry))
        expected = self._tree.size
        if position != expected:
            self.report.fail("positions", "TREE_ROOT", f"position {position} where {expected} must be", position)
        leaf = None
        try:
            leaf = read_entry(entry)
        except NotCanonical as error:
            self.report.fail("leaves", error.code, str(error), position)
        else:
            self._judge(position, expected, entry, leaf)
        while self._next is not None and self._next[0] <= expected:
            self._judge_checkpoint(*self._next)
            self._advance()
        return leaf

    def _judge(self, position: int, expected: int, entry: bytes, leaf: dict[str, Any]) -> None:
        if leaf["idx"] != expected - 1:
            self.report.fail("positions", "TREE_ROOT", f"idx {leaf['idx']} at leaf {expected - 1}", position)
        rev, prev = self._heads.get(leaf["sid"], (-1, _START))
        if leaf["rev"] != rev + 1:
            code = "STREAM_FORK" if leaf["rev"] <= rev else "CHAIN"
            self.report.fail("streams", code, f"rev {leaf['rev']} after {rev} in {leaf['sid']}", position)
        if leaf["prev"] != prev:
            self.report.fail("streams", "CHAIN", f"prev of {leaf['sid']} is not its previous leaf", position)
        self._heads[leaf["sid"]] = (leaf["rev"], entry_hash(entry).hex())
        if leaf["tr"] < self._time:
            self.report.fail("time", "TIME_ORDER", f"{leaf['tr']} after {self._time}", position)
        self._time = max(self._time, leaf["tr"])

    def _judge_checkpoint(self, size: int, note: str) -> None:
        self._seen += 1
        try:
            _, claimed, root = read_checkpoint(note, self._vkeys)
        except Untrusted as error:
            self.report.fail("checkpoints", error.code, str(error), size)
            return
        if claimed != size or size != self._tree.size or root != self._tree.root():
            self.report.fail("checkpoints", "TREE_ROOT", f"the checkpoint of size {claimed} signs another tree", size)

    def heads(self) -> dict[str, tuple[int, str]]:
        """Stream id → (revision, leaf hash in hex) as recomputed."""
        return self._heads

    def result(self) -> dict[str, Any]:
        """The verdict over everything taken."""
        if self._next is not None:
            self.report.fail("checkpoints", "SIZE_SHORT", f"a checkpoint of size {self._next[0]} is beyond the log")
        if self._claimed is not None:
            origin, size, root = self._claimed
            if size != self._tree.size:
                self.report.fail("root", "SIZE_SHORT", f"signed for {size} leaves, there are {self._tree.size}")
            elif root != self._tree.root():
                self.report.fail("root", "TREE_ROOT", "the leaves lead to another root")
            self.report.note("root", f"{origin}, {size} leaves, root {root.hex()}")
        self.report.note("streams", f"{len(self._heads)} streams")
        self.report.note("checkpoints", f"{self._seen} checkpoints")
        return self.report.result()


def verify_log(
    entries: Iterable[tuple[int, bytes]],
    checkpoint: str,
    vkeys: Sequence[str],
    checkpoints: Iterable[tuple[int, str]] = (),
) -> dict[str, Any]:
    """Judge a whole log.

    ``entries`` are (position, leaf bytes) from position 1 on; ``checkpoint`` is the signed note that must stand over
    all of them, ``checkpoints`` are earlier ones as (size, note) by size; ``vkeys`` are the trusted verifier keys.
    """
    verifier = LogVerifier(checkpoint, vkeys, checkpoints)
    for position, entry in entries:
        verifier.take(position, entry)
    return verifier.result()
