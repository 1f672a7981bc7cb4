"""What follows from a target's verdict: the state machine of one delivery as a table.

A delivery attempt carries one or more dossiers of one lane. Its context says what the verdict can be about: ``many``
dossiers (then no verdict but *done* names a culprit), or one dossier whose record goes as ``create`` or ``update``, or
whose progress ``rows`` go. The move says what the lane does next with every dossier of the attempt.

The table is total: every context answers every verdict, so a new verdict can not be forgotten in one place. Pairs that
make no sense of a sane target (*missing* to a create) still need an answer, because real ones give them.
"""

from typing import Final, Literal, TypeAlias, get_args

from contracts.delivery import Verdict

Context: TypeAlias = Literal["many", "create", "update", "rows"]
Move: TypeAlias = Literal["confirm", "split", "as_update", "record_first", "wait", "ask", "park"]
"""confirm: the target has it · split: halve the batch to find the culprit · as_update: render again as an update ·
record_first: render again as a create, rows after it · wait: the same again after a pause · ask: learn what the target
holds before anything is sent again · park: this dossier stops for this target alone."""

CONTEXTS: Final[tuple[Context, ...]] = get_args(Context)
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

TRANSITIONS: Final[dict[Context, dict[Verdict, Move]]] = {
    "many": {
        "done": "confirm",
        "exists": "split",
        "missing": "split",
        "permanent": "split",
        "retry": "wait",
        "unknown": "ask",
    },
    "create": {
        "done": "confirm",
        "exists": "as_update",
        "missing": "park",
        "permanent": "park",
        "retry": "wait",
        "unknown": "ask",
    },
    "update": {
        "done": "confirm",
        "exists": "park",
        "missing": "record_first",
        "permanent": "park",
        "retry": "wait",
        "unknown": "ask",
    },
    "rows": {
        "done": "confirm",
        "exists": "confirm",
        "missing": "record_first",
        "permanent": "park",
        "retry": "wait",
        "unknown": "ask",
    },
}

MOST_TURNS: Final = 4
"""A target that answers *exists* to a create and *missing* to the update would turn for ever; then it parks."""


def context_of(dossiers: int, *, updating: bool, rows: bool) -> Context:
    """The context of an attempt that carries this many dossiers."""
    if dossiers > 1:
        return "many"
    if rows:
        return "rows"
    return "update" if updating else "create"


def park_code(verdict: Verdict, *, turns: int) -> str:
    """Why a dossier parks, from the closed list of codes."""
    if verdict == "missing" or (verdict == "exists" and turns > MOST_TURNS):
        return "park.target_missing"
    return "park.target_refused"
