"""One portal message as facts: pure, record by record, JSON and XML, in an envelope or as a bare array.

A fault of one record stays with that record. A code that no table knows parks the record, because then a word is
missing on our side. The message as a whole is refused only when nobody could say where its records are.
Source: QCVN 120:2019/BTTTT as reconstructed under ``contracts/wire/qcvn120``.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, Final

import msgspec
from lxml import etree

from adapters.portal import codes, ordinary, record, rows, suspicion
from adapters.portal.fields import (
    EXTENDED_ONLY,
    MEMBERS,
    PROGRESS,
    PROGRESS_FIELDS,
    RECORD,
    RECORD_FIELDS,
    SERVICES,
    STANDARD,
)
from adapters.portal.packet import Opened, agency_of, is_updating, open_message
from adapters.portal.values import Parked, Scene, as_text, plain
from adapters.portal.xmlform import record_of
from contracts import catalog, codetables, dates, status, strict_json
from contracts.envelope import Envelope
from contracts.errors import FieldError, MessageRefused, field_error
from contracts.facts import AnyFact, State
from contracts.identifiers import AgencyCode, DossierCode, ProcedureCode
from contracts.moment import Moment
from contracts.ports import Profile
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord

VOLATILE: Final = (strict_json.FILE_URL_TIME,)
_EXTENDED: Final = frozenset(EXTENDED_ONLY)
_CORE: Final = {RECORD: ("MaHoSo", "MaTTHC", "TrangThaiHoSo"), PROGRESS: ("MaHoSo", "ThoiDiemXuLy", "TrangThai")}
_MEMBERS: Final = tuple(MEMBERS.items())
_HEAD: Final = frozenset(("session", "madonvi", "service", "isUpdating", "data"))
_NEVER: Final = Moment(0)
_RANDOM_DIGITS: Final = 5
_RANDOM: Final = Note("warn.random_dossier_code", "/MaHoSo")
_RETIRED: Final = Note("warn.agency_retired", "/MaHoSo")
_STATUS_FIELD: Final = {RECORD: "TrangThaiHoSo", PROGRESS: "TrangThai"}


def read(envelope: Envelope, profile: Profile) -> Reading:
    """Understand one message.

    Raises ``MessageRefused`` as ``adapters.portal.packet.open_message`` and ``is_updating`` do.
    """
    opened = open_message(envelope)
    reader = _Reader(opened, profile, updating=is_updating(opened, envelope), body=envelope.body)
    for index in range(len(opened.items)):
        reader.take(index)
    if opened.service == PROGRESS:
        reader.compare_rows()
    return Reading(
        standard=STANDARD,
        edition="extended" if reader.extended else "2019",
        service=opened.service,
        records=tuple(reader.records),
        refused=tuple(reader.refused),
        parked=tuple(reader.parked),
        secrets=opened.secrets,
        agency=normal_agency(agency_of(opened, envelope)),
        warnings=() if opened.head.keys() <= _HEAD else _unknown_head(opened.head),
    )


def _unknown_head(head: Mapping[str, Any]) -> tuple[Note, ...]:
    return tuple(Note("warn.unknown_field", f"/{name}") for name in head if name not in _HEAD)


def recognise(body: bytes, content_type: str) -> str:
    """The message type a body looks like, "" if none of mine; looks at the first bytes only."""
    del content_type  # the same senders use several
    start = body[:4096].lstrip(b" \t\r\n\xef\xbb\xbf")
    for service in SERVICES:
        if start[:1] == b"<" and (b"<" + service.encode()) in start:
            return f"{STANDARD}/{service}"
        if start[:1] == b"{" and b'"' + service.encode() + b'"' in (start + body[-1024:]):
            return f"{STANDARD}/{service}"
    if start[:1] == b"[":
        if b'"ThoiDiemXuLy"' in start:
            return f"{STANDARD}/{PROGRESS}"
        if b'"TrangThaiHoSo"' in start or b'"MaTTHC"' in start:
            return f"{STANDARD}/{RECORD}"
    return ""


# ── records ──────────────────────────────────────────────────────────────────────────────────────


class _Reader:
    """Reads the records of one message one after the other and keeps what became of each."""

    def __init__(self, opened: Opened, profile: Profile, *, updating: bool | None, body: bytes) -> None:
        self.records: list[Record] = []
        self.refused: list[RefusedRecord] = []
        self.parked: list[ParkedRecord] = []
        self.extended = False
        self._opened = opened
        self._service = opened.service
        self._contract = _contract(opened.service)
        self._statuses = profile.statuses
        self._updating = updating
        self._is_row = opened.service == PROGRESS
        self._fields = PROGRESS_FIELDS if self._is_row else RECORD_FIELDS
        self._status_field = _STATUS_FIELD[opened.service]
        self._rows: list[suspicion.Row | None] = []
        root = opened.root
        self._xml_valid = root is not None and self._contract.is_valid_xml(root)
        self._volatile = b"=" in body
        self._marks = suspicion.may_hold_marks(body, xml=root is not None)
        self._scene = Scene(
            zone=profile.date_zone,
            xml=root is not None,
            code_lists=_code_lists(profile.options.get("applicant_types", "")),
        )

    def take(self, index: int) -> None:
        """Read one record; whatever is wrong with it stays with it."""
        scene = self._scene
        scene.begin()
        members: Any = None
        if self._opened.elements is None:
            members = ordinary.decode(self._service, self._opened.items[index])
            if members is not None and not self._is_row and not _procedure(members["MaTTHC"])[0]:
                members = None
        try:
            scene.ordinary = members is not None
            if members is not None:
                self._understand(index, members, members)
            else:
                members = self._members(index)
                self._check(index, members)
                self._understand(index, members, plain(members, "", self._fields, scene))
        except MessageRefused as refusal:
            errors = tuple(self._placed(index, error) for error in refusal.errors)
            span = self._opened.spans[index]
            self.refused.append(RefusedRecord(index=index, span=span, errors=errors, dossier=_dossier_word(members)))
        except Parked as parked:
            self._park(index, _dossier_word(members), parked)
        if self._is_row and len(self._rows) == index:
            self._rows.append(None)

    def _park(self, index: int, word: str, parked: Parked) -> None:
        self.parked.append(
            ParkedRecord(
                index=index,
                span=self._opened.spans[index],
                dossier=word,
                code=parked.code,
                path="/" + parked.wire,
                word=parked.word,
                service=self._service,
                material=self._material(index),
                code_scope=DossierCode.parse(word).scope,
                row=self._is_row,
            )
        )

    def _material(self, index: int) -> bytes:
        raw = self._opened.items[index]
        return strict_json.strip_volatile(raw, VOLATILE) if self._volatile else raw

    def _members(self, index: int) -> Any:
        elements = self._opened.elements
        members = record_of(elements[index]) if elements is not None else strict_json.decode(self._opened.items[index])
        if members.__class__ is not dict:
            raise MessageRefused("read.type", name=self._service)
        return members

    def _understand(self, index: int, members: dict[str, Any], texts: Mapping[str, Any]) -> None:
        """Make the record of valid members; ``texts`` are the same with every value as text or list."""
        scene = self._scene
        word = texts["MaHoSo"]
        try:
            code = DossierCode.parse(word)
        except ValueError:
            error = field_error("read.dossier_code", "/MaHoSo")
            raise MessageRefused(error.code, errors=(error,)) from None
        name = word.strip()
        if code.agency is not None:
            _check_agency(code, code.agency.top, scene)
        state = _state(texts[self._status_field], self._statuses, self._status_field)
        facts: tuple[AnyFact, ...]
        aliases: tuple[str, ...] = ()
        if self._is_row:
            facts = (rows.fact_of(texts, name, state, texts[self._status_field].strip(), scene),)
        else:
            facts = self._snapshot(texts, name, state)
            aliases = _aliases(texts, code, scene)
        if self._marks:
            suspicion.of_text(members, scene)
        if scene.errors:
            raise MessageRefused(scene.errors[0].code, errors=tuple(scene.errors))
        self.records.append(
            Record(
                index=index,
                span=self._opened.spans[index],
                dossier=name,
                facts=facts,
                material=self._material(index),
                service=self._service,
                row=self._is_row,
                updating=self._updating,
                aliases=aliases,
                agency=code.agency.normalised if code.agency is not None else "",
                code_scope=code.scope,
                warnings=tuple(scene.notes),
            )
        )
        if self._is_row:
            self._rows.append(suspicion.Row(dossier=code.key, state=state, at=facts[0].at or _NEVER))

    def _snapshot(self, texts: Mapping[str, Any], name: str, state: State) -> tuple[AnyFact, ...]:
        scene = self._scene
        procedure, suffix = _procedure(texts["MaTTHC"])
        if not procedure:
            scene.refuse("read.pattern", "MaTTHC")
        if suffix:
            scene.warn("warn.procedure_suffix", "MaTTHC")
        if not self.extended and not _EXTENDED.isdisjoint(texts):
            self.extended = True
        suspicion.of_record(texts, state, scene)
        return record.facts_of(texts, name, procedure, state, scene)

    def _check(self, index: int, members: dict[str, Any]) -> None:
        """The contract, then the unknown fields; a record that breaks the contract goes no further."""
        scene = self._scene
        if not self._xml_valid and self._opened.elements is not None:
            self._explain(members, _xml_faults(self._contract, self._opened, self._opened.elements[index]))
        elif self._opened.elements is None and not self._contract.is_valid_json(members):
            self._explain(members, self._contract.json_errors(members))
        if not members.keys() <= self._fields:
            scene.unknown = tuple(name for name in members if name not in self._fields)
            scene.notes.extend(Note("warn.unknown_field", "/" + name) for name in scene.unknown)
        if self._is_row:
            return
        if members.get("SoBienNhan").__class__ in {list, dict}:  # the one field we know and the contract does not
            raise MessageRefused("read.type", errors=(field_error("read.type", "/SoBienNhan", name="SoBienNhan"),))
        for name, known in _MEMBERS:
            items = members.get(name)
            if items is None:
                continue
            if items.__class__ is not list:
                members[name] = None  # "" and white space state no list
                continue
            for item in items:
                if not item.keys() <= known:
                    _note_unknown(name, item, known, scene)

    def _explain(self, members: dict[str, Any], found: tuple[FieldError, ...]) -> None:
        """Refuse a record with every fault; a core field that says nothing is *missing*, whatever rule it broke."""
        scene = self._scene
        for name in _CORE[self._service]:
            value = members.get(name)
            if value is None or (value.__class__ is str and not value.strip()):
                scene.refuse("read.missing", name)
        missing = {error.path for error in scene.errors}
        faults = (*scene.errors, *(error for error in found if error.path not in missing))
        if faults:
            raise MessageRefused(faults[0].code, errors=faults)

    def _placed(self, index: int, error: FieldError) -> FieldError:
        """A record's fault with its place in the whole message: JSON Pointer, or XPath with the line."""
        opened = self._opened
        if opened.elements is None:
            return msgspec.structs.replace(error, path=f"{opened.prefix}{index}{error.path}")
        steps = (f"/item[{int(part) + 1}]" if part.isdigit() else f"/{part}" for part in error.path.split("/")[1:])
        line = error.line or _line(opened.elements[index])
        return msgspec.structs.replace(error, path=f"{opened.prefix}[{index + 1}]{''.join(steps)}", line=line)

    def compare_rows(self) -> None:
        """Note what the order and times of a packet's rows give away."""
        by_index = {one.index: place for place, one in enumerate(self.records)}
        for index, notes in enumerate(suspicion.of_rows(self._rows)):
            if notes:
                place = by_index[index]
                one = self.records[place]
                self.records[place] = msgspec.structs.replace(one, warnings=(*one.warnings, *notes))


@cache
def _contract(service: str) -> catalog.Contract:
    """The extended edition: a superset, so whatever is valid as 2019 is valid here and the other way round."""
    return catalog.get(STANDARD, service, "extended")


@lru_cache(maxsize=4_096)
def _procedure(text: str) -> tuple[str, str]:
    """The bare procedure code and its suffix; "" where it is none."""
    try:
        code = ProcedureCode.parse(text)
    except ValueError:
        return "", ""
    return code.bare, code.suffix


def _note_unknown(name: str, item: dict[str, Any], known: frozenset[str], scene: Scene) -> None:
    for member in item:
        if member not in known:
            scene.warn("warn.unknown_field", f"{name}/{member}")


@cache
def _code_lists(dialect: str) -> tuple[tuple[str, str, Mapping[str, str]], ...]:
    return (
        ("KenhThucHien", "channel", codes.CHANNELS),
        ("LoaiDoiTuong", "applicant_type", codes.applicant_types(dialect)),
        ("NoiNopHoSo", "submitted_through", codes.PLACES),
    )


def _line(element: Any) -> int:
    return element.sourceline or 1


def _xml_faults(contract: catalog.Contract, opened: Opened, element: etree._Element) -> tuple[FieldError, ...]:
    """The faults of one record of a document that is not valid as a whole, with paths that start at the record."""
    alone = etree.Element(opened.service)
    etree.SubElement(alone, "data").append(deepcopy(element))
    if contract.is_valid_xml(alone):
        return ()
    top = f"/{opened.service}/data/{element.tag}"
    before = _line(element) - 1
    return tuple(
        msgspec.structs.replace(error, path=error.path.removeprefix(top), line=error.line + before if error.line else 0)
        for error in contract.xml_errors(etree.tostring(alone))
    )


def _state(word: str, statuses: Mapping[str, State], wire: str) -> State:
    """The business state of a status code: the party's own table first, then the standard's ten."""
    word = word.strip()
    if word in statuses:
        return statuses[word]
    try:
        return status.state_of_portal(word)
    except KeyError:
        raise Parked("park.status_unmapped", wire, word) from None


@cache
def _top(top: str) -> codetables.Agency | None:
    found = AgencyCode(top).table_row()
    return None if isinstance(found, codetables.Unknown) else found


def _check_agency(code: DossierCode, named: str, scene: Scene) -> None:
    """The agency a national code names must be in the table; a number of five digits is one sender's random one."""
    top = _top(named)
    if top is None:
        raise Parked("park.agency_unmapped", "MaHoSo", named)
    number = code.key.rpartition("-")[2]
    if len(number) == _RANDOM_DIGITS and number[0] != "0":
        scene.notes.append(_RANDOM)
    if top.valid_until_us is not None and code.day is not None:
        issued = dates.read_moment(code.day.strftime("%Y%m%d"))
        if issued.us >= top.valid_until_us:
            scene.notes.append(_RETIRED)


def _aliases(members: Mapping[str, Any], code: DossierCode, scene: Scene) -> tuple[str, ...]:
    """Other codes of the dossier: a receipt number in national form; the true code one sender leaks as a fee's name.

    A receipt number of any other form is a value and no alias: such numbers start again every year.
    """
    receipt = members.get("SoBienNhan")
    if not receipt and _RANDOM not in scene.notes:
        return ()
    found: list[str] = []
    words = [receipt] if receipt else []
    if _RANDOM in scene.notes:
        words.extend(fee.get("TenPhiLePhi") for fee in members.get("DanhSachLePhi") or ())
    for word in words:
        if isinstance(word, str) and "-" in word:
            try:
                other = DossierCode.parse(word)
            except ValueError:
                continue
            if other.scope == "national" and other.key != code.key:
                found.append(word.strip())
    return tuple(dict.fromkeys(found))


def _dossier_word(members: Any) -> str:
    """The dossier code of a record that goes no further, "" where it names none."""
    value = members.get("MaHoSo") if isinstance(members, dict) else None
    return as_text(value).strip()[:100] if isinstance(value, str | int | float) else ""


def normal_agency(code: str) -> str:
    """An agency code in one notation, top first; one that has neither form stays as it is."""
    try:
        return AgencyCode.parse(code.strip()).normalised
    except ValueError:
        return code.strip()
