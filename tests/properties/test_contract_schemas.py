"""The fast and the slow path give one verdict on every contract shipped, whatever a sender may make of a sample."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from contracts import catalog, strict_xml
from contracts.catalog import Contract, ContractId
from tests.contracts.wire_samples import records

LISTING = catalog.listing()

WORDS = ["", " ", "x", "1", "10", "11", "0", "-1", "1.5", "đ", "True", "null", "1.099001", "1.099001.000.00.00.H99"]
TIMES = ["20260915081000", "20260230000000", "15/09/2026 08:10:00", "2026-09-15T08:10:00.000+0700"]
LONG = ["x" * 51, "x" * 1001, "x" * 4001, "ế" * 40, "ế" * 41]
TEXTS = st.sampled_from([*WORDS, *TIMES, *LONG])
OTHER_TYPES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, -1, 2**40, 1.5, [], {}, [[]], [{}], ["x"], {"x": "y"}]
)

Place = tuple[str | int, ...]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every member and element of a value."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*place, name)
        yield from places(member, (*place, name))


@cache
def valid_records(identity: ContractId) -> tuple[Any, ...]:
    samples = catalog.get(*identity).samples("valid")
    return tuple(record for path, body in samples if path.endswith(".json") for record in records(body))


@cache
def valid_documents(identity: ContractId) -> tuple[bytes, ...]:
    return tuple(body for path, body in catalog.get(*identity).samples("valid") if path.endswith(".xml"))


JSON_CONTRACTS = [identity for identity in LISTING if valid_records(identity)]
XML_CONTRACTS = [identity for identity in LISTING if valid_documents(identity)]
SECOND_OPINIONS = [identity for identity in JSON_CONTRACTS if catalog.get(*identity).source.get("second_opinion")]


def mutated(data: st.DataObject, identity: ContractId, *, types: bool) -> Any:
    """A valid record after one to three things that go wrong in practice."""
    record = copy.deepcopy(data.draw(st.sampled_from(valid_records(identity)), label="sample"))
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(record))
        if not found:
            break
        *outer, last = data.draw(st.sampled_from(found), label="place")
        holder = record
        for part in outer:
            holder = holder[part]
        kinds = ["drop", "text", "double"] + (["type"] if types else [])
        match data.draw(st.sampled_from(kinds), label="change"):
            case "drop":
                del holder[last]
            case "text" if types or isinstance(holder[last], str):
                holder[last] = data.draw(TEXTS)
            case "double" if isinstance(holder[last], list):
                holder[last] = holder[last] * 2
            case "type":
                holder[last] = copy.deepcopy(data.draw(OTHER_TYPES))
    return record


def children(kind: Any) -> list[Any]:
    """The particles of a complex type of the XSD, in its order."""
    content: Any = getattr(kind, "content", None)
    return list(content.iter_elements()) if hasattr(content, "iter_elements") else []


def as_element(name: str, value: Any, kind: Any, schema: Any) -> etree._Element:
    """A JSON value as the XSD sees it: named members in its order, lists repeated; where any may stand, as items."""
    element = etree.Element(name)
    if not isinstance(value, dict):
        element.text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        return element
    named = {child.name: child.type for child in children(kind) if child.name}
    order = list(named) if named else list(value)
    for member in order:
        inner = named.get(member) or getattr(schema.elements.get(member), "type", None)
        stated = value.get(member)
        if isinstance(stated, list) and not named:
            whole = etree.SubElement(element, member)
            item: Any = next((child.type for child in children(inner)), None)
            whole.extend(as_element("item", part, item, schema) for part in stated if part is not None)
        elif isinstance(stated, list):
            element.extend(as_element(member, part, inner, schema) for part in stated if part is not None)
        elif stated is not None:
            element.append(as_element(member, stated, inner, schema))
    return element


@cache
def slow_json(identity: ContractId) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(
        catalog.get(*identity).json_schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


@cache
def slow_xsd(identity: ContractId) -> Any:
    return xmlschema.XMLSchema(catalog.get(*identity).xsd.decode(), defuse="always", allow="none")


def agree(contract: Contract, document: etree._Element) -> None:
    body = etree.tostring(document)
    assert contract.is_valid_xml(strict_xml.parse(body)) is not bool(contract.xml_errors(body)), body.decode()


@pytest.mark.parametrize("identity", JSON_CONTRACTS, ids="/".join)
@given(data=st.data())
@settings(max_examples=80, deadline=None)  # the first example compiles
def test_two_json_validators_agree_on_spoiled_records(identity: ContractId, data: st.DataObject) -> None:
    contract, record = catalog.get(*identity), mutated(data, identity, types=True)

    fast = contract.is_valid_json(record)

    assert fast is slow_json(identity).is_valid(record)
    assert fast is not bool(contract.json_errors(record))


@pytest.mark.parametrize("identity", SECOND_OPINIONS, ids="/".join)
@given(data=st.data())
@settings(max_examples=80, deadline=None)  # the first example compiles
def test_the_xsd_agrees_with_the_json_schema_on_spoiled_records(identity: ContractId, data: st.DataObject) -> None:
    contract, record = catalog.get(*identity), mutated(data, identity, types=False)
    schema = slow_xsd(identity)
    root = contract.source["record"].rpartition("/")[2]

    document = as_element(root, record, schema.elements[root].type, schema)

    assert contract.is_valid_json(record) is contract.is_valid_xml(document), contract.json_errors(record)
    agree(contract, document)


@pytest.mark.parametrize("identity", XML_CONTRACTS, ids="/".join)
@given(data=st.data())
@settings(max_examples=60, deadline=None)  # the first example compiles
def test_two_xml_validators_agree_on_spoiled_documents(identity: ContractId, data: st.DataObject) -> None:
    contract = catalog.get(*identity)
    root = strict_xml.parse(data.draw(st.sampled_from(valid_documents(identity)), label="sample"))
    for _ in range(data.draw(st.integers(1, 3))):
        element = data.draw(st.sampled_from(list(root.iter())), label="element")
        parent = element.getparent()
        match data.draw(st.sampled_from(["drop", "text", "double", "rename", "move"]), label="change"):
            case "drop" if parent is not None:
                parent.remove(element)
            case "text" if not len(element):
                element.text = data.draw(TEXTS)
            case "double" if parent is not None:
                parent.append(copy.deepcopy(element))
            case "rename":
                element.tag = data.draw(st.sampled_from(["khac", "MaHoSo", "item", str(root.tag)]))
            case "move" if parent is not None:
                parent.append(element)

    agree(contract, root)
