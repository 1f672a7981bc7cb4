"""Invented dossiers of a province as its one-stop system sends them, message by message over their whole life. Pure.

Nobody here exists: every given name begins with *Mẫu* (specimen), citizen numbers begin with 099 and the agency is
under H99, which are given to no province. The same seed gives the same bytes.
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from adapters.opencps.draws import Draws
from adapters.opencps.fields import RECORD, SENTINEL, TRACE
from adapters.opencps.tables import TOLD
from contracts.facts import State

RECORD_PATH: Final = f"/opencps/Document/{RECORD}"
TRACE_PATH: Final = f"/opencps/Document/{TRACE}"
FIRST_DAY: Final = date(2026, 1, 5)
AGENCY: Final = "000.21.44.H99"
_PER_DAY: Final = 400
_OPENING: Final = timedelta(hours=7, minutes=30)
_CLOSING_HOUR: Final = 17
_SATURDAY: Final = 5
_FAMILY: Final = (
    *("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô"),
    *("Lò", "Giàng", "Nông", "Vừ", "Ksor", "Thạch"),
)
_WOMEN: Final = (
    "Thảo",
    "Ngọc Ánh",
    "Huyền",
    "Quỳnh",
    "Tường Vy",
    "Mỹ Duyên",
    "Phương",
    "Yến",
    "Đào",
    "Thuỷ",
    "Nhã Uyên",
)
_MEN: Final = ("Đức", "Hữu Nghĩa", "Trường", "Dũng", "Khánh", "Minh Quân", "Thắng", "Vượng", "Sỹ", "Bảo", "Ưng Hoà")
_FIRMS: Final = ("Công ty TNHH Mẫu Việt", "Hợp tác xã Mẫu Xanh", "Công ty cổ phần Xây dựng Mẫu Phước")
_PLACES: Final = ("thôn Suối Mẫu", "bản Nậm Mẫu", "tổ dân phố Mẫu 3", "khu phố Mẫu Đông", "ấp Mẫu Thạnh", "buôn Ea Mẫu")
_WARDS: Final = ("xã Mẫu Giang, tỉnh Mẫu", "phường Mẫu Hoà, tỉnh Mẫu", "đặc khu Mẫu Đảo, tỉnh Mẫu")
_OFFICES: Final = (
    "Bộ phận Tiếp nhận và Trả kết quả",
    "Phòng Nông nghiệp và Môi trường",
    "Phòng Kinh tế, Hạ tầng và Đô thị",
    "Chi nhánh Văn phòng Đăng ký đất đai số 3",
)
_PROCEDURES: Final = (
    ("1.012753", "Đăng ký đất đai, tài sản gắn liền với đất lần đầu", 20, 1),
    ("1.012766", "Đăng ký biến động quyền sử dụng đất do chuyển nhượng", 8, 1),
    ("1.013225", "Cấp giấy phép xây dựng mới đối với nhà ở riêng lẻ", 15, 1),
    ("1.001612", "Đăng ký thành lập hộ kinh doanh", 3, 2),
    ("2.000635", "Cấp bản sao trích lục hộ tịch", 1, 1),
    ("1.004964", "Giải quyết chế độ trợ cấp một lần cho người có công", 12, 1),
)
_REQUESTS: Final = (
    "Đề nghị bổ sung bản vẽ mặt bằng có chữ ký của chủ trì thiết kế",
    "Thiếu giấy chứng nhận quyền sử dụng đất (bản gốc) để đối chiếu",
    "Tờ khai mục 7 chưa ghi rõ nguồn gốc sử dụng đất; đề nghị kê khai lại",
)

Message = tuple[str, bytes]


class Life(msgspec.Struct, frozen=True):
    """One invented dossier: its code, the state it ends in, and its messages in the order they were sent."""

    code: str
    ends_in: State
    messages: tuple[Message, ...]


def life_of(
    seed: int,
    n: int,
    *,
    agency: str = AGENCY,
    day: date = FIRST_DAY,
    fine: bool = True,
    inline: bool = True,
    first: int = 0,
) -> Iterator[Life]:
    """``n`` dossiers, each with the messages of its whole life as (path, body).

    ``fine``: messages also say the sender's own status word (``DossierStatus``), else ``Status`` alone, as OpenCPS
    does. ``inline``: snapshots carry a small file as Base64. ``first`` is the number of the first dossier; there are
    400 a day.
    """
    for number in range(first, first + n):
        yield _Dossier(seed, number, agency, day, fine=fine, inline=inline).live()


class _Dossier:
    """One dossier being lived: a calendar that only moves on, the record as it stands, and what was sent so far."""

    def __init__(self, seed: int, number: int, agency: str, day: date, *, fine: bool, inline: bool) -> None:
        self.draws: Final = Draws(seed, f"dossier/{number}")
        days, slot = divmod(number, _PER_DAY)
        self.now = datetime.combine(day + timedelta(days=days), datetime.min.time()) + _OPENING
        self.now += timedelta(minutes=slot)
        self.code: Final = f"{agency}-{self.now:%y%m%d}-{slot + 1:04d}"
        self.number: Final = 990_000_000 + number
        self.agency: Final = agency
        self.fine: Final = fine
        self.sent: list[Message] = []
        self.procedure: Final = self.draws.pick(_PROCEDURES)
        self.officer: Final = f"{self.draws.pick(_FAMILY)} Mẫu {self.draws.pick((*_MEN, *_WOMEN))}"
        self.office: Final = self.draws.pick(_OFFICES)
        self.record: dict[str, Any] = self._submission(inline=inline)

    def live(self) -> Life:
        """From the submission to the end."""
        return Life(code=self.code, ends_in=self._live(), messages=tuple(self.sent))

    def _live(self) -> State:
        draws = self.draws
        if draws.chance(0.3):
            self._tell("submitted", "Công dân nộp hồ sơ trực tuyến")
            self._pass(hours=2)
            if draws.chance(0.06):
                self.record["FinishedDate"] = _printed(self.now)
                return self._tell("refused", "Hồ sơ không thuộc thẩm quyền giải quyết")
        self.record["DateReceived"] = _printed(self.now)
        due = self._working_days_on(self.procedure[2])
        self.record["DateAppointed"] = self.record["ReturnedDate"] = _printed(due)
        self._tell("received", "Tiếp nhận hồ sơ, hẹn trả kết quả")
        self._pass(hours=3)
        self._tell("processing", "Chuyển phòng chuyên môn thụ lý")
        if draws.chance(0.25):
            self._supplement(due)
        if draws.chance(0.1):
            self._pay()
        self._pass(days=1)
        if draws.chance(0.04):
            self.record["FinishedDate"] = _printed(self.now)
            withdrawn = draws.chance(0.6)
            return self._tell("withdrawn", "Công dân rút hồ sơ") if withdrawn else self._stop()
        self._trace("processing", "Thẩm định hồ sơ, trình lãnh đạo ký duyệt")
        self._pass(days=draws.below(3), hours=1 + draws.below(4))
        self.record["IsSuccess"] = True
        self.record["SuccessDate"] = _printed(self.now)
        self._tell("finished", "Đã có kết quả, chờ trả cho công dân")
        if draws.chance(0.15):
            return "finished"
        self._pass(hours=1 + draws.below(30))
        self.record["IsSuccess"] = False
        self.record["IsReturned"] = True
        self.record["ReturnedDate"] = self.record["FinishedDate"] = _printed(self.now)
        return self._tell("handed_over", "Trả kết quả tại quầy" if draws.chance(0.7) else "Trả kết quả qua bưu chính")

    def _stop(self) -> State:
        return self._tell("stopped", "Dừng giải quyết: quá hạn bổ sung hồ sơ")

    def _supplement(self, due: datetime) -> None:
        self._pass(days=1)
        asked = {
            "SupplementaryId": 1,
            "SendUser": self.officer,
            "SendComment": self.draws.pick(_REQUESTS),
            "SendDate": _printed(self.now),
            "ReceivedUser": "",
            "ReceivedComment": "",
            "ReceivedDate": SENTINEL,
            "IsReceived": False,
            "Papers": [{"PaperName": "Giấy tờ bổ sung", "Amount": 1, "PaperType": 1}],
            "Fees": [],
            "OldDateAppointed": _printed(due),
            "NewDateAppointed": SENTINEL,
        }
        self.record["HasSupplementary"] = True
        self.record["RequireSupplementaryDate"] = _printed(self.now)
        self.record["Supplementaries"] = [asked]
        self._tell("supplement_requested", str(asked["SendComment"]))
        self._pass(days=1 + self.draws.below(4))
        later = _printed(due + timedelta(days=7))
        answered = {
            **asked,
            "ReceivedUser": self.officer,
            "ReceivedComment": "Công dân đã nộp bổ sung đầy đủ",
            "ReceivedDate": _printed(self.now),
            "IsReceived": True,
            "NewDateAppointed": later,
        }
        self.record["HasSupplementary"] = False
        self.record["Supplementaries"] = [answered]
        self.record["DateAppointed"] = self.record["ReturnedDate"] = later
        self._tell("processing", "Tiếp nhận hồ sơ bổ sung, tiếp tục giải quyết")

    def _pay(self) -> None:
        self._pass(hours=4)
        self.record["DocFees"] = [{"FeeName": "Lệ phí trước bạ nhà đất", "FeeType": 4, "Price": 125_000}]
        self._tell("payment_requested", "Thông báo nghĩa vụ tài chính")
        self._pass(days=1)
        self._tell("processing", "Công dân đã hoàn thành nghĩa vụ tài chính")

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    def _tell(self, state: State, said: str) -> State:
        """Send the whole record in this state, and the action that led to it."""
        told = TOLD[state]
        self.record["Status"] = told.status
        if self.fine:
            self.record["DossierStatus"] = told.word
        self.sent.append((RECORD_PATH, msgspec.json.encode(self.record)))
        self._trace(state, said)
        return state

    def _trace(self, state: State, said: str) -> None:
        row: dict[str, Any] = {
            "DocumentId": self.number,
            "DocCode": self.code,
            "UserName": self.officer,
            "UserPosition": "Chuyên viên",
            "DateCreated": _printed(self.now),
            "Comment": said,
            "Status": 0,
            "OrganizationInchargeIdLevel1": self.agency,
            "OrganizationInchargeName": self.office,
        }
        if self.fine:
            row["DossierStatus"] = TOLD[state].word
        self.sent.append((TRACE_PATH, msgspec.json.encode(row)))

    def _submission(self, *, inline: bool) -> dict[str, Any]:
        draws = self.draws
        code, name, _, kind = self.procedure
        woman = draws.chance(0.5)
        person = f"{draws.pick(_FAMILY)} {'Thị ' if woman else ''}Mẫu {draws.pick(_WOMEN if woman else _MEN)}"
        owner = draws.pick(_FIRMS) if kind == 2 else person  # noqa: PLR2004  # a business
        record: dict[str, Any] = {
            "DocTypeCode": code,
            "DocTypeName": name,
            "DocCode": self.code,
            "CitizenName": owner,
            "CitizenInfo": "",
            "ApplicantsId": "099" + draws.digits(9),
            "ApplicantsType": kind,
            "Address": f"{draws.pick(_PLACES)}, {draws.pick(_WARDS)}",
            "Email": f"mau.{draws.digits(6)}@example.vn",
            "Phone": "0900" + draws.digits(6),
            "Compendium": f"{owner} đề nghị: {name.lower()}",
            "IsSuccess": False,
            "SuccessDate": SENTINEL,
            "ApproverName": "",
            "ApproverPosition": "",
            "SuccessNote": "",
            "IsReturned": False,
            "ReturnedDate": "1970-01-01T07:00:00.000+0700",
            "ReturnNote": "",
            "ReturnedType": draws.below(2),
            "Status": 1,
            "ProcessingOrganName": "Uỷ ban nhân dân xã Mẫu Giang, tỉnh Mẫu",
            "HasSupplementary": False,
            "Note": "",
            "Attachments": [
                _attachment(draws, self.number * 10 + place, inline=inline) for place in range(1 + draws.below(2))
            ],
            "DocFees": [{"FeeName": "Lệ phí hồ sơ", "FeeType": 4, "Price": 15_000}] if draws.chance(0.4) else [],
            "OrganInchargeIdLevel1": self.agency,
            "OrganInchargeName": "Uỷ ban nhân dân xã Mẫu Giang, tỉnh Mẫu",
        }
        return record

    # ── the calendar ─────────────────────────────────────────────────────────────────────────────

    def _pass(self, *, days: int = 0, hours: int = 0) -> None:
        """Let working time go by, and a few seconds and milliseconds, so that no two times are equal."""
        seconds = 61 + self.draws.below(1_500)
        now = self.now + timedelta(days=days, hours=hours, seconds=seconds, milliseconds=self.draws.below(1_000))
        if now.hour >= _CLOSING_HOUR or now.hour < 7:  # noqa: PLR2004  # opening hour
            now = datetime.combine(now.date() + timedelta(days=1), datetime.min.time()) + _OPENING
            now += timedelta(seconds=seconds)
        while now.weekday() >= _SATURDAY:
            now += timedelta(days=1)
        self.now = now

    def _working_days_on(self, days: int) -> datetime:
        due = self.now
        while days:
            due += timedelta(days=1)
            days -= due.weekday() < _SATURDAY
        return due.replace(hour=16, minute=30, second=0, microsecond=0)


def _attachment(draws: Draws, number: int, *, inline: bool) -> dict[str, Any]:
    paper: dict[str, Any] = {
        "AttachmentId": number,
        "AttachmentName": draws.pick(("Tờ khai.pdf", "Đơn đề nghị (bản quét).pdf", "Bản vẽ hiện trạng.pdf")),
        "IsDeleted": False,
        "IsVerified": True,
    }
    if inline:
        scan = b"%PDF-1.4\n% invented paper " + b"".join(draws.digits(18).encode() for _ in range(16)) + b"\n%%EOF\n"
        paper["Base64"] = b64encode(scan).decode()
    return paper


def _printed(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03d}+0700"
