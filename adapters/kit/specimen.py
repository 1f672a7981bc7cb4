"""Made-up dossiers to judge ``write`` by: one with every canonical value stated, and what a reading says.

All persons, numbers and agencies here are invented and say so in their names.
"""

from collections.abc import Mapping
from typing import Any, Final

from contracts.facts import (
    AliasLinked,
    Document,
    FactCorrected,
    Fee,
    IdentityPaper,
    Paper,
    State,
    Step,
    Supplement,
    stated,
)
from contracts.moment import Moment
from contracts.picture import Picture, StepTaken, step_digest
from contracts.reading import Reading

CODE: Final = "000.00.12.H99-250310-0001"
_DAY: Final = 86_400_000_000
_START: Final = 1_741_579_200_000_000
"""2025-03-10T04:00:00Z, 11:00 in Vietnam."""


def _moment(days: int) -> Moment:
    return Moment(us=_START + days * _DAY, zone="Asia/Ho_Chi_Minh")


_TEXTS: Final = {
    "procedure_code": "1.000123",
    "procedure_name": "Thủ tục mẫu để thử",
    "field_code": "G01-LV01",
    "field_name": "Lĩnh vực mẫu",
    "receipt_number": "BN-MAU-0001",
    "applicant_name": "Lò Thị Mẫu",
    "applicant_paper_number": "000000000001",
    "applicant_account": "tai-khoan-mau",
    "address": "Bản Mẫu, xã Mẫu, tỉnh Mẫu",
    "email": "lo.thi.mau@example.vn",
    "fax": "0000000001",
    "phone": "0000000002",
    "subject": "Trích yếu mẫu",
    "other_info": "Thông tin khác mẫu",
    "remark": "Ghi chú mẫu",
    "has_digitised_documents": "1",
    "account_verified": "1",
    "paid_online": "1",
    "processing_agency": "Sở Mẫu tỉnh Mẫu",
    "processing_agency_code": "000.00.12.H99",
    "return_method": "0",
    "reason": "Lý do mẫu",
    "amount": "15000",
    "transaction": "GD-MAU-1",
    "pause_reason": "Chờ bổ sung (mẫu)",
    "apology": "Thư xin lỗi mẫu",
    "return_info": "Nhận tại bộ phận một cửa (mẫu)",
    "rating": "5",
    "feedback": "Phản ánh mẫu",
    "feedback_answer": "Trả lời mẫu",
}
_MOMENTS: Final = {
    "submitted_at": 0,
    "received_at": 1,
    "due_at": 20,
    "refused_at": 2,
    "supplement_due_at": 8,
    "paid_at": 3,
    "finished_at": 15,
    "returned_at": 16,
}


def full_fields(**changed: Any) -> dict[str, Any]:
    """Every canonical value stated once, by name; ``changed`` replaces some."""
    document = Document(
        name="Đơn đề nghị (mẫu).pdf",
        id="TL1",
        component_code="TP01",
        url="https://tep.example.vn/1?t=1",
        digitised="1",
        reused="0",
        from_personal_store="0",
    )
    fields: dict[str, Any] = {
        **_TEXTS,
        **{name: _moment(days) for name, days in _MOMENTS.items()},
        "channel": "online",
        "applicant_type": "citizen",
        "applicant_papers": (IdentityPaper(kind="1", number="000000000001"),),
        "submitted_through": "local",
        "documents": (document,),
        "other_papers": (Paper(name="Giấy khác (mẫu)", copies=1, kind=1),),
        "fees": (Fee(name="Lệ phí mẫu", code="LP01", amount="15000", kind="2"),),
        "connected_databases": ("CSDL mẫu",),
        "extra": {"truongRiengMau": "giá trị mẫu"},
        "supplements": (
            Supplement(
                id="1",
                requested_by="Cán bộ Mẫu",
                request="Bổ sung bản mẫu",
                requested_at=_moment(4),
                received_by="Cán bộ Mẫu",
                answer="Đã bổ sung",
                received_at=_moment(6),
                done=True,
                due_before=_moment(18),
                due_after=_moment(20),
            ),
        ),
        "results": (Document(name="Kết quả mẫu.pdf", id="KQ1", url="https://tep.example.vn/kq", result_code="KQ-MAU"),),
    }
    return {**fields, **changed}


def foreign_fields() -> dict[str, Any]:
    """Every canonical value stated, with codes inside that only some other format knows."""
    odd = "khác-99"
    return full_fields(
        procedure_code="9.999999.000.00.12.H99",
        applicant_papers=(IdentityPaper(kind=odd, number="ABC/1-2"),),
        documents=(Document(name="x", id=odd, component_code=odd, deleted=True),),
        other_papers=(Paper(name="", kind=99),),
        fees=(Fee(name="", code=odd, amount="15.000,00", collected_at=odd, kind=odd),),
        supplements=(Supplement(id=odd), Supplement(id="")),
        results=(Document(name="", id=odd, result_code=odd),),
        connected_databases=(odd, ""),
        return_method=odd,
        extra={odd: odd, "NgayTiepNhan": odd},
    )


def full_picture(*, state: State = "processing", fields: Mapping[str, Any] | None = None) -> Picture:
    """A made-up dossier in ``state`` with two rows of progress; its values are ``fields``, else every one there is."""
    first = Step(officer="Cán bộ Mẫu", title="Chuyên viên", department="Một cửa tỉnh Mẫu", content="Tiếp nhận (mẫu)")
    second = Step(officer="Cán bộ Mẫu", title="Chuyên viên", department="Phòng Mẫu", content="Xử lý (mẫu)")
    return Picture(
        code=CODE,
        fields=full_fields() if fields is None else fields,
        state=state,
        state_at=_moment(5),
        steps=(_step(1, _moment(1), "received", first), _step(2, _moment(5), state, second)),
        origin="tinh-mau",
        holder="tinh-mau",
        position=3,
    )


def picture_of(reading: Reading, code: str = "") -> Picture:
    """What the records of one dossier (the first, unless ``code`` is given) say together, in their order."""
    wanted = code or next((record.dossier for record in reading.records), "")
    fields: dict[str, Any] = {}
    state: State = ""
    state_at: Moment | None = None
    steps: list[StepTaken] = []
    for record in reading.records:
        if record.dossier != wanted:
            continue
        for fact in record.facts:
            if isinstance(fact, AliasLinked | FactCorrected):
                continue
            fields.update(stated(fact))
            if fact.STATE:
                state, state_at = fact.STATE, fact.at
            if fact.step is not None:
                at = fact.at or Moment(us=_START, assumed=True)
                steps.append(_step(len(steps) + 1, at, fact.STATE, fact.step))
    return Picture(code=wanted, fields=fields, state=state, state_at=state_at, steps=tuple(steps), position=1)


def _step(position: int, at: Moment, state: State, step: Step) -> StepTaken:
    digest = step_digest(at.us, state, step)
    return StepTaken(position=position, at=at, state=state, step=step, party="tinh-mau", digest=digest)
