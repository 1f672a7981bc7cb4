"""What the civil-status adapter understands of a message, and what it refuses, parks and flags."""

import base64
import contextlib
import json
import re
from typing import Any

import pytest

from adapters.civil_status import ADAPTER
from adapters.civil_status.invented import births, deaths
from contracts import catalog
from contracts.dates import read_moment
from contracts.envelope import Envelope
from contracts.errors import CODES, MessageRefused
from contracts.facts import (
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    DueDateChanged,
    ProcessingFinished,
    ProcessingStepRecorded,
    ProcessingStopped,
    ResultHandedOver,
    ResultIssued,
    SupplementRequested,
)
from contracts.ports import Profile
from contracts.reading import Note, Reading

DOSSIER = "civil_status/HoSoLienThong"
STATUS = "civil_status/TrangThai"
SAMPLES = [
    (name, kind, path, body)
    for name in ("HoSoLienThong", "TrangThai")
    for kind in ("valid", "invalid")
    for path, body in catalog.get("civil_status", name, "dvclt-2023").samples("valid" if kind == "valid" else "invalid")
]


def read(body: bytes | dict[str, Any] | list[Any], kind: str = "", profile: Profile | None = None) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    envelope = Envelope(party="btp", adapter="civil_status", body=raw, received_at=0, type=kind)
    return ADAPTER.read(envelope, profile or Profile())


def birth(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(next(births(3, 1, nested=False)))
    return {**plain, **changes}


def status(word: Any = 3, **changes: Any) -> dict[str, Any]:
    plain = {
        "maTTHC": "2.002621",
        "soHoSoLT": "G15-LT-0000042",
        "coQuanXuLy": 5,
        "maHoSo": "000.11.07.H99-260105-0042",
        "trangThai": word,
        "thoiGianThucHien": "06/01/2026 08:15:00",
        "nguoiXuLy": "Giàng A Mẫu",
        "phongBanXuLy": "Bộ phận một cửa",
        "noiDungXuLy": "Thẩm định hồ sơ",
    }
    return {**plain, **changes}


def refusals(reading: Reading) -> list[tuple[str, str]]:
    return [(error.code, error.path) for record in reading.refused for error in record.errors]


# ── samples of the contract ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "body"), [(n, b) for n, kind, _, b in SAMPLES if kind == "valid"])
def test_every_valid_sample_is_recognised_and_read_whole(name: str, body: bytes) -> None:
    assert ADAPTER.recognise(body, "application/json") == f"civil_status/{name}"
    reading = read(body)
    assert reading.records
    assert not reading.refused
    assert not reading.parked


@pytest.mark.parametrize(("name", "path", "body"), [(n, path, b) for n, kind, path, b in SAMPLES if kind == "invalid"])
def test_every_invalid_sample_is_refused_with_the_code_in_its_name(name: str, path: str, body: bytes) -> None:
    expected = path.partition("--")[0]
    assert expected in CODES
    try:
        codes = {code for code, _ in refusals(read(body, f"civil_status/{name}"))}
    except MessageRefused as refusal:
        codes = {error.code for error in refusal.errors}
    assert expected in codes


# ── dossiers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_birth_becomes_a_submission_by_the_applicant_and_a_reception_at_the_same_time() -> None:
    (record,) = read(birth(), DOSSIER).records
    submitted, received = record.facts
    assert isinstance(submitted, DossierSubmitted)
    assert isinstance(received, DossierReceived)
    assert f"<nycHoTen>{submitted.applicant_name}</nycHoTen>" in birth()["data"]
    assert submitted.channel == "online"
    assert submitted.at == received.received_at == read_moment(birth()["ngayTiepNhan"])
    assert isinstance(submitted.extra, dict)
    assert submitted.extra["dvclt.module"] == "KS"
    assert submitted.extra["dvclt.hoTich.nksHoTen"] in birth()["data"]
    assert "dvclt.hoTich.nycHoTen" not in submitted.extra


def test_a_death_keeps_the_deceased_and_the_notice_of_death() -> None:
    (record,) = read(next(deaths(3, 1))).records
    (submitted, _) = record.facts
    assert isinstance(submitted, DossierSubmitted)
    assert isinstance(submitted.extra, dict)
    assert {"dvclt.hoTich.nktHoTen", "dvclt.hoTich.nktNgayChet", "dvclt.hoTich.gbtSo"} <= submitted.extra.keys()
    assert submitted.procedure_code == "2.002622"


def test_all_nestings_of_one_dossier_say_the_same() -> None:
    plain = birth()
    text = json.dumps(plain, ensure_ascii=False)
    in_data = {"status": 1, "data": plain}
    in_string = {"data": text}
    in_both = {"data": {"id": 1, "data": text}}
    facts = [read(body, DOSSIER).records[0].facts for body in (plain, in_data, in_string, in_both)]
    assert facts[0] == facts[1] == facts[2] == facts[3]


def test_a_declared_utf_16_inside_a_json_string_means_nothing() -> None:
    declared = '\ufeff<?xml version="1.0" encoding="utf-16"?>' + birth()["data"]
    assert read(birth(data=declared), DOSSIER).records[0].facts == read(birth(), DOSSIER).records[0].facts


@pytest.mark.parametrize("nested", [True, False])
def test_the_bytes_of_every_attachment_are_found_in_the_body(nested: bool) -> None:  # noqa: FBT001  # a parameter
    body = next(births(4, 1, nested=nested))
    reading = read(body)
    ((start, end),) = reading.attachments
    assert base64.b64decode(body[start:end]).startswith(b"%PDF")
    assert body[end : end + 1] in {b'"', b"\\"}


def test_two_attachments_of_equal_content_have_two_places() -> None:
    paper = birth()["fileDinhKem"][0]
    reading = read(birth(fileDinhKem=[paper, {**paper, "duLieuTepDinhKem": None}, paper]), DOSSIER)
    (first, second) = reading.attachments
    assert first[1] <= second[0]


def test_the_place_of_an_attachment_holds_for_every_way_to_escape_it() -> None:
    content = base64.b64encode(bytes(range(256))).decode()
    plain = json.dumps(birth(fileDinhKem=[{"tenTepDinhKem": "a.pdf", "duLieuTepDinhKem": content}]))
    for escaped in (content.replace("/", "\\/"), content.replace("+", "\\u002B")):
        inner = plain.replace(content, escaped)
        for body in (inner, json.dumps({"data": inner})):
            reading = read(body.encode(), DOSSIER)
            ((start, end),) = reading.attachments
            written = body[start:end]
            while "\\" in written:
                written = json.loads(f'"{written}"')
            assert written == content


def test_an_attachment_without_content_is_a_document_without_a_digest() -> None:
    (record,) = read(birth(fileDinhKem=[{"tenTepDinhKem": "a.pdf", "huyGiayTo": 1}]), DOSSIER).records
    submitted = record.facts[0]
    assert isinstance(submitted, DossierSubmitted)
    assert isinstance(submitted.documents, tuple)
    assert submitted.documents[0].deleted
    assert submitted.documents[0].content_sha256 == ""


def test_other_codes_of_the_dossier_are_aliases() -> None:
    (record,) = read(birth(maHoSoLT="LT-1", soHoSoLT="LT-2"), DOSSIER).records
    assert record.aliases == ("LT-1", "LT-2")


@pytest.mark.parametrize(
    "text", ["Không có thông tin", "KHÔNG RÕ.", "Kho\u0302ng  co\u0301 thông tin", "chưa rõ", "..."]
)
def test_invented_text_for_a_missing_parent_is_flagged_and_kept(text: str) -> None:
    form = re.sub(r"<cha\w+>[^<]*</cha\w+>", "", birth()["data"])
    form = form.replace("</hoTich>", f"<chaHoTen>{text}</chaHoTen></hoTich>")
    (record,) = read(birth(data=form), DOSSIER).records
    assert Note("warn.placeholder_text", "/data/hoTich/chaHoTen") in record.warnings
    submitted = record.facts[0]
    assert isinstance(submitted, DossierSubmitted)
    assert isinstance(submitted.extra, dict)
    assert submitted.extra["dvclt.hoTich.chaHoTen"] == text


def test_a_made_up_identity_number_is_flagged() -> None:
    form = re.sub(r"<nycSoGiayToTuyThan>\d+", "<nycSoGiayToTuyThan>000000001", birth()["data"])
    (record,) = read(birth(data=form), DOSSIER).records
    assert Note("warn.fake_citizen_number", "/data/hoTich/nycSoGiayToTuyThan") in record.warnings


def test_unknown_members_and_children_are_kept_and_reported() -> None:
    form = birth()["data"].replace("</hoTich>", "<x:moi xmlns:x='urn:x'>1</x:moi></hoTich>")
    (record,) = read(birth(data=form, maTinh="99"), DOSSIER).records
    assert Note("warn.unknown_field", "/maTinh") in record.warnings
    assert Note("warn.unknown_field", "/data/hoTich/moi") in record.warnings
    assert b"maTinh" in record.material


def test_a_flood_of_unknown_members_is_reported_in_few_words() -> None:
    flood = {f"{'dài' * 100}/{number}": 1 for number in range(2_000)}
    form = birth()["data"].replace("</hoTich>", "<la/>" * 2_000 + "</hoTich>")
    (record,) = read(birth(data=form, **flood), DOSSIER).records
    assert 50 <= len(record.warnings) <= 110
    assert max(len(note.path) for note in record.warnings) < 100


def test_numbers_where_text_belongs_are_taken_with_a_warning() -> None:
    (record,) = read(birth(maHoSo=12345), DOSSIER).records
    assert (record.dossier, record.code_scope) == ("12345", "party")
    assert Note("warn.number_for_string", "/maHoSo") in record.warnings


def test_decomposed_unicode_is_flagged() -> None:
    form = birth()["data"].replace("</hoTich>", "<nksDanTocKhac>Mô\u0323ng</nksDanTocKhac></hoTich>")
    (record,) = read(birth(data=form), DOSSIER).records
    assert Note("warn.not_nfc", "/data/hoTich/nksDanTocKhac") in record.warnings


@pytest.mark.parametrize(
    "text",
    [
        "05/01/2026 07:30:00",
        "20260105073000",
        "05.01.2026 07:30:00",
        "2026-01-05T07:30:00+07:00",
        "2026-01-05T00:30:00Z",
        "5/1/2026 7:30",
    ],
)
def test_one_time_in_every_form_is_one_instant(text: str) -> None:
    (record,) = read(birth(ngayTiepNhan=text), DOSSIER).records
    assert record.facts[0].at is not None
    assert record.facts[0].at.us == 1_767_573_000_000_000
    assert (Note("warn.date_form", "/ngayTiepNhan") in record.warnings) == (text != "05/01/2026 07:30:00")


def test_a_day_alone_is_the_start_of_that_day() -> None:
    (record,) = read(birth(ngayTiepNhan="20260105"), DOSSIER).records
    assert record.facts[0].at == read_moment("05/01/2026").__class__(
        read_moment("05/01/2026").us, "20260105", "Asia/Ho_Chi_Minh"
    )


def test_a_profile_that_names_its_forms_takes_no_other() -> None:
    profile = Profile(options={"dates": "slashed"})
    assert read(birth(), DOSSIER, profile).records
    assert refusals(read(birth(ngayTiepNhan="20260105073000"), DOSSIER, profile)) == [("read.date", "/ngayTiepNhan")]


@pytest.mark.parametrize("text", ["31/02/2026 08:00:00", "01/01/1970 00:00:00", "hôm nay", "05/01/2026 24:00:00"])
def test_a_reception_without_a_possible_time_is_refused(text: str) -> None:
    assert refusals(read(birth(ngayTiepNhan=text), DOSSIER)) == [("read.date", "/ngayTiepNhan")]


@pytest.mark.parametrize(
    ("born", "possible"), [("1985", True), ("07/1985", True), ("13/1985", False), ("30.02.1985", False)]
)
def test_a_parent_may_be_born_in_a_year_but_not_on_an_impossible_day(born: str, possible: bool) -> None:  # noqa: FBT001  # a parameter
    form = re.sub(r"<meNgaySinh>[^<]*", f"<meNgaySinh>{born}", birth()["data"])
    found = refusals(read(birth(data=form), DOSSIER))
    assert found == ([] if possible else [("read.date", "/data/hoTich/meNgaySinh")])


def test_every_fault_of_a_dossier_is_told_at_once() -> None:
    form = birth()["data"].replace("nksHoTen", "nksQuocTichKhac")
    faulty = birth(ngayTiepNhan="x", data=form, fileDinhKem=[{"tenTepDinhKem": "a", "duLieuTepDinhKem": "?"}])
    assert refusals(read(faulty, DOSSIER)) == [
        ("read.date", "/ngayTiepNhan"),
        ("read.pattern", "/fileDinhKem/0/duLieuTepDinhKem"),
        ("read.missing", "/data/hoTich/nksHoTen"),
    ]


def test_a_fault_inside_wrappers_is_placed_in_the_whole_message() -> None:
    body = {"data": {"data": json.dumps(birth(module="KH"))}}
    assert refusals(read(body, DOSSIER)) == [("read.enumeration", "/data/data/module")]


def test_what_the_wire_has_no_place_for_may_be_stated_by_the_operator() -> None:
    profile = Profile(
        options={"assume.field_code": "HT", "assume.procedure_name.KS": "Khai sinh", "assume.subject.KT": "x"}
    )
    submitted = read(birth(), DOSSIER, profile).records[0].facts[0]
    assert isinstance(submitted, DossierSubmitted)
    assert (submitted.field_code, submitted.procedure_name) == ("HT", "Khai sinh")
    assert not isinstance(submitted.subject, str)


# ── hostile bytes ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("<!DOCTYPE x [<!ENTITY a 'x'>]><hoTich>&a;</hoTich>", "read.dtd"),
        ("<!DOCTYPE x SYSTEM 'http://mau.example.vn/x.dtd'><hoTich/>", "read.dtd"),
        ("<a>" * 10_000 + "</a>" * 10_000, "read.too_deep"),
        ("<hoTich>\x01</hoTich>", "read.not_xml"),
        ("<hoTich>", "read.not_xml"),
        ("<khac/>", "read.missing"),
        ("không phải xml", "read.not_xml"),
    ],
)
def test_a_hostile_form_is_refused_by_its_own_code(form: str, code: str) -> None:
    (found, *_) = refusals(read(birth(data=form), DOSSIER))
    assert found[0] == code
    assert found[1].startswith("/data")


def test_ten_thousand_levels_of_json_are_refused() -> None:
    with pytest.raises(MessageRefused) as refused:
        read(b'{"maHoSo":' * 10_000 + b"1" + b"}" * 10_000, DOSSIER)
    assert refused.value.code == "read.too_deep"


def test_wrappers_without_end_are_refused() -> None:
    body: Any = birth()
    for _ in range(8):
        body = {"data": json.dumps(body)}
    assert refusals(read(body, DOSSIER))[0][0] == "read.too_deep"


def test_a_nul_hidden_in_a_nested_string_is_refused() -> None:
    assert refusals(read({"data": json.dumps(birth(techId="a\0b"))}, DOSSIER))[0][0] == "read.nul"


def test_a_duplicate_key_hidden_in_a_nested_string_is_refused() -> None:
    text = json.dumps(birth())
    body = {"data": text[:-1] + ',"maHoSo":"H99-20260105-0000001"}'}
    assert refusals(read(body, DOSSIER))[0][0] == "read.duplicate_key"


@pytest.mark.parametrize("body", [b"", b"  \n", b"\xff\xfe{\x00", b"[]", b"null", b'"x"', b"{}", b"\x00"])
def test_bodies_that_are_no_message_are_refused_and_nothing_else(body: bytes) -> None:
    for kind in (DOSSIER, STATUS, ""):
        with contextlib.suppress(MessageRefused):
            reading = read(body, kind)
            assert reading.refused
            assert not reading.records


def test_other_formats_are_not_recognised() -> None:
    packet = b'{"session":"s","service":"CapNhatTienDoHoSoMC","data":[{"MaHoSo":"x","TrangThai":"4"}]}'
    assert ADAPTER.recognise(packet, "application/json") == ""
    assert ADAPTER.recognise(b"<hoTich/>", "application/xml") == ""
    assert ADAPTER.recognise(json.dumps(status()).encode(), "text/csv") == ""
    with pytest.raises(MessageRefused, match=r"intake\.type_unknown"):
        read(packet)


# ── statuses ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (1, DossierReceived),
        (2, SupplementRequested),
        ("3", ProcessingStepRecorded),
        (7, ProcessingStepRecorded),
        (4, ProcessingFinished),
        (5, ResultHandedOver),
        (" 6 ", DossierRefused),
    ],
)
def test_each_status_is_the_fact_of_its_state_with_its_step(word: Any, kind: type) -> None:
    (record,) = read(status(word), STATUS).records
    fact = record.facts[0]
    assert type(fact) is kind
    assert record.row
    assert record.aliases == ("G15-LT-0000042",)
    assert record.agency == "H99.07.11"
    assert fact.step is not None
    assert (fact.step.officer, fact.step.content, fact.step.word) == (
        "Giàng A Mẫu",
        "Thẩm định hồ sơ",
        str(word).strip(),
    )


def test_an_unknown_status_parks_its_record_alone() -> None:
    reading = read([status(3), status(42), status("đang chờ")], STATUS)
    assert [record.index for record in reading.records] == [0]
    assert [(parked.word, parked.code, parked.path) for parked in reading.parked] == [
        ("42", "park.status_unmapped", "/trangThai"),
        ("đang chờ", "park.status_unmapped", "/trangThai"),
    ]


def test_a_profile_may_map_further_words() -> None:
    (record,) = read(status("đang chờ"), STATUS, Profile(statuses={"đang chờ": "stopped"})).records
    assert isinstance(record.facts[0], ProcessingStopped)


def test_one_bad_status_does_not_hold_up_the_others() -> None:
    reading = read([status(3), status(3, thoiGianThucHien="31/02/2026 00:00:00"), status(4)], STATUS)
    assert [record.index for record in reading.records] == [0, 2]
    assert [(refused.index, refused.dossier) for refused in reading.refused] == [(1, "000.11.07.H99-260105-0042")]


def test_spans_of_an_array_are_the_bytes_of_its_messages() -> None:
    body = json.dumps([status(3), status(4)], ensure_ascii=False, indent=1).encode()
    for record in read(body, STATUS).records:
        assert body[slice(*record.span)] == record.material


def test_a_received_status_promises_a_date_and_a_later_one_changes_it() -> None:
    (first,) = read(status(1, ngayKetThucTheoQuyDinh="08/01/2026 17:00:00"), STATUS).records
    assert isinstance(first.facts[0], DossierReceived)
    assert first.facts[0].due_at == read_moment("08/01/2026 17:00:00")
    (later,) = read(status(3, ngayHenTraMoi="10/01/2026 17:00:00"), STATUS).records
    assert isinstance(later.facts[1], DueDateChanged)
    assert later.facts[1].due_at == read_moment("10/01/2026 17:00:00")


def test_a_result_with_its_paper_is_issued_and_the_paper_is_an_attachment() -> None:
    paper = base64.b64encode(b"%PDF-1.4 invented").decode()
    outcome = json.dumps({"soDangKy": "12/2026", "maGiayToKetQua": "KQ.G15.000031", "giayKhaiSinh": paper})
    body = json.dumps(status(4, ketQuaXuLy=outcome)).encode()
    reading = read(body, STATUS)
    issued = reading.records[0].facts[1]
    assert isinstance(issued, ResultIssued)
    assert isinstance(issued.results, tuple)
    assert (issued.results[0].id, issued.results[0].result_code) == ("12/2026", "KQ.G15.000031")
    ((start, end),) = reading.attachments
    assert body[start:end].decode() == paper


def test_values_without_a_place_are_declared_as_losses() -> None:
    (record,) = read(
        status(4, ghiChu="khác", coQuanXuLy=3, ketQuaXuLy="Đã cấp", ngayHenTraTruoc="08/01/2026 17:00:00"), STATUS
    ).records
    assert {loss.path for loss in record.losses} == {"/ghiChu", "/coQuanXuLy", "/ketQuaXuLy", "/ngayHenTraTruoc"}


def test_a_status_in_a_string_says_the_same_as_the_plain_one() -> None:
    plain = read(status(2, hanBoSungHoSo="15/01/2026 17:00:00"), STATUS).records[0]
    carried = read({"maDonVi": 1, "data": json.dumps(status(2, hanBoSungHoSo="15/01/2026 17:00:00"))}, STATUS).records[
        0
    ]
    assert plain.facts == carried.facts
