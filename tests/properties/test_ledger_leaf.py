"""The fast way and the plain way to write a leaf give the same bytes, and only those bytes are read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import IntegrityViolation
from contracts.moment import rfc3339
from ledger import leaf
from ledger.verifier.entry import NotCanonical, read_entry

HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
SMALL = st.integers(0, 2**53 - 1)
NAMES = st.from_regex(r"[a-z]{1,12}(\.[a-z-]{1,20})?", fullmatch=True)


@st.composite
def leaves(draw: st.DrawFn) -> leaf.Leaf:
    commitments = [leaf.Commitment(c=draw(HEX), r="body")]
    if draw(st.booleans()):
        commitments.append(leaf.Commitment(c=draw(HEX), r="raw"))
    if draw(st.booleans()):
        commitments.append(leaf.Commitment(c=draw(HEX), r="parts", n=draw(st.integers(1, 10_000))))
    return leaf.Leaf(
        v=1,
        k=draw(st.sampled_from(["event", "key", "cfg", "conflict"])),
        idx=draw(SMALL),
        sid=draw(st.binary(min_size=16, max_size=16)).hex(),
        rev=draw(SMALL),
        prev=draw(HEX),
        typ=draw(NAMES),
        sv=draw(st.integers(1, 99)),
        tr=rfc3339(draw(st.integers(0, 4_000_000_000_000_000))),
        pc=tuple(commitments),
        eid=draw(st.just("") | HEX),
        src=draw(st.just("") | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)),
        msg=draw(st.just(0) | SMALL),
        cfg=draw(st.just("") | HEX),
    )


def _compose(made: leaf.Leaf) -> bytes:
    pc = ",".join(f'{{"c":"{item.c}",' + (f'"n":{item.n},' if item.n else "") + f'"r":"{item.r}"}}' for item in made.pc)
    return leaf.compose(
        cfg=leaf.member("cfg", made.cfg),
        eid=leaf.member("eid", made.eid),
        idx=made.idx,
        kind=made.k,
        msg=made.msg,
        pc=pc,
        prev=made.prev,
        rev=made.rev,
        sid=made.sid,
        src=leaf.member("src", made.src),
        sv=made.sv,
        tr=made.tr,
        typ=made.typ,
    )


@given(leaves())
def test_the_fast_and_the_plain_way_write_the_same_bytes_and_both_programs_read_them(made: leaf.Leaf) -> None:
    entry = leaf.encode(made)
    assert _compose(made) == entry
    assert leaf.parse(entry) == made
    assert rfc3339(leaf.recorded_us(entry)) == made.tr
    assert leaf.version_and_time(entry) == (made.sv, leaf.recorded_us(entry))
    assert read_entry(entry)["idx"] == made.idx


@given(leaves(), st.data())
def test_no_other_bytes_are_a_leaf(made: leaf.Leaf, data: st.DataObject) -> None:
    entry = leaf.encode(made)
    at = data.draw(st.integers(0, len(entry) - 1))
    for changed in (
        entry[:at] + b" " + entry[at:],
        entry[:at] + entry[at + 1 :],
        entry + b"\n",
        b"\xef\xbb\xbf" + entry,
    ):
        read: object = None
        with contextlib.suppress(IntegrityViolation):
            read = leaf.parse(changed)
        assert read != made
        with contextlib.suppress(NotCanonical):
            assert read_entry(changed) != read_entry(entry)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_as_a_leaf_or_as_corrupt(noise: bytes) -> None:
    with pytest.raises(IntegrityViolation):
        leaf.parse(noise)
    with pytest.raises(NotCanonical):
        read_entry(noise)


@pytest.mark.parametrize(
    "entry",
    [b"[]", b"{}", b"null", b'{"v":1,"v":1}', b"[" * 100_000, b'{"idx":1.0}', "{\u0000}".encode(), b"\xff"],
)
def test_shapes_that_look_like_leaves_are_refused(entry: bytes) -> None:
    with pytest.raises(IntegrityViolation):
        leaf.parse(entry)
    with pytest.raises(NotCanonical):
        read_entry(entry)
