"""Who must hear of a dossier, and what exactly: the difference between the log and what a target is known to hold.

What is known at a party is the newer of what it last asserted and what was last confirmed to it, value by value. Its
own assertion is no reason to send; a difference is. So an echo ends where it arrives, and a target that was told
something else than it says is told once more. Pure: pictures in, what is due out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts.facts import DossierSubmitted, FactCorrected
from contracts.picture import Due, Picture, StepTaken
from contracts.ports import Adapter, Profile
from hub.picture import DossierState, Flight, Told
from hub.sameness import state_told, told_values
from ledger.events import FactRecorded, TransitionQuestioned
from ledger.unit import Standing

EVERYBODY: Final = "*"
MOST_CORRECTIONS: Final = 3
"""How often a target that insists on another value is corrected before people must settle it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One ``[[route]]``: what ``source`` ("*" = anybody) says goes ``to`` these parties.

    ``agencies`` (with all below them), ``procedures`` (bare codes) and ``kinds`` (topics, ``dossier.`` may be left out)
    narrow it down; empty = any.
    """

    source: str
    to: tuple[str, ...]
    agencies: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def targets_of(
    routes: Iterable[Route],
    state: DossierState,
    event: FactRecorded | TransitionQuestioned,
    party: str,
    agency: str = "",
) -> tuple[str, ...]:
    """The parties that must hear of one event by ``party``, in the order of the routes, each once.

    ``agency`` is the one the dossier code names; the processing agency counts too. The party itself is never among
    them; whether it must be corrected is a matter of differences (``due_for``).
    """
    found: dict[str, None] = {}
    for route in routes:
        if route.source in {EVERYBODY, party} and _carries(route, state, event, agency):
            found.update(dict.fromkeys(route.to))
    found.pop(party, None)
    return tuple(found)


def concerns(routes: Sequence[Route], state: DossierState, target: str, agency: str = "") -> bool:
    """Whether ``target`` is to be told of this dossier at all: somebody else said something that is routed to it."""
    leading = [route for route in routes if target in route.to]
    if not leading:
        return False
    for told in state.told:
        event = told.event
        if isinstance(event, TransitionQuestioned) or event.party == target:
            continue
        for route in leading:
            if route.source in {EVERYBODY, event.party} and _carries(route, state, event, agency):
                return True
    return False


def _carries(route: Route, state: DossierState, event: FactRecorded | TransitionQuestioned, agency: str) -> bool:
    if route.kinds:
        topic = event.fact.TOPIC
        if topic not in route.kinds and topic.removeprefix("dossier.") not in route.kinds:
            return False
    if route.procedures and _bare(state.values.get("procedure_code")) not in route.procedures:
        return False
    if not route.agencies:
        return True
    named = (agency, state.values.get("processing_agency_code") or "")
    return any(one == above or one.startswith(above + ".") for above in route.agencies for one in named)


def _bare(procedure: Any) -> str:
    """``1.003560`` of ``1.003560.000.00.00.H56``: the bare national code is what routes name."""
    return ".".join(str(procedure or "").split(".")[:2])


# ── what is known at a party ─────────────────────────────────────────────────────────────────────


def known_at(
    state: DossierState, party: str, standing: Standing | None, *, through: int | None = None
) -> Picture | None:
    """What ``party`` is known to hold of the dossier: confirmed deliveries, with its own later words over them.

    ``through`` bounds what counts to events up to that position. None: it holds nothing that we know of.
    """
    confirmed = standing.through if standing is not None else 0
    if confirmed <= 0 and through is None and not state.open and _speaks_alone(state, party):
        return state.picture()
    base = state.picture(through=confirmed) if confirmed > 0 else None
    own = [
        told
        for told in state.told
        if told.event.party == party
        and told.position > confirmed
        and (through is None or told.position <= through)
        and not (isinstance(told.event, FactRecorded) and told.event.settles)
    ]
    if not own:
        return base
    return _with_own_words(base, own, state)


def _speaks_alone(state: DossierState, party: str) -> bool:
    """Whether all that is known of a dossier is this party's own word: then its picture is the dossier's."""
    for told in state.told:
        if told.event.party != party:
            return False
    return bool(state.told)


def _with_own_words(base: Picture | None, own: Sequence[Told], state: DossierState) -> Picture:
    fields: dict[str, Any] = {} if base is None else dict(base.fields)
    claimed, claimed_at = ("", 0) if base is None or base.state_at is None else (base.state, base.state_at.us)
    for told in own:
        fact = told.event.fact
        values = told_values(fact) if not isinstance(fact, FactCorrected) else fact.values
        for name, value in values.items():
            before = fields.get(name)
            fields[name] = {**before, **value} if type(before) is dict and type(value) is dict else value
        for name in fact.erased if isinstance(fact, FactCorrected) else ():
            fields.pop(name, None)
        claim = state_told(told.event)
        if claim and told.at_us >= claimed_at:
            claimed, claimed_at = claim, told.at_us
    current: Any = claimed
    return Picture(
        code=own[-1].event.fact.dossier,
        fields=fields,
        state=current,
        origin=state.origin,
        holder=state.holder,
        position=max(told.position for told in own),
    )


def holds_record(state: DossierState, party: str, standing: Standing | None) -> bool:
    """Whether ``party`` has the dossier's record: it was confirmed there, or the party itself submitted one."""
    if standing is not None and standing.through:
        return True
    return any(
        told.event.party == party and (isinstance(told.event.fact, DossierSubmitted) or told.event.fact.step is None)
        for told in state.told
    )


def rows_known_at(state: DossierState, party: str, standing: Standing | None) -> frozenset[int]:
    """Positions of the progress rows that ``party`` has: confirmed ones and its own."""
    own = frozenset(step.position for step in state.steps if step.party == party)
    return own if standing is None else own.union(standing.rows)


def raced(state: DossierState, target: str, standing: Standing | None) -> bool:
    """Whether the target spoke while the delivery that was confirmed last was under way.

    Which of the two stands there now is not known, so what both carried goes once more.
    """
    if standing is None or standing.through <= 0:
        return False
    return any(
        told.event.raced == standing.through and told.position > standing.through and told.event.party == target
        for told in state.told
    )


def flights_to(state: DossierState, party: str, standing: Standing | None, under_way: Due | None) -> tuple[Flight, ...]:
    """Deliveries that a party may repeat without it being news: the one under way, and one that raced with its word.

    A system that was overwritten by a delivery it had already outrun says the older value again; until it was told once
    more, that is an echo.
    """
    flights: tuple[Flight, ...] = ()
    if under_way is not None and under_way.record:
        through = under_way.picture.position
        spoke = any(told.event.raced == through and told.event.party == party for told in state.told)
        flights = (Flight(through, under_way.picture, spoke),)
    if standing is not None and raced(state, party, standing):
        flights += (Flight(standing.through, state.picture(through=standing.through), outrun=True),)
    return flights


def disputed(state: DossierState, target: str) -> bool:
    """Whether the target was corrected often enough: it keeps questioning what nobody else changed meanwhile."""
    insists: dict[int, None] = {}
    for told in sorted(state.told, key=lambda one: one.position):
        if told.event.party != target:
            insists.clear()
        elif isinstance(told.event, TransitionQuestioned):
            insists[told.message] = None
    return len(insists) > MOST_CORRECTIONS


# ── what is due ──────────────────────────────────────────────────────────────────────────────────


def due_for(
    state: DossierState,
    target: str,
    standing: Standing | None,
    known: Picture | None,
    adapter: Adapter,
    profile: Profile,
    *,
    through: int | None = None,
) -> Due | None:
    """What ``target`` must be told of the dossier now, None when it knows everything its format can carry.

    ``known`` is ``known_at`` for the same arguments; ``through`` bounds the picture to what may be told (durable
    events). The record goes as the newest picture: what the target owns it said last, the rest it must learn.
    """
    current = state.picture(through=through)
    steps: tuple[StepTaken, ...] = ()
    if current.steps and adapter.carries_rows():
        has = rows_known_at(state, target, standing)
        steps = tuple([step for step in current.steps if step.position not in has])
    record = known is None or raced(state, target, standing)
    if not record and known is not None and known is not current:
        record = adapter.project(current, profile) != adapter.project(known, profile)
    if not record and not steps:
        return None
    return Due(
        picture=current,
        code=state.code_of(target) or current.code,
        record=record,
        steps=steps,
        known=holds_record(state, target, standing),
    )
