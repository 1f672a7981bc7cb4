"""Validation against the reference validators of the ecosystem, on the messages of the portal."""

from typing import Any, Final

import msgspec
import xmlschema
from jsonschema.validators import validator_for
from lxml import etree

from adapters import registry
from adapters.portal.xmlform import encode
from bench import dossiers
from bench.rounds import Sample, Stopwatch, compare
from contracts import catalog, strict_xml
from contracts.envelope import Envelope
from contracts.ports import Profile

_SERVICE: Final = "DongBoHoSoMC"


def run(*, rounds: int, quick: bool) -> list[dict[str, Any]]:
    """R9 and R10."""
    return [_r9(rounds, 50 if quick else 200), _r10(rounds, 200 if quick else 1_000)]


def xml_message(number: int) -> bytes:
    """One dossier as the portal's XML, with its envelope."""
    head = {"session": "", "madonvi": "000.00.00.H99", "service": _SERVICE, "isUpdating": "False"}
    parts = b"".join(encode(name, value) for name, value in head.items())
    return b"<%b>%b<data>%b</data></%b>" % (
        _SERVICE.encode(),
        parts,
        encode("HoSo", dossiers.record(number)),
        _SERVICE.encode(),
    )


def _r9(rounds: int, n: int) -> dict[str, Any]:
    contract = catalog.get("qcvn120", _SERVICE, "extended")
    bodies = [xml_message(number) for number in range(n)]
    slow = xmlschema.XMLSchema(contract.xsd.decode())
    adapter = registry.get("portal")
    profile = Profile()
    assert slow.is_valid(bodies[0].decode())

    def fast() -> Sample:
        with Stopwatch() as watch:
            for body in bodies:
                assert contract.is_valid_xml(strict_xml.parse(body))
        return watch.sample(n)

    def mapped() -> Sample:
        with Stopwatch() as watch:
            for body in bodies:
                envelope = Envelope(
                    party="p", adapter="portal", body=body, received_at=1, content_type="application/xml"
                )
                assert len(adapter.read(envelope, profile).records) == 1
        return watch.sample(n)

    def reference() -> Sample:
        some = bodies[: max(10, n // 10)]
        with Stopwatch() as watch:
            for body in some:
                slow.validate(body.decode())
        return watch.sample(len(some))

    peers = {"parsed and validated": fast, "read to facts": mapped, "xmlschema.validate": reference}
    first = compare(
        "validate",
        "R9: XML parsed and validated against xmlschema",
        ours="parsed and validated",
        peers=peers,
        rounds=rounds,
        targets={"xmlschema.validate": ("R9", 20.0)},
    )
    second = compare(
        "validate",
        "R9: XML parsed, validated and read to facts against xmlschema validating alone",
        ours="read to facts",
        peers={name: peers[name] for name in ("read to facts", "xmlschema.validate")},
        rounds=rounds,
        targets={"xmlschema.validate": ("R9 read", 9.0)},
    )
    return first | {"also": second, "bytes": len(bodies[0]), "elements": len(list(etree.fromstring(bodies[0]).iter()))}


def _r10(rounds: int, n: int) -> dict[str, Any]:
    contract = catalog.get("qcvn120", _SERVICE, "extended")
    bodies = [msgspec.json.encode(dossiers.record(number)) for number in range(n)]
    schema = contract.json_schema
    slow = validator_for(schema)(schema)
    decode = msgspec.json.Decoder().decode

    def fast() -> Sample:
        with Stopwatch() as watch:
            for body in bodies:
                assert contract.is_valid_json(decode(body))
        return watch.sample(n)

    def reference() -> Sample:
        some = bodies[: max(20, n // 10)]
        with Stopwatch() as watch:
            for body in some:
                assert slow.is_valid(decode(body))
        return watch.sample(len(some))

    return compare(
        "validate",
        "R10: JSON decoded and validated against jsonschema",
        ours="decoded and validated",
        peers={"decoded and validated": fast, "jsonschema": reference},
        rounds=rounds,
        targets={"jsonschema": ("R10", 18.0)},
    ) | {"bytes": len(bodies[0])}
