"""The map of stream heads against a plain dictionary, and every proof against whoever would bend it."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation
from ledger import heads
from ledger.heads import Change, HeadsMap, MapInner, MapLeaf, MapNode, Ref

KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    # keys that part late: long shared beginnings
    st.integers(0, 15).map(lambda number: bytes(31) + bytes([number])),
    st.integers(0, 15).map(lambda number: b"\xff" * 31 + bytes([0xF0 | number])),
)
ROUNDS = st.lists(st.lists(KEYS, unique=True, max_size=12), min_size=1, max_size=6)


class Kept:
    """Nodes in a dictionary of bytes, as a store keeps them."""

    def __init__(self) -> None:
        self.nodes: dict[int, bytes] = {}
        self.map = self.opened(heads.EMPTY, 0, 0)

    def opened(self, root: Ref, size: int, last: int) -> HeadsMap:
        return HeadsMap(self.load, root, size=size, last=last)

    def load(self, ref: Ref) -> MapNode:
        return heads.decode(self.nodes.get(ref[0]), ref)

    def apply(self, changes: Sequence[Change]) -> None:
        grown = self.opened(self.map.root, self.map.size, self.map.last)
        grown.apply(changes)
        self.nodes.update({number: heads.encode(node) for number, node in grown.made.items()})
        self.map = self.opened(grown.root, grown.size, grown.last)


def change(model: dict[bytes, MapLeaf], key: bytes) -> Change:
    """The next event of a stream, taken into the model."""
    old = model.get(key)
    events, head = (old.events, old.head) if old else (0, bytes(32))
    idx = 1 + max((leaf.idx for leaf in model.values()), default=-1)
    model[key] = MapLeaf(key, events + 1, sha256(key + idx.to_bytes(8, "big")).digest(), idx)
    return Change(model[key], events, head)


def root_by_definition(leaves: Sequence[MapLeaf], bit: int = 0) -> bytes:
    """The root as the format page defines it: split where keys first differ."""
    if not leaves:
        return sha256(b"hub/heads/empty/v1\0").digest()
    if len(leaves) == 1:
        key, events, head, idx = leaves[0]
        return sha256(b"hub/heads/leaf/v1\0" + key + events.to_bytes(8, "big") + head + idx.to_bytes(8, "big")).digest()
    sides: tuple[list[MapLeaf], list[MapLeaf]] = ([], [])
    for leaf in leaves:
        sides[int.from_bytes(leaf.key, "big") >> (255 - bit) & 1].append(leaf)
    if not sides[0] or not sides[1]:
        return root_by_definition(leaves, bit + 1)
    pair = root_by_definition(sides[0], bit + 1) + root_by_definition(sides[1], bit + 1)
    return sha256(b"hub/heads/node/v1\0" + bit.to_bytes(2, "big") + pair).digest()


def root_from(path: Sequence[heads.Step], leaf: MapLeaf) -> bytes:
    digest = leaf.digest()
    for bit, side, sibling in reversed(path):
        pair = sibling + digest if side else digest + sibling
        digest = sha256(b"hub/heads/node/v1\0" + bit.to_bytes(2, "big") + pair).digest()
    return digest


@given(ROUNDS)
def test_after_any_changes_the_map_is_what_a_dictionary_of_the_same_changes_defines(rounds: list[list[bytes]]) -> None:
    model: dict[bytes, MapLeaf] = {}
    kept = Kept()
    for keys in rounds:
        kept.apply([change(model, key) for key in keys])
        assert kept.map.root[1] == root_by_definition(list(model.values())) == heads.root_of(model.values())
        assert kept.map.size == len(model)
        assert kept.map.last == max(kept.nodes, default=0) == max(0, 2 * len(model) - 1)


@given(ROUNDS, st.lists(KEYS, max_size=8))
def test_every_key_is_shown_to_be_there_with_its_value_or_not_to_be_there(
    rounds: list[list[bytes]], strangers: list[bytes]
) -> None:
    model: dict[bytes, MapLeaf] = {}
    kept = Kept()
    for keys in rounds:
        kept.apply([change(model, key) for key in keys])
    for key in [*model, *strangers]:
        path, leaf = kept.map.lookup(key)
        bits = [step.bit for step in path]
        assert bits == sorted(set(bits))
        assert all(step.side == heads.bit_of(key, step.bit) for step in path)
        if leaf is None:
            assert not model
            continue
        assert model.get(key) == (leaf if leaf.key == key else None)
        assert all(step.side == heads.bit_of(leaf.key, step.bit) for step in path)
        assert root_from(path, leaf) == kept.map.root[1]


@given(st.lists(KEYS, unique=True, min_size=1, max_size=20), st.randoms())
def test_the_root_depends_neither_on_the_order_nor_on_the_cut_of_the_changes(keys: list[bytes], chance: object) -> None:
    model: dict[bytes, MapLeaf] = {}
    changes = [change(model, key) for key in keys]
    at_once = Kept()
    at_once.apply(changes)
    mixed = list(changes)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random, its strategy says object
    singly = Kept()
    for one in mixed:
        singly.apply([one])
    assert singly.map.root[1] == at_once.map.root[1]


@given(st.lists(KEYS, unique=True, min_size=2, max_size=12), st.data())
def test_a_proof_that_was_bent_anywhere_leads_to_another_root(keys: list[bytes], data: st.DataObject) -> None:
    model: dict[bytes, MapLeaf] = {}
    kept = Kept()
    kept.apply([change(model, key) for key in keys])
    path, leaf = kept.map.lookup(keys[0])
    assert leaf is not None
    at = data.draw(st.integers(0, len(path) - 1))
    step = path[at]
    flipped = bytes([step.sibling[0] ^ 1]) + step.sibling[1:]
    for bent in (
        step._replace(sibling=flipped),
        step._replace(side=1 - step.side),
        step._replace(bit=(step.bit + 1) % 256),
    ):
        assert root_from([*path[:at], bent, *path[at + 1 :]], leaf) != kept.map.root[1]
    assert root_from(path[:at] + path[at + 1 :], leaf) != kept.map.root[1]
    assert root_from([*path, path[at]], leaf) != kept.map.root[1]
    for wrong in (
        leaf._replace(events=leaf.events + 1),
        leaf._replace(idx=leaf.idx + 1),
        leaf._replace(head=bytes(32)),
    ):
        assert root_from(path, wrong) != kept.map.root[1]


def test_the_empty_map_has_a_root_of_its_own_and_shows_that_nothing_is_there() -> None:
    kept = Kept()
    kept.apply([])
    assert kept.map.root == heads.EMPTY
    assert kept.map.lookup(bytes(32)) == ([], None)


def test_one_stream_is_the_root_itself() -> None:
    kept = Kept()
    model: dict[bytes, MapLeaf] = {}
    kept.apply([change(model, b"k" * 32)])
    assert kept.map.root[1] == model[b"k" * 32].digest()
    assert kept.map.lookup(b"k" * 32) == ([], model[b"k" * 32])


@pytest.mark.parametrize(
    "wrong",
    [
        Change(MapLeaf(b"a" * 32, 3, b"\2" * 32, 9), 2, b"\1" * 32),
        Change(MapLeaf(b"a" * 32, 2, b"\2" * 32, 9), 1, b"\3" * 32),
        Change(MapLeaf(b"a" * 32, 2, b"\2" * 32, 0), 1, b"\1" * 32),
        Change(MapLeaf(b"b" * 32, 2, b"\2" * 32, 9), 1, b"\1" * 32),
    ],
    ids=["skips an event", "continues another event", "is older than what is there", "begins in the middle"],
)
def test_a_change_that_does_not_continue_its_stream_is_refused(wrong: Change) -> None:
    kept = Kept()
    kept.apply([Change(MapLeaf(b"a" * 32, 1, b"\1" * 32, 0), 0, bytes(32))])
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        kept.apply([wrong])
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        Kept().apply([wrong])


@given(st.lists(KEYS, unique=True, min_size=1, max_size=12), st.data())
def test_a_node_changed_in_the_store_is_noticed_by_whoever_comes_past_it(
    keys: list[bytes], data: st.DataObject
) -> None:
    model: dict[bytes, MapLeaf] = {}
    kept = Kept()
    kept.apply([change(model, key) for key in keys])
    number = data.draw(st.sampled_from(sorted(kept.nodes)))
    whole = kept.nodes[number]
    at = data.draw(st.integers(0, len(whole) - 1))
    spoilt = data.draw(
        st.sampled_from(
            [
                b"",
                whole[:-1],
                whole + b"\0",
                whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :],
            ]
        )
    )
    kept.nodes[number] = spoilt
    found = 0
    for key in keys:
        try:
            assert kept.map.lookup(key)[1] == model[key]
        except IntegrityViolation:
            found += 1
    # numbers of children are not hashed, but a child that is not the one meant has another hash
    assert found


def test_forks_that_turn_back_are_refused_although_every_hash_fits() -> None:
    one, two, three = (MapLeaf(bytes([first]) + bytes(31), 1, bytes(32), 0) for first in (0x00, 0x40, 0x80))
    lower = MapInner(0, 1, one.digest(), 2, two.digest())
    upper = MapInner(1, 4, lower.digest(), 3, three.digest())
    nodes: dict[int, MapNode] = {1: one, 2: two, 3: three, 4: lower, 5: upper}
    bad = HeadsMap(lambda ref: heads.decode(heads.encode(nodes[ref[0]]), ref), (5, upper.digest()), size=3, last=5)
    with pytest.raises(IntegrityViolation, match=r"ledger\.corrupt"):
        bad.lookup(one.key)
