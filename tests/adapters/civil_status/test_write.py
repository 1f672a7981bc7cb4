"""What the civil-status adapter says of a dossier, and what it can not say."""

import json
from typing import Any

import pytest

from adapters.civil_status import ADAPTER
from contracts import catalog
from contracts.dates import read_moment
from contracts.delivery import Rendering, Unrenderable
from contracts.envelope import Envelope
from contracts.facts import Document, State, Step
from contracts.moment import Moment
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Profile
from contracts.reading import Note, Record

CONTRACT = catalog.get("civil_status", "TrangThai", "dvclt-2023")
CODE = "H99.07.11-20260105-0000042"
PLAIN = Profile()


def at(text: str) -> Moment:
    return read_moment(text)


def taken(position: int, time: str, state: State, **step: Any) -> StepTaken:
    return StepTaken(
        position=position,
        at=at(time),
        state=state,
        step=Step(**{"officer": "Giàng A Mẫu", "content": f"bước {position}", **step}),
        party="tinh-mau",
        digest=b"",
    )


def picture(state: State, *steps: StepTaken, state_at: str = "06/01/2026 08:00:00", **fields: Any) -> Picture:
    return Picture(
        code=CODE,
        fields={"procedure_code": "2.002621", **fields},
        state=state,
        state_at=at(state_at),
        steps=steps,
    )


def due(pic: Picture, *, record: bool = False, steps: tuple[StepTaken, ...] = (), code: str = CODE) -> Due:
    return Due(picture=pic, code=code, record=record, steps=steps, known=True)


def rendered(what: Due, profile: Profile = PLAIN) -> tuple[Rendering, ...]:
    written = ADAPTER.write(what, profile)
    assert not isinstance(written, Unrenderable)
    for rendering in written:
        assert CONTRACT.is_valid_json(json.loads(rendering.body)), CONTRACT.json_errors(json.loads(rendering.body))
    return written


def members(rendering: Rendering) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(rendering.body)
    return value


def read_back(rendering: Rendering) -> Record:
    envelope = Envelope(party="btp", adapter="civil_status", body=rendering.body, received_at=0)
    (record,) = ADAPTER.read(envelope, PLAIN).records
    return record


STEPS = (
    taken(5, "06/01/2026 08:00:00", "received"),
    taken(6, "06/01/2026 09:00:00", "processing"),
    taken(7, "07/01/2026 10:00:00", "finished", department="Phòng tư pháp", title="Trưởng phòng"),
)


def test_every_step_is_one_message_in_order() -> None:
    written = rendered(due(picture("finished", *STEPS), steps=STEPS))
    assert [rendering.rows for rendering in written] == [(5,), (6,), (7,)]
    assert [members(rendering)["trangThai"] for rendering in written] == [1, 3, 4]
    assert len({rendering.lane for rendering in written}) == 1


def test_what_a_step_says_is_read_back() -> None:
    step = taken(
        9, "07/01/2026 10:20:30", "processing", title="Công chức", started_at=at("06/01/2026"), due_at=at("08/01/2026")
    )
    (rendering,) = rendered(due(picture("processing", step), steps=(step,)))
    fact = read_back(rendering).facts[0]
    assert fact.at is not None
    assert fact.step is not None
    assert fact.at.us == step.at.us
    assert (fact.step.officer, fact.step.title, fact.step.content) == ("Giàng A Mẫu", "Công chức", "bước 9")
    assert fact.step.started_at is not None
    assert fact.step.due_at is not None
    assert (fact.step.started_at.us, fact.step.due_at.us) == (at("06/01/2026").us, at("08/01/2026").us)


def test_what_is_not_stated_is_null_and_every_member_is_present() -> None:
    (rendering,) = rendered(due(picture("received"), record=True))
    value = members(rendering)
    assert len(value) == 17
    assert {name for name, member in value.items() if member is not None} == {
        "maTTHC",
        "coQuanXuLy",
        "maHoSo",
        "trangThai",
        "thoiGianThucHien",
    }
    assert value["coQuanXuLy"] == 5
    assert value["thoiGianThucHien"] == "06/01/2026 08:00:00"


def test_a_state_without_a_step_goes_by_itself_and_settles_the_record() -> None:
    (rendering,) = rendered(due(picture("received", due_at=at("09/01/2026 17:00:00")), record=True))
    assert rendering.rows == ()
    assert members(rendering)["ngayKetThucTheoQuyDinh"] == "09/01/2026 17:00:00"


def test_a_state_that_a_due_step_carries_is_not_said_twice() -> None:
    written = rendered(due(picture("finished", *STEPS), record=True, steps=STEPS))
    assert [rendering.rows for rendering in written] == [(5,), (6,), (7,)]


def test_a_state_that_a_known_step_carried_is_not_said_again() -> None:
    assert rendered(due(picture("finished", *STEPS), record=True)) == ()


def test_a_new_promised_date_is_told_by_itself() -> None:
    step = taken(6, "06/01/2026 09:00:00", "processing", due_at=at("08/01/2026"))
    (rendering,) = rendered(due(picture("processing", step, due_at=at("12/01/2026")), record=True))
    assert members(rendering)["ngayHenTraMoi"] == "12/01/2026 00:00:00"
    assert rendered(due(picture("processing", step, due_at=at("08/01/2026")), record=True)) == ()


def test_state_and_step_never_share_a_lane() -> None:
    step = taken(6, "06/01/2026 09:00:00", "processing")
    pic = picture("finished", step, state_at="07/01/2026 08:00:00")
    written = rendered(due(pic, record=True, steps=(step,)))
    assert [(rendering.rows, members(rendering)["trangThai"]) for rendering in written] == [((6,), 3), ((), 4)]
    assert written[0].lane != written[1].lane


def test_a_dossier_of_the_ministry_keeps_its_code_beside_the_local_one() -> None:
    pic = picture("received", extra={"dvclt.module": "KS"})
    (same,) = rendered(due(pic, record=True))
    assert (members(same)["maHoSo"], members(same)["soHoSoLT"]) == (CODE, CODE)
    (other,) = rendered(due(pic, record=True, code="LT-2026-1"))
    assert (members(other)["maHoSo"], members(other)["soHoSoLT"]) == (CODE, "LT-2026-1")
    assert other.code == "LT-2026-1"


def test_a_step_that_was_sent_to_the_ministry_keeps_its_own_code() -> None:
    step = taken(6, "06/01/2026 09:00:00", "processing", word="7")
    (rendering,) = rendered(due(picture("processing", step), steps=(step,)))
    assert members(rendering)["trangThai"] == 7


@pytest.mark.parametrize(("state", "code"), [("payment_requested", 3), ("stopped", 6), ("submitted", 1)])
def test_a_folded_state_is_a_declared_loss(state: State, code: int) -> None:
    (rendering,) = rendered(due(picture(state, reason="lý do"), record=True))
    assert members(rendering)["trangThai"] == code
    assert Note("loss.state_folded", "state") in rendering.losses


def test_a_refusal_says_why() -> None:
    (rendering,) = rendered(due(picture("refused", reason="Không thuộc thẩm quyền"), record=True))
    assert members(rendering)["ghiChu"] == "Không thuộc thẩm quyền"


def test_a_request_for_a_supplement_says_until_when() -> None:
    pic = picture("supplement_requested", supplement_due_at=at("15/01/2026 17:00:00"))
    (rendering,) = rendered(due(pic, record=True))
    assert members(rendering)["hanBoSungHoSo"] == "15/01/2026 17:00:00"


def test_results_are_a_declared_loss() -> None:
    (rendering,) = rendered(due(picture("finished", results=(Document(name="a"),)), record=True))
    assert rendering.losses == (Note("loss.not_carried", "results"),)


def test_a_withdrawal_is_not_told_as_something_else() -> None:
    pic = picture("withdrawn")
    assert ADAPTER.write(due(pic, record=True), PLAIN) == Unrenderable(code="park.status_unmapped", missing=("state",))
    assert ADAPTER.project(pic, PLAIN) == {"state": "withdrawn"}
    mapped = Profile(options={"state.withdrawn": "6"})
    (rendering,) = rendered(due(pic, record=True), mapped)
    assert members(rendering)["trangThai"] == 6


def test_what_comes_before_an_unmapped_state_is_still_said() -> None:
    steps = (taken(5, "06/01/2026 08:00:00", "processing"), taken(6, "06/01/2026 09:00:00", "withdrawn"))
    written = rendered(due(picture("withdrawn", *steps), steps=steps))
    assert [rendering.rows for rendering in written] == [(5,)]


def test_without_a_procedure_nothing_can_be_said_yet() -> None:
    pic = Picture(code=CODE, fields={}, state="received", state_at=at("06/01/2026"))
    assert ADAPTER.write(due(pic, record=True), PLAIN) == Unrenderable(
        code="park.missing_for_target", missing=("procedure_code",)
    )


def test_nothing_due_is_nothing_said() -> None:
    assert rendered(due(picture("received"))) == ()


def test_the_same_state_and_date_are_the_same_record() -> None:
    first = picture("processing", due_at=at("08/01/2026"), applicant_name="Lò Thị Mẫu")
    second = picture("processing", *STEPS[:2], due_at=at("08/01/2026"), applicant_name="Lò Thị Mẫu Hai")
    assert ADAPTER.project(first, PLAIN) == ADAPTER.project(second, PLAIN)
    assert ADAPTER.project(first, PLAIN) != ADAPTER.project(picture("processing", due_at=at("09/01/2026")), PLAIN)
    ended = picture("finished", due_at=at("08/01/2026"))
    assert ADAPTER.project(ended, PLAIN) == ADAPTER.project(picture("finished"), PLAIN)
    assert ADAPTER.project(Picture(code=CODE, fields={}, state=""), PLAIN) == {}


def test_the_carrier_holds_the_status_as_a_string() -> None:
    pic = picture("received", extra={"dvclt.module": "KS", "dvclt.maDonVi": "99072"})
    (rendering,) = rendered(due(pic, record=True), Profile(options={"carrier": "data"}))
    value = members(rendering)
    assert (value["maDonVi"], value["module"]) == ("99072", "KS")
    assert json.loads(value["data"])["trangThai"] == 1
    assert read_back(rendering).dossier == CODE


def test_the_mapping_hash_is_a_sha_256_and_arrays_are_opt_in() -> None:
    assert len(ADAPTER.mapping_hash()) == 64
    assert ADAPTER.batch_limit == 1
    assert ADAPTER.carries_rows()
