"""A picture of a dossier as the portal's records: pure, no clock, no network.

``project`` says what of a picture the format can carry, as the very values the wire will hold, by canonical name;
``write`` puts them in the wire's order. Nothing is invented: what is not known is an empty string, which the standard
reads as "not stated", and what the portal must have is ``Unrenderable`` until somebody states it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from adapters.portal import codes, lists
from adapters.portal.fields import (
    EDITION_2019,
    EXTENDED_ONLY,
    HOMELESS,
    MANDATORY,
    MANDATORY_STRICT,
    NEEDS_RECEPTION,
    PROGRESS,
    RECEPTION_TEXTS,
    RECORD,
    SUBMISSION_FLAGS,
    SUBMISSION_TEXTS,
)
from adapters.portal.values import FLAGS
from adapters.portal.xmlform import ROOTS, encode, unfit
from contracts import dates, status
from contracts.delivery import Rendering, Unrenderable
from contracts.facts import State
from contracts.identifiers import ProcedureCode
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.reading import Note

_json: Final = msgspec.json.Encoder().encode
_MAX_SUBJECT: Final = 1000
_MAX_OFFICER: Final = 50
_LONG_OFFICER: Final = (Note(code="loss.not_carried", path="step.officer"),)
_NEVER_WRITTEN: Final = frozenset(("receipt_number", "extra", "state"))


_AS_IT_IS: Final[Callable[[Any], Any]] = str
_DATES: Final = (
    ("NgayNopHoSo", "submitted_at"),
    ("NgayTiepNhan", "received_at"),
    ("NgayHenTra", "due_at"),
    ("NgayTuChoi", "refused_at"),
    ("NgayKetThucXuLy", "finished_at"),
    ("NgayTra", "returned_at"),
)
_LISTS: Final[tuple[tuple[str, str, Callable[[Any], Any]], ...]] = (
    ("DinhDanhCHS", "applicant_papers", lists.applicant_papers),
    ("DSKetNoiCSDL", "connected_databases", lists.databases),
    ("TaiLieuNop", "documents", lists.documents),
    ("DanhSachLePhi", "fees", lists.fees),
    ("DanhSachTepDinhKemKhac", "other_papers", lists.papers),
    ("DanhSachHoSoBoSung", "supplements", lists.supplements),
    ("DanhSachGiayToKetQua", "results", lists.results),
)
_TEXTS: Final = (*SUBMISSION_TEXTS, *SUBMISSION_FLAGS, *RECEPTION_TEXTS, ("ThongTinTra", "return_info"))

NAME_OF: Final[dict[str, str]] = {
    "MaTTHC": "procedure_code",
    "KenhThucHien": "channel",
    "LoaiDoiTuong": "applicant_type",
    "NoiNopHoSo": "submitted_through",
    "TrangThaiHoSo": "state",
    **dict(_TEXTS),
    **dict(_DATES),
    **{wire: name for wire, name, _ in _LISTS},
}
"""Wire name → canonical name, for every field of a record but the code itself."""


@lru_cache(maxsize=4_096)
def _procedure(code: str) -> str | None:
    """The bare national code; a code that is none has no place on this wire."""
    try:
        return ProcedureCode.parse(code).bare
    except ValueError:
        return None


def _subject(text: str) -> str | None:
    return text if len(text) <= _MAX_SUBJECT else None


_RENDER: Final[dict[str, Callable[[Any], Any]]] = {
    "procedure_code": _procedure,
    "subject": _subject,
    "channel": codes.CHANNEL_CODES.get,
    "submitted_through": codes.PLACE_CODES.get,
    **{name: _AS_IT_IS for _, name in _TEXTS if name not in {*_NEVER_WRITTEN, "subject"}},
    **{name: FLAGS.get for _, name in SUBMISSION_FLAGS},
    **{name: lists.date for _, name in _DATES},
    **{name: render for _, name, render in _LISTS},
}
_FROM_EXTRA: Final = (
    *HOMELESS,
    ("NgayTiepNhan", "received_at"),
    ("DonViXuLy", "processing_agency"),
    ("HinhThuc", "return_method"),
    ("NgayHenTra", "due_at"),
)
_ORDER: Final = tuple((wire, NAME_OF[wire]) for wire in (*EDITION_2019, *EXTENDED_ONLY) if wire != "MaHoSo")
_ORDER_2019: Final = tuple((wire, NAME_OF[wire]) for wire in EDITION_2019 if wire != "MaHoSo")
_DATE_NAMES: Final = frozenset(name for _, name in _DATES)
_LIST_NAMES: Final = frozenset(name for _, name, _ in _LISTS)
_NAMES_2019: Final = frozenset(name for _, name in _ORDER_2019)
_LATER_MEMBERS: Final = frozenset(
    ("DuocSoHoa", "DuocTaiSuDung", "DuocLayTuKhoDMQG", "MaKetQuaThayThe", "MaGiayToKetQua")
)


def project(picture: Picture, profile: Profile) -> Mapping[str, Any]:
    """What a record can carry of a picture: the wire's own values by canonical name; ``state`` is the portal's code."""
    carried: dict[str, Any] = {}
    fields = picture.fields
    for name, value in fields.items():
        render = _RENDER.get(name)
        if render is _AS_IT_IS:
            carried[name] = value
        elif render is not None and value:
            made = render(value)
            if made is not None:
                carried[name] = made
    applicant = fields.get("applicant_type")
    if applicant:
        carried["applicant_type"] = codes.applicant_code(applicant, profile.options.get("applicant_types", ""))
    extra = fields.get("extra")
    if extra:
        _take_extra(extra, carried)
    if picture.state:
        carried["state"] = status.portal_code(picture.state)
    if profile.options.get("edition") == "2019":
        return _as_2019(carried)
    return carried


def _take_extra(extra: Mapping[str, str], carried: dict[str, Any]) -> None:
    """Values the reader kept under their wire names, because they stood beside another state than their own."""
    for wire, name in _FROM_EXTRA:
        if wire in extra and name not in carried:
            text = extra[wire]
            if name in _DATE_NAMES:
                try:
                    text = dates.print_compact(dates.read_moment(text))
                except ValueError:
                    continue
            carried[name] = text


def write(due: Due, profile: Profile) -> tuple[Rendering, ...] | Unrenderable:
    """Render the record, where it is due, and then the rows the target lacks, each as one rendering."""
    xml = profile.options.get("format") == "xml"
    renderings: list[Rendering] = []
    if due.record:
        carried = project(due.picture, profile)
        missing = _missing(carried, due.picture.state, profile)
        if missing:
            return Unrenderable(code="park.missing_for_target", missing=missing)
        record = record_members(due.code, carried, profile)
        renderings.append(
            Rendering(
                lane=f"{RECORD}:{due.known}",
                service=RECORD,
                updating=due.known,
                code=due.code,
                body=encode(ROOTS[RECORD], record) if xml else _json(record),
                losses=_losses(due.picture.fields, carried, record, profile),
            )
        )
    for step in due.steps:
        row = row_members(due.code, step)
        renderings.append(
            Rendering(
                lane=f"{PROGRESS}:False",
                service=PROGRESS,
                updating=False,
                code=due.code,
                body=encode(ROOTS[PROGRESS], row) if xml else _json(row),
                rows=(step.position,),
                losses=_LONG_OFFICER if len(step.step.officer) > _MAX_OFFICER else (),
            )
        )
    return tuple(renderings)


def record_members(code: str, carried: Mapping[str, Any], profile: Profile) -> dict[str, Any]:
    """A record in the order of the edition; what is not known is an empty string or list, as the standard has it."""
    record: dict[str, Any] = {"MaHoSo": code}
    get = carried.get
    for wire, name in _ORDER_2019 if profile.options.get("edition") == "2019" else _ORDER:
        value = get(name)
        record[wire] = ([] if name in _LIST_NAMES else "") if value is None else value
    return record


def row_members(code: str, taken: StepTaken) -> dict[str, Any]:
    """One row of progress; a silent one stands under the state that held at its time."""
    step = taken.step
    return {
        "MaHoSo": code,
        "NguoiXuLy": step.officer if len(step.officer) <= _MAX_OFFICER else "",
        "ChucDanh": step.title,
        "ThoiDiemXuLy": lists.date(taken.at),
        "PhongBanXuLy": step.department,
        "NoiDungXuLy": step.content,
        "TrangThai": status.portal_code(taken.state),
        "NgayBatDau": lists.date(step.started_at),
        "NgayKetThucTheoQuyDinh": lists.date(step.due_at),
    }


def _as_2019(carried: dict[str, Any]) -> dict[str, Any]:
    """Drop what the 27 fields and their lists have no place for."""
    kept = {name: value for name, value in carried.items() if name in _NAMES_2019}
    for name in ("documents", "results"):
        if name in kept:
            kept[name] = [
                {member: value for member, value in item.items() if member not in _LATER_MEMBERS} for item in kept[name]
            ]
    return kept


def _missing(carried: Mapping[str, Any], state: State, profile: Profile) -> tuple[str, ...]:
    missing = [name for name in MANDATORY if not carried.get(name)]
    if not state:
        missing.append("state")
    if state in NEEDS_RECEPTION and not carried.get("received_at"):
        missing.append("received_at")
    if profile.options.get("mandatory") == "strict":
        missing.extend(name for name in MANDATORY_STRICT if not carried.get(name))
    return tuple(missing)


def _losses(
    fields: Mapping[str, Any], carried: Mapping[str, Any], record: Mapping[str, Any], profile: Profile
) -> tuple[Note, ...]:
    known = codes.LOSSES
    losses = [known[name] for name in fields if name not in carried and name in known and fields[name]]
    for name, is_whole in lists.IS_WHOLE.items():
        if name in carried and not is_whole(fields[name]):
            losses.append(known[name])
    kind = fields.get("applicant_type")
    if kind and codes.is_folded(kind, profile.options.get("applicant_types", "")):
        losses.append(codes.LOSSES["applicant_type"])
    if profile.options.get("format") == "xml":
        losses.extend(
            Note(code="loss.not_carried", path=NAME_OF[wire])
            for wire, value in record.items()
            if isinstance(value, str) and unfit(value)
        )
    return tuple(losses)
