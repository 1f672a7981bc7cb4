"""Records written as most are, decoded and validated in one step.

A record that this decoder takes keeps the contract, names no unknown field and no field twice, and holds texts where
the standard says texts; whoever reads it may skip asking. A record it does not take is not wrong: it is read the long
way, with the contract's own schema, and ends the same (a property test holds the two ways together).
"""

from typing import Annotated, Any, Final, Literal, Required, TypeAlias, TypedDict

import msgspec
from msgspec import Meta

from adapters.portal.fields import PROGRESS, RECORD

_Text: TypeAlias = str | None
_Short: TypeAlias = Annotated[str, Meta(max_length=50)] | None
_Subject: TypeAlias = Annotated[str, Meta(max_length=1000)] | None
_PaperName: TypeAlias = Annotated[str, Meta(max_length=2000)] | None
_FileName: TypeAlias = Annotated[str, Meta(max_length=4000)] | None
_Core: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
_Date: TypeAlias = Annotated[str, Meta(max_length=40)] | None
_Moment: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40)]
_Flag: TypeAlias = Literal["", "0", "1", "True", "False", "true", "false"] | None
_Count: TypeAlias = Annotated[int, Meta(ge=0)] | None


class _Identity(TypedDict):
    LoaiDinhDanh: _Text
    SoDinhDanh: _Text


class _Database(TypedDict):
    MaCSDL: _Text


class _File(TypedDict, total=False):
    TepDinhKemId: _Text
    TenTepDinhKem: Required[_FileName]
    IsDeleted: _Flag
    MaThanhPhanHoSo: _Text
    DuongDanTaiTepTin: Required[_Text]
    DuocSoHoa: _Flag
    DuocTaiSuDung: _Text
    DuocLayTuKhoDMQG: _Flag
    MaKetQuaThayThe: _Text


class _Charge(TypedDict, total=False):
    TenPhiLePhi: Required[_Text]
    MaPhiLePhi: _Text
    HinhThucThu: _Text
    Gia: _Text
    LoaiPhiLePhi: _Text


class _OtherPaper(TypedDict, total=False):
    TenGiayTo: Required[_PaperName]
    SoLuong: _Count
    LoaiGiayTo: _Count


class _Result(TypedDict, total=False):
    TenGiayTo: Required[_PaperName]
    MaThanhPhanHoSo: _Text
    GiayToId: _Text
    DuongDanTepTinKetQua: _Text
    MaGiayToKetQua: _Text


class _HoSo(TypedDict, total=False):
    MaHoSo: Required[_Core]
    MaTTHC: Required[_Core]
    TenTTHC: Required[_Text]
    MaLinhVuc: Required[_Text]
    TenLinhVuc: Required[_Text]
    KenhThucHien: _Text
    SoBienNhan: _Text
    SoGiayToChuHoSo: _Text
    ChuHoSo: _Text
    LoaiDoiTuong: Required[_Text]
    MaDoiTuong: _Text
    ThongTinKhac: _Text
    Email: _Text
    Fax: _Text
    SoDienThoai: _Text
    TrichYeuHoSo: _Subject
    NgayNopHoSo: _Date
    NgayTiepNhan: Required[_Date]
    NgayHenTra: _Date
    TrangThaiHoSo: Required[_Core]
    NgayTra: _Date
    ThongTinTra: _Text
    HinhThuc: Required[_Text]
    NgayKetThucXuLy: _Date
    NgayTuChoi: _Date
    DonViXuLy: Required[_Text]
    GhiChu: _Text
    NoiNopHoSo: _Text
    HoSoCoThanhPhanSoHoa: _Flag
    TaiKhoanDuocXacThucVoiVNeID: _Flag
    DuocThanhToanTrucTuyen: _Text
    DinhDanhCHS: Annotated[list[_Identity], Meta(max_length=1000)] | None
    DSKetNoiCSDL: Annotated[list[_Database], Meta(max_length=1000)] | None
    TaiLieuNop: Annotated[list[_File], Meta(max_length=1000)] | None
    DanhSachLePhi: Annotated[list[_Charge], Meta(max_length=1000)] | None
    DanhSachTepDinhKemKhac: Annotated[list[_OtherPaper], Meta(max_length=1000)] | None
    DanhSachHoSoBoSung: Annotated[list[None], Meta(max_length=0)] | None
    DanhSachGiayToKetQua: Annotated[list[_Result], Meta(max_length=1000)] | None


class _TienDo(TypedDict, total=False):
    MaHoSo: Required[_Core]
    NguoiXuLy: Required[_Short]
    ChucDanh: _Text
    ThoiDiemXuLy: Required[_Moment]
    PhongBanXuLy: _Text
    NoiDungXuLy: Required[_Text]
    TrangThai: Required[_Core]
    NgayBatDau: _Date
    NgayKetThucTheoQuyDinh: _Date


_LISTS: Final = (
    "DinhDanhCHS",
    "DSKetNoiCSDL",
    "TaiLieuNop",
    "DanhSachLePhi",
    "DanhSachTepDinhKemKhac",
    "DanhSachGiayToKetQua",
)
_records: Final = msgspec.json.Decoder(_HoSo)
_rows: Final = msgspec.json.Decoder(_TienDo)


def decode(service: str, raw: bytes) -> dict[str, Any] | None:
    """The members of an ordinary record or row, or None for one that wants the long way."""
    if b"\\" in raw:  # may hide a quote, a control or half a character
        return None
    try:
        if service == RECORD:
            return _record(raw)
        return _row(raw) if service == PROGRESS else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _record(raw: bytes) -> dict[str, Any] | None:
    members: dict[str, Any] = _records.decode(raw)  # type: ignore[assignment]  # a TypedDict is a dict
    texts = len(members) + list(map(type, members.values())).count(str)
    for name in _LISTS:
        items = members.get(name)
        if items:
            for item in items:
                texts += len(item) + list(map(type, item.values())).count(str)
    # Without backslashes quotes stand in pairs round keys and texts. More of them than were decoded: a field is unknown
    # to us, or there twice.
    if raw.count(b'"') != 2 * texts or members["MaHoSo"].isspace() or members["TrangThaiHoSo"].isspace():
        return None
    for fee in members.get("DanhSachLePhi") or ():
        amount = fee.get("Gia")
        if amount and not (amount.isascii() and amount.isdigit()):
            return None
    return members


def _row(raw: bytes) -> dict[str, Any] | None:
    members: dict[str, Any] = _rows.decode(raw)  # type: ignore[assignment]  # a TypedDict is a dict
    if raw.count(b'"') != 2 * (len(members) + list(map(type, members.values())).count(str)):
        return None
    if members["MaHoSo"].isspace() or members["TrangThai"].isspace() or members["ThoiDiemXuLy"].isspace():
        return None
    return members
