"""Rows of progress."""

import pytest

from contracts.moment import rfc3339
from contracts.status import STATE_ORDER
from tests.adapters.portal.specimens import progress, read, read_one, row


def test_a_row_is_one_fact_at_its_own_time() -> None:
    one = read_one(progress(row()))

    (fact,) = one.facts
    assert one.row
    assert fact.at is not None
    assert rfc3339(fact.at.us) == "2026-09-16T07:25:00.000000Z"
    assert fact.step is not None
    assert (fact.step.officer, fact.step.title) == ("Giàng A Mẫu", "Chuyên viên")
    assert (fact.step.department, fact.step.content) == ("Phòng Kỹ thuật", "Đề nghị bổ sung bản vẽ mặt cắt")
    assert fact.step.word == "5"
    assert fact.step.due_at is not None


@pytest.mark.parametrize(("code", "state"), [(str(n + 1), state) for n, state in enumerate(STATE_ORDER)])
def test_the_fact_is_that_of_the_rows_status(code: str, state: str) -> None:
    (fact,) = read_one(progress(row(TrangThai=code))).facts

    assert state == fact.STATE


@pytest.mark.parametrize("nothing", ["00010101000000", "0000-00-00T00:00:00"])
def test_a_row_without_a_time_is_refused(nothing: str) -> None:
    (refused,) = read(progress(row(ThoiDiemXuLy=nothing))).refused

    assert [(error.code, error.path) for error in refused.errors] == [("read.missing", "/data/0/ThoiDiemXuLy")]


def test_an_impossible_time_is_refused() -> None:
    (refused,) = read(progress(row(ThoiDiemXuLy="20260916250000"))).refused

    assert [error.code for error in refused.errors] == ["read.date"]


def test_a_parked_row_is_told_as_a_row() -> None:
    (parked,) = read(progress(row(TrangThai="0"))).parked

    assert parked.row
    assert parked.word == "0"


def test_a_name_cut_with_dots_is_noted() -> None:
    one = read_one(progress(row(NguoiXuLy="Nguyễn Thị Mẫu Hằng, Chuyên viên Phòng Kinh tế...")))

    assert [note.code for note in one.warnings] == ["warn.truncated_text"]
