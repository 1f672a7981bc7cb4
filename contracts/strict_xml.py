"""XML read defensively: no DTD, no entities, no network, bounded depth, size of tree and number of attributes.

Comments and processing instructions are left out of the tree, so that children are elements only. Every check on the
bytes comes before the parser sees them. XML 1.0 (fifth edition), UTF-8 only.
"""

import re
from functools import cache, lru_cache
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
    """Byte ranges of the elements at ``path`` (names from the root, without prefix), tags included, in order.

    Refuses what is not well-formed, and a DOCTYPE, as ``parse`` does.
    """
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
    try:
        _walk(body)
    except _DoctypeFound:
        return True
    except expat.ExpatError:
        return False
    return False


def _walk(body: bytes) -> None:
    """Let expat read the whole document, in C, with nothing to call but for a DOCTYPE."""
    parser = expat.ParserCreate()

    def found(*_: Any) -> None:
        raise _DoctypeFound

    parser.StartDoctypeDeclHandler = found
    parser.Parse(body, True)  # noqa: FBT003  # the C signature takes no keyword


def _places(body: bytes, path: tuple[str, ...]) -> list[tuple[int, int, int, int]]:
    """(start tag, content, end tag, end) of every element at ``path``.

    lxml tells no byte positions and expat only at the price of two calls for every element. But once a document is
    known to be well-formed, ``<`` opens markup wherever it stands outside comments, CDATA and instructions; so the tags
    outside the wanted elements are walked one by one, and each wanted element is crossed in one search for its end tag.
    """
    _check_bytes(body)
    try:
        _walk(body)
    except _DoctypeFound:
        raise MessageRefused("read.dtd") from None
    except expat.ExpatError as fault:
        raise MessageRefused("read.not_xml", str(fault)) from None
    names = [name.encode() for name in path]
    places: list[tuple[int, int, int, int]] = []
    at = depth = matched = 0
    while tag := _ANY_TAG.search(body, at):
        at = tag.end()
        if tag["name"] is None:
            continue
        if tag["close"]:
            depth -= 1
            matched = min(matched, depth)
            continue
        if depth == matched < len(names) and tag["name"] == names[depth]:
            if matched + 1 == len(names):
                content, end = (at, at) if tag["empty"] else _cross(body, at, tag["name"])
                places.append((tag.start(), at, content, end))
                at = end
                continue
            matched += not tag["empty"]
        depth += not tag["empty"]
    return places


def _cross(body: bytes, at: int, name: bytes) -> Span:
    """The end tag that closes the element of this name whose content begins at ``at``."""
    close = body.find(b"</" + name + b">", at)
    inside = body[at:close]
    if close >= 0 and not _nested(name).search(inside):
        return close, close + len(name) + 3
    pattern = _tags_named(name)
    inner = 0
    while tag := pattern.search(body, at):
        at = tag.end()
        if tag["name"] is None or tag["empty"]:
            continue
        if not tag["close"]:
            inner += 1
        elif inner:
            inner -= 1
        else:
            return tag.span()
    raise MessageRefused("read.not_xml", "an element is not closed")


def _tags(name: bytes) -> re.Pattern[bytes]:
    """Tags of elements whose local name matches, and whatever may hold ``<`` without being a tag."""
    return re.compile(
        rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
        rb"|<(?P<close>/?)(?:[^\s<>/!?:=]+:)?(?P<name>" + name + rb")(?=[\s/>])"
        rb"(?:[^>\"'/]++|\"[^\"]*+\"|'[^']*+'|/(?!>))*+(?P<empty>/?)>",
        re.DOTALL,
    )


_ANY_TAG: Final = _tags(rb"[^\s<>/!?:=]+")


@lru_cache(maxsize=64)
def _nested(name: bytes) -> re.Pattern[bytes]:
    """What makes the next end tag of a name doubtful: its like inside, a prefix, or text that may look like a tag."""
    return re.compile(rb"<(?:[!?]|%b[\s/>])|:%b[\s/>]" % (re.escape(name), re.escape(name)))


@lru_cache(maxsize=64)
def _tags_named(name: bytes) -> re.Pattern[bytes]:
    return _tags(re.escape(name))
