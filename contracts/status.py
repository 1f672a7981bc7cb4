"""The National Portal's ten status codes as a view of the business state, and what may be said of a state.

The codes are those of QCVN 120:2019 (edition ``EDITION`` of the table ``statuses``). A state has exactly one code and a
code exactly one state; what the portal can not express (paused, transferred, extended) is told in rows of progress.
"""

from functools import cache
from typing import Final, get_args

from contracts.codetables import Row, load
from contracts.errors import Text
from contracts.facts import State

EDITION: Final = "2019"

STATE_ORDER: Final[tuple[State, ...]] = (
    "submitted",
    "received",
    "refused",
    "processing",
    "supplement_requested",
    "payment_requested",
    "withdrawn",
    "stopped",
    "finished",
    "handed_over",
)
"""All business states in the order of the portal's codes 1 to 10."""

TERMINAL: Final[frozenset[State]] = frozenset({"refused", "withdrawn", "stopped", "handed_over"})
"""Nothing follows these but a correction. *finished* is not among them: the result is still to be handed over."""


def portal_code(state: State) -> str:
    """The portal's code ("1" … "10") of a business state; no state at all ("") is a mistake of ours: ``KeyError``."""
    return _codes()[state]


def state_of_portal(code: str) -> State:
    """The business state of a portal code; ``KeyError`` for any other text, so that the caller parks it by name."""
    return _states()[code]


def meaning(state: State) -> Text:
    """The state in Vietnamese and English, as the portal words it."""
    row = _row(state)
    return Text(row["name_vi"], row["name_en"])


def clock_effect(state: State) -> str:
    """What the processing clock does on entering the state: not_started · start · run · stop · end."""
    return _row(state)["clock"]


@cache
def _states() -> dict[str, State]:
    known = {str(state): state for state in get_args(State)}
    return {row["code"]: known[row["state"]] for row in load("statuses").rows}


@cache
def _codes() -> dict[State, str]:
    return {state: code for code, state in _states().items()}


def _row(state: State) -> Row:
    return next(row for row in load("statuses").rows if row["state"] == state)
