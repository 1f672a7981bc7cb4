"""The writer's tree and the verifier's tree are two programs; any log must be one to both."""

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.verifier.tree import Tree, climb, entry_hash

SIZES = st.integers(1, 300)


def _nodes(size: int) -> tuple[list[bytes], list[bytes], merkle.GetNode]:
    entries = [b"leaf %d" % number for number in range(size)]
    nodes = merkle.Frontier().extend([merkle.leaf_hash(entry) for entry in entries])
    return entries, nodes, lambda level, index: nodes[merkle.node_number(level, index)]


def _plain_root(entries: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    half = 1
    while half * 2 < len(entries):
        half *= 2
    return sha256(b"\x01" + _plain_root(entries[:half]) + _plain_root(entries[half:])).digest()


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_every_way_to_the_root_gives_the_same_root(entries: list[bytes]) -> None:
    tree = Tree()
    for entry in entries:
        tree.add(entry_hash(entry))
    assert merkle.root_of(entries) == tree.root() == _plain_root(entries)


@given(SIZES, st.data())
def test_growing_in_any_batches_makes_the_same_nodes(size: int, data: st.DataObject) -> None:
    entries, nodes, _ = _nodes(size)
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    frontier, made = merkle.Frontier(), []
    while frontier.size < size:
        step = data.draw(st.integers(1, size - frontier.size))
        grown = frontier.copy()
        made += grown.extend(hashes[frontier.size : frontier.size + step])
        frontier = grown
    assert made == nodes
    assert len(nodes) == merkle.node_count(size)
    peaks = [nodes[merkle.node_number(level, index)] for level, index in merkle.peaks_of(size)]
    assert merkle.Frontier(size, peaks).root() == frontier.root()


@given(SIZES, st.data())
def test_inclusion_holds_for_both_programs_and_for_no_other_leaf(size: int, data: st.DataObject) -> None:
    entries, _, get = _nodes(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(index, size, get)
    root = merkle.subtree_root(0, size, get)
    leaf = merkle.leaf_hash(entries[index])
    assert merkle.root_from_inclusion(index, size, leaf, path) == root == climb(index, size, leaf, path)
    other = merkle.leaf_hash(b"another")
    assert merkle.root_from_inclusion(index, size, other, path) != root
    assert climb(index, size, other, path) != root
    for wrong in ([*path, leaf], path[:-1]) if path else ([*path, leaf],):
        assert merkle.root_from_inclusion(index, size, leaf, wrong) != root
        assert climb(index, size, leaf, wrong) != root
    moved = data.draw(st.integers(0, size - 1))
    if moved != index:
        assert climb(moved, size, leaf, path) != root


@given(SIZES, st.data())
@settings(max_examples=60)
def test_consistency_holds_between_any_two_sizes_and_for_no_other_root(size: int, data: st.DataObject) -> None:
    _, _, get = _nodes(size)
    old = data.draw(st.integers(1, size))
    path = merkle.consistency(old, size, get)
    before, after = merkle.subtree_root(0, old, get), merkle.subtree_root(0, size, get)
    assert merkle.is_consistent(old, size, before, after, path)
    assert not merkle.is_consistent(old, size, merkle.node_hash(before, after), after, path)
    assert not merkle.is_consistent(old, size, before, merkle.node_hash(before, after), path)
    if path:
        assert not merkle.is_consistent(old, size, before, after, path[:-1])
