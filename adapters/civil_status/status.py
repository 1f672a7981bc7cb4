"""``TrangThai`` → facts: one row of progress, and a new promised date where one is stated."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

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
from adapters.civil_status.outcome import Outcome, read_outcome
from adapters.civil_status.tables import STATE_OF_CODE
from adapters.civil_status.times import is_standard, read_time
from adapters.civil_status.wire import EDITION, PROCESSING_LEVEL, STANDARD, STATUS, STATUS_MEMBERS
from contracts import catalog, strict_json
from contracts.errors import FieldError, MessageRefused, field_error
from contracts.facts import (
    AnyFact,
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    DossierWithdrawn,
    DueDateChanged,
    PaymentRequested,
    ProcessingFinished,
    ProcessingStepRecorded,
    ProcessingStopped,
    ResultHandedOver,
    ResultIssued,
    State,
    Step,
    SupplementRequested,
)
from contracts.moment import Moment
from contracts.ports import Profile
from contracts.reading import Note, ParkedRecord, Reading, Record, RefusedRecord, Span

_CONTRACT: Final = catalog.get(STANDARD, STATUS, EDITION)
_TEXTS: Final = STATUS_MEMBERS - {"coQuanXuLy", "trangThai"}
_TIMES: Final = (
    "thoiGianThucHien",
    "ngayBatDau",
    "ngayKetThucTheoQuyDinh",
    "ngayHenTraTruoc",
    "ngayHenTraMoi",
    "hanBoSungHoSo",
)


class _Item(msgspec.Struct, frozen=True):
    """One message of an array, where it stands, and how it is read."""

    index: int
    span: Span
    profile: Profile


class _Said(msgspec.Struct, frozen=True):
    """One status message after validation. ``times`` are the stated ones by wire name."""

    code: str
    state: State
    word: str
    at: Moment
    value: Mapping[str, Any]
    times: Mapping[str, Moment]
    outcome: Outcome


def read_statuses(body: bytes, profile: Profile) -> Reading:
    """Read one status or an array of them, record by record. ``MessageRefused`` when the body is not JSON at all."""
    is_array = body.lstrip(b" \t\r\n")[:1] == b"["
    split = strict_json.split(body, None) if is_array else strict_json.split_object(body)
    records: list[Record] = []
    refused: list[RefusedRecord] = []
    parked: list[ParkedRecord] = []
    attached = False
    for index, (raw, span) in enumerate(zip(split.items, split.spans, strict=True)):
        found = _read_one(_Item(index, span, profile), raw)
        if isinstance(found, Record):
            records.append(found)
            attached = attached or any(isinstance(fact, ResultIssued) for fact in found.facts)
        elif isinstance(found, ParkedRecord):
            parked.append(found)
        else:
            refused.append(found)
    return Reading(
        standard=STANDARD,
        edition=EDITION,
        service=STATUS,
        records=tuple(records),
        refused=tuple(refused),
        parked=tuple(parked),
        attachments=attachment_spans(body) if attached else (),
    )


def _read_one(item: _Item, raw: bytes) -> Record | RefusedRecord | ParkedRecord:
    code = ""
    try:
        opened = open_carrier(raw)
        code = str(opened.value.get("maHoSo") or "").strip()
        return _record(item, opened)
    except MessageRefused as refusal:
        return RefusedRecord(index=item.index, span=item.span, errors=refusal.errors, dossier=code)


def _record(item: _Item, opened: Opened) -> Record | ParkedRecord:
    value, path = opened.value, opened.path
    warnings = numbers_as_text(value, _TEXTS, path)
    if not _CONTRACT.is_valid_json(value):
        raise refusal_of(placed(_CONTRACT.json_errors(value), path))
    code = value["maHoSo"].strip()
    scope, agency, errors = scope_of(code, f"{path}/maHoSo")
    times, time_errors = _times(value, path, item.profile, warnings)
    if errors or time_errors:
        raise refusal_of((*errors, *time_errors))
    word = str(value["trangThai"]).strip()
    state = item.profile.statuses.get(word) or STATE_OF_CODE.get(word)
    if not state:
        return ParkedRecord(
            index=item.index,
            span=item.span,
            dossier=code,
            code="park.status_unmapped",
            path=f"{path}/trangThai",
            word=word,
            service=STATUS,
            material=opened.raw,
            code_scope=scope,
            row=True,
        )
    outcome = read_outcome(value.get("ketQuaXuLy"))
    said = _Said(code, state, word, times["thoiGianThucHien"], value, times, outcome)
    warnings += unknown_members(value, STATUS_MEMBERS, path)
    return Record(
        index=item.index,
        span=item.span,
        dossier=code,
        facts=_facts(said),
        material=opened.raw,
        service=STATUS,
        row=True,
        aliases=_aliases(value, code),
        agency=agency,
        code_scope=scope,
        warnings=tuple(warnings),
        losses=_losses(said, path),
    )


def _aliases(value: Mapping[str, Any], code: str) -> tuple[str, ...]:
    other = (value.get("soHoSoLT") or "").strip()
    return (other,) if other and other != code else ()


def _times(
    value: Mapping[str, Any], path: str, profile: Profile, warnings: list[Note]
) -> tuple[dict[str, Moment], list[FieldError]]:
    """All stated times by wire name; one that is impossible, or a missing ``thoiGianThucHien``, is a fault."""
    times: dict[str, Moment] = {}
    errors: list[FieldError] = []
    for name in _TIMES:
        text = value.get(name)
        if not text:
            continue
        try:
            moment = read_time(text, profile)
        except ValueError:
            errors.append(field_error("read.date", f"{path}/{name}", name=name))
            continue
        if moment is not None:
            times[name] = moment
            if not is_standard(text):
                warnings.append(Note("warn.date_form", f"{path}/{name}"))
    if "thoiGianThucHien" not in times and not errors:
        errors.append(field_error("read.date", f"{path}/thoiGianThucHien", name="thoiGianThucHien"))
    return times, errors


def _step(said: _Said) -> Step:
    value = said.value
    return Step(
        officer=value.get("nguoiXuLy") or "",
        title=value.get("chucDanh") or "",
        department=value.get("phongBanXuLy") or "",
        content=value.get("noiDungXuLy") or (value.get("ghiChu") or "" if said.state != "refused" else ""),
        started_at=said.times.get("ngayBatDau"),
        due_at=said.times.get("ngayKetThucTheoQuyDinh"),
        word=said.word,
    )


def _facts(said: _Said) -> tuple[AnyFact, ...]:
    facts: list[AnyFact] = [_main_fact(said)]
    promised = said.times.get("ngayHenTraMoi")
    if promised is not None and said.state != "received":
        facts.append(DueDateChanged(dossier=said.code, at=said.at, due_at=promised))
    if said.outcome.results:
        facts.append(ResultIssued(dossier=said.code, at=said.at, results=said.outcome.results))
    return tuple(facts)


def _main_fact(said: _Said) -> AnyFact:  # noqa: PLR0911  # one line per business state
    at = said.at
    base: dict[str, Any] = {"dossier": said.code, "at": at, "step": _step(said)}
    match said.state:
        case "submitted":
            return DossierSubmitted(**base, submitted_at=at)
        case "received":
            due_at = said.times.get("ngayHenTraMoi") or said.times.get("ngayKetThucTheoQuyDinh")
            return DossierReceived(**base, received_at=at, due_at=due_at or UNSET)
        case "supplement_requested":
            until = said.times.get("hanBoSungHoSo")
            return SupplementRequested(**base, supplement_due_at=until or UNSET)
        case "payment_requested":
            return PaymentRequested(**base)
        case "finished":
            return ProcessingFinished(**base, finished_at=at)
        case "handed_over":
            return ResultHandedOver(**base, returned_at=at, return_info=said.outcome.text or UNSET)
        case "refused":
            return DossierRefused(**base, refused_at=at, reason=_reason(said))
        case "stopped":
            return ProcessingStopped(**base, reason=_reason(said))
        case "withdrawn":
            return DossierWithdrawn(**base, reason=_reason(said))
        case _:
            return ProcessingStepRecorded(**base)


def _reason(said: _Said) -> str | UnsetType:
    return said.value.get("ghiChu") or said.value.get("noiDungXuLy") or UNSET


def _losses(said: _Said, path: str) -> tuple[Note, ...]:
    """What was stated and has no place in the facts of this state. The procedure is the submission's to say."""
    value, lost = said.value, []
    remark = value.get("ghiChu")
    if (
        remark
        and said.state not in {"refused", "stopped", "withdrawn"}
        and value.get("noiDungXuLy") not in (None, "", remark)
    ):
        lost.append("ghiChu")
    if said.outcome.incomplete or (said.outcome.text and said.state != "handed_over"):
        lost.append("ketQuaXuLy")
    if "ngayHenTraTruoc" in said.times:
        lost.append("ngayHenTraTruoc")
    if "hanBoSungHoSo" in said.times and said.state != "supplement_requested":
        lost.append("hanBoSungHoSo")
    if value.get("coQuanXuLy") not in (None, "", PROCESSING_LEVEL, str(PROCESSING_LEVEL)):
        lost.append("coQuanXuLy")
    return tuple(Note("loss.not_carried", f"{path}/{name}") for name in lost)
