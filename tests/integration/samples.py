"""Invented portal messages of the one-stop system of *tỉnh Mẫu Hai* (H98, which is given to no province)."""

from typing import Any, Final

from adapters.portal.online import online_record

AGENCY: Final = "000.21.44.H98"
_SEED: Final = 5


def code(number: int, agency: str = AGENCY) -> str:
    """The national code of an invented dossier."""
    return f"{agency}-260105-{number:04d}"


def record(number: int, *, state: str = "2", agency: str = AGENCY, **fields: Any) -> dict[str, Any]:
    """One dossier record, received and not yet finished unless told otherwise."""
    made = online_record(_SEED, number)
    return made | {
        "MaHoSo": code(number, agency),
        "NgayTiepNhan": "20260105081000",
        "NgayHenTra": "20260122170000",
        "TrangThaiHoSo": state,
        **fields,
    }


def row(number: int, *, at: str = "20260105081000", state: str = "2", **fields: Any) -> dict[str, Any]:
    """One row of progress."""
    return {
        "MaHoSo": code(number),
        "NguoiXuLy": "Giàng A Mẫu",
        "ChucDanh": "Chuyên viên",
        "ThoiDiemXuLy": at,
        "PhongBanXuLy": "Bộ phận Một cửa",
        "NoiDungXuLy": "Tiếp nhận hồ sơ",
        "TrangThai": state,
        "NgayBatDau": at,
        "NgayKetThucTheoQuyDinh": "20260122170000",
        **fields,
    }


def packet(*records: dict[str, Any], service: str = "DongBoHoSoMC", updating: str = "False") -> dict[str, Any]:
    """A packet in its envelope, without a session."""
    return {
        "session": "",
        "madonvi": "000.00.00.H98",
        "service": service,
        "isUpdating": updating,
        "data": list(records),
    }


def xml(number: int, **fields: str) -> bytes:
    """A packet of one record in XML."""
    values = {
        "MaHoSo": code(number),
        "MaTTHC": "1.012753",
        "TenTTHC": "Đăng ký đất đai lần đầu",
        "MaLinhVuc": "G10-LV05",
        "TenLinhVuc": "Đất đai",
        "ChuHoSo": "Lò Thị Mẫu",
        "LoaiDoiTuong": "1",
        "NgayTiepNhan": "20260105081000",
        "TrangThaiHoSo": "2",
        "HinhThuc": "0",
        "DonViXuLy": "Uỷ ban nhân dân xã Mẫu Giang",
        **fields,
    }
    inner = "".join(f"      <{name}>{value}</{name}>\n" for name, value in values.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<DongBoHoSoMC>\n  <madonvi>000.00.00.H98</madonvi>\n'
        f"  <isUpdating>False</isUpdating>\n  <data>\n    <HoSo>\n{inner}    </HoSo>\n  </data>\n</DongBoHoSoMC>\n"
    ).encode()
