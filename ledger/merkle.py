"""RFC 6962 / RFC 9162 §2.1 tree mathematics: hashing, appending, inclusion and consistency. Pure.

A *complete node* (level, index) covers the leaves ``[index << level, (index + 1) << level)``. Complete nodes never
change, so they are kept in the order in which they come into being: after leaf ``n`` its own hash, then every parent it
completes. ``node_number`` gives the place of a node in that order.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

EMPTY_ROOT: Final = sha256(b"").digest()
GetNode: TypeAlias = Callable[[int, int], bytes]
"""(level, index) → hash of a complete node."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def node_number(level: int, index: int) -> int:
    """Place (from 0) of a complete node in order of creation."""
    before = ((index + 1) << level) - 1
    return 2 * before - before.bit_count() + level


def node_count(size: int) -> int:
    """How many complete nodes a tree of ``size`` leaves has."""
    return 2 * size - size.bit_count()


def peaks_of(size: int) -> list[tuple[int, int]]:
    """(level, index) of the complete subtrees that make up a tree of ``size`` leaves, largest first."""
    peaks = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            peaks.append((level, start >> level))
            start += 1 << level
    return peaks


class Frontier:
    """The right edge of a growing tree: enough to append and to tell the root."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        """Hashes of ``peaks_of(size)``, largest first."""

    def copy(self) -> "Frontier":
        """An independent copy: appended to first, adopted after the commit."""
        return Frontier(self.size, self.peaks)

    def extend(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Append leaf hashes; returns every complete node that came into being, in order of creation."""
        made: list[bytes] = []
        peaks = self.peaks
        size = self.size
        for leaf in hashes:
            node = leaf
            made.append(node)
            carry = size
            while carry & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                made.append(node)
                carry >>= 1
            peaks.append(node)
            size += 1
        self.size = size
        return made

    def root(self) -> bytes:
        """The RFC 6962 root of all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


def root_of(entries: Sequence[bytes]) -> bytes:
    """The RFC 6962 root over whole entries."""
    frontier = Frontier()
    frontier.extend([sha256(b"\x00" + entry).digest() for entry in entries])
    return frontier.root()


def subtree_root(start: int, end: int, get: GetNode) -> bytes:
    """Root over the leaves ``[start, end)`` of a tree, ``start`` aligned as RFC 6962 splits it; end > start."""
    width = end - start
    split = 1 << (width - 1).bit_length() - 1 if width > 1 else 1
    if width == 1 or width == split * 2:
        level = width.bit_length() - 1
        return get(level, start >> level)
    return node_hash(subtree_root(start, start + split, get), subtree_root(start + split, end, get))


def inclusion(index: int, size: int, get: GetNode) -> list[bytes]:
    """The inclusion proof of leaf ``index`` in a tree of ``size`` leaves, its sibling first (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path = []
    start, end = 0, size
    while end - start > 1:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if index < split:
            path.append(subtree_root(split, end, get))
            end = split
        else:
            path.append(subtree_root(start, split, get))
            start = split
    path.reverse()
    return path


def consistency(old: int, new: int, get: GetNode) -> list[bytes]:
    """The proof that the tree of ``new`` leaves continues the one of ``old`` leaves (RFC 9162 §2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if old <= split:
            path.append(subtree_root(split, end, get))
            end = split
        else:
            path.append(subtree_root(start, split, get))
            start, whole = split, False
    if not whole:
        path.append(subtree_root(start, end, get))
    path.reverse()
    return path


def root_from_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to, None where the proof has the wrong length (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return None
    fn, sn, node = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            node = node_hash(node, sibling)
        fn >>= 1
        sn >>= 1
    return node if sn == 0 else None


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a consistency proof holds between two roots (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    proof = list(path)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    first = second = proof[0]
    for node in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first = node_hash(node, first)
            second = node_hash(node, second)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second = node_hash(second, node)
        fn >>= 1
        sn >>= 1
    return sn == 0 and first == old_root and second == new_root
