"""The transition table: what real senders do is legal, what would reopen a closed dossier is not."""

import pytest

from contracts.facts import State
from contracts.status import STATE_ORDER, state_of_portal
from hub.transitions import CLOSED, FOLLOWERS, OPEN, RANK, legal, passes_through


def state(code: int) -> State:
    return state_of_portal(str(code))


@pytest.mark.parametrize(
    ("before", "after"), [(1, 2), (2, 4), (2, 9), (4, 10), (1, 10), (4, 5), (5, 4), (5, 2), (6, 4), (9, 10), (4, 3)]
)
def test_jumps_that_senders_make_between_polls_are_legal(before: int, after: int) -> None:
    assert legal(state(before), state(after))


@pytest.mark.parametrize(
    ("before", "after"), [(9, 4), (10, 4), (10, 9), (3, 4), (7, 4), (8, 9), (4, 2), (4, 1), (9, 5), (9, 7)]
)
def test_a_closed_dossier_is_not_reopened_and_work_does_not_run_backwards(before: int, after: int) -> None:
    assert not legal(state(before), state(after))


def test_an_applicant_may_withdraw_any_open_dossier() -> None:
    assert all(legal(before, "withdrawn") for before in OPEN)
    assert not any(legal(before, "withdrawn") for before in CLOSED - {"withdrawn"})


def test_the_first_word_about_a_dossier_may_be_any() -> None:
    assert all(legal("", after) for after in STATE_ORDER)


def test_the_table_answers_for_every_state() -> None:
    assert set(FOLLOWERS) == set(RANK) == {"", *STATE_ORDER}
    assert all(legal(one, one) for one in STATE_ORDER)


def test_a_word_that_is_no_state_is_legal_only_where_it_stays() -> None:
    assert not legal("đang xem", "received")


def test_a_record_about_a_late_state_passes_through_the_milestones_it_names() -> None:
    assert passes_through("", "submitted", "processing")
    assert passes_through("submitted", "received", "processing")
    assert passes_through("processing", "finished", "handed_over")
    assert not passes_through("processing", "received", "supplement_requested")
    assert not passes_through("", "supplement_requested", "handed_over")
