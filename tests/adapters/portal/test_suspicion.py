"""The habits of real senders that are taken and noted."""

import unicodedata
from typing import Any

import pytest

from adapters.portal.suspicion import is_fake_number
from tests.adapters.portal.specimens import RECORD, RESULT, ROUND, packet, progress, read, record, row, warned

DOCUMENT: dict[str, Any] = RECORD["TaiLieuNop"][0]
FEE: dict[str, Any] = RECORD["DanhSachLePhi"][0]


def test_an_ordinary_record_raises_no_doubt() -> None:
    assert warned(packet(RECORD)) == set()


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        ({"SoGiayToChuHoSo": "000000001"}, "warn.fake_citizen_number", "/SoGiayToChuHoSo"),
        (
            {"DinhDanhCHS": [{"LoaiDinhDanh": "2", "SoDinhDanh": "000000001"}]},
            "warn.fake_citizen_number",
            "/DinhDanhCHS",
        ),
        ({"MaHoSo": "000.21.44.H99-260915-48213"}, "warn.random_dossier_code", "/MaHoSo"),
        ({"MaTTHC": "1.099001.000.00.00.H99"}, "warn.procedure_suffix", "/MaTTHC"),
        ({"MaTTHC": "1.099001.H99"}, "warn.procedure_suffix", "/MaTTHC"),
        ({"Fax": "0900000123"}, "warn.phone_in_fax", "/Fax"),
        ({"Fax": "+84912345678"}, "warn.phone_in_fax", "/Fax"),
        ({"MaDoiTuong": "099199000123"}, "warn.identity_as_account", "/MaDoiTuong"),
        ({"MaDoiTuong": "099199000"}, "warn.identity_as_account", "/MaDoiTuong"),
        ({"TrangThaiHoSo": "9"}, "warn.rewritten_status", "/TrangThaiHoSo"),
        (
            {"TrangThaiHoSo": "9", "NgayKetThucXuLy": "20260915081000"},
            "warn.rewritten_status",
            "/TrangThaiHoSo",
        ),
        (
            {"TrangThaiHoSo": "9", "NgayKetThucXuLy": "20260921160000", "DanhSachHoSoBoSung": [ROUND]},
            "warn.rewritten_status",
            "/TrangThaiHoSo",
        ),
        (
            {
                "DanhSachGiayToKetQua": [
                    {**RESULT, "DuongDanTepTinKetQua": "https://mc.example.vn/f/551?t=1789433712000"}
                ]
            },
            "warn.first_attachment_as_result",
            "/DanhSachGiayToKetQua/0",
        ),
        (
            {"DanhSachLePhi": [{**FEE, "MaPhiLePhi": "1", "HinhThucThu": "1", "LoaiPhiLePhi": "1"}]},
            "warn.hard_coded",
            "/DanhSachLePhi",
        ),
        ({"TaiLieuNop": [{**DOCUMENT, "DuocLayTuKhoDMQG": "1"}] * 2}, "warn.hard_coded", "/TaiLieuNop"),
        ({"NgayNopHoSo": "20260915081000"}, "warn.hard_coded", "/NgayNopHoSo"),
        ({"NoiNopHoSo": "2"}, "warn.hard_coded", "/NoiNopHoSo"),
        ({"TrichYeuHoSo": "Xin phép " * 110 + "dài..."}, "warn.truncated_text", "/TrichYeuHoSo"),
        ({"TrichYeuHoSo": "Không có"}, "warn.placeholder_text", "/TrichYeuHoSo"),
        (
            {"NgayTiepNhan": "20260915021000", "NgayHenTra": "20260922041000"},
            "warn.twelve_hour_clock",
            "/NgayTiepNhan",
        ),
    ],
)
def test_a_habit_is_noted_where_it_shows(changed: dict[str, Any], code: str, path: str) -> None:
    assert warned(packet(record(**changed))) == {(code, path)}


@pytest.mark.parametrize(
    "changed",
    [
        {"Fax": "02143840123"},
        {"MaHoSo": "000.21.44.H99-260915-0042"},
        {"MaHoSo": "H99.44.21-20260915-0000042"},
        {"TrangThaiHoSo": "9", "NgayKetThucXuLy": "20260921160000"},
        {"DanhSachGiayToKetQua": [RESULT]},
        {"NgayTiepNhan": "20260915021000", "NgayHenTra": "20260922141000"},
        {"SoGiayToChuHoSo": "AB1234567"},
    ],
)
def test_what_only_looks_like_a_habit_is_not_noted(changed: dict[str, Any]) -> None:
    assert warned(packet(record(**changed))) == set()


@pytest.mark.parametrize("number", ["000000000", "000000001", "111111111", "123456789", "999999999999", "000000000009"])
def test_made_up_identity_numbers_are_known(number: str) -> None:
    assert is_fake_number(number)


@pytest.mark.parametrize("number", ["", None, "099199000123", "011111234567", "A00000001"])
def test_possible_identity_numbers_are_left_alone(number: str | None) -> None:
    assert not is_fake_number(number)


def test_decomposed_text_is_noted_by_field_in_utf8_and_in_escapes() -> None:
    name = unicodedata.normalize("NFD", "Lò Thị Mẫu")
    body = packet(record(ChuHoSo=name))

    assert warned(body) == {("warn.not_nfc", "/ChuHoSo")}
    assert warned(body.replace("\u0300".encode(), b"\\u0300")) == {("warn.not_nfc", "/ChuHoSo")}


def test_the_true_code_that_a_sender_leaks_as_a_fees_name_becomes_an_alias() -> None:
    leaked = {**FEE, "TenPhiLePhi": "000.21.44.H99-260915-0042"}

    (one,) = read(packet(record(MaHoSo="000.21.44.H99-260915-48213", DanhSachLePhi=[leaked]))).records
    (other,) = read(packet(record(MaHoSo="000.21.44.H99-260915-0043", DanhSachLePhi=[leaked]))).records

    assert one.aliases == ("000.21.44.H99-260915-0042",)
    assert other.aliases == ()


def row_notes(*rows: dict[str, Any]) -> list[set[str]]:
    return [{note.code for note in one.warnings} for one in read(progress(*rows)).records]


def test_a_closing_row_at_reception_time_and_the_row_before_it_are_invented() -> None:
    assert row_notes(
        row(ThoiDiemXuLy="20260915081000", TrangThai="2"),
        row(ThoiDiemXuLy="20260916142500", TrangThai="5"),
        row(ThoiDiemXuLy="20260915081000", TrangThai="9"),
    ) == [{"warn.invented_step"}, set(), {"warn.invented_step", "warn.rewritten_status"}]


def test_a_nine_after_a_ten_is_invented() -> None:
    assert row_notes(
        row(ThoiDiemXuLy="20260921160000", TrangThai="9"),
        row(ThoiDiemXuLy="20260922083000", TrangThai="10"),
        row(ThoiDiemXuLy="20260922083000", TrangThai="9"),
    ) == [set(), set(), {"warn.invented_step"}]


def test_an_ordinary_course_of_rows_raises_no_doubt_and_dossiers_do_not_mix() -> None:
    other = "000.21.44.H99-260915-0043"
    assert (
        row_notes(
            row(ThoiDiemXuLy="20260915081000", TrangThai="2"),
            row(MaHoSo=other, ThoiDiemXuLy="20260917081000", TrangThai="4"),
            row(ThoiDiemXuLy="20260916142500", TrangThai="4"),
            row(MaHoSo=other, ThoiDiemXuLy="20260918081000", TrangThai="9"),
            row(ThoiDiemXuLy="20260917152500", TrangThai="9"),
        )
        == [set()] * 5
    )


def test_afternoon_rows_printed_with_a_twelve_hour_clock_are_noted() -> None:
    assert row_notes(
        row(ThoiDiemXuLy="20260915081000", TrangThai="2"), row(ThoiDiemXuLy="20260915022500", TrangThai="4")
    )[1] >= {"warn.twelve_hour_clock"}


def test_a_refused_row_between_others_does_not_confuse_the_comparison() -> None:
    reading = read(
        progress(
            row(ThoiDiemXuLy="20260915081000", TrangThai="2"),
            row(ThoiDiemXuLy="x"),
            row(ThoiDiemXuLy="20260915081000", TrangThai="9"),
        )
    )

    assert [one.index for one in reading.records] == [0, 2]
    assert [note.code for note in reading.records[1].warnings] == ["warn.invented_step"]
