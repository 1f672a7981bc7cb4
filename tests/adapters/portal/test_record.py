"""What a dossier record says, fact by fact."""

from typing import Any

import pytest
from msgspec import UNSET

from contracts.facts import (
    DossierReceived,
    DossierRefused,
    DossierSubmitted,
    Fact,
    ProcessingFinished,
    ResultHandedOver,
    ResultIssued,
    SupplementProvided,
    SupplementRequested,
)
from contracts.moment import rfc3339
from contracts.status import STATE_ORDER
from tests.adapters.portal.specimens import RESULT, ROUND, packet, read_one, record


def facts(**changed: Any) -> tuple[Any, ...]:
    return read_one(packet(record(**changed))).facts


def kinds(found: tuple[Fact, ...]) -> list[str]:
    return [type(fact).__name__ for fact in found]


def test_a_snapshot_tells_of_submission_reception_and_state() -> None:
    submitted, received, step = facts()

    assert kinds((submitted, received, step)) == ["DossierSubmitted", "DossierReceived", "ProcessingStepRecorded"]
    assert submitted.applicant_name == "Lò Thị Mẫu"
    assert submitted.procedure_code == "1.099001"
    assert (submitted.channel, submitted.applicant_type, submitted.submitted_through) == ("online", "citizen", "portal")
    assert submitted.documents[0].url == "https://mc.example.vn/f/551"
    assert submitted.fees[0].amount == "150000"
    assert submitted.other_papers[0].copies == 1
    assert submitted.connected_databases == ("7",)
    assert submitted.extra is UNSET
    assert received.processing_agency == "Sở Hạ tầng giả định tỉnh Mẫu"
    assert rfc3339(received.due_at.us) == "2026-09-22T01:10:00.000000Z"


def test_facts_with_a_date_of_their_own_happened_then_and_states_without_one_at_no_time() -> None:
    submitted, received, step = facts()

    assert submitted.at == submitted.submitted_at
    assert received.at == received.received_at
    assert step.at is None


def test_without_a_date_of_submission_the_reception_bounds_it() -> None:
    assert facts(NgayNopHoSo="")[0].at == facts()[1].received_at


@pytest.mark.parametrize(("code", "state"), [(str(n + 1), state) for n, state in enumerate(STATE_ORDER)])
def test_the_last_state_of_a_record_is_the_one_it_reports(code: str, state: str) -> None:
    stated = [fact.STATE for fact in facts(TrangThaiHoSo=code) if fact.STATE]

    assert stated[-1] == state


def test_a_dossier_filed_but_not_received_keeps_reception_values_aside() -> None:
    (submitted,) = facts(TrangThaiHoSo="1")

    assert isinstance(submitted, DossierSubmitted)
    assert submitted.extra == {
        "NgayTiepNhan": "20260915081000",
        "NgayHenTra": "20260922081000",
        "HinhThuc": "0",
        "DonViXuLy": "Sở Hạ tầng giả định tỉnh Mẫu",
    }


def test_a_refusal_carries_its_date() -> None:
    found = facts(TrangThaiHoSo="3", NgayTiepNhan="", NgayTuChoi="20260915100000")

    refused = found[-1]
    assert isinstance(refused, DossierRefused)
    assert refused.at == refused.refused_at
    assert not any(isinstance(fact, DossierReceived) for fact in found)


def test_a_dossier_handed_over_was_finished_before() -> None:
    found = facts(
        TrangThaiHoSo="10", NgayKetThucXuLy="20260921160000", NgayTra="20260922083000", ThongTinTra="Tại một cửa"
    )

    finished, over = found[-2:]
    assert isinstance(finished, ProcessingFinished)
    assert isinstance(over, ResultHandedOver)
    assert finished.at == finished.finished_at
    assert (over.at, over.return_info) == (over.returned_at, "Tại một cửa")


def test_a_value_of_another_state_is_kept_under_its_wire_name() -> None:
    submitted = facts(NgayTra="20260922083000", ThongTinTra="Tại một cửa", NgayTuChoi="00010101000000")[0]

    assert submitted.extra == {"NgayTra": "20260922083000", "ThongTinTra": "Tại một cửa"}


def test_results_are_a_fact_of_their_own() -> None:
    issued = facts(TrangThaiHoSo="9", NgayKetThucXuLy="20260921160000", DanhSachGiayToKetQua=[RESULT])[-1]

    assert isinstance(issued, ResultIssued)
    assert issued.results[0].result_code == "KQ.G17.000012"  # type: ignore[index]  # stated


def test_rounds_of_supplementing_belong_to_the_request_or_to_its_answer() -> None:
    asked = facts(TrangThaiHoSo="5", DanhSachHoSoBoSung=[ROUND])[-1]
    done = {**ROUND, "TrangThaiBoSung": True, "NgayTiepNhanBoSung": "20260918090000", "ThongTinTiepNhan": "Đã nhận"}
    found = facts(DanhSachHoSoBoSung=[done])

    assert isinstance(asked, SupplementRequested)
    assert asked.supplements[0].request == "Bổ sung bản vẽ mặt cắt"  # type: ignore[index]  # stated
    provided = found[-2]
    assert isinstance(provided, SupplementProvided)
    assert provided.at == provided.supplements[0].received_at  # type: ignore[index]  # stated
    assert provided.supplements[0].done  # type: ignore[index]  # stated


@pytest.mark.parametrize("nothing", [None, "", " ", "00010101000000", "19700101000000", "0000-00-00T00:00:00.000+0700"])
def test_sentinel_dates_state_nothing(nothing: str | None) -> None:
    received = facts(NgayHenTra=nothing)[1]

    assert received.due_at is UNSET


@pytest.mark.parametrize(
    "text",
    ["22/09/2026 08:10:00", "22.09.2026 08:10", "2026-09-22T08:10:00", "2026-09-22T01:10:00Z", "2026-09-22 08:10:00"],
)
def test_other_forms_of_date_are_taken_and_noted(text: str) -> None:
    one = read_one(packet(record(NgayHenTra=text)))

    received = one.facts[1]
    assert isinstance(received, DossierReceived)
    assert rfc3339(received.due_at.us) == "2026-09-22T01:10:00.000000Z"  # type: ignore[union-attr]  # stated
    assert [(note.code, note.path) for note in one.warnings] == [("warn.date_form", "/NgayHenTra")]


@pytest.mark.parametrize("said", ["True", "true", "1", True, 1, 1.0])
def test_flags_are_read_in_every_spelling(said: object) -> None:
    submitted = facts(HoSoCoThanhPhanSoHoa=said)[0]

    assert submitted.has_digitised_documents == "1"


def test_a_list_of_white_space_is_no_list() -> None:
    assert facts(TaiLieuNop=" ", DanhSachGiayToKetQua="")[0].documents is UNSET


def test_text_is_carried_as_it_is() -> None:
    assert facts(GhiChu="  hai  dòng\n")[0].remark == "  hai  dòng\n"
    assert facts(GhiChu="   ")[0].remark is UNSET
