"""What the tests of the catalog know of samples: how they are taken apart and where documents hide inside them."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from contracts import catalog, strict_json, strict_xml
from contracts.catalog import Contract
from contracts.errors import FieldError, MessageRefused

SCHEMA_CODES = frozenset({"read.missing", "read.type", "read.pattern", "read.enumeration", "read.length", "read.range"})
READING_CODES = frozenset(
    {
        "read.not_json",
        "read.not_xml",
        "read.encoding",
        "read.bom",
        "read.nul",
        "read.surrogate",
        "read.duplicate_key",
        "read.too_deep",
        "read.too_many_elements",
        "read.dtd",
    }
)


def records(body: bytes) -> list[Any]:
    """The decoded records of a JSON sample: itself, its elements, or the elements of its ``data``."""
    text = body.lstrip()
    if text.startswith(b"["):
        return [strict_json.decode(item) for item in strict_json.split(body, None).items]
    value = strict_json.decode(strict_json.split_object(body).items[0])
    if isinstance(value.get("data"), list):
        return [strict_json.decode(item) for item in strict_json.split(body, "data").items]
    return [value]


def embedded(value: Any) -> Iterator[tuple[Contract, etree._Element]]:
    """Documents of a contract that travel as text inside a value, JSON in text opened on the way."""
    if isinstance(value, dict):
        for member in value.values():
            yield from embedded(member)
    elif isinstance(value, list):
        for member in value:
            yield from embedded(member)
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        yield from embedded(strict_json.decode(value.encode()))
    elif isinstance(value, str) and value.lstrip().startswith("<"):
        root = strict_xml.parse(_undeclared(value).encode())
        by_name = {identity.name: catalog.get(*identity) for identity in catalog.listing()}
        for element in root.iter():
            contract = by_name.get(str(element.tag))
            if contract is not None and contract.has_xml:
                yield contract, element


def verdict(contract: Contract, path: str, body: bytes) -> bool:
    """Whether both paths accept a sample, embedded documents included; it is a failure when they differ."""
    if path.endswith(".xml"):
        root = strict_xml.parse(body)
        fast, slow = contract.is_valid_xml(root), not contract.xml_errors(body)
        assert fast is slow, path
        return fast
    answer = True
    for record in records(body):
        fast, slow = contract.is_valid_json(record), not contract.json_errors(record)
        assert fast is slow, path
        answer = answer and fast
        for inner, element in embedded(record):
            fast, slow = inner.is_valid_xml(element), not inner.xml_errors(etree.tostring(element, with_tail=False))
            assert fast is slow, path
            answer = answer and fast
    return answer


def faults(contract: Contract, path: str, body: bytes) -> list[FieldError]:
    """Every fault that the slow path or the strict readers find in a sample."""
    try:
        if path.endswith(".xml"):
            return list(contract.xml_errors(body))
        found = [fault for record in records(body) for fault in contract.json_errors(record)]
        for record in records(body):
            for inner, element in embedded(record):
                found += inner.xml_errors(etree.tostring(element, with_tail=False))
    except MessageRefused as refusal:
        return list(refusal.errors)
    return found


def _undeclared(text: str) -> str:
    """Text carried in JSON has no encoding of its own, whatever its declaration says."""
    text = text.lstrip()
    return text.partition("?>")[2] if text.startswith("<?xml") else text
