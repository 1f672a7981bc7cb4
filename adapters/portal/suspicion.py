"""What real senders do that no standard allows: seen, accepted, noted. Nothing here changes a value.

Each rule names one observed habit: the fake citizen number, the phone in the fax field, the first attachment sent as
the result, a waiting dossier reported as finished, invented first and last rows of progress.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from adapters.portal.values import Scene, stable_url
from contracts import dates
from contracts.facts import State
from contracts.moment import Moment
from contracts.reading import Note

_FAKE_NUMBERS: Final = frozenset(("123456789", "0123456789", "012345678", "123456789012", "012345678901"))
_MOBILE_STARTS: Final = ("03", "05", "07", "08", "09")
_MOBILE_LENGTH: Final = 10
_PAPER_LENGTHS: Final = frozenset((9, 12))
_PLACEHOLDERS: Final = frozenset(
    ("không", "không có", "chưa có", "chưa cập nhật", "n/a", "null", "none", "test", "...", ".", "-", "trống")
)
_CUT_FROM: Final = 990
"""Where one sender cuts the subject and puts three dots: near the limit of the field."""
_LONGEST_PLACEHOLDER: Final = 15

_TIMES: Final = ("NgayTiepNhan", "NgayHenTra", "NgayKetThucXuLy", "NgayTra")

_PHONE_IN_FAX: Final = Note("warn.phone_in_fax", "/Fax")
_ACCOUNT: Final = Note("warn.identity_as_account", "/MaDoiTuong")
_FAKE_OWNER: Final = Note("warn.fake_citizen_number", "/SoGiayToChuHoSo")
_FAKE_PAPER: Final = Note("warn.fake_citizen_number", "/DinhDanhCHS")
_HARD_FEES: Final = Note("warn.hard_coded", "/DanhSachLePhi")
_HARD_DOCUMENTS: Final = Note("warn.hard_coded", "/TaiLieuNop")
_HARD_SUBMITTED: Final = Note("warn.hard_coded", "/NgayNopHoSo")
_HARD_PLACE: Final = Note("warn.hard_coded", "/NoiNopHoSo")
_BORROWED_RESULT: Final = Note("warn.first_attachment_as_result", "/DanhSachGiayToKetQua/0")
_REWRITTEN: Final = Note("warn.rewritten_status", "/TrangThaiHoSo")
_TWELVE_HOUR: Final = Note("warn.twelve_hour_clock", "/NgayTiepNhan")
_PLACEHOLDER: Final = Note("warn.placeholder_text", "/TrichYeuHoSo")
_CUT: Final = Note("warn.truncated_text", "/TrichYeuHoSo")
_MANY: Final = 2


def of_record(record: Mapping[str, Any], state: State, scene: Scene) -> None:
    """Note the habits one dossier record shows. ``record`` holds texts and lists only (``values.plain``)."""
    get = record.get
    notes = scene.notes
    account = get("MaDoiTuong")
    _owner(record, account, notes)
    subject = get("TrichYeuHoSo")
    if subject:
        if subject[-1] in ".…" and len(subject) >= _CUT_FROM and subject.endswith(("...", "…")):
            notes.append(_CUT)
        if len(subject) <= _LONGEST_PLACEHOLDER and subject.strip().casefold() in _PLACEHOLDERS:
            notes.append(_PLACEHOLDER)
    received = get("NgayTiepNhan")
    if get("KenhThucHien") == "2":
        if received and received == get("NgayNopHoSo"):
            notes.append(_HARD_SUBMITTED)
        if account and get("NoiNopHoSo") == "2":
            notes.append(_HARD_PLACE)
    if state in {"finished", "handed_over"}:
        _finished(record, state, notes)
    if received and received[8:10] <= "06" and dates.looks_twelve_hour([get(name) or "" for name in _TIMES]):
        notes.append(_TWELVE_HOUR)
    fees = get("DanhSachLePhi")
    if fees and fees[0].get("LoaiPhiLePhi") == "1" and all(_is_hard_coded(fee) for fee in fees):
        notes.append(_HARD_FEES)
    documents = get("TaiLieuNop")
    if documents:
        _documents(documents, get("DanhSachGiayToKetQua"), notes)


def _owner(record: Mapping[str, Any], account: str | None, notes: list[Note]) -> None:
    get = record.get
    fax = get("Fax")
    if fax and (fax == get("SoDienThoai") or _is_mobile(fax)):
        notes.append(_PHONE_IN_FAX)
    if account and len(account) in _PAPER_LENGTHS and account.isdigit():
        notes.append(_ACCOUNT)
    if is_fake_number(get("SoGiayToChuHoSo")):
        notes.append(_FAKE_OWNER)
    for paper in get("DinhDanhCHS") or ():
        number = paper.get("SoDinhDanh")
        if number.__class__ is str and is_fake_number(number):
            notes.append(_FAKE_PAPER)
            break


def _is_hard_coded(fee: Mapping[str, Any]) -> bool:
    return fee.get("MaPhiLePhi") == "1" and fee.get("HinhThucThu") == "1" and fee.get("LoaiPhiLePhi") == "1"


def _finished(record: Mapping[str, Any], state: State, notes: list[Note]) -> None:
    """A waiting dossier rewritten to 9 has no end date of its own, or the reception's, or a supplement still open."""
    end = record.get("NgayKetThucXuLy")
    rounds = record.get("DanhSachHoSoBoSung") or ()
    waiting = any(one.get("TrangThaiBoSung") in {False, "False", "false", "0"} for one in rounds)
    if waiting or (state == "finished" and (not end or end == record.get("NgayTiepNhan"))):
        notes.append(_REWRITTEN)


def _documents(documents: list[dict[str, Any]], results: list[dict[str, Any]] | None, notes: list[Note]) -> None:
    if len(documents) >= _MANY and all(
        one.get("DuocSoHoa") == "1" and one.get("DuocLayTuKhoDMQG") == "1" for one in documents
    ):
        notes.append(_HARD_DOCUMENTS)
    if results:
        urls = (one.get("DuongDanTaiTepTin") for one in documents)
        handed_in = {stable_url(url) for url in urls if isinstance(url, str) and url}
        first = results[0].get("DuongDanTepTinKetQua")
        if isinstance(first, str) and stable_url(first) in handed_in:
            notes.append(_BORROWED_RESULT)


def is_fake_number(number: str | None) -> bool:
    """Whether an identity number is one that systems invent: one digit repeated, zeros and a last digit, a count-up."""
    if number in _FAKE_NUMBERS:
        return True
    # All the others repeat a digit from the second to the fifth place.
    if not number or number[1:4] != number[2:5] or not number.isdigit():
        return False
    return len(number.lstrip("0")) <= 1 or number.count(number[0]) == len(number)


def _is_mobile(number: str) -> bool:
    digits = number.replace(" ", "").replace(".", "")
    if digits.startswith("+84"):
        digits = "0" + digits[3:]
    return len(digits) == _MOBILE_LENGTH and digits.isdigit() and digits.startswith(_MOBILE_STARTS)


def may_hold_marks(body: bytes, *, xml: bool) -> bool:
    """Whether a message may hold combining marks at all: one look at its bytes spares a look at every text.

    U+0300 to U+036F begin with these two bytes in UTF-8; else they are written as escapes or character references.
    """
    return b"\xcc" in body or b"\xcd" in body or (b"&#" if xml else b"\\") in body


def of_text(record: Mapping[str, Any], scene: Scene) -> None:
    """Note texts that are not in Unicode NFC, by field."""
    for name, value in record.items():
        if not unicodedata.is_normalized("NFC", value if isinstance(value, str) else str(value)):
            scene.warn("warn.not_nfc", name)


# ── rows of progress ─────────────────────────────────────────────────────────────────────────────


class Row(msgspec.Struct, frozen=True):
    """What the order and time of rows can tell, for one row of a packet."""

    dossier: str
    state: State
    at: Moment


_INVENTED: Final = Note("warn.invented_step", "")
_ROW_REWRITTEN: Final = Note("warn.rewritten_status", "/TrangThai")
_ROW_TWELVE: Final = Note("warn.twelve_hour_clock", "/ThoiDiemXuLy")
_WAITING: Final = frozenset(("supplement_requested", "payment_requested", "stopped"))


def of_rows(rows: Sequence[Row | None]) -> list[tuple[Note, ...]]:
    """For each row of a packet what its place among the others of its dossier gives away."""
    notes: list[tuple[Note, ...]] = [()] * len(rows)
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row is not None:
            groups.setdefault(row.dossier, []).append(index)
    for places in groups.values():
        group = [row for place in places if (row := rows[place]) is not None]
        for place, found in zip(places, _group(group), strict=True):
            notes[place] = found
    return notes


def _group(rows: list[Row]) -> list[tuple[Note, ...]]:
    found: list[list[Note]] = [[] for _ in rows]
    if len(rows) >= _MANY:
        first, second, before, last = rows[0], rows[1], rows[-2], rows[-1]
        closing = last.state == "finished" and (
            before.state == "handed_over" or last.at.us < before.at.us or last.at.us == first.at.us
        )
        if closing:
            found[-1].append(_INVENTED)
            if before.state in _WAITING:
                found[-1].append(_ROW_REWRITTEN)
        opening = first.state == "received" and (closing or second.state == "submitted" or first.at.us > second.at.us)
        if opening:
            found[0].append(_INVENTED)
    texts = [row.at.text for row in rows]
    if len(rows) >= _MANY and dates.looks_twelve_hour(texts):
        for row, notes in zip(rows, found, strict=True):
            if row.at.text[8:10] <= "06":
                notes.append(_ROW_TWELVE)
    return [tuple(notes) for notes in found]
