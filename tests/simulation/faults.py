"""What may go wrong in a world: drawn from a seed, written down as a plan, read back from one.

A plan is a list of plain mappings, so that one line of JSON says it all: ``do`` names the fault, ``at`` is in seconds
after the world begins, ``life`` and ``op`` count the hub's lives and the operations of its disk within one.
"""

from collections.abc import Mapping, Sequence
from random import Random  # noqa: TID251  # seeded: the plan of one seed
from typing import Any, Final, TypeAlias

Fault: TypeAlias = Mapping[str, Any]
Plan: TypeAlias = Sequence[Fault]

PEERS: Final = ("portal", "opencps", "civil_status", "province", "portal_sender", "counter")
_WHERE: Final = ((1, 260), (100, 300), (260, 500))
"""(first, how many) operations of a life's disk: the first start, a later one, traffic."""
HORIZON_S: Final = 9.0
"""Faults by time begin before this; what lasts may last longer."""
_KINDS: Final = (
    *("power_at", "power_at", "power_at", "power", "kill"),
    *("reset", "reset", "reset", "cut", "slow", "clock", "eio", "enospc"),
)


def draw(seed: object) -> list[dict[str, Any]]:
    """The plan of a seed: none to seven faults."""
    chance = Random(f"{seed}/plan")  # noqa: S311  # a plan is drawn from its seed
    return [_fault(chance.choice(_KINDS), chance) for _ in range(chance.choice((0, 1, 2, 3, 3, 4, 4, 5, 6, 7)))]


def _fault(kind: str, chance: Random) -> dict[str, Any]:
    at = round(chance.random() * HORIZON_S, 3)
    who = chance.choice(PEERS)
    if kind in {"power_at", "eio", "enospc"}:
        life = chance.choice((1, 1, 1, 2, 2, 3))
        low, span = chance.choice(_WHERE)
        fault: dict[str, Any] = {"do": kind, "life": life, "op": low + chance.randrange(span)}
        if kind == "eio":
            fault["lost"] = chance.random() < 0.5
        return fault
    if kind == "reset":
        return {"do": kind, "at": at, "who": who, "after": chance.random() < 0.6, "skip": chance.randrange(4)}
    if kind == "cut":
        return {"do": kind, "at": at, "who": who, "for": round(chance.random() * 8, 3)}
    if kind == "slow":
        return {"do": kind, "at": at, "who": who, "for": round(chance.random() * 8, 3), "by": chance.choice((0.3, 2.5))}
    if kind == "clock":
        return {"do": kind, "at": at, "seconds": chance.choice((-3_600, -20, -2, 2, 20, 3_600, 86_400))}
    return {"do": kind, "at": at}


def last_at(plan: Plan) -> float:
    """When the last fault with a time is over, in seconds after the world begins."""
    return max((float(fault.get("at", 0.0)) + float(fault.get("for", 0.0)) for fault in plan), default=0.0)


def of_disk(plan: Plan, life: int) -> dict[int, str]:
    """The faults of the disk in one life, by operation."""
    found = {}
    for fault in plan:
        if fault.get("life") == life:
            kind = {"power_at": "power", "enospc": "enospc"}.get(
                fault["do"], "eio_lost" if fault.get("lost") else "eio"
            )
            found[int(fault["op"])] = kind
    return found


def random_of(seed: object, purpose: str) -> Random:
    """One stream of draws of one seed: a new draw in one moves no other."""
    return Random(f"{seed}/{purpose}")  # noqa: S311  # worlds are drawn from seeds
