"""``HoSoLienThong`` → facts: the applicant and the papers by canonical name, the form by wire name in ``extra``."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from adapters.civil_status.carrier import (
    Opened,
    attachment_spans,
    numbers_as_text,
    open_carrier,
    placed,
    refusal_of,
    unknown_members,
)
from adapters.civil_status.codes import scope_of
from adapters.civil_status.form import ROOT, FormRefused, read_form
from adapters.civil_status.tables import FIELDS
from adapters.civil_status.times import is_standard, read_time
from adapters.civil_status.wire import (
    DOSSIER,
    DOSSIER_MEMBERS,
    EDITION,
    EXTRA,
    FILE_MEMBERS,
    MODULES,
    STANDARD,
)
from contracts import catalog, strict_json
from contracts.errors import FieldError, MessageRefused, field_error
from contracts.facts import AnyFact, Document, DossierReceived, DossierSubmitted, IdentityPaper
from contracts.moment import Moment
from contracts.ports import Profile
from contracts.reading import Note, Reading, Record, RefusedRecord, Span

CITIZEN_PAPER: Final = "1"
"""QCVN 120 ``LoaiDinhDanh`` of a 12-digit citizen number."""

_CONTRACT: Final = catalog.get(STANDARD, DOSSIER, EDITION)
_FORM: Final = catalog.get(STANDARD, ROOT, EDITION)
_CITIZEN_DIGITS: Final = 12
_DELETED: Final = (1, "1", True)
_TEXTS: Final = frozenset(("maTTHC", "module", "maHoSo", "maHoSoLT", "soHoSoLT", "ngayTiepNhan"))
_KEPT: Final = ("module", "maDonVi", "techId")
_ASSUMED_SUBMISSION: Final = ("procedure_name", "field_code", "field_name", "subject")
_ASSUMED_RECEPTION: Final = ("processing_agency", "processing_agency_code", "return_method")


class _Papers(msgspec.Struct, frozen=True):
    """The papers that came along, and whether any of them brought its content."""

    documents: tuple[Document, ...]
    attached: bool


def read_dossier(body: bytes, profile: Profile) -> Reading:
    """Read one dossier. ``MessageRefused`` when the body is not JSON at all; else its faults refuse the record."""
    split = strict_json.split_object(body)
    span = split.spans[0]
    code = ""
    try:
        opened = open_carrier(split.items[0])
        code = _code(opened.value)
        record, attachments = _record(opened, span, body, profile)
    except MessageRefused as refusal:
        return _reading(refused=RefusedRecord(index=0, span=span, errors=refusal.errors, dossier=code))
    return _reading(record=record, attachments=attachments)


def _reading(
    *, record: Record | None = None, refused: RefusedRecord | None = None, attachments: tuple[Span, ...] = ()
) -> Reading:
    return Reading(
        standard=STANDARD,
        edition=EDITION,
        service=DOSSIER,
        records=(record,) if record is not None else (),
        refused=(refused,) if refused is not None else (),
        attachments=attachments,
    )


def _code(value: Mapping[str, Any]) -> str:
    code = value.get("maHoSo")
    return str(code).strip() if isinstance(code, str | int) and not isinstance(code, bool) else ""


def _record(opened: Opened, span: Span, body: bytes, profile: Profile) -> tuple[Record, tuple[Span, ...]]:
    value, path = opened.value, opened.path
    warnings = numbers_as_text(value, _TEXTS, path)
    if not _CONTRACT.is_valid_json(value):
        raise refusal_of(placed(_CONTRACT.json_errors(value), path))
    warnings += unknown_members(value, DOSSIER_MEMBERS, path)
    code = value["maHoSo"].strip()
    scope, agency, errors = scope_of(code, f"{path}/maHoSo")
    module = MODULES[value["module"]]
    at, at_errors = _taken_in(value, path, profile, warnings)
    errors += at_errors
    papers, paper_errors = _papers(value.get("fileDinhKem") or [], path, warnings)
    errors += paper_errors
    try:
        form = read_form(value["data"], module, _FORM)
    except FormRefused as refusal:
        raise refusal_of((*errors, *placed(refusal.errors, f"{path}/data"))) from None
    if errors or at is None:
        raise refusal_of(errors)
    warnings += [Note(note.code, f"{path}/data{note.path}") for note in form.warnings]
    aliases = {alias.strip() for name in ("maHoSoLT", "soHoSoLT") if (alias := value.get(name) or "").strip()}
    record = Record(
        index=0,
        span=span,
        dossier=code,
        facts=_facts(code, module, at, value, form.values, papers.documents, profile),
        material=opened.raw,
        service=DOSSIER,
        aliases=tuple(sorted(aliases - {code})),
        agency=agency,
        code_scope=scope,
        warnings=tuple(warnings),
    )
    return record, attachment_spans(body) if papers.attached else ()


def _taken_in(
    value: Mapping[str, Any], path: str, profile: Profile, warnings: list[Note]
) -> tuple[Moment | None, list[FieldError]]:
    text = value["ngayTiepNhan"]
    try:
        at = read_time(text, profile)
    except ValueError:
        at = None
    if at is None:
        return None, [field_error("read.date", f"{path}/ngayTiepNhan", name="ngayTiepNhan")]
    if not is_standard(text):
        warnings.append(Note("warn.date_form", f"{path}/ngayTiepNhan"))
    return at, []


def _papers(files: list[dict[str, Any]], path: str, warnings: list[Note]) -> tuple[_Papers, list[FieldError]]:
    documents: list[Document] = []
    attached = False
    errors: list[FieldError] = []
    for index, file in enumerate(files):
        place = f"{path}/fileDinhKem/{index}"
        warnings += unknown_members(file, FILE_MEMBERS, place)
        content = file.get("duLieuTepDinhKem") or ""
        digest = _digest(content)
        if digest is None:
            errors.append(field_error("read.pattern", f"{place}/duLieuTepDinhKem", name="duLieuTepDinhKem"))
            continue
        attached = attached or bool(content)
        documents.append(
            Document(
                name=file["tenTepDinhKem"],
                id=_text(file.get("id")),
                component_code=_text(file.get("loaiGiayTo")),
                deleted=file.get("huyGiayTo") in _DELETED,
                content_sha256=digest,
            )
        )
    return _Papers(tuple(documents), attached), errors


def _digest(content: str) -> str | None:
    """SHA-256 of what a Base64 text holds, "" of nothing, None where it is not Base64."""
    if not content:
        return ""
    try:
        return sha256(b64decode("".join(content.split()), validate=True)).hexdigest()
    except (Base64Error, ValueError):
        return None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _facts(
    code: str,
    module: str,
    at: Moment,
    value: Mapping[str, Any],
    form: Mapping[str, str],
    documents: tuple[Document, ...],
    profile: Profile,
) -> tuple[AnyFact, ...]:
    """The submission, and the reception: DVCLT takes a dossier in before it hands it on, both at ``ngayTiepNhan``."""
    named: dict[str, Any] = {FIELDS[name].canonical: text for name, text in form.items() if FIELDS[name].canonical}
    number = named.get("applicant_paper_number", "")
    if len(number) == _CITIZEN_DIGITS and number.isascii() and number.isdigit():
        named["applicant_papers"] = (IdentityPaper(kind=CITIZEN_PAPER, number=number),)
    if documents:
        named["documents"] = documents
    submitted = DossierSubmitted(
        dossier=code,
        at=at,
        procedure_code=value["maTTHC"].strip(),
        channel="online",
        submitted_through="portal",
        applicant_type="citizen",
        extra=_extra(value, module, form),
        **named,
        **_assumed(_ASSUMED_SUBMISSION, module, profile),
    )
    received = DossierReceived(dossier=code, at=at, received_at=at, **_assumed(_ASSUMED_RECEPTION, module, profile))
    return (submitted, received)


def _extra(value: Mapping[str, Any], module: str, form: Mapping[str, str]) -> dict[str, str]:
    extra = {EXTRA + name: text for name in _KEPT if (text := _text(value.get(name)))}
    extra[EXTRA + "module"] = module
    prefix = f"{EXTRA}{ROOT}."
    for name, text in form.items():
        if not FIELDS[name].canonical:
            extra[prefix + name] = text
    for index, file in enumerate(value.get("fileDinhKem") or ()):
        if file.get("tenGiayTo"):
            extra[f"{EXTRA}fileDinhKem.{index}.tenGiayTo"] = file["tenGiayTo"]
    return extra


def _assumed(names: tuple[str, ...], module: str, profile: Profile) -> dict[str, Any]:
    """What an operator states for all dossiers of this party, because the wire has no place for it."""
    options = profile.options
    if not options:
        return {}
    assumed: dict[str, Any] = {}
    for name in names:
        text = options.get(f"assume.{name}.{module}") or options.get(f"assume.{name}")
        if text:
            assumed[name] = text
    return assumed
