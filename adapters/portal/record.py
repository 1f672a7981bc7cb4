"""One ``DongBoHoSoMC`` record as facts: the values of the submission, of the reception, of the state it reports.

Works on plain values, so JSON and XML share it. Records that hold what the contract asks for cost a few microseconds:
every lookup is by name in prepared tables, and the unusual is left to the functions at the end.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET

from adapters.portal.fields import (
    HOMELESS,
    MEMBERS,
    NEEDS_RECEPTION,
    RECEPTION_TEXTS,
    SUBMISSION_FLAGS,
    SUBMISSION_TEXTS,
)
from adapters.portal.values import FLAGS, Parked, Scene, as_text, moment, plain, stable_url, whole
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

_PLAIN: Final[dict[str, Callable[..., AnyFact]]] = {
    "processing": ProcessingStepRecorded,
    "payment_requested": PaymentRequested,
    "withdrawn": DossierWithdrawn,
    "stopped": ProcessingStopped,
}
"""States whose fact has no value in a record."""
_NOWHERE: Final[frozenset[str]] = frozenset()
_HOMES: Final = {
    "refused": frozenset(("NgayTuChoi",)),
    "finished": frozenset(("NgayKetThucXuLy",)),
    "handed_over": frozenset(("NgayKetThucXuLy", "NgayTra", "ThongTinTra")),
}
_RECEPTION: Final = ("NgayTiepNhan", "NgayHenTra", "HinhThuc", "DonViXuLy")


def facts_of(record: Mapping[str, Any], code: str, procedure: str, state: State, scene: Scene) -> tuple[AnyFact, ...]:
    """What a record says, in the order it happened. Faults and doubts are left with ``scene``.

    ``record`` holds texts and lists only (``values.plain``). A fact whose own date the record states happened at that
    date; a state without one has no time of change, because the record is a snapshot. Raises ``Parked`` where a code
    has no mapping.
    """
    get = record.get
    submitted = moment(get("NgayNopHoSo"), "NgayNopHoSo", scene)
    received = moment(get("NgayTiepNhan"), "NgayTiepNhan", scene)
    if received is None and state in NEEDS_RECEPTION:
        scene.refuse("read.missing", "NgayTiepNhan")
    extra = _homeless(record, state, scene)
    facts: list[AnyFact] = []
    if received is not None and state not in _BEFORE_RECEPTION:
        facts.append(_received(record, code, received, scene))
    else:
        _keep(record, _RECEPTION, extra)
    rounds = get("DanhSachHoSoBoSung")
    supplements = _supplements(rounds, scene) if rounds else ()
    if supplements and state != "supplement_requested":
        last = supplements[-1]
        provided = SupplementProvided(dossier=code, at=last.received_at or last.requested_at, supplements=supplements)
        # The last state a record tells is the one it reports, so what is told beside it goes before.
        facts.insert(0 if state == "received" else len(facts), provided)
    kind = _PLAIN.get(state)
    if kind is None:
        facts.extend(_dated(record, code, state, supplements, scene))
    else:
        facts.append(kind(dossier=code))
    results = get("DanhSachGiayToKetQua")
    if results:
        facts.append(ResultIssued(dossier=code, results=_results(results, scene)))
    values = _submission(record, scene)
    if submitted is not None:
        values["submitted_at"] = submitted
    if extra:
        values["extra"] = extra
    if submitted is None or (received is not None and received.us < submitted.us):
        submitted = received
    first = DossierSubmitted(dossier=code, at=submitted, procedure_code=procedure, **values)
    return (*facts, first) if state == "submitted" else (first, *facts)


def _submission(record: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    get = record.get
    values: dict[str, Any] = {
        name: value for wire, name in SUBMISSION_TEXTS if (value := get(wire)) and not value.isspace()
    }
    for wire, name in SUBMISSION_FLAGS:
        value = get(wire)
        if value:
            values[name] = FLAGS[value]
    for wire, name, codes in scene.code_lists:
        word = get(wire)
        if word:
            if word not in codes:
                word = _known_word(word, wire, codes)
            if word:
                values[name] = codes[word]
    for wire, name, read in _LISTS:
        items = get(wire)
        if items:
            values[name] = read(items, scene)
    return values


def _known_word(word: str, wire: str, codes: Mapping[str, str]) -> str:
    """A code with white space round it, "" for white space alone; any other unknown code parks the record."""
    word = word.strip()
    if word and word not in codes:
        raise Parked("park.code_unmapped", wire, word)
    return word


def _received(record: Mapping[str, Any], code: str, received: Moment, scene: Scene) -> DossierReceived:
    get = record.get
    values: dict[str, Any] = {
        name: value for wire, name in RECEPTION_TEXTS if (value := get(wire)) and not value.isspace()
    }
    due = moment(get("NgayHenTra"), "NgayHenTra", scene)
    if due is not None:
        values["due_at"] = due
    return DossierReceived(dossier=code, at=received, received_at=received, **values)


def _dated(
    record: Mapping[str, Any], code: str, state: State, rounds: tuple[Supplement, ...], scene: Scene
) -> list[AnyFact]:
    """The fact of a state that has values of its own; a dossier handed over was finished before."""
    get = record.get
    if state == "supplement_requested":
        return [SupplementRequested(dossier=code, supplements=rounds or UNSET)]
    if state == "refused":
        refused = moment(get("NgayTuChoi"), "NgayTuChoi", scene)
        return [DossierRefused(dossier=code, at=refused, refused_at=refused or UNSET)]
    facts: list[AnyFact] = []
    finished = moment(get("NgayKetThucXuLy"), "NgayKetThucXuLy", scene)
    if state == "finished" or (state == "handed_over" and finished is not None):
        facts.append(ProcessingFinished(dossier=code, at=finished, finished_at=finished or UNSET))
    if state == "handed_over":
        returned = moment(get("NgayTra"), "NgayTra", scene)
        info = (get("ThongTinTra") or "").strip()
        facts.append(
            ResultHandedOver(dossier=code, at=returned, returned_at=returned or UNSET, return_info=info or UNSET)
        )
    return facts


def _homeless(record: Mapping[str, Any], state: State, scene: Scene) -> dict[str, str]:
    """Unknown fields, and values that belong to another state, under their wire names: not applied, not lost."""
    extra = {name: as_text(record[name]) for name in scene.unknown}
    homes = _HOMES.get(state, _NOWHERE)
    for wire, _ in HOMELESS:
        value = record.get(wire)
        if value and wire not in homes and not value.isspace():
            if wire != "ThongTinTra" and moment(value, wire, scene) is None:
                continue  # a sentinel, or a fault that is listed now
            extra[wire] = value
    return extra


def _keep(record: Mapping[str, Any], names: tuple[str, ...], extra: dict[str, str]) -> None:
    for name in names:
        value = record.get(name)
        if value and not value.isspace():
            extra[name] = value


# ── lists ────────────────────────────────────────────────────────────────────────────────────────


def _applicant_papers(items: list[dict[str, Any]], scene: Scene) -> tuple[IdentityPaper, ...]:
    papers = []
    for item in items:
        kind, number = item.get("LoaiDinhDanh"), item.get("SoDinhDanh")
        if kind.__class__ is not str or number.__class__ is not str:
            texts = plain(item, "DinhDanhCHS/", MEMBERS["DinhDanhCHS"], scene)
            kind, number = texts.get("LoaiDinhDanh") or "", texts.get("SoDinhDanh") or ""
        papers.append(IdentityPaper(kind, number))
    return tuple(papers)


def _databases(items: list[dict[str, Any]], scene: Scene) -> tuple[str, ...]:
    codes = []
    for item in items:
        code = item.get("MaCSDL")
        if code.__class__ is not str:
            code = plain(item, "DSKetNoiCSDL/", MEMBERS["DSKetNoiCSDL"], scene).get("MaCSDL")
        if code:
            codes.append(code)
    return tuple(codes)


def _documents(items: list[dict[str, Any]], scene: Scene) -> tuple[Document, ...]:
    known = MEMBERS["TaiLieuNop"]
    documents = []
    for item in items:
        get = plain(item, "TaiLieuNop/", known, scene).get
        documents.append(
            Document(
                name=get("TenTepDinhKem") or "",
                id=get("TepDinhKemId") or "",
                component_code=get("MaThanhPhanHoSo") or "",
                url=stable_url(get("DuongDanTaiTepTin") or ""),
                deleted=FLAGS[get("IsDeleted")] == "1",
                digitised=FLAGS[get("DuocSoHoa")],
                reused=get("DuocTaiSuDung") or "",
                from_personal_store=FLAGS[get("DuocLayTuKhoDMQG")],
                replaces_result_code=get("MaKetQuaThayThe") or "",
            )
        )
    return tuple(documents)


def _results(items: list[dict[str, Any]], scene: Scene) -> tuple[Document, ...]:
    known = MEMBERS["DanhSachGiayToKetQua"]
    results = []
    for item in items:
        get = plain(item, "DanhSachGiayToKetQua/", known, scene).get
        results.append(
            Document(
                name=get("TenGiayTo") or "",
                id=get("GiayToId") or "",
                component_code=get("MaThanhPhanHoSo") or "",
                url=stable_url(get("DuongDanTepTinKetQua") or ""),
                result_code=get("MaGiayToKetQua") or "",
            )
        )
    return tuple(results)


def _fees(items: list[dict[str, Any]], scene: Scene, at: str = "DanhSachLePhi/") -> tuple[Fee, ...]:
    known = MEMBERS["DanhSachLePhi"]
    fees = []
    for item in items:
        get = plain(item, at, known, scene).get
        fees.append(
            Fee(
                name=get("TenPhiLePhi") or "",
                code=get("MaPhiLePhi") or "",
                amount=get("Gia") or "",
                collected_at=get("HinhThucThu") or "",
                kind=get("LoaiPhiLePhi") or "",
            )
        )
    return tuple(fees)


def _papers(items: list[dict[str, Any]], scene: Scene, at: str = "DanhSachTepDinhKemKhac/") -> tuple[Paper, ...]:
    papers = []
    for item in items:
        get = item.get
        name = get("TenGiayTo")
        if name.__class__ is not str:
            name = plain({"TenGiayTo": name}, at, MEMBERS["DanhSachTepDinhKemKhac"], scene)["TenGiayTo"]
        copies = whole(get("SoLuong"), at + "SoLuong", scene)
        papers.append(Paper(name or "", copies, whole(get("LoaiGiayTo"), at + "LoaiGiayTo", scene)))
    return tuple(papers)


def _items(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else []


_TEXTS_OF_ROUND: Final = MEMBERS["DanhSachHoSoBoSung"] - {"HoSoBoSungId"}


def _supplements(items: list[dict[str, Any]], scene: Scene) -> tuple[Supplement, ...]:
    rounds = []
    for number, item in enumerate(items):
        at = f"DanhSachHoSoBoSung/{number}/"
        get = plain(item, at, _TEXTS_OF_ROUND, scene).get
        rounds.append(
            Supplement(
                id=get("HoSoBoSungId") or "",
                requested_by=get("NguoiYeuCauBoSung") or "",
                request=get("NoiDungBoSung") or "",
                requested_at=moment(get("NgayBoSung"), at + "NgayBoSung", scene),
                received_by=get("NguoiTiepNhanBoSung") or "",
                answer=get("ThongTinTiepNhan") or "",
                received_at=moment(get("NgayTiepNhanBoSung"), at + "NgayTiepNhanBoSung", scene),
                done=FLAGS[get("TrangThaiBoSung")] == "1",
                papers=_papers(_items(get("DanhSachGiayToBoSung")), scene, at + "DanhSachGiayToBoSung/"),
                fees=_fees(_items(get("DanhSachLePhiBoSung")), scene, at + "DanhSachLePhiBoSung/"),
                due_before=moment(get("NgayHenTraTruoc"), at + "NgayHenTraTruoc", scene),
                due_after=moment(get("NgayHenTraMoi"), at + "NgayHenTraMoi", scene),
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
