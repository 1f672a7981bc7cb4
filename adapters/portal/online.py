"""Invented dossiers as the portal hands them to an agency: filed online, not yet received. Pure.

Nobody here exists: every given name contains *Mẫu* (specimen), identity numbers begin with 099 and the agency is under
H99, which are given to no province. The same seed gives the same bytes.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from adapters.portal.draws import Draws
from adapters.portal.fields import EDITION_2019, EXTENDED_ONLY, LISTS, RECORD

AGENCY: Final = "000.15.44.H99"
"""The agency in the codes of these dossiers."""
FIRST_DAY: Final = date(2026, 1, 5)
_PER_DAY: Final = 5_000
_OPENING: Final = timedelta(hours=6)
_FAMILY: Final = (
    *("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Dương", "Lý", "Ngô", "Đinh"),
    *("Lò", "Giàng", "Vàng", "Thào", "Nông", "Quàng", "Ksor", "Rơ Châm", "Thạch", "Điểu"),
)
_MIDDLE: Final = ("Thị", "Văn", "Hữu", "Ngọc", "Thuý", "Đình", "Mỹ", "Quốc", "Kim", "Xuân", "A", "Y")
_GIVEN: Final = (
    *("Mẫu Ánh", "Mẫu Bưởi", "Mẫu Chúc", "Mẫu Diễm", "Mẫu Đạt", "Mẫu Giỏi", "Mẫu Hằng", "Mẫu Khuê", "Mẫu Lượng"),
    *("Mẫu Nguyệt", "Mẫu Oanh", "Mẫu Phượng", "Mẫu Quý", "Mẫu Rạng", "Mẫu Sửu", "Mẫu Thưởng", "Mẫu Uyên", "Mẫu Vỹ"),
)
_WARDS: Final = ("xã Mẫu Giang", "phường Mẫu Hoà", "đặc khu Mẫu Đảo", "xã Mẫu Khương", "phường Mẫu Thuận")
_PROCEDURES: Final = (
    ("1.001612", "Đăng ký thành lập hộ kinh doanh", "G12-LV03", "Thành lập và hoạt động của hộ kinh doanh"),
    ("2.000815", "Chứng thực bản sao từ bản chính giấy tờ, văn bản", "G15-LV02", "Chứng thực"),
    ("1.004873", "Cấp giấy xác nhận tình trạng hôn nhân", "G15-LV01", "Hộ tịch"),
    ("1.003554", "Hoà giải tranh chấp đất đai", "G10-LV05", "Đất đai"),
    ("1.012753", "Đăng ký đất đai, tài sản gắn liền với đất lần đầu", "G10-LV05", "Đất đai"),
    ("1.013124", "Cấp giấy phép văn hoá đối với lễ hội cấp xã", "G16-LV04", "Văn hoá cơ sở"),
)
_PAPERS: Final = (
    "Tờ khai theo mẫu",
    "Đơn đề nghị",
    "Bản sao giấy chứng nhận",
    "Văn bản uỷ quyền",
    "Sơ đồ vị trí",
)


def online_dossiers(seed: int, n: int, *, first: int = 0, per_packet: int = 1) -> Iterator[bytes]:
    """``n`` dossiers from number ``first`` on, as bodies of ``DongBoHoSoMC`` with a blank session; 5,000 a day."""
    for start in range(first, first + n, per_packet):
        numbers = range(start, min(start + per_packet, first + n))
        yield msgspec.json.encode(
            {
                "session": "",
                "madonvi": "000.00.00.H99",
                "service": RECORD,
                "isUpdating": "False",
                "data": [online_record(seed, number) for number in numbers],
            }
        )


def online_record(seed: int, number: int) -> dict[str, Any]:
    """One dossier by its number, with all 37 fields."""
    draws = Draws(seed, f"online/{number}")
    day, slot = divmod(number, _PER_DAY)
    filed = datetime.combine(FIRST_DAY + timedelta(days=day), datetime.min.time()) + _OPENING
    filed += timedelta(seconds=slot * 12)
    code = f"{AGENCY}-{filed:%y%m%d}-{slot + 1:04d}"
    procedure, name, field, field_name = draws.one_of(_PROCEDURES)
    person = f"{draws.one_of(_FAMILY)} {draws.one_of(_MIDDLE)} {draws.one_of(_GIVEN)}"
    identity = f"099{draws.number(0, 999_999_999):09d}"
    ward = draws.one_of(_WARDS)
    record: dict[str, Any] = {wire: [] if wire in LISTS else "" for wire in (*EDITION_2019, *EXTENDED_ONLY)}
    record |= {
        "MaHoSo": code,
        "MaTTHC": procedure,
        "TenTTHC": name,
        "MaLinhVuc": field,
        "TenLinhVuc": field_name,
        "KenhThucHien": "2",
        "SoGiayToChuHoSo": identity,
        "ChuHoSo": person,
        "LoaiDoiTuong": "1",
        "MaDoiTuong": f"{draws.number(0, 2**32 - 1):08x}-0000-4000-8000-{draws.number(0, 2**48 - 1):012x}",
        "Email": f"mau.{number}@example.vn",
        "SoDienThoai": f"09{draws.number(0, 99_999_999):08d}",
        "TrichYeuHoSo": f"{name} của {person}, {ward}, tỉnh Mẫu",
        "NgayNopHoSo": f"{filed:%Y%m%d%H%M%S}",
        "TrangThaiHoSo": "1",
        "HinhThuc": "0",
        "DonViXuLy": f"Uỷ ban nhân dân {ward}, tỉnh Mẫu",
        "NoiNopHoSo": "1",
        "HoSoCoThanhPhanSoHoa": draws.one_of(("0", "1")),
        "TaiKhoanDuocXacThucVoiVNeID": "1",
        "DuocThanhToanTrucTuyen": draws.one_of(("0", "1")),
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": identity}],
        "TaiLieuNop": [_paper(draws, code, place) for place in range(draws.number(1, 3))],
    }
    return record


def _paper(draws: Draws, code: str, place: int) -> dict[str, str]:
    number = f"{draws.number(1, 99_999_999):08d}"
    return {
        "TepDinhKemId": number,
        "TenTepDinhKem": f"{draws.one_of(_PAPERS)}.pdf",
        "IsDeleted": "False",
        "MaThanhPhanHoSo": f"TP{place + 1:02d}",
        "DuongDanTaiTepTin": f"https://dvc.example.vn/tep/{code}/{number}",
        "DuocSoHoa": "1" if place == 0 else "0",
        "DuocTaiSuDung": "0",
        "DuocLayTuKhoDMQG": "1" if place == 0 and draws.happens(0.2) else "0",
        "MaKetQuaThayThe": "",
    }
