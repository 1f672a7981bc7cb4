"""The XML form of the packets: elements to the same plain values that JSON gives, and back.

QCVN 120 allows XML and names the fields, but no root, namespace or order. Here the root is the service name, records
are ``data/HoSo`` (progress ``data/TienDo``), list members ``X/item``, no namespace (``contracts/wire/qcvn120``).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from adapters.portal.fields import LISTS, PROGRESS, RECORD
from contracts import strict_xml
from contracts.errors import MessageRefused

ROOTS: Final = {RECORD: "HoSo", PROGRESS: "TienDo"}
"""Service, which is the root element, and the name of its record elements."""

_ANSWER_LISTS: Final = frozenset(("result", "errors"))
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REPLACEMENT: Final = "\ufffd"


def record_of(element: etree._Element) -> dict[str, Any]:
    """The members of one record or list item; a member that occurs twice is ``read.duplicate_key``."""
    members: dict[str, Any] = {}
    for child in element:
        name = child.tag
        if name in members:
            raise MessageRefused("read.duplicate_key", name[:80], name=name[:80])
        if name in LISTS or name in _ANSWER_LISTS:
            members[name] = [record_of(item) for item in child]
        elif len(child):
            members[name] = record_of(child)
        else:
            members[name] = child.text or ""
    return members


def flat_texts(body: bytes) -> tuple[str, dict[str, Any]]:
    """The root's name and its members, for replies and calls; records are left out (``data`` is there, empty).

    Raises ``MessageRefused`` as ``strict_xml.parse`` does.
    """
    root = strict_xml.parse(body)
    data = root.find("data")
    if data is not None:
        data.clear()
    return root.tag, record_of(root)


def encode(tag: str, value: Mapping[str, Any] | str) -> bytes:
    """A value as the element ``tag``, members in their order; what XML 1.0 can not hold becomes U+FFFD (``unfit``)."""
    parts: list[str] = []
    _write(parts, tag, value)
    return "".join(parts).encode()


def unfit(text: str) -> bool:
    """Whether a text holds characters XML 1.0 has no way to write."""
    return _NOT_XML.search(text) is not None


def _write(parts: list[str], tag: str, value: Any) -> None:
    if isinstance(value, str):
        parts.append(f"<{tag}>{_escape(value)}</{tag}>" if value else f"<{tag}/>")
    elif isinstance(value, Mapping):
        parts.append(f"<{tag}>")
        for name, member in value.items():
            _write(parts, name, member)
        parts.append(f"</{tag}>")
    elif isinstance(value, list | tuple):
        parts.append(f"<{tag}>")
        for item in value:
            _write(parts, "item", item)
        parts.append(f"</{tag}>")
    elif value is None:
        parts.append(f"<{tag}/>")
    else:
        parts.append(f"<{tag}>{str(value).lower() if isinstance(value, bool) else value}</{tag}>")


def _escape(text: str) -> str:
    if "&" in text or "<" in text or ">" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")  # a bare carriage return would be read back as a line feed
    return _NOT_XML.sub(_REPLACEMENT, text)
