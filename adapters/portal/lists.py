"""The lists of a record as the wire holds them, and whether a value went in whole.

What a member has no place for, or a form the standard does not allow, is left out; ``is_whole`` then says so, and the
writer declares the loss. Nothing is cut or made up.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from adapters.portal.values import FLAGS
from contracts import dates
from contracts.facts import Document, Fee, IdentityPaper, Paper, Supplement
from contracts.moment import Moment

MAX_DOCUMENT_NAME: Final = 4000
MAX_PAPER_NAME: Final = 2000
_COMPACT: Final = 14
_AMOUNT: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)*", re.ASCII)


def applicant_papers(papers: tuple[IdentityPaper, ...]) -> list[dict[str, str]]:
    """``DinhDanhCHS``."""
    return [{"LoaiDinhDanh": paper.kind, "SoDinhDanh": paper.number} for paper in papers]


def databases(codes: tuple[str, ...]) -> list[dict[str, str]]:
    """``DSKetNoiCSDL``."""
    return [{"MaCSDL": code} for code in codes]


def documents(given: tuple[Document, ...]) -> list[dict[str, str]]:
    """``TaiLieuNop``."""
    return [
        {
            "TepDinhKemId": document.id,
            "TenTepDinhKem": document.name if len(document.name) <= MAX_DOCUMENT_NAME else "",
            "IsDeleted": "True" if document.deleted else "False",
            "MaThanhPhanHoSo": document.component_code,
            "DuongDanTaiTepTin": document.url,
            "DuocSoHoa": FLAGS.get(document.digitised, ""),
            "DuocTaiSuDung": document.reused,
            "DuocLayTuKhoDMQG": FLAGS.get(document.from_personal_store, ""),
            "MaKetQuaThayThe": document.replaces_result_code,
        }
        for document in given
    ]


def results(given: tuple[Document, ...]) -> list[dict[str, str]]:
    """``DanhSachGiayToKetQua``."""
    return [
        {
            "TenGiayTo": result.name if len(result.name) <= MAX_PAPER_NAME else "",
            "MaThanhPhanHoSo": result.component_code,
            "GiayToId": result.id,
            "DuongDanTepTinKetQua": result.url,
            "MaGiayToKetQua": result.result_code,
        }
        for result in given
    ]


def fees(given: tuple[Fee, ...]) -> list[dict[str, str]]:
    """``DanhSachLePhi``."""
    return [
        {
            "TenPhiLePhi": fee.name,
            "MaPhiLePhi": fee.code,
            "HinhThucThu": fee.collected_at,
            "Gia": fee.amount if _is_amount(fee.amount) else "",
            "LoaiPhiLePhi": fee.kind,
        }
        for fee in given
    ]


def _is_amount(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit()) or _AMOUNT.fullmatch(text) is not None


def papers(given: tuple[Paper, ...]) -> list[dict[str, str | int]]:
    """``DanhSachTepDinhKemKhac``."""
    return [
        {
            "TenGiayTo": paper.name if len(paper.name) <= MAX_PAPER_NAME else "",
            "SoLuong": max(paper.copies, 0),
            "LoaiGiayTo": max(paper.kind, 0),
        }
        for paper in given
    ]


def supplements(rounds: tuple[Supplement, ...]) -> list[dict[str, Any]]:
    """``DanhSachHoSoBoSung``."""
    return [
        {
            "HoSoBoSungId": int(one.id) if _is_number(one.id) else "",
            "NguoiYeuCauBoSung": one.requested_by,
            "NoiDungBoSung": one.request,
            "NgayBoSung": date(one.requested_at),
            "NguoiTiepNhanBoSung": one.received_by,
            "ThongTinTiepNhan": one.answer,
            "NgayTiepNhanBoSung": date(one.received_at),
            "TrangThaiBoSung": one.done,
            "DanhSachGiayToBoSung": papers(one.papers),
            "DanhSachLePhiBoSung": fees(one.fees),
            "NgayHenTraTruoc": date(one.due_before),
            "NgayHenTraMoi": date(one.due_after),
        }
        for one in rounds
    ]


def date(moment: Moment | None) -> str:
    """``yyyyMMddHHmmss`` in Việt Nam, whatever the sender's zone; "" for none."""
    if moment is None:
        return ""
    text = moment.text
    if moment.zone == dates.VIETNAM and len(text) == _COMPACT and text.isdigit():
        return text  # written so by its own party
    return dates.print_compact(moment)


# ── what went in whole ───────────────────────────────────────────────────────────────────────────


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18  # noqa: PLR2004  # a signed 64-bit integer


def _whole_documents(given: tuple[Document, ...]) -> bool:
    return not any(
        one.content_sha256
        or one.result_code
        or len(one.name) > MAX_DOCUMENT_NAME
        or one.digitised not in FLAGS
        or one.from_personal_store not in FLAGS
        for one in given
    )


def _whole_results(given: tuple[Document, ...]) -> bool:
    return not any(
        one.content_sha256
        or one.deleted
        or one.digitised
        or one.reused
        or one.from_personal_store
        or one.replaces_result_code
        or len(one.name) > MAX_PAPER_NAME
        for one in given
    )


def _whole_fees(given: tuple[Fee, ...]) -> bool:
    return all(_is_amount(fee.amount) for fee in given)


def _whole_papers(given: tuple[Paper, ...]) -> bool:
    return all(paper.copies >= 0 and paper.kind >= 0 and len(paper.name) <= MAX_PAPER_NAME for paper in given)


def _whole_supplements(rounds: tuple[Supplement, ...]) -> bool:
    return all(
        (not one.id or _is_number(one.id)) and _whole_papers(one.papers) and _whole_fees(one.fees) for one in rounds
    )


IS_WHOLE: Final[dict[str, Callable[[Any], bool]]] = {
    "documents": _whole_documents,
    "results": _whole_results,
    "fees": _whole_fees,
    "other_papers": _whole_papers,
    "supplements": _whole_supplements,
}
"""By canonical name of a list: whether every value of it has a place on the wire."""
