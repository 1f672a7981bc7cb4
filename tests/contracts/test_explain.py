from typing import Any

import jsonschema_rs
import pytest
import xmlschema
from lxml import etree

from contracts.explain import json_faults, xml_faults

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="a">
  <xs:complexType><xs:sequence>
    <xs:element name="number" type="xs:int"/>
    <xs:element name="day" type="xs:date" minOccurs="0"/>
    <xs:element name="word" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
      <xs:enumeration value="x"/><xs:enumeration value="y"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="short" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
      <xs:maxLength value="2"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="small" minOccurs="0"><xs:simpleType><xs:restriction base="xs:int">
      <xs:maxInclusive value="2"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="code" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
      <xs:pattern value="[0-9]+"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="flagged" minOccurs="0"><xs:complexType><xs:attribute name="on" use="required"/></xs:complexType>
    </xs:element>
    <xs:element name="twice" minOccurs="0" maxOccurs="2" type="xs:string"/>
    <xs:element name="bag" minOccurs="0" type="bag">
      <xs:key name="k"><xs:selector xpath="."/><xs:field xpath="must"/></xs:key>
    </xs:element>
  </xs:sequence></xs:complexType>
</xs:element>
<xs:complexType name="bag"><xs:sequence>
  <xs:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType>
</xs:schema>"""


def json_found(schema: dict[str, Any], value: Any, limit: int = 50) -> list[tuple[str, str]]:
    errors = jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(value)
    return [(fault.path, fault.code) for fault in json_faults(errors, limit)]


def xml_found(text: str) -> list[tuple[str, str, int]]:
    errors = xmlschema.XMLSchema(XSD).iter_errors(etree.fromstring(text.encode()))
    return [(fault.path, fault.code, fault.line) for fault in xml_faults(errors, 50)]


@pytest.mark.parametrize(
    ("rule", "value", "code"),
    [
        ({"type": "string"}, 1, "read.type"),
        ({"pattern": "^[0-9]+$"}, "x", "read.pattern"),
        ({"enum": ["1", "2"]}, "3", "read.enumeration"),
        ({"const": "1"}, "3", "read.enumeration"),
        ({"minLength": 1}, "", "read.length"),
        ({"maxLength": 1}, "xy", "read.length"),
        ({"maxItems": 1}, [1, 2], "read.length"),
        ({"minimum": 1}, 0, "read.range"),
        ({"maximum": 1}, 2, "read.range"),
        ({"format": "date"}, "2026-02-30", "read.date"),
        ({"anyOf": [{"const": ""}, {"pattern": "^[0-9]{14}$"}]}, "x", "read.pattern"),
        ({"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 1}]}, "xy", "read.length"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, [], "read.type"),
        ({"not": {}}, "x", "read.structure"),
        ({"uniqueItems": True}, [1, 1], "read.structure"),
    ],
)
def test_a_broken_rule_of_a_json_schema_has_a_code_and_a_pointer(rule: dict[str, Any], value: Any, code: str) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"a/b": rule}}

    assert json_found(schema, {"a/b": value}) == [("/a~1b", code)]


def test_a_missing_member_is_named_by_the_place_where_it_belongs() -> None:
    schema = {"properties": {"list": {"items": {"required": ["x"]}}}, "required": ["y"]}

    assert set(json_found(schema, {"list": [{"x": 1}, {}]})) == {("/list/1/x", "read.missing"), ("/y", "read.missing")}


def test_an_explanation_never_quotes_the_value() -> None:
    schema = {"properties": {"ChuHoSo": {"pattern": "^$"}, "So": {"enum": ["1"]}, "Ten": {"anyOf": [{"const": 1}]}}}
    errors = jsonschema_rs.validator_for(schema).iter_errors(dict.fromkeys(("ChuHoSo", "So", "Ten"), "Lò Thị Mẫu"))

    faults = json_faults(errors, 50)

    assert len(faults) == 3
    assert all("Mẫu" not in fault.vi + fault.en + fault.path for fault in faults)


def test_the_texts_name_field_and_rule() -> None:
    (fault,) = json_faults(
        jsonschema_rs.validator_for({"properties": {"MaHoSo": {"maxLength": 2}}}).iter_errors({"MaHoSo": "abc"}), 50
    )

    assert (fault.vi, fault.en) == (
        "Trường MaHoSo [maxLength 2] sai độ dài.",
        "Field MaHoSo [maxLength 2] has the wrong length.",
    )


def test_a_long_rule_is_cut_and_a_limit_is_kept() -> None:
    words = [f"word{number}" for number in range(100)]
    errors = jsonschema_rs.validator_for({"items": {"enum": words}}).iter_errors(["x"] * 10)

    faults = json_faults(errors, 3)

    assert len(faults) == 3
    assert len(faults[0].en) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a>\n<number>x</number></a>", [("/a/number", "read.type", 2)]),
        ("<a><number>99999999999</number></a>", [("/a/number", "read.range", 1)]),
        ("<a><number>1</number><day>2026-02-30</day></a>", [("/a/day", "read.date", 1)]),
        ("<a><number>1</number><word>z</word></a>", [("/a/word", "read.enumeration", 1)]),
        ("<a><number>1</number><short>xyz</short></a>", [("/a/short", "read.length", 1)]),
        ("<a><number>1</number><small>3</small></a>", [("/a/small", "read.range", 1)]),
        ("<a><number>1</number><code>x</code></a>", [("/a/code", "read.pattern", 1)]),
        ("<a><number>1</number><flagged/></a>", [("/a/flagged/@on", "read.missing", 1)]),
        ("<a/>", [("/a/number", "read.missing", 1)]),
        ("<a>\n<day>2026-01-01</day></a>", [("/a/number", "read.missing", 1)]),
        ("<a><number>1</number><twice/><twice/><twice/></a>", [("/a/twice", "read.structure", 1)]),
        ("<a><number>1</number><strange/></a>", [("/a/strange", "read.structure", 1)]),
        ("<a><number>1</number><bag><may/></bag></a>", [("/a/bag/must", "read.missing", 1)]),
        ("<a><number>1</number><bag><must>1</must><must>1</must></bag></a>", [("/a/bag/must", "read.structure", 1)]),
        ("<b/>", [("/b", "read.structure", 1)]),
    ],
)
def test_a_broken_rule_of_an_xsd_has_a_code_a_path_and_a_line(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert xml_found(text) == expected


def test_explanations_of_xml_come_in_the_order_of_the_document() -> None:
    text = "<a>\n<number>x</number>\n<word>z</word>\n<short>xyz</short>\n<small>9</small></a>"

    assert [line for _, _, line in xml_found(text)] == [2, 3, 4, 5]
