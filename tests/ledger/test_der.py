"""DER: what is written is read back, and there is one way to write each value."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import der

ARCS = st.tuples(st.integers(0, 1), st.integers(0, 39), st.lists(st.integers(0, 1 << 70), max_size=6)) | st.tuples(
    st.just(2), st.integers(0, 1 << 40), st.lists(st.integers(0, 1 << 70), max_size=6)
)


@given(st.integers(-(1 << 200), 1 << 200))
def test_integers_are_read_back(value: int) -> None:
    written = der.integer(value)
    assert der.integer_in(der.read_one(written, der.INTEGER, "n")) == value


@given(ARCS)
def test_object_identifiers_are_read_back(arcs: tuple[int, int, list[int]]) -> None:
    dotted = ".".join(str(arc) for arc in (arcs[0], arcs[1], *arcs[2]))
    assert der.oid_in(der.read_one(der.oid(dotted), der.OID, "oid")) == dotted


@given(st.binary(max_size=70_000))
def test_contents_of_any_length_are_read_back(content: bytes) -> None:
    written = der.element(der.OCTETS, content)
    assert der.read_one(written, der.OCTETS, "o") == (der.OCTETS, content, written)


@given(st.binary(max_size=60))
def test_what_is_read_is_written_the_same_way(data: bytes) -> None:
    """Nothing is read that this writer would write otherwise: there is no second form of a value."""
    with suppress(der.Malformed):
        for one in der.Reader(data, "any").rest():
            assert der.element(one.tag, one.content) == one.whole
            if one.tag == der.INTEGER:
                assert der.integer(der.integer_in(one)) == one.whole
            if one.tag == der.OID:
                assert der.oid(der.oid_in(one)) == one.whole


@pytest.mark.parametrize(
    "data",
    [
        "", "30", "3080", "308100", "30820001aa", "3084ffffffff", "30850000000001aa", "1f8101", "0405aa",
        "3000ff",
    ],
)  # fmt: skip
def test_other_lengths_and_tags_are_refused(data: str) -> None:
    with pytest.raises(der.Malformed):
        der.read_one(bytes.fromhex(data), der.SEQUENCE, "s")


@pytest.mark.parametrize("content", ["", "0001", "007f", "ff80", "ffff"])
def test_padded_integers_are_refused(content: str) -> None:
    with pytest.raises(der.Malformed):
        der.integer_in(der.Element(der.INTEGER, bytes.fromhex(content), b""))


@pytest.mark.parametrize("content", ["", "80", "2a80", "2a8001"])
def test_padded_object_identifiers_are_refused(content: str) -> None:
    with pytest.raises(der.Malformed):
        der.oid_in(der.Element(der.OID, bytes.fromhex(content), b""))


def test_a_boolean_has_two_values() -> None:
    assert der.boolean_in(der.Element(der.BOOLEAN, b"\xff", b""))
    assert not der.boolean_in(der.Element(der.BOOLEAN, b"\x00", b""))
    with pytest.raises(der.Malformed):
        der.boolean_in(der.Element(der.BOOLEAN, b"\x01", b""))
