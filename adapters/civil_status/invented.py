"""Invented births and deaths as DVCLT hands them over. Pure: the same seed gives the same bytes.

Nobody here exists: every given name begins with *Mẫu* (specimen), citizen numbers begin with 099 and agencies are under
H99, which are given to no province.
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final
from xml.sax.saxutils import escape

import msgspec

from adapters.civil_status.draws import Draws

_FAMILY: Final = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Lò",
    "Giàng",
    "Nông",
    "Y",
    "Ksor",
)
_GIVEN_F: Final = ("Thảo", "Ngọc Ánh", "Huyền", "Quỳnh", "Tường Vy", "Mỹ Duyên", "Phương", "Yến", "Đào", "Thuỷ")
_GIVEN_M: Final = ("Đức", "Hữu Nghĩa", "Trường", "Dũng", "Khánh", "Minh Quân", "Thắng", "Vượng", "Sỹ", "Bảo")
_PEOPLES: Final = ("01", "02", "03", "05", "08", "12", "22")
_PLACES: Final = ("thôn Suối Mẫu", "bản Nậm Mẫu", "tổ dân phố Mẫu 3", "khu phố Mẫu Đông", "ấp Mẫu Thạnh", "buôn Ea Mẫu")
_WARDS: Final = ("xã Mẫu Giang, tỉnh Mẫu", "phường Mẫu Hoà, tỉnh Mẫu", "đặc khu Mẫu Đảo, tỉnh Mẫu")
_CAUSES: Final = ("Tuổi già", "Bệnh tim mạch", "Đột quỵ não", "Ung thư phổi")
_DAYS: Final = ("một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín", "mười")
_PER_DAY: Final = 240
_FIRST_MINUTE: Final = 7 * 60 + 30
BIRTH_PROCEDURE: Final = "2.002621"
DEATH_PROCEDURE: Final = "2.002622"
FIRST_DAY: Final = date(2026, 1, 5)

_Children = list[tuple[str, str]]


class Invented(msgspec.Struct, frozen=True, kw_only=True):
    """One invented dossier: what the list shows of it and what the request for its detail answers."""

    id: str
    code: str
    summary: dict[str, Any]
    body: bytes


def births(seed: int, n: int, *, day: date = FIRST_DAY, agency: str = "H99", nested: bool = True) -> Iterator[bytes]:
    """``n`` birth dossiers as the answer to the request for their detail.

    ``nested``: XML in JSON in JSON, as the real service answers; else the plain dossier.
    """
    for number in range(n):
        yield dossier("KS", seed, number, day=day, agency=agency, nested=nested).body


def deaths(seed: int, n: int, *, day: date = FIRST_DAY, agency: str = "H99", nested: bool = True) -> Iterator[bytes]:
    """As ``births``, for deaths."""
    for number in range(n):
        yield dossier("KT", seed, number, day=day, agency=agency, nested=nested).body


def dossier(
    module: str, seed: int, number: int, *, day: date = FIRST_DAY, agency: str = "H99", nested: bool = True
) -> Invented:
    """The dossier of this number: births (KS) and deaths (KT) are numbered apart, 240 of each a day."""
    draws = Draws(seed, f"{module}/{number}")
    days, slot = divmod(number, _PER_DAY)
    at = datetime.combine(day, datetime.min.time()) + timedelta(days=days, minutes=_FIRST_MINUTE + 2 * slot)
    birth = module == "KS"
    code = f"{agency}.07.{'11' if birth else '12'}-{at:%Y%m%d}-{(seed % 1000) * 10_000 + slot:07d}"
    children = _birth(draws, at) if birth else _death(draws, at)
    form = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in children if text)
    summary: dict[str, Any] = {
        "id": f"{seed}-{module}-{number}",
        "maDonVi": 99_000 + draws.below(900),
        "maTTHC": BIRTH_PROCEDURE if birth else DEATH_PROCEDURE,
        "module": module,
        "maHoSo": code,
        "ngayTiepNhan": f"{at:%d/%m/%Y %H:%M:%S}",
        "techId": f"tech-{draws.digits(9)}",
    }
    detail = {
        **{name: value for name, value in summary.items() if name != "id"},
        "data": f"<thongTinHoSo><hoTich>{form}</hoTich></thongTinHoSo>",
        "fileDinhKem": [_paper(draws, birth=birth)],
    }
    plain = msgspec.json.encode(detail)
    body = msgspec.json.encode({"data": {**_BLANK, "data": plain.decode()}}) if nested else plain
    return Invented(id=summary["id"], code=code, summary=summary, body=body)


_BLANK: Final = dict.fromkeys(("maDonVi", "maTTHC", "module", "maHoSo", "ngayTiepNhan", "techId", "fileDinhKem"))


def _birth(draws: Draws, at: datetime) -> _Children:
    girl = draws.chance(0.5)
    born = at - timedelta(days=1 + draws.below(20), hours=draws.below(24))
    mother = _person(draws, "me", at, woman=True)
    father = _person(draws, "cha", at, woman=False) if draws.chance(0.9) else []
    family = dict(father or mother)["chaHoTen" if father else "meHoTen"].split()[0]
    return [
        ("maGCS", f"GCS.99.{draws.digits(6)}"),
        ("ngayCapGCS", f"{born:%Y%m%d}"),
        ("loaiDangKy", "1"),
        ("noiDangKy", "99" + draws.digits(3)),
        ("soLuongBanSao", str(draws.below(6))),
        ("nksHoTen", f"{family} {'Thị ' if girl else ''}Mẫu {draws.pick(_GIVEN_F if girl else _GIVEN_M)}"),
        ("nksGioiTinh", "2" if girl else "1"),
        ("nksNgaySinh", f"{born:%d.%m.%Y}"),
        ("nksNgaySinhBangChu", _date_in_words(born)),
        ("nksNoiSinh", "Bệnh viện Phụ sản Mẫu, " + draws.pick(_WARDS)),
        ("nksNoiSinhDVHC", "99"),
        ("nksQueQuan", f"{draws.pick(_PLACES)}, {draws.pick(_WARDS)}"),
        ("nksDanToc", draws.pick(_PEOPLES)),
        ("nksQuocTich", "VN"),
        ("nksLoaiKhaiSinh", "1"),
        *mother,
        *father,
        *(_asking(draws, dict(father), "cha", "Cha") if father else _asking(draws, dict(mother), "me", "Mẹ")),
    ]


def _death(draws: Draws, at: datetime) -> _Children:
    died = at - timedelta(days=1 + draws.below(5), hours=draws.below(24))
    deceased = _person(draws, "nkt", at - timedelta(days=365 * 45), woman=draws.chance(0.5))
    child = {
        "conHoTen": f"{dict(deceased)['nktHoTen'].split()[0]} Mẫu {draws.pick(_GIVEN_M)}",
        "conSoGiayToTuyThan": "099" + draws.digits(9),
    }
    return [
        ("maGBT", f"GBT.99.{draws.digits(6)}"),
        ("ngayCapGBT", f"{died:%Y%m%d}"),
        ("loaiDangKy", "1"),
        ("noiDangKy", "99" + draws.digits(3)),
        ("soLuongBanSao", str(draws.below(6))),
        *((name, text) for name, text in deceased if name != "nktXacThucThongTin"),
        ("nktGioiTinh", str(1 + draws.below(2))),
        ("nktNgayChet", f"{died:%d.%m.%Y}"),
        ("nktGioPhutChet", f"{died:%H:%M}"),
        ("nktNoiChet", f"{draws.pick(_PLACES)}, {draws.pick(_WARDS)}"),
        ("nktNguyenNhanChet", draws.pick(_CAUSES)),
        ("gbtLoai", "1"),
        ("gbtSo", f"{1 + draws.below(900)}/GBT"),
        ("gbtNgay", f"{died:%d.%m.%Y}"),
        ("gbtCoQuanCap", "Trạm y tế Mẫu, " + draws.pick(_WARDS)),
        *_asking(draws, child, "con", "Con"),
    ]


def _person(draws: Draws, prefix: str, at: datetime, *, woman: bool) -> _Children:
    born = at - timedelta(days=365 * 20 + draws.below(365 * 20))
    name = f"{draws.pick(_FAMILY)} {'Thị ' if woman else ''}Mẫu {draws.pick(_GIVEN_F if woman else _GIVEN_M)}"
    return [
        (prefix + "HoTen", name),
        (prefix + "NgaySinh", f"{born:%Y}" if draws.chance(0.2) else f"{born:%d.%m.%Y}"),
        (prefix + "DanToc", draws.pick(_PEOPLES)),
        (prefix + "QuocTich", "VN"),
        (prefix + "LoaiCuTru", "1"),
        (prefix + "NoiCuTru", f"{draws.pick(_PLACES)}, {draws.pick(_WARDS)}"),
        (prefix + "LoaiGiayToTuyThan", "5"),
        (prefix + "SoGiayToTuyThan", "099" + draws.digits(9)),
        (prefix + "XacThucThongTin", "1"),
    ]


def _asking(draws: Draws, person: dict[str, str], prefix: str, kinship: str) -> _Children:
    return [
        ("nycHoTen", person[prefix + "HoTen"]),
        ("nycQuanHe", kinship),
        ("nycLoaiGiayToTuyThan", "5"),
        ("nycSoGiayToTuyThan", person[prefix + "SoGiayToTuyThan"]),
        ("nycNgayCapGiayToTuyThan", "15.09.2022"),
        ("nycNoiCapGiayToTuyThan", "Cục Cảnh sát quản lý hành chính về trật tự xã hội"),
        ("nycSoDienThoai", "0900" + draws.digits(6)),
        ("nycEmail", f"mau.{draws.digits(5)}@example.vn"),
        ("nycXacThucThongTin", "1"),
    ]


def _paper(draws: Draws, *, birth: bool) -> dict[str, Any]:
    scan = b"%PDF-1.4\n% invented paper " + b"".join(draws.digits(18).encode() for _ in range(12)) + b"\n%%EOF\n"
    return {
        "id": draws.below(1_000_000),
        "loaiGiayTo": 1,
        "tenGiayTo": "Giấy chứng sinh" if birth else "Giấy báo tử",
        "tenTepDinhKem": "giay-chung-sinh.pdf" if birth else "giay-bao-tu.pdf",
        "huyGiayTo": 0,
        "duLieuTepDinhKem": b64encode(scan).decode(),
    }


def _date_in_words(day: date) -> str:
    return f"Ngày {_spelt(day.day)}, tháng {_spelt(day.month)}, năm hai nghìn không trăm {_spelt(day.year % 100)}"


def _spelt(number: int) -> str:
    if number <= len(_DAYS):
        return _DAYS[number - 1]
    tens, ones = divmod(number, 10)
    head = "mười" if tens == 1 else f"{_DAYS[tens - 1]} mươi"
    last = {0: "", 1: " một" if tens == 1 else " mốt", 5: " lăm"}.get(ones, f" {_DAYS[ones - 1]}")
    return head + last
