"""Taking a portal message apart: its service, its envelope's members, each record's exact bytes; nothing is read yet.

Enveloped ``{session, madonvi, service, isUpdating, data: [...]}``, the same in XML, and bare arrays of records.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from lxml import etree

from adapters.portal.fields import PROGRESS, RECORD, SERVICES
from adapters.portal.xmlform import ROOTS
from contracts import strict_json, strict_xml
from contracts.envelope import Envelope
from contracts.errors import MessageRefused
from contracts.reading import MAX_RECORDS, Span

_UPDATING: Final[dict[Any, bool | None]] = {
    "true": True,
    "1": True,
    "false": False,
    "0": False,
    "": None,
    "none": None,
    "null": None,
}


class Opened(msgspec.Struct, frozen=True):
    """A message taken apart: the envelope's members and each record's place, bytes and values (None = not read yet)."""

    service: str
    head: Mapping[str, Any]
    secrets: tuple[Span, ...]
    spans: list[Span]
    items: list[bytes]
    prefix: str
    elements: list[Any] | None = None
    root: etree._Element | None = None


def open_message(envelope: Envelope) -> Opened:
    """Take one message apart.

    Raises ``MessageRefused`` with the codes of ``contracts.strict_json.split`` and ``contracts.strict_xml.parse``, and
    ``read.envelope`` where service and address differ or the service is not ours.
    """
    start = envelope.body.lstrip(b" \t\r\n")[:1]
    return _open_xml(envelope) if start == b"<" else _open_json(envelope)


def is_updating(opened: Opened, envelope: Envelope) -> bool | None:
    """Create or update as the envelope or the address says; None where neither does (one sender's progress packets).

    Raises ``MessageRefused`` ``read.envelope`` for a word that is neither True nor False.
    """
    value = opened.head.get("isUpdating")
    if value is None:
        value = next((text for name, text in envelope.options if name == "isUpdating"), None)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word not in _UPDATING:
        raise MessageRefused("read.envelope", "isUpdating is neither True nor False")
    return _UPDATING[word]


def agency_of(opened: Opened, envelope: Envelope) -> str:
    """The agency the message speaks for, as written; "" where it names none."""
    named = opened.head.get("madonvi")
    if not isinstance(named, str) or not named.strip():
        named = next((text for name, text in envelope.options if name == "MaDinhDanhDV"), "")
    return named.strip()


def _open_json(envelope: Envelope) -> Opened:
    body = envelope.body
    bare = body.lstrip(b" \t\r\n")[:1] == b"["
    parts = strict_json.split(body, None if bare else "data")
    service = _service(envelope, parts.head.get("service"), parts.items[0])
    secret = parts.head_spans.get("session") if parts.head.get("session") != "" else None
    return Opened(
        service=service,
        head=parts.head,
        secrets=(secret,) if secret else (),
        spans=parts.spans,
        items=parts.items,
        prefix="/" if bare else "/data/",
    )


def _open_xml(envelope: Envelope) -> Opened:
    body = envelope.body
    root = strict_xml.parse(body)
    name = root.tag
    if name not in ROOTS:
        raise MessageRefused("read.envelope", f"the root must be one of {', '.join(SERVICES)}")
    data = root.find("data")
    elements = [] if data is None else data.findall(ROOTS[name])
    if not 1 <= len(elements) <= MAX_RECORDS:
        raise MessageRefused("read.record_count", f"{len(elements)} records", limit=MAX_RECORDS)
    head = {child.tag: (child.text or "").strip() for child in root if child.tag != "data"}
    service = _service(envelope, head.get("service") or name, b"")
    if service != name:
        raise MessageRefused("read.envelope", "root and service differ")
    spans = strict_xml.record_spans(body, (name, "data", ROOTS[name]))
    return Opened(
        service=service,
        head=head,
        secrets=tuple(strict_xml.value_spans(body, (name, "session"))),
        spans=spans,
        items=[body[start:end] for start, end in spans],
        prefix=f"/{name}/data/{ROOTS[name]}",
        elements=elements,
        root=root,
    )


def _service(envelope: Envelope, named: Any, first: bytes) -> str:
    """The service the envelope names, else the transport, else the first record's own shape."""
    told = envelope.type.partition("/")[2]
    if named and isinstance(named, str):
        named = named.strip()
        if told and told != named:
            raise MessageRefused("read.envelope", f"service {named[:80]} at the address of {told}")
        told = named
    if not told:
        told = PROGRESS if b'"ThoiDiemXuLy"' in first else RECORD
    if told not in SERVICES:
        raise MessageRefused("read.envelope", f"unknown service {told[:80]}")
    return told
