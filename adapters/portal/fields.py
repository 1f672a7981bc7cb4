"""The fields of QCVN 120 records and the canonical names they stand for: one table for reading and for writing.

Source: QCVN 120:2019/BTTTT as reconstructed under ``contracts/wire/qcvn120``.
"""

from typing import Final

STANDARD: Final = "qcvn120"
RECORD: Final = "DongBoHoSoMC"
PROGRESS: Final = "CapNhatTienDoHoSoMC"
SERVICES: Final = (RECORD, PROGRESS)

SUBMISSION_TEXTS: Final = (
    ("TenTTHC", "procedure_name"),
    ("MaLinhVuc", "field_code"),
    ("TenLinhVuc", "field_name"),
    ("SoBienNhan", "receipt_number"),
    ("SoGiayToChuHoSo", "applicant_paper_number"),
    ("ChuHoSo", "applicant_name"),
    ("MaDoiTuong", "applicant_account"),
    ("ThongTinKhac", "other_info"),
    ("Email", "email"),
    ("Fax", "fax"),
    ("SoDienThoai", "phone"),
    ("TrichYeuHoSo", "subject"),
    ("GhiChu", "remark"),
    ("DuocThanhToanTrucTuyen", "paid_online"),
)
"""Texts of the submission, carried as they are."""

SUBMISSION_FLAGS: Final = (
    ("HoSoCoThanhPhanSoHoa", "has_digitised_documents"),
    ("TaiKhoanDuocXacThucVoiVNeID", "account_verified"),
)
"""0/1 in every spelling of the senders (``True``, ``true``, 1); canonical is "0" or "1"."""

RECEPTION_TEXTS: Final = (("HinhThuc", "return_method"), ("DonViXuLy", "processing_agency"))

EDITION_2019: Final = (
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "ChuHoSo",
    "LoaiDoiTuong",
    "MaDoiTuong",
    "ThongTinKhac",
    "Email",
    "Fax",
    "SoDienThoai",
    "TrichYeuHoSo",
    "NgayTiepNhan",
    "NgayHenTra",
    "TrangThaiHoSo",
    "NgayTra",
    "ThongTinTra",
    "HinhThuc",
    "NgayKetThucXuLy",
    "DonViXuLy",
    "GhiChu",
    "TaiLieuNop",
    "DanhSachLePhi",
    "DanhSachTepDinhKemKhac",
    "DanhSachHoSoBoSung",
    "DanhSachGiayToKetQua",
)
EXTENDED_ONLY: Final = (
    "KenhThucHien",
    "SoGiayToChuHoSo",
    "NoiNopHoSo",
    "HoSoCoThanhPhanSoHoa",
    "TaiKhoanDuocXacThucVoiVNeID",
    "DuocThanhToanTrucTuyen",
    "NgayTuChoi",
    "DinhDanhCHS",
    "NgayNopHoSo",
    "DSKetNoiCSDL",
)
RECORD_FIELDS: Final = frozenset((*EDITION_2019, *EXTENDED_ONLY, "SoBienNhan"))
"""Known on the way in; ``SoBienNhan`` is an older field that senders still fill and nobody counts."""

PROGRESS_FIELDS: Final = frozenset(
    (
        "MaHoSo",
        "NguoiXuLy",
        "ChucDanh",
        "ThoiDiemXuLy",
        "PhongBanXuLy",
        "NoiDungXuLy",
        "TrangThai",
        "NgayBatDau",
        "NgayKetThucTheoQuyDinh",
    )
)

LISTS: Final = frozenset(
    (
        "DinhDanhCHS",
        "DSKetNoiCSDL",
        "TaiLieuNop",
        "DanhSachLePhi",
        "DanhSachTepDinhKemKhac",
        "DanhSachHoSoBoSung",
        "DanhSachGiayToKetQua",
        "DanhSachGiayToBoSung",
        "DanhSachLePhiBoSung",
    )
)
"""Fields whose value is a list: in XML their members are ``item``."""

MEMBERS: Final[dict[str, frozenset[str]]] = {
    "DinhDanhCHS": frozenset(("LoaiDinhDanh", "SoDinhDanh")),
    "DSKetNoiCSDL": frozenset(("MaCSDL",)),
    "TaiLieuNop": frozenset(
        (
            "TepDinhKemId",
            "TenTepDinhKem",
            "IsDeleted",
            "MaThanhPhanHoSo",
            "DuongDanTaiTepTin",
            "DuocSoHoa",
            "DuocTaiSuDung",
            "DuocLayTuKhoDMQG",
            "MaKetQuaThayThe",
        )
    ),
    "DanhSachLePhi": frozenset(("TenPhiLePhi", "MaPhiLePhi", "HinhThucThu", "Gia", "LoaiPhiLePhi")),
    "DanhSachTepDinhKemKhac": frozenset(("TenGiayTo", "SoLuong", "LoaiGiayTo")),
    "DanhSachHoSoBoSung": frozenset(
        (
            "HoSoBoSungId",
            "NguoiYeuCauBoSung",
            "NoiDungBoSung",
            "NgayBoSung",
            "NguoiTiepNhanBoSung",
            "ThongTinTiepNhan",
            "NgayTiepNhanBoSung",
            "TrangThaiBoSung",
            "DanhSachGiayToBoSung",
            "DanhSachLePhiBoSung",
            "NgayHenTraTruoc",
            "NgayHenTraMoi",
        )
    ),
    "DanhSachGiayToKetQua": frozenset(
        ("TenGiayTo", "MaThanhPhanHoSo", "GiayToId", "DuongDanTepTinKetQua", "MaGiayToKetQua")
    ),
}
"""Known members of each list of a record; others are reported as unknown."""

HOMELESS: Final = (
    ("NgayTuChoi", "refused_at"),
    ("NgayKetThucXuLy", "finished_at"),
    ("NgayTra", "returned_at"),
    ("ThongTinTra", "return_info"),
)
"""Values that belong to one state; stated beside another state they are kept in ``extra`` under the wire's name."""

MANDATORY: Final = ("procedure_code",)
"""Canonical names without which no record is rendered; the state, too, and ``received_at`` from reception on."""

MANDATORY_STRICT: Final = (
    "procedure_name",
    "field_code",
    "field_name",
    "applicant_type",
    "return_method",
    "processing_agency",
)
"""Also required with the option ``mandatory = "strict"``. Known senders leave them blank and are accepted."""

NEEDS_RECEPTION: Final = frozenset(("received", "processing", "stopped", "finished", "handed_over"))
"""States that no dossier reaches without having been received: ``NgayTiepNhan`` is mandatory in them."""
