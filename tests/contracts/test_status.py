from typing import get_args

import pytest

from contracts.facts import State
from contracts.status import STATE_ORDER, TERMINAL, clock_effect, meaning, portal_code, state_of_portal


def test_every_state_has_exactly_one_of_the_ten_codes() -> None:
    assert [portal_code(state) for state in STATE_ORDER] == [str(number) for number in range(1, 11)]
    assert set(STATE_ORDER) == set(get_args(State)) - {""}


def test_a_code_leads_back_to_its_state() -> None:
    assert all(state_of_portal(portal_code(state)) == state for state in STATE_ORDER)


@pytest.mark.parametrize("word", ["", "0", "11", "01", " 1", "new", "đang xử lý"])
def test_a_code_that_is_none_of_the_ten_is_never_a_blank(word: str) -> None:
    with pytest.raises(KeyError):
        state_of_portal(word)


def test_no_state_has_no_code() -> None:
    with pytest.raises(KeyError):
        portal_code("")


def test_finished_is_not_the_end_but_handed_over_is() -> None:
    assert "finished" not in TERMINAL
    assert {"handed_over", "refused", "withdrawn", "stopped"} == TERMINAL


def test_every_state_is_worded_in_both_languages_and_says_what_the_clock_does() -> None:
    assert all(meaning(state).vi and meaning(state).en for state in STATE_ORDER)
    assert [clock_effect(state) for state in ("received", "supplement_requested", "processing", "finished")] == [
        "start",
        "stop",
        "run",
        "end",
    ]
