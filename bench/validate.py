"""Validation: the hub's own path against ``xmlschema`` and ``jsonschema``, with the same contracts and messages.

Before anything is timed, both sides must say the same of valid and of broken messages.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema
import xmlschema

from adapters.portal import PortalAdapter
from adapters.portal.fields import RECORD
from adapters.portal.xmlform import ROOTS, encode
from bench import dossiers
from bench.peers import Comparison, Field, Peer, Sample, Stopwatch
from contracts import catalog, strict_xml
from contracts.envelope import Envelope
from contracts.ports import Profile

_DIFFERENT: Final = 50
_AT_US: Final = 1_767_573_000_000_000


def _contract() -> catalog.Contract:
    return catalog.get("qcvn120", RECORD, "2019")


def xml_body(number: int) -> bytes:
    """One dossier as an XML packet."""
    whole = {**dossiers.HEAD, "data": {ROOTS[RECORD]: dossiers.record(number)}}
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + encode(RECORD, whole)


def _timed(n: int, judge: Callable[[int], object]) -> Sample:
    judge(0)
    with Stopwatch(n) as watch:
        for number in range(n):
            judge(number % _DIFFERENT)
    return watch.sample


def _envelope(body: bytes) -> Envelope:
    return Envelope(party="mau", adapter="portal", body=body, received_at=_AT_US, content_type="application/xml")


def xml_field(n: int) -> Field:
    """R9: parse and validate one XML packet; and the same with everything that makes facts of it."""
    contract = _contract()
    bodies = [xml_body(number) for number in range(_DIFFERENT)]
    texts = [body.decode().partition("\n")[2] for body in bodies]
    envelopes = [_envelope(body) for body in bodies]
    schema = xmlschema.XMLSchema(contract.xsd.decode())
    adapter, profile = PortalAdapter(), Profile()
    _agree_on_xml(contract, schema, texts[0])
    assert all(len(adapter.read(envelope, profile).records) == 1 for envelope in envelopes), "a packet was not read"
    library, mapped = "xmlschema: validate", "xmlschema: to_dict"
    return Field(
        "validate",
        (
            Peer("ours: parse, XSD", lambda: _timed(n, lambda at: contract.is_valid_xml(strict_xml.parse(bodies[at])))),
            Peer("ours: parse, XSD, facts", lambda: _timed(n, lambda at: adapter.read(envelopes[at], profile))),
            Peer(library, lambda: _timed(max(n // 20, 20), lambda at: schema.validate(texts[at]))),
            Peer(mapped, lambda: _timed(max(n // 20, 20), lambda at: schema.to_dict(texts[at]))),
        ),
        (
            Comparison("R9 XML validation", "ours: parse, XSD", library, 20),
            Comparison("R9 XML with mapping", "ours: parse, XSD, facts", mapped, 9),
        ),
        "none",
    )


def _agree_on_xml(contract: catalog.Contract, schema: xmlschema.XMLSchema, text: str) -> None:
    broken = text.replace("<MaHoSo>", "<KhongCo>").replace("</MaHoSo>", "</KhongCo>")
    for document, wanted in ((text, True), (broken, False)):
        ours = contract.is_valid_xml(strict_xml.parse(document.encode()))
        assert (ours, schema.is_valid(document)) == (wanted, wanted), "the validators disagree"


def json_field(n: int) -> Field:
    """R10: one decoded record against the JSON Schema, formats checked on both sides."""
    contract = _contract()
    records = [dossiers.record(number) for number in range(_DIFFERENT)]
    validator = jsonschema.Draft202012Validator(
        contract.json_schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    broken: dict[str, Any] = {name: value for name, value in records[0].items() if name != "MaHoSo"}
    for record, wanted in ((records[0], True), (broken, False)):
        assert (contract.is_valid_json(record), validator.is_valid(record)) == (wanted, wanted)
    library = "jsonschema: Draft202012Validator"
    return Field(
        "validate",
        (
            Peer("ours: is_valid_json", lambda: _timed(20 * n, lambda at: contract.is_valid_json(records[at]))),
            Peer(library, lambda: _timed(n, lambda at: validator.is_valid(records[at]))),
        ),
        (Comparison("R10 JSON validation", "ours: is_valid_json", library, 18),),
        "none",
    )


def fields(*, quick: bool) -> Iterator[Field]:
    """All fields of the suite."""
    yield xml_field(1_000 if quick else 5_000)
    yield json_field(500 if quick else 2_000)
