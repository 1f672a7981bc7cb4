"""Reading and writing DER, strictly, as far as timestamps need it (ITU-T X.690).

One encoding for each value: definite lengths in their shortest form, one-byte tags, integers without padding. Whoever
reads takes the elements of a sequence one by one and must come to its end; anything else is a ``Malformed``.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTETS: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
CONSTRUCTED: Final = 0x20
CONTEXT: Final = 0xA0
"""Constructed, context-specific; the number is added."""
_HIGH_TAG: Final = 0x1F
_LONG: Final = 0x80
_MOST_LENGTH_BYTES: Final = 4
_TRUE: Final = b"\xff"
_SEPTET: Final = 0x7F
_FIRST_ARCS: Final = 40


class Malformed(ValueError):
    """The bytes are not the DER that was asked for; the text says what was expected where."""


class Element(NamedTuple):
    """One element: tag, content, and the exact bytes it was read from."""

    tag: int
    content: bytes
    whole: bytes


class Reader:
    """The elements of one constructed content, in order; ``what`` names it in errors."""

    def __init__(self, content: bytes, what: str) -> None:
        self._content = content
        self._at = 0
        self._what = what

    @property
    def is_done(self) -> bool:
        """Whether everything was read."""
        return self._at == len(self._content)

    def peek(self) -> int:
        """The tag that comes next, -1 at the end."""
        return -1 if self.is_done else self._content[self._at]

    def take(self, tag: int) -> Element:
        """The next element, which must have this tag."""
        element = self.take_any()
        if element.tag != tag:
            raise Malformed(f"{self._what}: tag {element.tag:#04x} where {tag:#04x} should be")
        return element

    def take_any(self) -> Element:
        """The next element, whatever its tag."""
        start = self._at
        if self.is_done:
            raise Malformed(f"{self._what}: an element is missing")
        tag = self._byte()
        if tag & _HIGH_TAG == _HIGH_TAG:
            raise Malformed(f"{self._what}: a tag of several bytes")
        length = self._length()
        end = self._at + length
        if end > len(self._content):
            raise Malformed(f"{self._what}: an element ends beyond what holds it")
        content = self._content[self._at : end]
        self._at = end
        return Element(tag, content, self._content[start:end])

    def maybe(self, tag: int) -> Element | None:
        """The next element if it has this tag."""
        return self.take(tag) if self.peek() == tag else None

    def sequence(self, what: str) -> "Reader":
        """The inside of the next element, a SEQUENCE."""
        return Reader(self.take(SEQUENCE).content, what)

    def end(self) -> None:
        """Nothing may follow."""
        if not self.is_done:
            raise Malformed(f"{self._what}: something follows its end")

    def rest(self) -> Iterator[Element]:
        """All elements that are left."""
        while not self.is_done:
            yield self.take_any()

    def _byte(self) -> int:
        if self.is_done:
            raise Malformed(f"{self._what}: it ends within an element")
        byte = self._content[self._at]
        self._at += 1
        return byte

    def _length(self) -> int:
        first = self._byte()
        if first < _LONG:
            return first
        count = first & _SEPTET
        if not 1 <= count <= _MOST_LENGTH_BYTES:
            raise Malformed(f"{self._what}: an indefinite or monstrous length")
        length = 0
        for _ in range(count):
            length = length << 8 | self._byte()
        if length < _LONG or length >> 8 * (count - 1) == 0:
            raise Malformed(f"{self._what}: a length that is not in its shortest form")
        return length


def read_one(data: bytes, tag: int, what: str) -> Element:
    """The one element that ``data`` is, with this tag and nothing behind it."""
    reader = Reader(data, what)
    element = reader.take(tag)
    reader.end()
    return element


def integer_in(element: Element) -> int:
    """The number in an INTEGER."""
    content = element.content
    if not content:
        raise Malformed("an INTEGER without a byte")
    if len(content) > 1 and content[0] in {0x00, 0xFF} and (content[0] ^ content[1]) < _LONG:
        raise Malformed("an INTEGER that is not in its shortest form")
    return int.from_bytes(content, "big", signed=True)


def boolean_in(element: Element) -> bool:
    """The value in a BOOLEAN: DER knows two bytes only."""
    if element.content not in {b"\x00", _TRUE}:
        raise Malformed("a BOOLEAN that is neither 00 nor FF")
    return element.content == _TRUE


def oid_in(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER."""
    content = element.content
    if not content or content[-1] >= _LONG:
        raise Malformed("an OBJECT IDENTIFIER that ends within a number")
    arcs: list[int] = []
    value = 0
    fresh = True
    for byte in content:
        if fresh and byte == _LONG:
            raise Malformed("an OBJECT IDENTIFIER that is not in its shortest form")
        value = value << 7 | byte & _SEPTET
        fresh = byte < _LONG
        if fresh:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // _FIRST_ARCS, 2)
    return ".".join(str(arc) for arc in (top, arcs[0] - top * _FIRST_ARCS, *arcs[1:]))


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def element(tag: int, *contents: bytes) -> bytes:
    """An element with this tag around the contents."""
    content = b"".join(contents)
    length = len(content)
    if length < _LONG:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, _LONG | size]) + length.to_bytes(size, "big") + content


def integer(value: int) -> bytes:
    """An INTEGER."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(*, value: bool) -> bytes:
    """A BOOLEAN."""
    return element(BOOLEAN, _TRUE if value else b"\x00")


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *arcs = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * _FIRST_ARCS + second, *arcs):
        septets = [arc & _SEPTET]
        while arc := arc >> 7:
            septets.append(_LONG | arc & _SEPTET)
        content += bytes(reversed(septets))
    return element(OID, content)
