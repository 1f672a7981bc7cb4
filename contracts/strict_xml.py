"""XML read defensively: no DTD, no entities, no network, bounded depth, size of tree and number of attributes.

Comments and processing instructions are left out of the tree, so that children are elements only. Every check on the
bytes comes before the parser sees them. XML 1.0 (fifth edition), UTF-8 only.
"""

import re
from functools import cache
from typing import Any, Final
from xml.parsers import expat

from lxml import etree

from contracts.errors import MessageRefused
from contracts.reading import Span

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 200_000
MAX_ATTRIBUTES: Final = 64

_BOM: Final = b"\xef\xbb\xbf"
_DECLARATION: Final = re.compile(rb"<\?xml[^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*[\"']([A-Za-z0-9._-]*)[\"']")
_UTF8_NAMES: Final = frozenset({b"utf-8", b"us-ascii"})
_TAG: Final = re.compile(rb"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")


def parse(
    body: bytes,
    *,
    max_depth: int = MAX_DEPTH,
    max_elements: int = MAX_ELEMENTS,
    max_attributes: int = MAX_ATTRIBUTES,
) -> etree._Element:
    """Parse a document and return its root.

    ``max_elements`` counts elements, comments and instructions together; ``max_attributes`` is per element. Refuses
    ``read.bom``, ``read.encoding``, ``read.nul``, ``read.dtd``, ``read.too_deep``, ``read.too_many_elements`` (elements
    or attributes) and, for anything else that is not well-formed, ``read.not_xml`` with the place.
    """
    _check_bytes(body)
    if body.count(b"<") - body.count(b"</") > max_elements:
        raise MessageRefused("read.too_many_elements", limit=max_elements)
    try:
        root = etree.fromstring(body, _parser())
    except etree.XMLSyntaxError as fault:
        if "Excessive depth" in str(fault):
            raise MessageRefused("read.too_deep", limit=max_depth) from None
        raise MessageRefused("read.not_xml", str(fault).removesuffix(" (<string>)")) from None
    except ValueError as fault:
        raise MessageRefused("read.not_xml", str(fault)) from None
    # Both queries run in C, and only where the bytes do not already rule the case out.
    if body.count(b"</") > max_depth and _deeper_than(max_depth)(root):
        raise MessageRefused("read.too_deep", limit=max_depth)
    if body.count(b"=") > max_attributes and _more_attributes_than(max_attributes)(root):
        raise MessageRefused("read.too_many_elements", "attributes", limit=max_attributes)
    return root


def record_spans(body: bytes, path: tuple[str, ...]) -> list[Span]:
    """Byte ranges of the elements at ``path`` (names from the root, without prefix), tags included, in order."""
    return [(start, end) for start, _, _, end in _places(body, path)]


def value_spans(body: bytes, path: tuple[str, ...]) -> list[Span]:
    """Byte ranges of what stands between the tags of the elements at ``path``; an empty element has an empty range."""
    return [(start, end) for _, start, end, _ in _places(body, path)]


@cache
def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


@cache
def _deeper_than(depth: int) -> etree.XPath:
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")


@cache
def _more_attributes_than(limit: int) -> etree.XPath:
    return etree.XPath(f"boolean(//*[count(@*) > {limit}])")


def _check_bytes(body: bytes) -> None:
    if body.startswith(_BOM):
        raise MessageRefused("read.bom")
    declared = _DECLARATION.match(body)
    if declared and declared[1].lower() not in _UTF8_NAMES:
        raise MessageRefused("read.encoding", declared[1].decode())
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as fault:
            raise MessageRefused("read.encoding", f"byte {fault.start}") from None
    if b"\0" in body:
        # UTF-16 and UTF-32 show themselves by a NUL among the first two bytes (XML 1.0, appendix F).
        raise MessageRefused("read.encoding" if b"\0" in body[:2] else "read.nul")
    if b"<!DOCTYPE" in body and _has_doctype(body):
        raise MessageRefused("read.dtd")


class _DoctypeFound(Exception):
    """Leaves the parser from inside a callback."""


def _has_doctype(body: bytes) -> bool:
    """Whether the words are a declaration and not text of a comment or CDATA; nothing in the declaration is read."""
    parser = expat.ParserCreate()

    def found(*_: Any) -> None:
        raise _DoctypeFound

    parser.StartDoctypeDeclHandler = found
    try:
        parser.Parse(body, True)  # noqa: FBT003  # the C signature takes no keyword
    except _DoctypeFound:
        return True
    except expat.ExpatError:
        return False
    return False


def _places(body: bytes, path: tuple[str, ...]) -> list[tuple[int, int, int, int]]:
    """(start tag, content, end tag, end) of every element at ``path``, from expat's byte index: lxml has none."""
    places: list[tuple[int, int, int, int]] = []
    opened: list[tuple[int, int]] = []
    depth = matched = 0
    parser = expat.ParserCreate()

    def start(name: str, _: Any) -> None:
        nonlocal depth, matched
        if depth == matched < len(path) and name.rpartition(":")[2] == path[depth]:
            matched += 1
            if matched == len(path):
                at = parser.CurrentByteIndex
                opened.append((at, _tag_end(body, at)))
        depth += 1

    def end(_: str) -> None:
        nonlocal depth, matched
        depth -= 1
        if depth < matched:
            if matched == len(path):
                first, content = opened.pop()
                if body.endswith(b"/>", first, content):
                    places.append((first, content, content, content))
                else:
                    at = parser.CurrentByteIndex
                    places.append((first, content, at, _tag_end(body, at)))
            matched = depth

    def refuse(*_: Any) -> None:
        raise MessageRefused("read.dtd")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)  # noqa: FBT003  # the C signature takes no keyword
    except expat.ExpatError as fault:
        raise MessageRefused("read.not_xml", str(fault)) from None
    return places


def _tag_end(body: bytes, at: int) -> int:
    tag = _TAG.match(body, at)
    return tag.end() if tag else at
