"""JSON read so that nothing is lost silently: duplicate keys, depth, odd characters and exact byte ranges are seen.

A fast decoder alone takes duplicate keys (the last wins) and nests as deep as the sender likes. Here the fast decoder
does the work, a cheap count proves that it saw everything, and where the count can not prove it the slow decoder of
the standard library is asked. Texts are RFC 8259; numbers are those that fit a signed 64-bit integer or a finite
double.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from contracts.errors import MessageRefused
from contracts.reading import MAX_RECORDS, Span

MAX_DEPTH: Final = 32

FILE_URL_TIME: Final = re.compile(rb"[?&]t=\d{10,17}(?=\")")
"""The volatile end of OpenCPS file URLs, ``?t=<milliseconds now>``."""

_MAX_MEMBERS: Final = 256
"""Most members of an envelope; formats in use have five. Each costs a step of ours, and one could send a million."""

_MAX_VALUES: Final = 100_000
"""Most values of one record, for the same reason."""

_MAX_MASKED: Final = 10_000
_INT64: Final = 2**63 - 1
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\n\r"
_KEY: Final = re.compile(rb'[ \t\n\r]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_PLAIN_HEAD: Final = re.compile(
    rb'\{[ \t\n\r]*+((?:"[^"\\\x00-\x1f]*+"[ \t\n\r]*+:[ \t\n\r]*+"[^"\\\x00-\x1f]*+"[ \t\n\r]*+,[ \t\n\r]*+)*+)'
    rb'"([^"\\\x00-\x1f]*+)"[ \t\n\r]*+:[ \t\n\r]*+\['
)
_PLAIN_MEMBER: Final = re.compile(rb'"([^"]*+)"[ \t\n\r]*+:[ \t\n\r]*+"([^"]*+)"[ \t\n\r]*+,')
_BETWEEN: Final = re.compile(rb"[ \t\n\r,]*+")
_SURROGATE: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_FAULTS: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_as_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_as_elements: Final = msgspec.json.Decoder(list[msgspec.Raw])
_as_raw: Final = msgspec.json.Decoder(msgspec.Raw)
_as_value: Final = msgspec.json.Decoder()


class Split(msgspec.Struct, frozen=True):
    """A message taken apart without decoding its records.

    ``head`` are the decoded members of the envelope other than the array, ``head_spans`` the byte range of each one's
    value. ``items`` are the exact bytes of the records and ``spans`` their byte ranges in the body, in order.
    """

    head: dict[str, Any]
    head_spans: dict[str, Span]
    items: list[bytes]
    spans: list[Span]


def split(body: bytes, array_key: str | None, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_RECORDS) -> Split:
    """Take an envelope apart: its head decoded, its records as byte ranges. ``array_key`` None = the body is the array.

    A fault inside one record (depth above ``max_depth``, duplicate key, NUL, lone surrogate) stays with that record:
    ``decode`` finds it. Refused as a whole: ``read.encoding``, ``read.bom``, ``read.nul``, ``read.not_json``,
    ``read.too_deep`` (in the head, or too deep to be walked at all), ``read.duplicate_key`` (among the envelope's own
    members), ``read.envelope`` (no array where one belongs), ``read.record_count`` (none, or more than ``max_items``).
    """
    _check_bytes(body)
    if array_key is None:
        return _elements({}, {}, body, (0, len(body)), max_items)
    plain = _plain(body, array_key, max_items)
    if plain is not None:
        return plain
    head: dict[str, Any] = {}
    head_spans: dict[str, Span] = {}
    array: Span | None = None
    for name, span in _members(body):
        if name == array_key:
            array = span
        else:
            head[name] = decode(body[span[0] : span[1]], max_depth=max_depth)
            head_spans[name] = span
    if array is None:
        raise MessageRefused("read.envelope", f"{array_key} is missing")
    return _elements(head, head_spans, body, array, max_items)


def split_object(body: bytes) -> Split:
    """Take a body that is one record: one item, trimmed of white space round it. Refuses as ``split`` does."""
    _check_bytes(body)
    raw, _ = _decoded(_as_raw, body)
    if not bytes(raw).startswith(b"{"):
        raise MessageRefused("read.envelope", "the body is not an object")
    span = (len(body) - len(body.lstrip(_SPACE)), len(body.rstrip(_SPACE)))
    return Split(head={}, head_spans={}, items=[body[span[0] : span[1]]], spans=[span])


def decode(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Decode one record strictly.

    Refuses ``read.duplicate_key`` at any level, ``read.too_deep``, ``read.too_many_elements`` (beyond 100,000 values),
    ``read.nul``, ``read.surrogate``, ``read.encoding``, ``read.bom`` and, for NaN, infinities, integers beyond 64 bits
    and anything else that is not JSON, ``read.not_json``.
    """
    if len(raw) > 2 * _MAX_VALUES and raw.count(b",") > _MAX_VALUES:
        raise MessageRefused("read.too_many_elements", limit=_MAX_VALUES)
    try:
        value = _as_value.decode(raw)
    except _FAULTS as fault:
        raise _refusal(raw, fault) from None
    strings = _count_strings((value,), max_depth)
    # Every string written, key or value, has two quotes; a key written twice leaves fewer strings than were written.
    if b"\\" not in raw:
        quotes = raw.count(b'"')
    else:
        # Escapes are pairs read from the left: without them every quote left is a delimiter.
        quotes = raw.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        if b"\\u0000" in raw:
            _refuse_nul(value)
    if quotes != 2 * strings:
        json.loads(raw, object_pairs_hook=_refuse_duplicates)
    return value


def strip_volatile(raw: bytes, patterns: Sequence[re.Pattern[bytes]]) -> bytes:
    """The bytes a fingerprint is taken over: ``raw`` less the parts its contract declares to change by themselves."""
    for pattern in patterns:
        raw = pattern.sub(b"", raw)
    return raw


def _check_bytes(body: bytes) -> None:
    if body.startswith(_BOM):
        raise MessageRefused("read.bom")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as fault:
            raise MessageRefused("read.encoding", f"byte {fault.start}") from None
    if b"\0" in body:
        # UTF-16 and UTF-32 show themselves by a NUL among the first two bytes (RFC 4627 §3).
        raise MessageRefused("read.encoding" if b"\0" in body[:2] else "read.nul")


def _decoded(decoder: msgspec.json.Decoder[Any], text: bytes) -> tuple[Any, bytes]:
    """Decode the outer level. Where only lone surrogates stand in the way, decode a copy of equal length without them.

    So a lone surrogate spoils its own record and not the whole message. The second answer is the text decoded.
    """
    try:
        return decoder.decode(text), text
    except msgspec.ValidationError:
        _decoded(_as_raw, text)  # what is not JSON at all is said first
        raise MessageRefused("read.envelope", "an object or array is expected") from None
    except _FAULTS as fault:
        masked = _masked(text)
        if masked == text:
            raise _refusal(text, fault) from None
    return _decoded(decoder, masked)


def _masked(text: bytes) -> bytes:
    """The text with a stand-in of equal length for every lone surrogate; as it is where there are absurdly many."""
    if not 0 < text.count(b"\\ud") + text.count(b"\\uD") <= _MAX_MASKED:
        return text
    return _SURROGATE.sub(_mask, text)


def _mask(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def _members(body: bytes) -> list[tuple[str, Span]]:
    """The envelope's members in order, each with the byte range of its value; a member named twice is refused."""
    values, text = _decoded(_as_members, body)
    if len(values) > _MAX_MEMBERS:
        raise MessageRefused("read.envelope", f"more than {_MAX_MEMBERS} members")
    members: list[tuple[str, Span]] = []
    at = text.index(b"{") + 1
    for name, value in values.items():
        raw = bytes(value)
        key = _KEY.match(text, at)
        if key is None or _as_value.decode(key[1]) != name or not text.startswith(raw, key.end()):
            break
        at = key.end() + len(raw)
        members.append((name, (key.end(), at)))
        at = _past_comma(text, at)
    # Of two equal names the decoder keeps the last value: then the text is not the sequence of what it kept.
    if len(members) != len(values) or _KEY.match(text, at):
        _refuse_duplicates(json.loads(text, object_pairs_hook=list))
        raise MessageRefused("read.duplicate_key", name="?")
    return members


def _plain(body: bytes, array_key: str, limit: int) -> Split | None:
    """An envelope as nearly every sender writes it, in one step: a few texts without escapes, then the array.

    None for any other, and for every fault: those are read member by member.
    """
    match = _PLAIN_HEAD.match(body)
    if match is None or match[2] != array_key.encode() or not body.endswith(b"]}"):
        return None
    head: dict[str, Any] = {}
    head_spans: dict[str, Span] = {}
    members = 0
    for member in _PLAIN_MEMBER.finditer(body, *match.span(1)):
        name = member[1].decode()
        head[name] = member[2].decode()
        head_spans[name] = (member.start(2) - 1, member.end(2) + 1)
        members += 1
    if len(head) != members or array_key in head or members >= _MAX_MEMBERS:
        return None
    shift = match.end() - 1
    text = body[shift:-1]
    try:
        elements = _as_elements.decode(text)
    except _FAULTS:
        return None
    return _placed(head, head_spans, body, _Elements(elements, text, shift), limit)


def _elements(head: dict[str, Any], head_spans: dict[str, Span], body: bytes, array: Span, limit: int) -> Split:
    """Find the array's elements: each follows the one before with only white space and a comma between."""
    elements, text = _decoded(_as_elements, body[array[0] : array[1]])
    return _placed(head, head_spans, body, _Elements(elements, text, array[0]), limit)


class _Elements(NamedTuple):
    """The array's elements as decoded, the text they were decoded from, and where it begins in the body."""

    values: list[msgspec.Raw]
    text: bytes
    shift: int


def _placed(head: dict[str, Any], head_spans: dict[str, Span], body: bytes, found: _Elements, limit: int) -> Split:
    elements, text, shift = found
    if not 1 <= len(elements) <= limit:
        raise MessageRefused("read.record_count", f"{len(elements)} records", limit=limit)
    items: list[bytes] = []
    spans: list[Span] = []
    at = text.index(b"[") + 1
    for element in elements:
        # Between elements nearly always stands a comma alone, and nothing before the first.
        start = at + 1 if text.startswith(b",{", at) else _past_comma(text, at)
        at = start + len(bytes(element))
        span = (start + shift, at + shift)
        items.append(body[span[0] : span[1]])
        spans.append(span)
    return Split(head=head, head_spans=head_spans, items=items, spans=spans)


def _past_comma(text: bytes, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _count_strings(values: Any, depth: int) -> int:
    """Strings in a value, keys included. On the way, what nests too deep and integers beyond 64 bits are refused."""
    count = len(values)
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        count -= 1
        if kind is dict:
            if not depth:
                raise MessageRefused("read.too_deep", limit=MAX_DEPTH)
            count += len(value) + _count_strings(value.values(), depth - 1)
        elif kind is list:
            if not depth:
                raise MessageRefused("read.too_deep", limit=MAX_DEPTH)
            count += _count_strings(value, depth - 1)
        elif kind is int and not -_INT64 - 1 <= value <= _INT64:
            raise MessageRefused("read.not_json", "an integer beyond 64 bits")
    return count


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MessageRefused("read.duplicate_key", name=name[:80])
        seen.add(name)


def _refuse_nul(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise MessageRefused("read.nul")
    elif isinstance(value, dict):
        _refuse_nul(list(value))
        _refuse_nul(list(value.values()))
    elif isinstance(value, list):
        for member in value:
            _refuse_nul(member)


def _refusal(raw: bytes, fault: Exception) -> MessageRefused:
    """Name the fault that stopped the decoder."""
    if isinstance(fault, RecursionError):
        return MessageRefused("read.too_deep", limit=MAX_DEPTH)
    if isinstance(fault, UnicodeDecodeError):
        return MessageRefused("read.encoding", f"byte {fault.start} of a text")
    if raw.startswith(_BOM):
        return MessageRefused("read.bom")
    if b"\0" in raw:
        return MessageRefused("read.nul")
    masked = _masked(raw)
    if masked != raw:
        try:
            _as_value.decode(masked)
        except _FAULTS:
            pass
        else:
            return MessageRefused("read.surrogate")
    return MessageRefused("read.not_json", str(fault).removeprefix("JSON is malformed: "))
