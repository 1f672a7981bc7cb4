"""DER (X.690), strictly: definite lengths in their shortest form, nothing left over."""

_LONG = 0x80
_MOST_LENGTH_BYTES = 4
_HIGH_TAG = 0x1F


def split(content: bytes) -> list[tuple[int, bytes, bytes]]:
    """(tag, value, whole element) of the elements one after the other; ValueError where it is not DER."""
    found = []
    at = 0
    while at < len(content):
        start = at
        if len(content) < at + 2 or content[at] & _HIGH_TAG == _HIGH_TAG:
            raise ValueError("DER: a tag that is not expected, or an end")
        tag, length = content[at], content[at + 1]
        at += 2
        if length >= _LONG:
            count = length - _LONG
            digits = content[at : at + count]
            length = int.from_bytes(digits, "big")
            shortest = (length.bit_length() + 7) // 8
            if not 0 < count <= _MOST_LENGTH_BYTES or len(digits) != count or length < _LONG or shortest != count:
                raise ValueError("DER: a length that is not in its shortest form")
            at += count
        if at + length > len(content):
            raise ValueError("DER: an element longer than what holds it")
        found.append((tag, content[at : at + length], content[start : at + length]))
        at += length
    return found


def one(content: bytes, tag: int) -> bytes:
    """The value of the only element."""
    found = split(content)
    if len(found) != 1 or found[0][0] != tag:
        raise ValueError(f"DER: one element of tag {tag:#x} is expected")
    return found[0][1]


def oid(value: bytes) -> str:
    """An object identifier as text."""
    arcs: list[int] = []
    number = 0
    for byte in value:
        number = number << 7 | byte & 0x7F
        if not byte & _LONG:
            arcs.append(number)
            number = 0
    if not value or value[-1] & _LONG:
        raise ValueError("DER: an identifier without an end")
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))
