"""Three systems write one dossier through the hub: nothing is lost, nothing is doubled, nothing goes back and forth.

The portal hands the dossier in and may change the applicant's data; the province works on it; the ministry only reads.
Messages are sent again, packets come after a new login, deliveries overlap with what their target says at the moment,
and replies get lost. In the end every system holds what the hub holds, and the hub holds what the owner of each value
said last.
"""

from collections import Counter
from itertools import count
from typing import Any, Final, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.facts import (
    AnyFact,
    DossierReceived,
    DossierSubmitted,
    DossierTransferred,
    DueDateChanged,
    ProcessingFinished,
    ProcessingStepRecorded,
    ResultHandedOver,
    State,
    Step,
    SupplementRequested,
)
from contracts.moment import Moment
from contracts.picture import Due
from hub.decide import Decision
from hub.parties import Party
from hub.sameness import state_told, told_values
from hub.transitions import legal
from ledger.events import FactRecorded, TransitionQuestioned
from tests.hub.little_hub import CODE, MINISTRY, MINUTE, NOON, OTHER_PROVINCE, PORTAL, PROVINCE, LittleHub

KINDS: Final[dict[str, type[AnyFact]]] = {
    "received": DossierReceived,
    "processing": ProcessingStepRecorded,
    "supplement_requested": SupplementRequested,
    "finished": ProcessingFinished,
    "handed_over": ResultHandedOver,
}
PARTIES: Final = (PORTAL, PROVINCE, MINISTRY)
OWNED: Final = {"cong": {"phone", "state"}, "tinh-mau": {"due_at", "state"}, "bo-mau": set()}
"""What each of them is right to say: the portal only the first state, by handing in."""


class System:
    """One party's own copy. What it is told overwrites what it holds, as in the systems we know."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.values: dict[str, Any] = {}
        self.state: str = ""
        self.rows: list[tuple[int, str]] = []
        self.held = False
        self.last: tuple[AnyFact, ...] = ()
        self.fresh: dict[str, None] = {}
        """What was changed here and not told yet; a delivery that comes first overwrites it."""

    def snapshot(self) -> tuple[AnyFact, ...]:
        """All it holds, as one record."""
        submitted = {name: value for name, value in self.values.items() if name != "due_at"}
        facts: list[AnyFact] = [DossierSubmitted(dossier=CODE, **submitted)]
        if self.state not in {"", "submitted"}:
            facts.append(DossierReceived(dossier=CODE, **{n: v for n, v in self.values.items() if n == "due_at"}))
            if self.state != "received":
                facts.append(KINDS[self.state](dossier=CODE))  # type: ignore[call-arg]
        return tuple(facts)

    def take(self, due: Due) -> None:
        """What the hub delivers."""
        if due.record:
            self.held = True
            self.fresh.clear()
            self.values = dict(due.picture.fields)
            self.state = due.picture.state
        for step in due.steps:
            self.rows.append((step.at.us, step.step.content))


Action = Literal["edit", "push", "again", "row", "rows again", "send", "arrive", "reply", "lost"]


class Play:
    """Systems, hub, and what is on its way between them."""

    def __init__(self) -> None:
        self.hub = LittleHub(PORTAL, PROVINCE, MINISTRY)
        self.systems = {party.id: System(party) for party in PARTIES}
        self.numbers = count(1)
        self.arrived: set[str] = set()
        self.told: dict[str, Any] = {}
        self.rows_told: list[tuple[int, str]] = []
        self.edit(self.systems["cong"])
        self.push(self.systems["cong"])
        for name in ("tinh-mau", "bo-mau"):
            self.act("send", self.systems[name])
            self.act("arrive", self.systems[name])
            self.act("reply", self.systems[name])

    def act(self, action: Action, system: System) -> None:
        party = system.party.id
        flying = party in self.hub.flights
        if action == "edit" and system.held:
            self.edit(system)
        elif action == "push" and system.held:
            self.push(system)
        elif action == "again" and system.last:
            assert self.say(system, system.last).events == ()
        elif action == "row" and system is self.systems["tinh-mau"] and system.held:
            row = (NOON + next(self.numbers) * 1_000_000, f"bước {next(self.numbers)}")
            system.rows.append(row)
            self.say_row(system, row)
        elif action == "rows again" and system.rows:
            for row in system.rows:
                self.say_row(system, row)
        elif action == "send" and not flying:
            self.hub.send(system.party)
        elif action == "arrive" and flying and party not in self.arrived:
            system.take(self.hub.flights[party])
            self.arrived.add(party)
        elif action == "reply" and party in self.arrived:
            self.arrived.discard(party)
            self.hub.confirm(system.party)

    def edit(self, system: System) -> None:
        """The owner changes what it owns; not in the moment in which an older delivery stands in its system."""
        if self.overtaken(system):
            return
        system.held = True
        number = next(self.numbers)
        if system.party is PORTAL:
            system.values["phone"] = f"09{number:08}"
            system.fresh["phone"] = None
            system.state = system.state or "submitted"
        elif system.party is PROVINCE:
            system.values["due_at"] = Moment(NOON + number * MINUTE)
            system.fresh["due_at"] = None
            after = list(KINDS)[number % len(KINDS)]
            if legal(system.state, after):
                system.state = after
                system.fresh["state"] = None

    def overtaken(self, system: System) -> bool:
        """Whether a delivery overwrote what it had told since: the next one puts that right."""
        local = {**system.values, "state": system.state}
        mine = ("phone",) if system.party is PORTAL else ("due_at", "state") if system.party is PROVINCE else ()
        return any(
            name in self.told and name not in system.fresh and local.get(name) != self.told[name] for name in mine
        )

    def push(self, system: System) -> None:
        """It sends all it holds; what it owns must stand."""
        facts = system.snapshot()
        self.only_its_own(system, self.say(system, facts))
        system.last = facts
        for name in system.fresh:
            if name == "state":
                self.told[name] = system.state
            elif any(name in told_values(fact) for fact in facts):
                self.told[name] = system.values[name]
        system.fresh.clear()
        self.holds()

    def only_its_own(self, system: System, decision: Decision) -> None:
        """A system that restates what it was told says nothing; only what it owns is news, and never a question."""
        for event in decision.events:
            assert isinstance(event, FactRecorded)
            stated = set(told_values(event.fact)) | ({"state"} if state_told(event) else set())
            assert stated <= OWNED[system.party.id]

    def say(self, system: System, facts: tuple[AnyFact, ...]) -> Decision:
        return self.hub.say(system.party, *facts)

    def say_row(self, system: System, row: tuple[int, str]) -> None:
        step = Step(officer="Lò Thị Mẫu", content=row[1])
        self.hub.say(
            system.party,
            ProcessingStepRecorded(dossier=CODE, at=Moment(row[0], text="x"), silent=True, step=step),
            row=True,
        )
        if row not in self.rows_told:
            self.rows_told.append(row)
        self.holds()

    def holds(self) -> None:
        """Nothing an owner told is lost, at any moment."""
        picture = self.hub.picture
        assert {name: picture.fields.get(name) for name in self.told if name != "state"} == {
            name: value for name, value in self.told.items() if name != "state"
        }
        if "state" in self.told:
            assert picture.state == self.told["state"]
        assert sorted((step.at.us, step.step.content) for step in picture.steps) == sorted(self.rows_told)

    def settle(self) -> int:
        """Everybody talks until nothing is due; how many deliveries that took."""
        for system in self.systems.values():
            if system.party.id in self.hub.flights:
                self.act("arrive", system)
                self.act("reply", system)
            if system.held:
                self.push(system)
        deliveries = 0
        for _ in range(6):
            quiet = True
            for system in self.systems.values():
                due = self.hub.tell(system.party)
                if due is not None:
                    quiet = False
                    deliveries += 1
                    system.take(due)
                    if due.record:
                        self.push(system)
            if quiet:
                return deliveries
        raise AssertionError("deliveries go back and forth")


names = st.sampled_from(["cong", "tinh-mau", "bo-mau"])
singles = st.tuples(
    st.sampled_from(["edit", "push", "again", "row", "rows again", "send", "arrive", "reply"]), names
).map(lambda one: [one])
news = names.map(lambda one: [("edit", one), ("push", one)])
echoes = names.map(lambda one: [("send", one), ("arrive", one), ("push", one), ("rows again", one)])
races = names.map(
    lambda one: [("send", one), ("edit", one), ("push", one), ("arrive", one), ("reply", one), ("push", one)]
)
actions = st.lists(st.one_of(singles, news, echoes, races), max_size=12).map(
    lambda chunks: [action for chunk in chunks for action in chunk]
)


@given(script=actions)
@settings(max_examples=300, deadline=None)
def test_three_systems_agree_in_the_end(script: list[tuple[Action, str]]) -> None:
    play = Play()
    for action, name in script:
        play.act(action, play.systems[name])
        play.holds()

    deliveries = play.settle()

    picture = play.hub.picture
    for system in play.systems.values():
        assert system.values == dict(picture.fields)
        assert system.state == picture.state
    assert deliveries <= 2 * len(PARTIES)
    doubles = [name for name, times in Counter(applied(play)).items() if times > 1]
    assert doubles == []


def applied(play: Play) -> list[tuple[str, Any]]:
    """Every value that an owner made true, once per event."""
    said: list[tuple[str, Any]] = []
    for decision in play.hub.decisions:
        for event in decision.events:
            if isinstance(event, FactRecorded):
                fact = event.fact
                if isinstance(fact, DossierSubmitted) and isinstance(fact.phone, str) and event.party == "cong":
                    said.append(("phone", fact.phone))
                if isinstance(fact, DossierReceived) and isinstance(fact.due_at, Moment) and event.party == "tinh-mau":
                    said.append(("due_at", fact.due_at))
                if fact.step is not None:
                    said.append(("row", (fact.at, fact.step.content)))
    return said


@given(script=actions)
@settings(max_examples=300, deadline=None)
def test_rows_reach_every_system_once(script: list[tuple[Action, str]]) -> None:
    play = Play()
    for action, name in script:
        play.act(action, play.systems[name])
    play.settle()

    for system in play.systems.values():
        assert sorted(system.rows) == sorted(set(play.rows_told))


# ── order of arrival ─────────────────────────────────────────────────────────────────────────────


def timed(minute: int, state: State, due: bool) -> AnyFact:  # noqa: FBT001  # drawn
    at = Moment(NOON + minute * MINUTE, text="x")
    if state == "":
        return DueDateChanged(dossier=CODE, at=at, due_at=Moment(NOON + minute))
    if state == "submitted":
        code = "H98" if due else "H99.2"
        return DossierTransferred(dossier=CODE, at=at, processing_agency_code=code)
    return KINDS[state](dossier=CODE, at=at, step=Step(content=str(minute)))  # type: ignore[call-arg]


told = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.sampled_from(["", "submitted", *KINDS]),
        st.booleans(),
        st.sampled_from([PROVINCE, PROVINCE, OTHER_PROVINCE, PORTAL]),
    ),
    max_size=7,
    unique_by=lambda one: one[0],
)


@given(facts=told, data=st.data())
@settings(max_examples=300, deadline=None)
def test_facts_with_their_own_time_give_one_picture_in_any_order(
    facts: list[tuple[int, State, bool, Party]], data: st.DataObject
) -> None:
    in_order = sorted(facts, key=lambda one: one[0])
    shuffled = data.draw(st.permutations(in_order))

    one, other = play_timed(in_order), play_timed(list(shuffled))

    assert summary(one) == summary(other)


def play_timed(facts: list[tuple[int, State, bool, Party]]) -> LittleHub:
    hub = LittleHub(PORTAL, PROVINCE, OTHER_PROVINCE)
    hub.say(PORTAL, DossierSubmitted(dossier=CODE, at=Moment(NOON, text="x"), phone="0900000001"))
    for minute, state, due, party in facts:
        hub.say(party, timed(minute, state, due), row=True)
    return hub


def summary(hub: LittleHub) -> tuple[Any, ...]:
    picture = hub.picture
    assert hub.state is not None
    counted = sorted((step.at.us, step.party) for step in picture.steps)
    return picture.state, picture.state_at, picture.holder, dict(picture.fields), counted


@given(facts=told)
@settings(max_examples=100, deadline=None)
def test_no_question_is_left_that_would_pass_where_it_stands(facts: list[tuple[int, State, bool, Party]]) -> None:
    hub = play_timed(facts[::-1])
    assert hub.state is not None

    for question in hub.state.open:
        event = question.event
        assert isinstance(event, TransitionQuestioned)
        then = hub.state.before(question.at_us, question.message)
        party = hub.parties[event.party]
        ground = hub.authority.ground(party, "status", then)
        assert ground is None or not legal(then.state, event.fact.STATE)
