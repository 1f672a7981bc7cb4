"""The verifiable map of stream heads: a path-compressed binary Merkle trie over stream → (count, head, index). Pure.

The key of a stream is the SHA-256 of its id; its value says how many events the stream has, the hash of its newest leaf
and that leaf's index in the log. One root commits to every stream at once, so that a short proof shows what the newest
event of a stream is (membership) or that a stream has none (non-membership): nothing can be left out of an answer.

An inner node stands where keys first differ and hashes the number of that bit, so a proof fixes both the value and the
way to it. Nodes come from a store that is not trusted: each is held to the hash that its parent says, from the root on.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from contracts.errors import IntegrityViolation

LEAF_PREFIX: Final = b"hub/heads/leaf/v1\x00"
NODE_PREFIX: Final = b"hub/heads/node/v1\x00"
EMPTY_ROOT: Final = sha256(b"hub/heads/empty/v1\x00").digest()
KEY_BITS: Final = 256
_FORK_PREFIX: Final = tuple(NODE_PREFIX + bit.to_bytes(2, "big") for bit in range(KEY_BITS))
_LEAF: Final = Struct(">32sQ32sQ")
_INNER: Final = Struct(">HQ32sQ32s")


class MapLeaf(NamedTuple):
    """One stream: how many ``events`` it has, ``head`` the hash of its newest leaf, ``idx`` that leaf's index."""

    key: bytes
    events: int
    head: bytes
    idx: int

    def digest(self) -> bytes:
        """Its hash in the trie."""
        return sha256(LEAF_PREFIX + _LEAF.pack(*self)).digest()


class MapInner(NamedTuple):
    """A fork at ``bit`` (0 = most significant): number and hash of what lies on either side."""

    bit: int
    left_id: int
    left: bytes
    right_id: int
    right: bytes

    def digest(self) -> bytes:
        """Its hash in the trie."""
        return sha256(_FORK_PREFIX[self.bit] + self.left + self.right).digest()


MapNode: TypeAlias = MapLeaf | MapInner
Ref: TypeAlias = tuple[int, bytes]
"""Number and hash of a node; number 0 stands for the empty trie."""
EMPTY: Final[Ref] = (0, EMPTY_ROOT)


class Change(NamedTuple):
    """A stream's new value, and what it must continue: ``before`` events, the newest of them ``prev``."""

    leaf: MapLeaf
    before: int
    prev: bytes


class Step(NamedTuple):
    """One fork on the way to a key: on which ``side`` the key lies (its bit there), and the hash of the other side."""

    bit: int
    side: int
    sibling: bytes


_Leaving: TypeAlias = tuple[int, MapLeaf]
"""A new leaf on its way up, after the bit at which it parts from what is there."""


def key_of(stream: bytes) -> bytes:
    """The key of a stream id (16 bytes)."""
    return sha256(stream).digest()


def bit_of(key: bytes, bit: int) -> int:
    """Bit ``bit`` of a key, 0 = the most significant bit of the first byte."""
    return key[bit >> 3] >> (7 - (bit & 7)) & 1


def encode(node: MapNode) -> bytes:
    """The bytes in which a node is kept; a leaf has 80, a fork 82."""
    return _LEAF.pack(*node) if isinstance(node, MapLeaf) else _INNER.pack(*node)


def decode(content: bytes | None, ref: Ref) -> MapNode:
    """The node that ``ref`` names; ``ledger.corrupt`` unless these bytes have exactly its hash."""
    node: MapNode | None = None
    if content is not None and len(content) == _LEAF.size:
        node = MapLeaf(*_LEAF.unpack(content))
    elif content is not None and len(content) == _INNER.size:
        node = MapInner(*_INNER.unpack(content))
        node = node if node.bit < KEY_BITS else None
    if node is None or node.digest() != ref[1]:
        raise IntegrityViolation("ledger.corrupt", f"node {ref[0]} of the map of heads is not what its parent says")
    return node


class HeadsMap:
    """One state of the map, and what changes make of it.

    ``load`` gives a kept node, held to its hash (``decode``). Changes touch nothing kept: the nodes they make or
    replace gather in ``made``, for whoever writes them down.
    """

    def __init__(self, load: Callable[[Ref], MapNode], root: Ref = EMPTY, *, size: int = 0, last: int = 0) -> None:
        """``size`` streams under ``root``; ``last`` is the highest number given to a node."""
        self._load = load
        self.root = root
        self.size = size
        self.last = last
        self.made: dict[int, MapNode] = {}

    def node(self, ref: Ref) -> MapNode:
        """A node, with every change so far."""
        found = self.made.get(ref[0])
        return self._load(ref) if found is None else found

    # ── changing ────────────────────────────────────────────────────────────────────────────────

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in changes, one for each stream; their order does not matter.

        Raises:
            IntegrityViolation: ``ledger.corrupt`` when a change does not continue what the map says of its stream, or
                a node is not what its parent says. The map MUST then be thrown away.
        """
        if not changes:
            return
        if not self.root[0]:
            for change in changes:
                _begin(change)
            self.root = self._build(sorted(change.leaf for change in changes))
            return
        self.root, _ = self._change(self.root, -1, changes)

    def _change(self, ref: Ref, above: int, changes: Sequence[Change]) -> tuple[Ref, list[_Leaving]]:
        """Change what lies below ``ref``; returns it anew, and the leaves that part from it at ``above`` or before."""
        node = self.node(ref)
        if isinstance(node, MapLeaf):
            ref, leaving = self._change_leaf(ref, node, changes)
        else:
            ref, leaving = self._change_fork(ref, node, changes)
        here = [one for one in leaving if one[0] > above]
        if not here:
            return ref, leaving
        return self._graft(ref, here), [one for one in leaving if one[0] <= above]

    def _change_leaf(self, ref: Ref, node: MapLeaf, changes: Sequence[Change]) -> tuple[Ref, list[_Leaving]]:
        leaving = []
        number = int.from_bytes(node.key, "big")
        for change in changes:
            leaf = change.leaf
            if leaf.key != node.key:
                _begin(change)
                leaving.append((KEY_BITS - (number ^ int.from_bytes(leaf.key, "big")).bit_length(), leaf))
                continue
            if (node.events, node.head) != (change.before, change.prev) or leaf.idx <= node.idx:
                raise IntegrityViolation(
                    "ledger.corrupt", f"event {leaf.idx} continues {change.before} events, its stream had {node.events}"
                )
            ref = self._keep(ref[0], leaf)
        return ref, leaving

    def _change_fork(self, ref: Ref, node: MapInner, changes: Sequence[Change]) -> tuple[Ref, list[_Leaving]]:
        bit, left_id, left, right_id, right = node
        at, shift = bit >> 3, 7 - (bit & 7)
        to_left: list[Change] = []
        to_right: list[Change] = []
        for change in changes:
            (to_right if change[0][0][at] >> shift & 1 else to_left).append(change)
        leaving: list[_Leaving] = []
        if to_left:
            descend = self._change_one if len(to_left) == 1 else self._change
            (left_id, left), leaving = descend((left_id, left), bit, to_left)
        if to_right:
            descend = self._change_one if len(to_right) == 1 else self._change
            (right_id, right), more = descend((right_id, right), bit, to_right)
            leaving += more
        if left == node.left and right == node.right:
            return ref, leaving
        return self._keep(ref[0], MapInner(bit, left_id, left, right_id, right)), leaving

    def _change_one(self, ref: Ref, above: int, changes: Sequence[Change]) -> tuple[Ref, list[_Leaving]]:
        """As ``_change`` for a single change, without a call for every fork: most forks see only one."""
        key = changes[0][0][0]
        way: list[tuple[int, MapInner, int]] = []
        number = ref[0]
        node = self.node(ref)
        while isinstance(node, MapInner):
            side = key[node[0] >> 3] >> (7 - (node[0] & 7)) & 1
            way.append((number, node, side))
            below = node[3:5] if side else node[1:3]
            number = below[0]
            node = self.node(below)
        ref, leaving = self._change_leaf((number, node.digest()), node, changes)
        made = self.made
        for number, fork, side in reversed(way):
            bit, left_id, left, right_id, right = fork
            if leaving and leaving[0][0] > bit:
                ref, leaving = self._graft(ref, leaving), []
            if side:
                right_id, right = ref
            else:
                left_id, left = ref
            made[number] = MapInner(bit, left_id, left, right_id, right)
            ref = (number, sha256(_FORK_PREFIX[bit] + left + right).digest())
        if leaving and leaving[0][0] > above:
            ref, leaving = self._graft(ref, leaving), []
        return ref, leaving

    def _graft(self, ref: Ref, leaving: list[_Leaving]) -> Ref:
        """Put new leaves beside ``ref``, those that part from it last first."""
        by_bit: dict[int, list[MapLeaf]] = {}
        for bit, leaf in leaving:
            by_bit.setdefault(bit, []).append(leaf)
        for bit in sorted(by_bit, reverse=True):
            leaves = sorted(by_bit[bit])
            beside = self._build(leaves)
            ref = self._fork(bit, ref, beside) if bit_of(leaves[0].key, bit) else self._fork(bit, beside, ref)
        return ref

    def _build(self, leaves: Sequence[MapLeaf]) -> Ref:
        """A trie of new leaves, given in order of key, no two alike."""
        if len(leaves) == 1:
            self.size += 1
            self.last += 1
            return self._keep(self.last, leaves[0])
        first, last = (int.from_bytes(leaf.key, "big") for leaf in (leaves[0], leaves[-1]))
        bit = KEY_BITS - (first ^ last).bit_length()
        split = bisect_left(leaves, 1, key=lambda leaf: bit_of(leaf.key, bit))
        return self._fork(bit, self._build(leaves[:split]), self._build(leaves[split:]))

    def _fork(self, bit: int, left: Ref, right: Ref) -> Ref:
        self.last += 1
        return self._keep(self.last, MapInner(bit, *left, *right))

    def _keep(self, number: int, node: MapNode) -> Ref:
        self.made[number] = node
        return number, node.digest()

    # ── proving ─────────────────────────────────────────────────────────────────────────────────

    def lookup(self, key: bytes) -> tuple[list[Step], MapLeaf | None]:
        """The way to ``key`` from the root on, and the leaf at its end.

        That is the leaf of the key, another's where the map has no such key, None in the empty map.
        """
        path: list[Step] = []
        ref = self.root
        if not ref[0]:
            return path, None
        node = self.node(ref)
        while isinstance(node, MapInner):
            if path and node.bit <= path[-1].bit:
                raise IntegrityViolation("ledger.corrupt", "a fork of the map of heads lies below a later bit")
            side = bit_of(key, node.bit)
            ref = (node.right_id, node.right) if side else (node.left_id, node.left)
            path.append(Step(node.bit, side, node.left if side else node.right))
            node = self.node(ref)
        return path, node


def _begin(change: Change) -> None:
    """A stream that the map does not know begins with its first event."""
    if change.before:
        raise IntegrityViolation("ledger.corrupt", f"event {change.leaf.idx} continues events that the map never saw")


def root_of(leaves: Iterable[MapLeaf]) -> bytes:
    """The root over whole contents, computed at once."""
    whole = HeadsMap(lambda ref: decode(None, ref))
    whole.apply([Change(leaf, 0, b"") for leaf in leaves])
    return whole.root[1]
