"""``hoTich``: the form inside a dossier, an XML text in a JSON string.

Its children become values by wire name. Nothing is rewritten: what looks invented is flagged and kept.
"""

import re
import unicodedata
from typing import Final

import msgspec
from lxml import etree

from adapters.civil_status.carrier import MOST_UNKNOWN, unknown_field
from adapters.civil_status.tables import FIELDS, SUSPECT_INITIALS, SUSPECTS, folded
from adapters.civil_status.times import is_possible_date
from contracts import strict_xml
from contracts.catalog import Contract
from contracts.errors import FieldError, MessageRefused, field_error
from contracts.reading import Note

ROOT: Final = "hoTich"
REQUIRED: Final = {"KS": "nksHoTen", "KT": "nktHoTen"}
"""Without the name of the child or of the deceased there is nothing to register."""

_DECLARATION: Final = re.compile(r"\A\ufeff?[ \t\r\n]*(?:<\?xml[^>]*\?>)?")


class Form(msgspec.Struct, frozen=True):
    """The stated children of ``hoTich`` by wire name, and what was noticed."""

    values: dict[str, str]
    warnings: tuple[Note, ...]


class FormRefused(Exception):
    """The form must be mended; ``errors`` have paths from the form's own root."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(errors[0].code)
        self.errors = errors


def read_form(text: str, module: str, contract: Contract) -> Form:
    """Read the form of a birth (KS) or a death (KT). ``FormRefused`` with every fault found."""
    root = _form(text)
    warnings = _without_unknown(root)
    if not contract.is_valid_xml(root):
        raise FormRefused(tuple(contract.xml_errors(etree.tostring(root, encoding="utf-8", with_tail=False))))
    values = {str(child.tag): stated for child in root if (stated := (child.text or "").strip())}
    errors = [
        field_error("read.date", f"/{ROOT}/{name}", name=name)
        for name, stated in values.items()
        if (kind := FIELDS[name].kind) in {"date", "birth"} and not is_possible_date(stated, partial=kind == "birth")
    ]
    if REQUIRED[module] not in values:
        errors.append(field_error("read.missing", f"/{ROOT}/{REQUIRED[module]}", name=REQUIRED[module]))
    if errors:
        raise FormRefused(tuple(errors))
    return Form(values, (*warnings, *_suspicions(values, text)))


def _form(text: str) -> etree._Element:
    """The one ``hoTich`` of the document: its root or below a root of any name."""
    # A declaration inside a JSON string says nothing true about the encoding (.NET prints utf-16 there).
    document = text[_DECLARATION.match(text).end() :]  # type: ignore[union-attr]  # the pattern matches the empty text
    try:
        root = strict_xml.parse(document.encode())
    except MessageRefused as refusal:
        raise FormRefused(tuple(msgspec.structs.replace(error, path="") for error in refusal.errors)) from None
    found = [root] if root.tag == ROOT else root.findall(f".//{ROOT}")
    if len(found) != 1:
        code = "read.structure" if found else "read.missing"
        raise FormRefused((field_error(code, f"/{ROOT}", name=ROOT),))
    return found[0]


def _without_unknown(root: etree._Element) -> tuple[Note, ...]:
    """Take unknown children out before validation; they stay in the stored bytes and are reported."""
    unknown = [child for child in root if child.tag not in FIELDS]
    for child in unknown:
        root.remove(child)
    return tuple(unknown_field(f"/{ROOT}", etree.QName(child).localname) for child in unknown[:MOST_UNKNOWN])


def _suspicions(values: dict[str, str], text: str) -> list[Note]:
    composed = text.isascii() or unicodedata.is_normalized("NFC", text)
    notes: list[Note] = []
    for name, stated in values.items():
        # Folding every value would cost as much as parsing the form; the first letter rules most of them out.
        if stated[0] in SUSPECT_INITIALS:
            kind = "number" if FIELDS[name].kind == "number" else "text"
            suspect = SUSPECTS.get((kind, folded(stated) or stated))
            if suspect is not None:
                notes.append(Note(suspect, f"/{ROOT}/{name}"))
        if not composed and not unicodedata.is_normalized("NFC", stated):
            notes.append(Note("warn.not_nfc", f"/{ROOT}/{name}"))
    return notes
