"""The slow path: every fault of a value or document, with its place, its rule and words in both languages.

Nothing here quotes a value of the message: what is said is the field and the rule it breaks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from contracts.errors import FieldError, field_error

_JSON_CODES: Final = {
    "required": "read.missing",
    "dependentRequired": "read.missing",
    "type": "read.type",
    "pattern": "read.pattern",
    "enum": "read.enumeration",
    "const": "read.enumeration",
    "minLength": "read.length",
    "maxLength": "read.length",
    "minItems": "read.length",
    "maxItems": "read.length",
    "minimum": "read.range",
    "maximum": "read.range",
    "exclusiveMinimum": "read.range",
    "exclusiveMaximum": "read.range",
    "multipleOf": "read.range",
    "format": "read.date",
}
_XSD_CODES: Final = {
    "XsdPatternFacets": "read.pattern",
    "XsdEnumerationFacets": "read.enumeration",
    "XsdLengthFacet": "read.length",
    "XsdMinLengthFacet": "read.length",
    "XsdMaxLengthFacet": "read.length",
    "XsdMinInclusiveFacet": "read.range",
    "XsdMaxInclusiveFacet": "read.range",
    "XsdMinExclusiveFacet": "read.range",
    "XsdMaxExclusiveFacet": "read.range",
    "XsdTotalDigitsFacet": "read.range",
    "XsdFractionDigitsFacet": "read.range",
    "XsdKey": "read.missing",
}
_DATE_TYPES: Final = frozenset({"date", "dateTime", "time", "gYear", "gYearMonth", "dateTimeStamp"})
_ALTERNATIVES: Final = frozenset({"anyOf", "oneOf"})
_VAGUE: Final = frozenset({"read.type", "read.enumeration", "read.structure"})
_RULE_LENGTH: Final = 120
_PREFIX: Final = re.compile(r"\{[^}]*\}|[\w.-]+:(?=[\w.-])")


def json_faults(errors: Iterable[Any], limit: int) -> tuple[FieldError, ...]:
    """Turn the errors of ``jsonschema_rs`` into field errors; ``path`` is a JSON Pointer (RFC 6901)."""
    return tuple(islice((_json_fault(error) for error in errors), limit))


def xml_faults(errors: Iterable[Any], limit: int) -> tuple[FieldError, ...]:
    """Turn the errors of ``xmlschema`` into field errors; ``path`` is an XPath and ``line`` the line of the element."""
    return tuple(islice((fault for error in errors for fault in _xml_fault(error)), limit))


def _json_fault(error: Any) -> FieldError:
    keyword = error.kind.name
    values: Mapping[str, Any] = error.kind.as_dict()
    place = list(error.instance_path)
    code = _JSON_CODES.get(keyword, "read.structure")
    if keyword in {"required", "dependentRequired"}:
        place.append(values["property"])
    elif keyword in _ALTERNATIVES:
        code = _code_of_alternatives(values.get("context", ()))
    rule = "" if keyword in _ALTERNATIVES else " ".join(_rule_value(value) for value in values.values())
    name = next((part for part in reversed(place) if isinstance(part, str)), "")
    return field_error(code, _pointer(place), name=_named(name, f"{keyword} {rule}"))


def _code_of_alternatives(branches: Sequence[Sequence[Any]]) -> str:
    """One code for a value that fits no alternative: the one specific rule among the branches, if there is one."""
    codes = {_JSON_CODES.get(error.kind.name, "read.structure") for branch in branches for error in branch}
    specific = codes - _VAGUE
    if len(specific) == 1:
        return specific.pop()
    return codes.pop() if len(codes) == 1 else "read.structure"


def _pointer(place: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def _xml_fault(error: Any) -> Iterator[FieldError]:
    path, line = str(error.path or "/"), int(error.sourceline or 0)
    kind = type(error).__name__
    if kind == "XMLSchemaChildrenValidationError" and error.expected and error.invalid_tag is None:
        for expected in error.expected:
            name = _local(str(getattr(expected, "name", expected)))
            yield field_error("read.missing", f"{path}/{name}", line, name=_named(name, "minOccurs"))
        return
    code = _xsd_code(error, kind)
    name = _local(path.rpartition("/")[2].partition("[")[0])
    if code == "read.missing" and (field := _missing_field(error)):
        path, name = f"{path}/{field}", field
    yield field_error(code, path, line, name=_named(name, _xsd_rule(error.validator)))


def _xsd_code(error: Any, kind: str) -> str:
    validator = error.validator
    if kind == "XMLSchemaDecodeError":
        return "read.date" if _local(str(getattr(validator, "name", ""))) in _DATE_TYPES else "read.type"
    if "missing required attribute" in str(error.reason):
        return "read.missing"
    return _XSD_CODES.get(type(validator).__name__, "read.structure")


def _missing_field(error: Any) -> str:
    """The field whose absence an identity constraint (``xs:key``) found."""
    fields = getattr(error.validator, "fields", None)
    return str(fields[0].path).removeprefix("./") if fields and len(fields) == 1 else ""


def _xsd_rule(validator: Any) -> str:
    kind = type(validator).__name__.removeprefix("Xsd").removesuffix("Facets").removesuffix("Facet")
    kind = kind[:1].lower() + kind[1:]
    for attribute in ("regexps", "enumeration", "value"):
        if (value := getattr(validator, attribute, None)) is not None:
            return f"{kind} {_rule_value(value)}"
    name = _local(str(getattr(validator, "name", "") or ""))
    return f"{kind} {name}" if name else kind


def _rule_value(value: object) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_rule_value(member) for member in value)
    return str(value)


def _named(name: str, rule: str) -> str:
    rule = rule.strip()
    if len(rule) > _RULE_LENGTH:
        rule = rule[: _RULE_LENGTH - 1] + "…"
    return f"{name} [{rule}]" if name else f"[{rule}]"


def _local(name: str) -> str:
    return _PREFIX.sub("", name)
