"""Invented portal messages for the tests of the adapter: one ordinary record, one row, and the envelopes round them."""

import json
from typing import Any, Final

from adapters.portal import ADAPTER
from contracts.envelope import Envelope
from contracts.ports import Profile
from contracts.reading import Reading, Record

CODE: Final = "000.21.44.H99-260915-0042"
PLAIN: Final = Profile()
RECORD: Final[dict[str, Any]] = {
    "MaHoSo": CODE,
    "MaTTHC": "1.099001",
    "TenTTHC": "Cấp giấy phép thử nghiệm cầu treo dân sinh",
    "MaLinhVuc": "GX-LV07",
    "TenLinhVuc": "Hạ tầng giả định",
    "KenhThucHien": "2",
    "SoGiayToChuHoSo": "099199000123",
    "ChuHoSo": "Lò Thị Mẫu",
    "LoaiDoiTuong": "1",
    "MaDoiTuong": "0a6d3f8e-0000-4000-8000-00000000abcd",
    "ThongTinKhac": "",
    "Email": "mau.lo@example.vn",
    "Fax": "",
    "SoDienThoai": "0900000123",
    "TrichYeuHoSo": "Xin phép thử nghiệm cầu treo bản Mẫu",
    "NgayNopHoSo": "20260915075512",
    "NgayTiepNhan": "20260915081000",
    "NgayHenTra": "20260922081000",
    "TrangThaiHoSo": "4",
    "NgayTra": "",
    "ThongTinTra": "",
    "HinhThuc": "0",
    "NgayKetThucXuLy": "",
    "NgayTuChoi": "",
    "DonViXuLy": "Sở Hạ tầng giả định tỉnh Mẫu",
    "GhiChu": "",
    "NoiNopHoSo": "1",
    "HoSoCoThanhPhanSoHoa": "1",
    "TaiKhoanDuocXacThucVoiVNeID": "1",
    "DuocThanhToanTrucTuyen": "1",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099199000123"}],
    "DSKetNoiCSDL": [{"MaCSDL": "7"}],
    "TaiLieuNop": [
        {
            "TepDinhKemId": "551",
            "TenTepDinhKem": "don-de-nghi.pdf",
            "IsDeleted": "False",
            "MaThanhPhanHoSo": "TP01",
            "DuongDanTaiTepTin": "https://mc.example.vn/f/551",
            "DuocSoHoa": "1",
            "DuocTaiSuDung": "0",
            "DuocLayTuKhoDMQG": "0",
            "MaKetQuaThayThe": "",
        }
    ],
    "DanhSachLePhi": [
        {
            "TenPhiLePhi": "Lệ phí thẩm định",
            "MaPhiLePhi": "LP01",
            "HinhThucThu": "1",
            "Gia": "150000",
            "LoaiPhiLePhi": "2",
        }
    ],
    "DanhSachTepDinhKemKhac": [{"TenGiayTo": "Bản vẽ", "SoLuong": 1, "LoaiGiayTo": 1}],
    "DanhSachHoSoBoSung": [],
    "DanhSachGiayToKetQua": [],
}
ROW: Final[dict[str, Any]] = {
    "MaHoSo": CODE,
    "NguoiXuLy": "Giàng A Mẫu",
    "ChucDanh": "Chuyên viên",
    "ThoiDiemXuLy": "20260916142500",
    "PhongBanXuLy": "Phòng Kỹ thuật",
    "NoiDungXuLy": "Đề nghị bổ sung bản vẽ mặt cắt",
    "TrangThai": "5",
    "NgayBatDau": "20260915081000",
    "NgayKetThucTheoQuyDinh": "20260922081000",
}
ROUND: Final[dict[str, Any]] = {
    "HoSoBoSungId": 1,
    "NguoiYeuCauBoSung": "Giàng A Mẫu",
    "NoiDungBoSung": "Bổ sung bản vẽ mặt cắt",
    "NgayBoSung": "20260916142500",
    "NguoiTiepNhanBoSung": "",
    "ThongTinTiepNhan": "",
    "NgayTiepNhanBoSung": "",
    "TrangThaiBoSung": False,
    "DanhSachGiayToBoSung": [],
    "DanhSachLePhiBoSung": [],
    "NgayHenTraTruoc": "",
    "NgayHenTraMoi": "",
}
RESULT: Final[dict[str, Any]] = {
    "TenGiayTo": "Giấy phép thử nghiệm số 12",
    "MaThanhPhanHoSo": "TP01",
    "GiayToId": "KQ12",
    "DuongDanTepTinKetQua": "https://mc.example.vn/kq/12",
    "MaGiayToKetQua": "KQ.G17.000012",
}


def record(**changed: Any) -> dict[str, Any]:
    return {**RECORD, **changed}


def row(**changed: Any) -> dict[str, Any]:
    return {**ROW, **changed}


def packet(*records: Any, service: str = "DongBoHoSoMC", **head: Any) -> bytes:
    members = {"session": "phien-mau", "madonvi": "000.00.00.H99", "service": service, "isUpdating": "False", **head}
    return json.dumps({**members, "data": list(records)}, ensure_ascii=False).encode()


def progress(*rows: Any, **head: Any) -> bytes:
    return packet(*rows, service="CapNhatTienDoHoSoMC", **head)


def envelope(body: bytes, kind: str = "", **options: str) -> Envelope:
    return Envelope(
        party="tinh-mau",
        adapter="portal",
        body=body,
        received_at=1_789_000_000_000_000,
        type=kind,
        options=tuple(sorted(options.items())),
    )


def read(body: bytes, profile: Profile = PLAIN, kind: str = "", **options: str) -> Reading:
    return ADAPTER.read(envelope(body, kind, **options), profile)


def read_one(body: bytes, profile: Profile = PLAIN) -> Record:
    reading = read(body, profile)
    assert reading.refused == ()
    assert reading.parked == ()
    (one,) = reading.records
    return one


def warned(body: bytes) -> set[tuple[str, str]]:
    return {(note.code, note.path) for one in read(body).records for note in one.warnings}
