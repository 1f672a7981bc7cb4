"""One ``DongBoHoSoMC`` record as facts: the values of the submission, of the reception, of the state it reports.

Works on plain values, so JSON and XML share it. Records that hold what the contract asks for cost a few microseconds:
every lookup is by name in prepared tables, and the unusual is left to the functions at the end.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.portal.fields import HOMELESS, NEEDS_RECEPTION, RECEPTION_TEXTS, SUBMISSION_FLAGS, SUBMISSION_TEXTS
from adapters.portal.values import Parked, Scene, flag, moment, stable_url, text, whole
from contracts.facts import (
    AnyFact,
    Document,
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    DossierWithdrawn,
    Fee,
    IdentityPaper,
    Paper,
    PaymentRequested,
    ProcessingFinished,
    ProcessingStepRecorded,
    ProcessingStopped,
    ResultHandedOver,
    ResultIssued,
    State,
    Supplement,
    SupplementProvided,
    SupplementRequested,
)
from contracts.moment import Moment

_BEFORE_RECEPTION: Final = frozenset(("submitted", "refused"))
"""States in which a stated reception date is kept as it is, but is no reception."""

_PLAIN: Final[dict[str, type[AnyFact]]] = {
    "processing": ProcessingStepRecorded,
    "payment_requested": PaymentRequested,
    "withdrawn": DossierWithdrawn,
    "stopped": ProcessingStopped,
}


class Dates(msgspec.Struct, frozen=True):
    """The dates of one record; None = not stated."""

    submitted: Moment | None
    received: Moment | None
    due: Moment | None
    refused: Moment | None
    finished: Moment | None
    returned: Moment | None


def facts_of(record: Mapping[str, Any], code: str, procedure: str, state: State, scene: Scene) -> tuple[AnyFact, ...]:
    """What a record says, in the order it happened. Faults and doubts are left with ``scene``.

    A fact whose own date the record states happened at that date; a state without one has no time of change, because
    the record is a snapshot. Raises ``Parked`` where a code has no mapping.
    """
    get = record.get
    dates = Dates(
        moment(get("NgayNopHoSo"), "NgayNopHoSo", scene),
        moment(get("NgayTiepNhan"), "NgayTiepNhan", scene),
        moment(get("NgayHenTra"), "NgayHenTra", scene),
        moment(get("NgayTuChoi"), "NgayTuChoi", scene),
        moment(get("NgayKetThucXuLy"), "NgayKetThucXuLy", scene),
        moment(get("NgayTra"), "NgayTra", scene),
    )
    if dates.received is None and state in NEEDS_RECEPTION:
        scene.refuse("read.missing", "NgayTiepNhan")
    extra: dict[str, str] = {name: text(record[name], name, scene) for name in scene.unknown}
    facts: list[AnyFact] = []
    if dates.received is not None and state not in _BEFORE_RECEPTION:
        facts.append(_received(record, code, dates, scene))
    else:
        _keep(record, ("NgayTiepNhan", "NgayHenTra", "HinhThuc", "DonViXuLy"), extra, scene)
    supplements = get("DanhSachHoSoBoSung")
    rounds = _supplements(supplements, scene) if supplements else ()
    results = get("DanhSachGiayToKetQua")
    if rounds and state != "supplement_requested":
        last = rounds[-1]
        facts.append(SupplementProvided(dossier=code, at=last.received_at or last.requested_at, supplements=rounds))
    facts.extend(_state_facts(record, code, state, dates, rounds, scene))
    if results:
        facts.append(ResultIssued(dossier=code, results=_results(results, scene)))
    homes = _HOMES.get(state, frozenset())
    _keep(record, [wire for wire, _ in HOMELESS if wire not in homes], extra, scene)
    submitted = _submitted(record, code, procedure, dates, extra, scene)
    return (submitted, *facts)


_HOMES: Final[dict[str, frozenset[str]]] = {
    "refused": frozenset(("NgayTuChoi",)),
    "finished": frozenset(("NgayKetThucXuLy",)),
    "handed_over": frozenset(("NgayKetThucXuLy", "NgayTra", "ThongTinTra")),
}


def _submitted(
    record: Mapping[str, Any], code: str, procedure: str, dates: Dates, extra: dict[str, str], scene: Scene
) -> DossierSubmitted:
    get = record.get
    values: dict[str, Any] = {"dossier": code, "procedure_code": procedure}
    for wire, name in SUBMISSION_TEXTS:
        value = get(wire)
        if value.__class__ is str:
            if value and (value[0] > " " or value.strip()):
                values[name] = value
        elif value is not None:
            values[name] = text(value, wire, scene)
    for wire, name in SUBMISSION_FLAGS:
        value = get(wire)
        if value is not None and value != "":
            values[name] = flag(value, wire, scene)
    for wire, name, codes in scene.code_lists:
        value = get(wire)
        if value is not None and value != "":
            word = text(value, wire, scene).strip()
            if word:
                if word not in codes:
                    raise Parked("park.code_unmapped", wire, word)
                values[name] = codes[word]
    for wire, name, read in _LISTS:
        value = get(wire)
        if value:
            values[name] = read(value, scene)
    if dates.submitted is not None:
        values["submitted_at"] = dates.submitted
    if extra:
        values["extra"] = extra
    return DossierSubmitted(at=_earliest(dates.submitted, dates.received), **values)


def _received(record: Mapping[str, Any], code: str, dates: Dates, scene: Scene) -> DossierReceived:
    values: dict[str, Any] = {}
    for wire, name in RECEPTION_TEXTS:
        value = record.get(wire)
        if value is not None and value != "":
            values[name] = text(value, wire, scene)
    if dates.due is not None:
        values["due_at"] = dates.due
    return DossierReceived(dossier=code, at=dates.received, received_at=dates.received or msgspec.UNSET, **values)


def _state_facts(
    record: Mapping[str, Any], code: str, state: State, dates: Dates, rounds: tuple[Supplement, ...], scene: Scene
) -> tuple[AnyFact, ...]:
    """The fact of the record's state; a dossier handed over was finished before."""
    plain = _PLAIN.get(state)
    if plain is not None:
        return (plain(dossier=code),)
    if state == "supplement_requested":
        return (SupplementRequested(dossier=code, supplements=rounds or msgspec.UNSET),)
    if state == "refused":
        return (DossierRefused(dossier=code, at=dates.refused, refused_at=dates.refused or msgspec.UNSET),)
    facts: tuple[AnyFact, ...] = ()
    if state == "finished" or (state == "handed_over" and dates.finished is not None):
        facts = (ProcessingFinished(dossier=code, at=dates.finished, finished_at=dates.finished or msgspec.UNSET),)
    if state == "handed_over":
        info = text(record.get("ThongTinTra"), "ThongTinTra", scene)
        at = dates.returned
        over = ResultHandedOver(dossier=code, at=at, returned_at=at or msgspec.UNSET, return_info=info or msgspec.UNSET)
        facts = (*facts, over)
    return facts


def _earliest(one: Moment | None, other: Moment | None) -> Moment | None:
    if one is None or other is None:
        return one or other
    return one if one.us <= other.us else other


def _keep(record: Mapping[str, Any], names: tuple[str, ...] | list[str], extra: dict[str, str], scene: Scene) -> None:
    """Values that belong to another state are kept under their wire name: not applied, not lost."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            kept = text(value, name, scene).strip()
            if kept:
                extra[name] = kept


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


def _applicant_papers(items: list[dict[str, Any]], scene: Scene) -> tuple[IdentityPaper, ...]:
    return tuple(
        IdentityPaper(
            kind=text(item.get("LoaiDinhDanh"), "DinhDanhCHS", scene),
            number=text(item.get("SoDinhDanh"), "DinhDanhCHS", scene),
        )
        for item in items
    )


def _databases(items: list[dict[str, Any]], scene: Scene) -> tuple[str, ...]:
    return tuple(text(item.get("MaCSDL"), "DSKetNoiCSDL", scene) for item in items)


def _documents(items: list[dict[str, Any]], scene: Scene) -> tuple[Document, ...]:
    at = "TaiLieuNop"
    documents = []
    for item in items:
        get = item.get
        documents.append(
            Document(
                name=text(get("TenTepDinhKem"), at, scene),
                id=text(get("TepDinhKemId"), at, scene),
                component_code=text(get("MaThanhPhanHoSo"), at, scene),
                url=stable_url(text(get("DuongDanTaiTepTin"), at, scene)),
                deleted=flag(get("IsDeleted"), at, scene) == "1",
                digitised=flag(get("DuocSoHoa"), at, scene),
                reused=text(get("DuocTaiSuDung"), at, scene),
                from_personal_store=flag(get("DuocLayTuKhoDMQG"), at, scene),
                replaces_result_code=text(get("MaKetQuaThayThe"), at, scene),
            )
        )
    return tuple(documents)


def _results(items: list[dict[str, Any]], scene: Scene) -> tuple[Document, ...]:
    at = "DanhSachGiayToKetQua"
    return tuple(
        Document(
            name=text(item.get("TenGiayTo"), at, scene),
            id=text(item.get("GiayToId"), at, scene),
            component_code=text(item.get("MaThanhPhanHoSo"), at, scene),
            url=stable_url(text(item.get("DuongDanTepTinKetQua"), at, scene)),
            result_code=text(item.get("MaGiayToKetQua"), at, scene),
        )
        for item in items
    )


def _fees(items: list[dict[str, Any]], scene: Scene, at: str = "DanhSachLePhi") -> tuple[Fee, ...]:
    return tuple(
        Fee(
            name=text(item.get("TenPhiLePhi"), at, scene),
            code=text(item.get("MaPhiLePhi"), at, scene),
            amount=text(item.get("Gia"), at, scene),
            collected_at=text(item.get("HinhThucThu"), at, scene),
            kind=text(item.get("LoaiPhiLePhi"), at, scene),
        )
        for item in items
    )


def _papers(items: list[dict[str, Any]], scene: Scene, at: str = "DanhSachTepDinhKemKhac") -> tuple[Paper, ...]:
    return tuple(
        Paper(
            name=text(item.get("TenGiayTo"), at, scene),
            copies=whole(item.get("SoLuong"), at, scene),
            kind=whole(item.get("LoaiGiayTo"), at, scene),
        )
        for item in items
    )


def _supplements(items: list[dict[str, Any]], scene: Scene) -> tuple[Supplement, ...]:
    at = "DanhSachHoSoBoSung"
    rounds = []
    for number, item in enumerate(items):
        get = item.get
        place = f"{at}/{number}"
        round_id = get("HoSoBoSungId")
        rounds.append(
            Supplement(
                id=str(round_id) if round_id.__class__ is int else text(round_id, at, scene),
                requested_by=text(get("NguoiYeuCauBoSung"), at, scene),
                request=text(get("NoiDungBoSung"), at, scene),
                requested_at=moment(get("NgayBoSung"), f"{place}/NgayBoSung", scene),
                received_by=text(get("NguoiTiepNhanBoSung"), at, scene),
                answer=text(get("ThongTinTiepNhan"), at, scene),
                received_at=moment(get("NgayTiepNhanBoSung"), f"{place}/NgayTiepNhanBoSung", scene),
                done=flag(get("TrangThaiBoSung"), at, scene) == "1",
                papers=_papers(get("DanhSachGiayToBoSung") or [], scene, at),
                fees=_fees(get("DanhSachLePhiBoSung") or [], scene, at),
                due_before=moment(get("NgayHenTraTruoc"), f"{place}/NgayHenTraTruoc", scene),
                due_after=moment(get("NgayHenTraMoi"), f"{place}/NgayHenTraMoi", scene),
            )
        )
    return tuple(rounds)


_LISTS: Final = (
    ("DinhDanhCHS", "applicant_papers", _applicant_papers),
    ("DSKetNoiCSDL", "connected_databases", _databases),
    ("TaiLieuNop", "documents", _documents),
    ("DanhSachLePhi", "fees", _fees),
    ("DanhSachTepDinhKemKhac", "other_papers", _papers),
)
