"""Which business state may follow which, as data.

Senders report snapshots between polls, so intermediate states vanish: 2 → 9 and 1 → 10 are ordinary. What is never
ordinary is leaving a closed dossier: 9 → 4 or anything after 10 needs an explicit correction. A supplement loop
(4 → 5 → 4) is legal any number of times; after a supplement or a payment some systems start again at *received*.
Sources: QCVN 120 status list 1..10; TT 03/2025/TT-VPCP forms 02, 04, 05; the observed behaviour of senders.
"""

from collections.abc import Mapping
from typing import Final

OPEN: Final = ("submitted", "received", "processing", "supplement_requested", "payment_requested")
"""States of a dossier somebody still works on."""

CLOSED: Final = frozenset({"refused", "withdrawn", "stopped", "finished", "handed_over"})
"""States after which work goes on only by correction; *finished* may still be handed over."""

RANK: Final[Mapping[str, int]] = {
    "": 0,
    "submitted": 1,
    "received": 2,
    "processing": 3,
    "supplement_requested": 3,
    "payment_requested": 3,
    "finished": 4,
    "refused": 5,
    "withdrawn": 5,
    "stopped": 5,
    "handed_over": 5,
}
"""How far along a state is; a record that names several states passes through them in this order."""

MILESTONES: Final = frozenset({"submitted", "received", "finished"})
"""States that a record about a later one also names, so that they are seen although nobody reported them in time."""

FOLLOWERS: Final[Mapping[str, frozenset[str]]] = {
    # A hub is introduced into running systems: the first word about a dossier may be any.
    "": frozenset(OPEN) | CLOSED,
    "submitted": (frozenset(OPEN) | CLOSED) - {"submitted"},
    "received": frozenset({"processing", "supplement_requested", "payment_requested"}) | CLOSED,
    "processing": frozenset({"supplement_requested", "payment_requested"}) | CLOSED,
    "supplement_requested": frozenset({"received", "processing", "payment_requested"}) | CLOSED,
    "payment_requested": frozenset({"received", "processing", "supplement_requested"}) | CLOSED,
    "finished": frozenset({"handed_over"}),
    "refused": frozenset(),
    "withdrawn": frozenset(),
    "stopped": frozenset(),
    "handed_over": frozenset(),
}
"""For each state the states that may come next."""


def legal(before: str, after: str) -> bool:
    """Whether a dossier in ``before`` may be told to be in ``after``; staying where it is always may."""
    return before == after or after in FOLLOWERS.get(before, frozenset())


def passes_through(before: str, state: str, final: str) -> bool:
    """Whether a record that ends in ``final`` and also names ``state`` leads a dossier in ``before`` through it."""
    return state != final and RANK.get(before, 0) < RANK.get(state, 0) < RANK.get(final, 0) and state in MILESTONES
