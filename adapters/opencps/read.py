"""One LGSP message as facts: pure, one object as one record, an array as many.

A fault of one record stays with that record. A word that no table knows parks the record, because then a mapping is
missing on our side. The message as a whole is refused only when nobody could say where its records are.
Source: MSyncDocument and MDocumentTraces of OpenCPS, as under ``contracts/wire/opencps/lgsp-2020``.
"""

import re
import unicodedata
from datetime import date
from functools import cache, lru_cache
from typing import Any, Final, cast

import msgspec

from adapters.opencps import record, tables, traces
from adapters.opencps.fields import EDITION, MEMBERS, RECORD, RECORD_FIELDS, SERVICES, STANDARD, TRACE, TRACE_FIELDS
from adapters.opencps.values import Parked, Scene
from contracts import catalog, dates, strict_json
from contracts.codetables import Agency
from contracts.envelope import Envelope
from contracts.errors import FieldError, MessageRefused, field_error
from contracts.facts import AnyFact, State
from contracts.identifiers import AgencyCode, DossierCode, ProcedureCode
from contracts.ports import Profile
from contracts.reading import ParkedRecord, Reading, Record, RefusedRecord, Span

VOLATILE: Final = (strict_json.FILE_URL_TIME,)
INLINE_LIMIT: Final = 256
"""Inline files with more characters than this are kept apart from their record, under a key of their own."""

CLOSED_MEANINGS: Final = ("refused", "withdrawn", "stopped")
_RANDOM_NUMBER: Final = re.compile(r"-[0-9]{6}-[1-9][0-9]{4}$")
"""Five digits where the rule has four: how one known sender makes up a code."""

_COMBINING: Final = (b"\xcc", b"\xcd", b"\\u03")
"""First bytes of combining marks U+0300 to U+036F in UTF-8, and the start of their escapes in JSON."""

_CODE_FAULT: Final[FieldError] = field_error("read.dossier_code", "/DocCode")


class _Inline(msgspec.Struct):
    Base64: msgspec.Raw = msgspec.Raw(b"")


class _Attached(msgspec.Struct):
    Attachments: list[_Inline] | None = None


_inline_files: Final = msgspec.json.Decoder(_Attached).decode


def read(envelope: Envelope, profile: Profile) -> Reading:
    """Understand one message.

    Raises ``MessageRefused`` with the codes of ``contracts.strict_json.split``, ``read.envelope`` for a type that is
    not of this format, and ``intake.type_unknown`` where neither the transport nor the body says which it is.
    """
    body = envelope.body
    service = _service(envelope)
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        parts = strict_json.split(body, None)
        prefix = "/"
    else:
        parts = strict_json.split_object(body)
        prefix = ""
    reader = _Reader(service, prefix, scene_of(profile))
    for index, raw in enumerate(parts.items):
        reader.take(index, raw, parts.spans[index])
    return Reading(
        standard=STANDARD,
        edition=EDITION,
        service=service,
        records=tuple(reader.records),
        refused=tuple(reader.refused),
        parked=tuple(reader.parked),
        attachments=tuple(reader.attachments),
    )


def recognise(body: bytes, content_type: str) -> str:
    """The message type a body looks like, "" if none of mine; looks at its first and last bytes only."""
    del content_type  # the senders in use have but one
    start = body[:4096].lstrip(b" \t\r\n\xef\xbb\xbf")
    if start[:1] not in {b"{", b"["}:
        return ""
    looked = start + body[-1024:] if len(body) > len(start) else start
    if b'"DocCode"' not in looked:
        return ""
    if b'"DocTypeCode"' in looked or b'"CitizenName"' in looked or b'"ProcessingOrganName"' in looked:
        return f"{STANDARD}/{RECORD}"
    if b'"DocumentId"' in looked or b'"DateCreated"' in looked:
        return f"{STANDARD}/{TRACE}"
    return ""


def scene_of(profile: Profile) -> Scene:
    """What the party's profile says about reading. An unknown ``closed_means`` counts as none."""
    options = profile.options
    closed = options.get("closed_means", "")
    return Scene(
        zone=profile.date_zone,
        z_is_local=options.get("literal_z", "local") != "utc",
        statuses=profile.statuses,
        closed=cast("State", closed) if closed in CLOSED_MEANINGS else "",
    )


def _service(envelope: Envelope) -> str:
    told = envelope.type or recognise(envelope.body, envelope.content_type)
    standard, _, service = told.partition("/")
    if not told:
        raise MessageRefused("intake.type_unknown")
    if standard != STANDARD or service not in SERVICES:
        raise MessageRefused("read.envelope", f"{told[:80]} is not of this format")
    return service


class _Reader:
    """Takes the records of one message one by one."""

    def __init__(self, service: str, prefix: str, scene: Scene) -> None:
        self.service: Final = service
        self.prefix: Final = prefix
        self.scene: Final = scene
        self.contract: Final = _contract(service)
        self.known: Final = RECORD_FIELDS if service == RECORD else TRACE_FIELDS
        self.records: list[Record] = []
        self.refused: list[RefusedRecord] = []
        self.parked: list[ParkedRecord] = []
        self.attachments: list[Span] = []

    def take(self, index: int, raw: bytes, span: Span) -> None:
        """Read one record into one of the three lists."""
        scene = self.scene
        scene.begin()
        dossier = ""
        value: Any = None
        try:
            value = strict_json.decode(raw)
            if isinstance(value, dict):
                dossier = _code_text(value.get("DocCode"))
            if not self.contract.is_valid_json(value):
                raise MessageRefused("read.structure", errors=self.contract.json_errors(value), name=self.service)
            code = _dossier_code(dossier)
            facts = self._facts(value, code)
            if scene.errors:
                raise MessageRefused(scene.errors[0].code, errors=tuple(scene.errors))
        except MessageRefused as refusal:
            self._refuse(index, span, refusal, dossier)
        except Parked as missing:
            self._park(index, raw, span, missing, dossier)
        else:
            self._accept(index, raw, span, value, code, facts)
        if self.service == RECORD and len(raw) > INLINE_LIMIT and b"Base64" in raw and _has_long_file(value):
            self.attachments.extend(inline_files(raw, span[0]))

    def _facts(self, value: dict[str, Any], code: DossierCode) -> tuple[AnyFact, ...]:
        scene = self.scene
        if code.agency is not None and not _is_known(code.agency.top):
            raise Parked("park.agency_unmapped", "DocCode", code.agency.top)
        if not value.keys() <= self.known:
            scene.unknown = tuple(name for name in value if name not in self.known)
            for name in scene.unknown:
                scene.warn("warn.unknown_field", _escaped(name))
        if self.service == TRACE:
            return (traces.fact_of(value, code.text, scene),)
        for name, members in MEMBERS.items():
            if items := value.get(name):
                self._note_members(name, items, members)
        return record.facts_of(value, code.text, self._procedure(value["DocTypeCode"]), scene)

    def _note_members(self, name: str, items: list[dict[str, Any]], members: frozenset[str]) -> None:
        for item in items:
            if not item.keys() <= members:
                for member in item:
                    if member not in members:
                        self.scene.warn("warn.unknown_field", f"{name}/{_escaped(member)}")

    def _procedure(self, value: Any) -> str:
        """The national code without its suffix; a code of the sender's own stays as it is."""
        written = str(value).strip()
        try:
            procedure = ProcedureCode.parse(written)
        except ValueError:
            return written
        if procedure.suffix:
            self.scene.warn("warn.procedure_suffix", "DocTypeCode")
        return procedure.bare

    def _accept(
        self, index: int, raw: bytes, span: Span, value: dict[str, Any], code: DossierCode, facts: tuple[AnyFact, ...]
    ) -> None:
        scene = self.scene
        self._note_suspects(raw, value, code)
        self.records.append(
            Record(
                index=index,
                span=span,
                dossier=code.text,
                facts=facts,
                material=strict_json.strip_volatile(raw, VOLATILE) if b"t=" in raw else raw,
                service=self.service,
                row=self.service == TRACE,
                agency=code.agency.normalised if code.agency else "",
                code_scope=code.scope,
                warnings=tuple(scene.notes),
                losses=tuple(scene.losses),
            )
        )

    def _note_suspects(self, raw: bytes, value: dict[str, Any], code: DossierCode) -> None:
        """What real senders do that no rule allows: seen, accepted, noted. Changes no value."""
        scene = self.scene
        for member in tables.SUSPECT_MEMBERS:
            word = value.get(member)
            if word.__class__ is str and word and len(word) <= tables.LONGEST_SUSPECT:
                warning = tables.SUSPECTS.get((member, word.strip().casefold()))
                if warning:
                    scene.warn(warning, member)
        if value["DocCode"].__class__ is not str:
            scene.warn("warn.number_for_string", "DocCode")
        if _RANDOM_NUMBER.search(code.text):
            scene.warn("warn.random_dossier_code", "DocCode")
        if code.agency is not None and code.day is not None and _was_retired(code.agency.top, code.day):
            scene.warn("warn.agency_retired", "DocCode")
        if _COMBINING[0] in raw or _COMBINING[1] in raw or _COMBINING[2] in raw:
            for name, text in value.items():
                if isinstance(text, str) and not unicodedata.is_normalized("NFC", text):
                    scene.warn("warn.not_nfc", name)

    def _refuse(self, index: int, span: Span, refusal: MessageRefused, dossier: str) -> None:
        prefix = f"{self.prefix}{index}" if self.prefix else ""
        errors = tuple(msgspec.structs.replace(error, path=prefix + error.path) for error in refusal.errors)
        self.refused.append(RefusedRecord(index=index, span=span, errors=errors, dossier=dossier))

    def _park(self, index: int, raw: bytes, span: Span, missing: Parked, dossier: str) -> None:
        code = _dossier_code(dossier)
        self.parked.append(
            ParkedRecord(
                index=index,
                span=span,
                dossier=code.text,
                code=missing.code,
                path=f"{self.prefix}{index}/{missing.wire}" if self.prefix else f"/{missing.wire}",
                word=missing.word,
                service=self.service,
                material=strict_json.strip_volatile(raw, VOLATILE),
                code_scope=code.scope,
                row=self.service == TRACE,
            )
        )


def inline_files(raw: bytes, start: int) -> list[Span]:
    """The byte ranges of the inline files of one record, where they are longer than ``INLINE_LIMIT``.

    Ranges cover the text between the quotes and are counted from ``start``. A record too broken to be walked has none.
    """
    try:
        items = _inline_files(raw).Attachments or []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    spans: list[Span] = []
    at = 0
    for item in items:
        written = bytes(item.Base64)
        if len(written) <= INLINE_LIMIT + 2 or not written.startswith(b'"'):
            continue
        found = raw.find(written, at)
        if found < 0:
            break
        at = found + len(written)
        spans.append((start + found + 1, start + at - 1))
    return spans


def _has_long_file(value: Any) -> bool:
    """Whether any inline file of a decoded record is longer than ``INLINE_LIMIT``; unsure where it was not decoded."""
    items = value.get("Attachments") if isinstance(value, dict) else True
    if not isinstance(items, list):
        return items is not None
    for item in items:
        content = item.get("Base64") if isinstance(item, dict) else None
        if content.__class__ is str and len(content) > INLINE_LIMIT:
            return True
    return False


def _code_text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if value.__class__ is int else ""


def _dossier_code(text: str) -> DossierCode:
    try:
        return DossierCode.parse(text)
    except ValueError:
        raise MessageRefused("read.dossier_code", errors=(_CODE_FAULT,)) from None


@cache
def _contract(service: str) -> catalog.Contract:
    return catalog.get(STANDARD, service, EDITION)


@lru_cache(maxsize=4_096)
def _was_retired(top: str, day: date) -> bool:
    """Whether an agency had ended before the day it gave out a code."""
    row = AgencyCode(top).table_row()
    if not isinstance(row, Agency) or row.valid_until_us is None:
        return False
    return dates.read_moment(day.strftime("%Y%m%d"), ("day",)).us >= row.valid_until_us


@cache
def _is_known(top: str) -> bool:
    return isinstance(AgencyCode(top).table_row(), Agency)


def _escaped(name: str) -> str:
    """A member's name as part of a JSON Pointer (RFC 6901), cut to what a note may hold."""
    return name[:80].replace("~", "~0").replace("/", "~1")
