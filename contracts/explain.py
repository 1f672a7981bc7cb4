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
    "function": "read.range",  # the built-in bounds of xs:int and its kin
}
_DATE_TYPES: Final = frozenset({"date", "dateTime", "time", "gYear", "gYearMonth", "dateTimeStamp"})
_ALTERNATIVES: Final = frozenset({"anyOf", "oneOf"})
_VAGUE: Final = frozenset({"read.type", "read.enumeration", "read.structure"})
_KEY_FIELD: Final = re.compile(r"missing key field '(?:\./)?([^']+)'")
_KEY_TWICE: Final = re.compile(r"XsdFieldSelector\(path='(?:\./)?([^']+)'\) field selects multiple")
_ATTRIBUTE: Final = re.compile(r"missing required attribute '([^']+)'")
_SORTED_PER_SHOWN: Final = 20
_RULE_LENGTH: Final = 120
_PREFIX: Final = re.compile(r"\{[^}]*\}|[\w.-]+:(?=[\w.-])")


def json_faults(errors: Iterable[Any], limit: int) -> tuple[FieldError, ...]:
    """Turn the errors of ``jsonschema_rs`` into field errors; ``path`` is a JSON Pointer (RFC 6901)."""
    return tuple(islice((_json_fault(error) for error in errors), limit))


def xml_faults(errors: Iterable[Any], limit: int) -> tuple[FieldError, ...]:
    """Turn the errors of ``xmlschema`` into field errors; ``path`` is an XPath and ``line`` the line of the element.

    Sorted by place, because the library tells broken keys in an order of its own.
    """
    seen = islice((fault for error in errors for fault in _xml_fault(error)), limit * _SORTED_PER_SHOWN)
    return tuple(sorted(seen, key=lambda fault: (fault.line, fault.path, fault.code))[:limit])


def _json_fault(error: Any) -> FieldError:
    keyword = error.kind.name
    values: Mapping[str, Any] = error.kind.as_dict()
    place = list(error.instance_path)
    code = _JSON_CODES.get(keyword, "read.structure")
    if keyword in {"required", "dependentRequired"}:
        place.append(values["property"])
    elif keyword in _ALTERNATIVES:
        code = _code_of_alternatives(values.get("context", ()))
    shown = () if code == "read.missing" or keyword in _ALTERNATIVES else values.values()
    rule = " ".join(_rule_value(value) for value in shown)
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
    path, line, reason = str(error.path or "/"), int(error.sourceline or 0), str(error.reason)
    if type(error).__name__ == "XMLSchemaChildrenValidationError":
        yield from _children_faults(error, path, line)
        return
    if field := _KEY_FIELD.search(reason) or _KEY_TWICE.search(reason):
        code = "read.missing" if reason.startswith("missing") else "read.structure"
        yield field_error(code, f"{path}/{field[1]}", line, name=_named(field[1], "key"))
        return
    if attribute := _ATTRIBUTE.match(reason):
        name = _local(attribute[1])
        yield field_error("read.missing", f"{path}/@{name}", line, name=_named(name, "attribute"))
        return
    name = _local(path.rpartition("/")[2].partition("[")[0])
    yield field_error(_xsd_code(error), path, line, name=_named(name, _xsd_rule(error.validator)))


def _children_faults(error: Any, path: str, line: int) -> Iterator[FieldError]:
    """A child is missing, or stands where it may not."""
    demanded = [child for child in error.expected or () if getattr(child, "min_occurs", 0) and not error.occurs]
    for child in demanded:
        name = _local(str(child.name))
        yield field_error("read.missing", f"{path}/{name}", line, name=_named(name, "minOccurs"))
    known = {_local(str(child.name)) for child in error.validator.iter_elements() if getattr(child, "name", None)}
    found = _local(str(error.invalid_tag or ""))
    if not demanded or (found and found not in known):
        yield field_error("read.structure", f"{path}/{found}" if found else path, line, name=_named(found, "child"))


def _xsd_code(error: Any) -> str:
    validator = error.validator
    if type(error).__name__ == "XMLSchemaDecodeError":
        return "read.date" if _local(str(getattr(validator, "name", ""))) in _DATE_TYPES else "read.type"
    return _XSD_CODES.get(type(validator).__name__, "read.structure")


def _xsd_rule(validator: Any) -> str:
    kind = type(validator).__name__.removeprefix("Xsd").removesuffix("Facets").removesuffix("Facet")
    for attribute in ("regexps", "enumeration", "value"):
        if (value := getattr(validator, attribute, None)) is not None:
            return f"{kind[:1].lower()}{kind[1:]} {_rule_value(value)}"
    return _local(str(getattr(validator, "name", "") or ""))


def _rule_value(value: object) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_rule_value(member) for member in value)
    return str(value)


def _named(name: str, rule: str) -> str:
    rule = rule.strip()
    if len(rule) > _RULE_LENGTH:
        rule = rule[: _RULE_LENGTH - 1] + "…"
    return f"{name} [{rule}]" if rule and rule != name else name


def _local(name: str) -> str:
    return _PREFIX.sub("", name)
