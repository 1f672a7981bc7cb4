"""What the fast strict reader says is what the slow, obvious one says."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.errors import MessageRefused
from contracts.strict_json import decode, split, split_object

KEYS = st.sampled_from(["a", "b", 'q"', "\\", "", "đ", ":", " :", "\n", "a\\", '":'])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=6) | KEYS
SPACE = st.sampled_from(["", " ", "\n", "\t ", " \r\n"])
INT64 = 2**63 - 1


class Duplicated(Exception):
    pass


def slow(raw: bytes) -> Any:
    """The obvious strict reader: the standard library with a hook at every object."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Duplicated
        return dict(pairs)

    return json.loads(raw.decode(), object_pairs_hook=members)


def outcome(reader: Callable[[bytes], Any], raw: bytes) -> tuple[Any, str]:
    """What a reader answers: a value, or the code of its refusal."""
    try:
        return reader(raw), ""
    except MessageRefused as refusal:
        return None, refusal.code


@st.composite
def written(draw: st.DrawFn, depth: int = 3) -> str:
    """JSON text written in odd but lawful ways: repeated keys, escapes, white space anywhere."""
    if depth == 0 or draw(st.booleans()):
        return json.dumps(draw(SCALARS), ensure_ascii=draw(st.booleans()))
    space = draw(SPACE)
    if draw(st.booleans()):
        members = draw(st.lists(written(depth - 1), max_size=3))
        return "[" + space + f"{space},{space}".join(members) + space + "]"
    pairs = draw(st.lists(st.tuples(KEYS, written(depth - 1)), max_size=4))
    return (
        "{"
        + ",".join(f"{space}{_spelt(draw, name)}{draw(SPACE)}:{draw(SPACE)}{value}{space}" for name, value in pairs)
        + space * (not pairs)
        + "}"
    )


def _spelt(draw: st.DrawFn, name: str) -> str:
    if draw(st.booleans()):
        return '"' + "".join(f"\\u{ord(letter):04x}" for letter in name) + '"'
    return json.dumps(name, ensure_ascii=draw(st.booleans()))


@given(written())
@example('{"a" :1,"a":2}')
@example('{"\\\\":1,"\\u005c":1}')
@example('{"a":"\\":"}')
@settings(max_examples=600)
def test_duplicates_are_seen_exactly_where_the_slow_reader_sees_them(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    try:
        expected, fault = slow(raw), ""
    except Duplicated:
        expected, fault = None, "read.duplicate_key"
    found, code = outcome(decode, raw)

    if code in {"read.nul", "read.surrogate"}:  # the slow reader does not look for these
        assert "\\u" in text
    else:
        assert (found, code) == (expected, fault)


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ude0123456789.-+eE tn\x00', max_size=60).map(str.encode))
@settings(max_examples=600)
def test_any_bytes_end_in_a_value_or_a_refusal(raw: bytes) -> None:
    value, code = outcome(decode, raw)

    assert code.startswith("read.") if code else value == slow(raw)


@given(st.binary(max_size=80) | written().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_body_is_taken_apart_or_refused(body: bytes) -> None:
    for cut in (partial(split, array_key="a"), partial(split, array_key=None), split_object):
        parts, code = outcome(cut, body)

        assert code.startswith("read.") if code else [body[start:end] for start, end in parts.spans] == parts.items


@given(st.lists(written(), min_size=1, max_size=6), SPACE, SPACE, st.booleans())
def test_records_come_back_byte_for_byte(texts: list[str], before: str, after: str, bare: bool) -> None:  # noqa: FBT001  # drawn
    records = [text.encode("utf-8", "surrogatepass") for text in texts]
    joined = f"{before},{after}".encode().join(records)
    head = b"" if bare else b'{"x":"data","data" :'
    body = head + before.encode() + b"[" + after.encode() + joined + before.encode() + b"]" + (b"" if bare else b"}")

    parts = split(body, None if bare else "data")

    assert parts.items == records
    assert [body[start:end] for start, end in parts.spans] == records


@given(st.integers())
def test_integers_are_exact_or_refused(number: int) -> None:
    value, code = outcome(decode, b'{"n":%d}' % number)

    assert (value, code) == (({"n": number}, "") if -INT64 - 1 <= number <= INT64 else (None, "read.not_json"))
