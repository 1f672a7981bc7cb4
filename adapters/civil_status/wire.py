"""The names of the civil-status format and the shape of its one outgoing message."""

from typing import Final

import msgspec

STANDARD: Final = "civil_status"
EDITION: Final = "dvclt-2023"
DOSSIER: Final = "HoSoLienThong"
STATUS: Final = "TrangThai"
MODULES: Final = {"KS": "KS", "KT": "KT", "LTKS": "KS", "LTKT": "KT"}
"""Births and deaths; the registry of the Ministry of Justice prefixes the same words with LT."""

PROCESSING_LEVEL: Final = 5
"""``coQuanXuLy``: every known sender writes this constant; no list of its values is public."""

EXTRA: Final = "dvclt."
"""Prefix of the wire names kept in ``DossierSubmitted.extra``: ``dvclt.techId``, ``dvclt.hoTich.nksHoTen``."""

DOSSIER_MEMBERS: Final = frozenset(
    (
        "id",
        "maDonVi",
        "maTTHC",
        "module",
        "maHoSo",
        "maHoSoLT",
        "soHoSoLT",
        "ngayTiepNhan",
        "techId",
        "data",
        "fileDinhKem",
    )
)
FILE_MEMBERS: Final = frozenset(("id", "loaiGiayTo", "tenGiayTo", "tenTepDinhKem", "huyGiayTo", "duLieuTepDinhKem"))


class StatusMessage(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename={
        "procedure": "maTTHC",
        "dvclt_code": "soHoSoLT",
        "level": "coQuanXuLy",
        "code": "maHoSo",
        "status": "trangThai",
        "at": "thoiGianThucHien",
        "remark": "ghiChu",
        "result": "ketQuaXuLy",
        "officer": "nguoiXuLy",
        "title": "chucDanh",
        "department": "phongBanXuLy",
        "content": "noiDungXuLy",
        "started_at": "ngayBatDau",
        "due_at": "ngayKetThucTheoQuyDinh",
        "due_before": "ngayHenTraTruoc",
        "due_after": "ngayHenTraMoi",
        "supplement_due_at": "hanBoSungHoSo",
    },
):
    """``TrangThai`` as it is written: all members present, what is not stated is null, times dd/MM/yyyy HH:mm:ss."""

    procedure: str
    dvclt_code: str | None
    level: int
    code: str
    status: int | str
    at: str
    remark: str | None = None
    result: str | None = None
    officer: str | None = None
    title: str | None = None
    department: str | None = None
    content: str | None = None
    started_at: str | None = None
    due_at: str | None = None
    due_before: str | None = None
    due_after: str | None = None
    supplement_due_at: str | None = None


STATUS_MEMBERS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(StatusMessage))
