"""RFC 6962 in the plainest words: a stack of perfect subtrees, and a walk up from a leaf."""

import hashlib
from collections.abc import Sequence


def entry_hash(entry: bytes) -> bytes:
    """The hash of one log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def join(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Grows by one entry hash at a time and can tell its root at any time."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[tuple[int, bytes]] = []
        """(leaves below, hash) of perfect subtrees, the largest first."""

    def add(self, node: bytes) -> None:
        """Append one entry hash."""
        weight = 1
        while self._stack and self._stack[-1][0] == weight:
            node = join(self._stack.pop()[1], node)
            weight *= 2
        self._stack.append((weight, node))
        self.size += 1

    def root(self) -> bytes:
        """The root over everything added so far."""
        if not self._stack:
            return hashlib.sha256(b"").digest()
        root = self._stack[-1][1]
        for _, node in self._stack[-2::-1]:
            root = join(node, root)
        return root


def climb(index: int, size: int, node: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root reached from entry ``index`` of ``size`` by its proof; None when the proof has another length."""
    steps = list(path)

    def up(at: int, width: int) -> bytes | None:
        if width == 1:
            return node
        half = 1
        while half * 2 < width:
            half *= 2
        if not steps:
            return None
        beside = steps.pop()
        below = up(at, half) if at < half else up(at - half, width - half)
        if below is None:
            return None
        return join(below, beside) if at < half else join(beside, below)

    if not 0 <= index < size:
        return None
    root = up(index, size)
    return None if steps else root


def agrees(first: int, second: int, roots: tuple[bytes, bytes], path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the tree of ``first`` entries begins that of ``second`` (RFC 9162 §2.1.4)."""
    old, new = roots
    if first == second:
        return old == new and not path
    if first == 0:
        return not path and old == hashlib.sha256(b"").digest()
    if not 0 < first < second:
        return False
    steps = list(path)

    def down(width: int, inside: int, *, whole: bool) -> tuple[bytes, bytes] | None:
        """(old, new) hash of a subtree of which ``inside`` entries are old."""
        if inside == width:
            node = old if whole else (steps.pop(0) if steps else None)
            return None if node is None else (node, node)
        half = 1
        while half * 2 < width:
            half *= 2
        if inside <= half:
            below = down(half, inside, whole=whole)
            if below is None or not steps:
                return None
            return below[0], join(below[1], steps.pop(0))
        below = down(width - half, inside - half, whole=False)
        if below is None or not steps:
            return None
        beside = steps.pop(0)
        return join(beside, below[0]), join(beside, below[1])

    return down(second, first, whole=True) == (old, new) and not steps
